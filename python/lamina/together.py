"""Many models trained at once, each in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from lamina import _core
from lamina._checks import whole
from lamina.config import get_num_threads
from lamina.progress import progress_bar
from lamina.trainer import Trainer

__all__ = ["fit_together", "run_together"]

History = dict[str, list[float]]


def fit_together(
    trainers: Iterable[Trainer], X: Any, y: Any, *, jobs: int | None = None, progress: bool = True, **fit: Any
) -> list[History]:
    """Fit several trainers to the same data at once, one a core: seeds, settings, shapes of nets to be compared.

    Parameters
    ----------
    trainers : iterable of Trainer
        Each with a net of its own.
    X, y : array_like
        As of `Trainer.fit`.
    jobs : int, optional
        How many are trained at a time; `get_num_threads()` unless given.
    progress : bool
        Whether a progress bar of the trainers is shown on standard error.
    **fit
        Settings of `Trainer.fit`: epochs, batch_size, validation_data, sample_weight …

    Returns
    -------
    list of dict
        Their histories, in the order of the trainers.

    Raises
    ------
    ValueError, TypeError
        As `Trainer.fit`; if something else than trainers is given, or two share a net or a callback.
    KeyboardInterrupt
        On Ctrl-C, when the epochs that are being trained have ended.

    Notes
    -----
    Each computes on one thread, which for small nets is faster than one after the other on all of them, and ends in the
    same bits as if it were trained by itself. Callbacks and schedules run in the threads.

    References
    ----------
    "Introduction to deep learning", Carnegie Mellon University: ensembles.

    Examples
    --------
    >>> import lamina, numpy as np
    >>> X, y = np.eye(4), [0, 1, 0, 1]
    >>> trainers = [lamina.Trainer(lamina.Sequential(lamina.Linear(4, 2), seed=s), seed=s) for s in range(3)]
    >>> histories = lamina.fit_together(trainers, X, y, epochs=5, progress=False)
    >>> [len(history["loss"]) for history in histories]
    [5, 5, 5]
    """
    call, trainers = "fit_together", list(trainers)
    for trainer in trainers:
        if not isinstance(trainer, Trainer):
            raise TypeError(f"{call}: {trainer!r} given, an instance of lamina.Trainer is needed")
    shared = [id(part) for trainer in trainers for part in (trainer.net, *trainer.callbacks)]
    if len(set(shared)) != len(shared):
        raise ValueError(f"{call}: trainers share a net or a callback, each needs its own")
    jobs = get_num_threads() if jobs is None else whole(call, "jobs", jobs, 1)

    tasks = [partial(trainer.fit, X, y, progress=False, **fit) for trainer in trainers]
    return run_together(tasks, trainers, jobs, progress)


def run_together(
    tasks: Sequence[Callable[[], History]], trainers: list[Trainer], jobs: int, progress: bool
) -> list[History]:
    """Return what the fits return; `jobs` at a time, each on one thread. The trainers stop when one fails."""
    with progress_bar(len(tasks), "nets", progress) as advance:
        if jobs == 1:
            return [_told(advance, task()) for task in tasks]
        with ThreadPoolExecutor(jobs, initializer=_core.work_alone) as pool:
            futures = [pool.submit(task) for task in tasks]
            try:
                waiting = set(futures)
                while waiting:  # now and then this thread looks up, for Ctrl-C may have come to another
                    done, waiting = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
                    for future in done:
                        _told(advance, future.result())
            except BaseException:
                for future in futures:
                    future.cancel()
                for trainer in trainers:
                    trainer.should_stop = True
                raise
            return [future.result() for future in futures]


def _told(advance: Callable[[str], None], history: History) -> History:
    advance(f"loss {history['loss'][-1]:.4g}" if history["loss"] else "")
    return history
