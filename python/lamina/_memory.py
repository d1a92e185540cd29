"""How much memory native code holds."""

from lamina import _core

__all__ = ["memory", "reset_peak_memory"]


def memory():
    """Return the bytes that lamina's native code holds, and the most it has held.

    Returns
    -------
    dict of str to int
        "current" and "peak", the latter since the start or the last `reset_peak_memory`.

    Notes
    -----
    Counted are parameters, gradients, optimizer state, activations, gathered batches and the threads' scratch. Arrays
    that NumPy made are not: data, results of ops, `state_dict` and the best weights that `EarlyStopping` keeps.
    `Trainer.memory` tells what a fit will take.

    Examples
    --------
    >>> import lamina
    >>> before = lamina.memory()["current"]
    >>> net = lamina.Sequential(lamina.Linear(256, 256))
    >>> lamina.memory()["current"] - before > 2 * 4 * 256 * 256  # parameters and gradients
    True
    """
    return _core.memory()


def reset_peak_memory():
    """Let the peak of `memory` start again from what is held at present.

    Examples
    --------
    >>> import lamina
    >>> lamina.reset_peak_memory()
    >>> use = lamina.memory()
    >>> use["peak"] == use["current"]
    True
    """
    _core.reset_peak_memory()
