"""What may happen between the epochs of a fit: the base of all callbacks, early stopping, unfreezing in stages."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina._checks import flag, number, one_of, whole
from lamina.schedules import MONITORS, lower_is_better

if TYPE_CHECKING:
    from lamina.trainer import Trainer

__all__ = ["Callback", "EarlyStopping", "UnfreezeInStages", "callbacks_in"]


class Callback:
    """Called by `lamina.Trainer.fit`; override what you need.

    Notes
    -----
    A callback may read and change everything of the trainer: `net`, `history`, `lr`, and `should_stop`, which ends the
    fit after this epoch. One with an attribute `monitor` of "val_loss" or "val_score" makes `fit` ask for validation
    data.

    Examples
    --------
    >>> import lamina
    >>> class Count(lamina.Callback):
    ...     epochs = 0
    ...     def on_epoch_end(self, trainer):
    ...         self.epochs += 1
    >>> count = Count()
    >>> trainer = lamina.Trainer(lamina.Sequential(lamina.Linear(1, 2)), callbacks=[count])
    >>> history = trainer.fit([[0.0], [1.0]], [0, 1], epochs=3, progress=False)
    >>> count.epochs
    3
    """

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Before the first epoch of a fit."""

    def on_epoch_end(self, trainer: Trainer) -> None:
        """After each epoch, when its entries stand in `trainer.history`.

        Ctrl-C may come before or within it; the net is then as it was, and the next call is that of `on_fit_end`.
        """

    def on_fit_end(self, trainer: Trainer) -> None:
        """After the last epoch of a fit, also when Ctrl-C or an error ends it, if `on_fit_begin` went well."""


def callbacks_in(call: str, callbacks: Any) -> list[Callback]:
    """Return the callbacks given.

    Raises
    ------
    TypeError
        If they are none.

    Examples
    --------
    >>> callbacks_in("Trainer", [])
    []
    """
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"{call}: callbacks is {callbacks!r}, a list of callbacks is needed")
    given = list(callbacks)
    for callback in given:
        if not isinstance(callback, Callback):
            raise TypeError(f"{call}: callback {callback!r} given, an instance of lamina.Callback is needed")
    return given


class EarlyStopping(Callback):
    """Stop when a monitored value has not improved for some epochs, and go back to the best weights.

    Parameters
    ----------
    patience : int
        Epochs without a new best before the fit ends (the lectures' look-ahead); at least 1.
    monitor : {"val_loss", "val_score", "loss"}
        What has to improve.
    restore_best : bool
        Whether the net gets the weights and running statistics of its best epoch back at the end of the fit, however it
        ends.
    min_delta : float
        How much better a new best has to be.

    Attributes
    ----------
    best : float or None
        The best monitored value of the last fit, None before the first epoch.
    best_epoch : int or None
        Its place in `trainer.history`.

    Raises
    ------
    ValueError
        If a number is out of its range, or the monitor unknown.

    Notes
    -----
    Each fit starts anew: the best epoch is the best of that fit. NaN is never a best.

    References
    ----------
    L. Prechelt, "Early stopping - but when?", 1998.

    Examples
    --------
    >>> import lamina, numpy as np
    >>> X, y = np.eye(4), [0, 1, 0, 1]
    >>> stopping = lamina.EarlyStopping(patience=3)
    >>> trainer = lamina.Trainer(lamina.Sequential(lamina.Linear(4, 2)), callbacks=[stopping])
    >>> history = trainer.fit(X, y, epochs=100, validation_data=(X, [1, 0, 1, 0]), progress=False)
    >>> len(history["val_loss"]), stopping.best_epoch
    (4, 0)
    >>> trainer.evaluate(X, [1, 0, 1, 0])["loss"] == stopping.best
    True
    """

    def __init__(
        self, patience: int = 10, monitor: str = "val_loss", restore_best: bool = True, *, min_delta: float = 0.0
    ) -> None:
        self.patience = whole("EarlyStopping", "patience", patience, 1)
        self.monitor = one_of("EarlyStopping", "monitor", monitor, MONITORS)
        self.restore_best = flag("EarlyStopping", "restore_best", restore_best)
        self.min_delta = number("EarlyStopping", "min_delta", min_delta)
        self.best: float | None = None
        self.best_epoch: int | None = None
        self._waited = self._seen = 0
        self._best_state: dict[str, np.ndarray] | None = None

    def __repr__(self) -> str:
        return f"EarlyStopping(patience={self.patience}, monitor={self.monitor!r}, restore_best={self.restore_best})"

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Forget the last fit."""
        self.best = self.best_epoch = self._best_state = None
        self._waited, self._seen = 0, len(trainer.history[self.monitor])

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Remember a new best, or stop after `patience` epochs without one."""
        value, epochs = trainer.history[self.monitor][-1], len(trainer.history[self.monitor])
        best = math.inf if self.best is None else lower_is_better(self.monitor, [self.best])[0]
        if lower_is_better(self.monitor, [value])[0] < best - self.min_delta:
            state = trainer.net.state_dict() if self.restore_best else None
            news = {"best": value, "best_epoch": epochs - 1, "_best_state": state, "_waited": 0}
        else:
            news = {"_waited": self._waited + 1}
        vars(self).update(news, _seen=epochs)  # at once, since Ctrl-C may come anywhere
        trainer.should_stop = trainer.should_stop or self._waited >= self.patience

    def on_fit_end(self, trainer: Trainer) -> None:
        """Give the net its best weights back."""
        if self._seen < len(trainer.history[self.monitor]):  # Ctrl-C came first, and these are still its weights
            self.on_epoch_end(trainer)
        if self._best_state is not None:
            trainer.net.load_state_dict(self._best_state)
            self._best_state = None


