"""Learning-rate schedules: functions of the rate and the history, called after each epoch; any such will do."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lamina._checks import number, one_of, whole

__all__ = ["MONITORS", "ExponentialDecay", "HalveOnPlateau", "StepDecay", "lower_is_better"]

History = dict[str, list[float]]
MONITORS = ("loss", "val_loss", "val_score")


def lower_is_better(name: str, values: list[float]) -> list[float]:
    """Return monitored values such that lower ones are better and NaN is the worst.

    Examples
    --------
    >>> lower_is_better("val_score", [0.5, float("nan")])
    [-0.5, inf]
    """
    sign = -1.0 if name == "val_score" else 1.0
    return [math.inf if math.isnan(value) else sign * value for value in values]


@dataclass(frozen=True)
class HalveOnPlateau:
    """Halve the learning rate when the validation loss stops improving.

    Parameters
    ----------
    patience : int
        Epochs without a new best, all at the present rate, before the rate is lowered; at least 1.
    min_lr : float
        The rate goes no lower.
    monitor : {"val_loss", "val_score", "loss"}
        What has to improve.
    factor : float in [0, 1)
        What the rate is multiplied by.

    Raises
    ------
    ValueError
        If a number is out of its range, or the monitor unknown.

    Notes
    -----
    Everything follows from the history, so that training goes on in a later `fit` as if it had not stopped.

    References
    ----------
    H. Larochelle, "Neural networks", training neural networks: other tricks of the trade (decaying learning rate).

    Examples
    --------
    >>> import lamina
    >>> halve = lamina.HalveOnPlateau(patience=2)
    >>> halve(0.1, {"lr": [0.1, 0.1, 0.1], "val_loss": [3.0, 4.0, 5.0]})
    0.05
    >>> halve(0.1, {"lr": [0.1, 0.1, 0.1], "val_loss": [3.0, 4.0, 2.0]})
    0.1
    """

    patience: int = 5
    min_lr: float = 0.0
    monitor: str = "val_loss"
    factor: float = 0.5

    def __post_init__(self) -> None:
        whole("HalveOnPlateau", "patience", self.patience, 1)
        number("HalveOnPlateau", "min_lr", self.min_lr)
        one_of("HalveOnPlateau", "monitor", self.monitor, MONITORS)
        number("HalveOnPlateau", "factor", self.factor, below=1)

    def __call__(self, lr: float, history: History) -> float:
        """Return the rate of the next epoch.

        Parameters
        ----------
        lr : float
            The rate of the last one.
        history : dict of lists
            As `lamina.Trainer.history`.

        Returns
        -------
        float
        """
        values = lower_is_better(self.monitor, history[self.monitor])
        if len(values) <= self.patience or any(rate != lr for rate in history["lr"][-self.patience :]):
            return lr
        if min(values[-self.patience :]) < min(values[: -self.patience]):
            return lr
        return min(lr, max(lr * self.factor, self.min_lr))


@dataclass(frozen=True)
class StepDecay:
    """Multiply the learning rate by a factor every so many epochs.

    Parameters
    ----------
    every : int
        Epochs at each rate, at least 1.
    factor : float
        At least 0.

    Raises
    ------
    ValueError
        If a number is out of its range.

    References
    ----------
    A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional neural networks", 2012.

    Examples
    --------
    >>> import lamina
    >>> lamina.StepDecay(every=2, factor=0.5)(0.1, {"lr": [0.1, 0.1]})
    0.05
    """

    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        whole("StepDecay", "every", self.every, 1)
        number("StepDecay", "factor", self.factor)

    def __call__(self, lr: float, history: History) -> float:
        """Return the rate of the next epoch; see `HalveOnPlateau`."""
        return lr * self.factor if len(history["lr"]) % self.every == 0 else lr


class ExponentialDecay(StepDecay):
    """Multiply the learning rate by a factor after every epoch.

    Parameters
    ----------
    factor : float
        At least 0; just below 1 as a rule.

    References
    ----------
    H. Robbins, S. Monro, "A stochastic approximation method", 1951, is where decaying rates come from.

    Examples
    --------
    >>> import lamina
    >>> lamina.ExponentialDecay(0.5)(0.1, {"lr": [0.1]})
    0.05
    """

    def __init__(self, factor: float) -> None:
        super().__init__(1, factor)
