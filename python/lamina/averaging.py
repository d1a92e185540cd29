"""Averages of the weights that a trainer keeps beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from lamina._checks import number, whole

__all__ = ["EMA", "SWA", "Average"]


class Average:
    """What both averages have in common."""

    kind: ClassVar[str]  # its name in lamina._core

    def settings(self) -> dict[str, Any]:
        """Return what `lamina._core` takes."""
        return {"kind": self.kind, **vars(self)}


@dataclass(frozen=True)
class EMA(Average):
    """An exponential moving average of the weights, over all steps.

    Parameters
    ----------
    decay : float in [0, 1)
        What of the average stays at each step; some 1 / (1 - decay) steps count.

    Raises
    ------
    ValueError
        If the number is out of its range.

    Notes
    -----
    a ← a + (1 − decay) (W − a) after every step, beginning with the weights before the first one: one call of
    `lamina.ops.average_step` for all parameters. `Trainer.averaged` returns a net with the average. Batch norm's
    running statistics are averages of their own, and go with it as they are.

    References
    ----------
    B. Polyak, A. Juditsky, "Acceleration of stochastic approximation by averaging", 1992.

    Examples
    --------
    >>> import lamina
    >>> net = lamina.Sequential(lamina.Linear(1, 2))
    >>> trainer = lamina.Trainer(net, average=lamina.EMA(decay=0.9))
    >>> history = trainer.fit([[0.0], [1.0]], [0, 1], epochs=20, progress=False)
    >>> trainer.averaged().predict([[1.0]]).shape
    (1, 2)
    """

    kind = "exponential"

    decay: float = 0.999

    def __post_init__(self) -> None:
        number("EMA", "decay", self.decay, below=1)


@dataclass(frozen=True)
class SWA(Average):
    """Stochastic weight averaging: the equal mean of the weights at the ends of epochs.

    Parameters
    ----------
    start : int
        The first epoch whose end counts, from 1 over all fits.
    every : int
        Epochs from one end that counts to the next.

    Raises
    ------
    ValueError
        If a number is less than 1.

    Notes
    -----
    a ← a + (W − a) / n at the n-th of these ends. The rate is best kept high, or made to rise and fall with the epochs
    that count. `Trainer.averaged` returns a net with the average. Batch norm's running statistics in it are those of
    the last weights, which do not fit an average of weights far apart: measure them anew by a pass over the training
    data, `net.set_population_statistics(X)`.

    References
    ----------
    P. Izmailov et al., "Averaging weights leads to wider optima and better generalization", 2018, algorithm 1.

    Examples
    --------
    >>> import lamina
    >>> net = lamina.Sequential(lamina.Linear(1, 2))
    >>> trainer = lamina.Trainer(net, "cross_entropy", "sgd", average=lamina.SWA(start=2))
    >>> history = trainer.fit([[0.0], [1.0]], [0, 1], epochs=3, progress=False)
    >>> trainer.averaged().predict([[1.0]]).shape
    (1, 2)
    """

    kind = "equal"

    start: int
    every: int = 1

    def __post_init__(self) -> None:
        whole("SWA", "start", self.start, 1)
        whole("SWA", "every", self.every, 1)