class UnfreezeInStages(Callback):
    """Train the upper layers first, and every few epochs some lower ones too.

    Parameters
    ----------
    every : int
        Epochs from one stage to the next, at least 1.
    first : int
        Stages that are trained from the beginning, at least 1.

    Raises
    ------
    ValueError
        If a number is less than 1.

    Notes
    -----
    A stage is a layer of the net that has a matrix of weights, be it inside, as in a `Residual`, with what follows it
    before the next one; what comes before the first belongs to the lowest. After n epochs, counted over all fits, the
    upper `first + n // every` stages are trained and those below are frozen, see `Sequential.freeze`. A fit that ends
    before its first epoch does leaves frozen what was.

    References
    ----------
    J. Howard, S. Ruder, "Universal language model fine-tuning for text classification", 2018, section 3.3.

    Examples
    --------
    >>> import lamina
    >>> layers = lamina.Linear(1, 4), lamina.ReLU(), lamina.Linear(4, 4), lamina.ReLU(), lamina.Linear(4, 2)
    >>> net = lamina.Sequential(*layers)
    >>> trainer = lamina.Trainer(net, callbacks=[lamina.UnfreezeInStages(every=2)])
    >>> history = trainer.fit([[0.0], [1.0]], [0, 1], epochs=3, progress=False)
    >>> net.frozen
    ('0',)
    """

    def __init__(self, every: int = 1, first: int = 1) -> None:
        self.every = whole("UnfreezeInStages", "every", every, 1)
        self.first = whole("UnfreezeInStages", "first", first, 1)
        self._before: tuple[tuple[str, ...], int] = ((), 0)

    def __repr__(self) -> str:
        return f"UnfreezeInStages(every={self.every}, first={self.first})"

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Freeze what is not to be trained yet."""
        self._before = trainer.net.frozen, len(trainer.history["loss"])
        self._freeze(trainer)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Let the next stage be trained, when it is time."""
        self._freeze(trainer)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Freeze again what was frozen before the fit, if no epoch came of it."""
        frozen, epochs = self._before
        if len(trainer.history["loss"]) == epochs:
            trainer.net._set_frozen("UnfreezeInStages", frozen)

    def _freeze(self, trainer: Trainer) -> None:
        matrices = [name for name, array in trainer.net.parameters().items() if array.ndim > 1]
        stages = sorted({int(name.partition(".")[0]) for name in matrices})
        trained = self.first + len(trainer.history["loss"]) // self.every
        lowest = stages[-trained] if trained < len(stages) else 0
        trainer.net._set_frozen("UnfreezeInStages", trainer.net._names_of("UnfreezeInStages", *range(lowest)))
