"""Learning-rate schedules by epochs: functions of the rate and the history, called after each; any such will do."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina._checks import number, one_of, whole

__all__ = [
    "MONITORS", "ExponentialDecay", "HalveOnPlateau", "InverseTimeDecay", "StepDecay", "lower_is_better", "next_rate",
    "rates_of", "schedule_in",
]  # fmt: skip

History = dict[str, list[float]]
Schedule = Callable[[float, History], float]
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


@dataclass(frozen=True)
class InverseTimeDecay:
    """Let the learning rate fall with the inverse of time, 1/t.

    Parameters
    ----------
    decay : float
        k, at least 0: after 1 / k epochs the rate is half the first.

    Raises
    ------
    ValueError
        If the number is out of its range.

    Notes
    -----
    lr(t) = lr(0) / (1 + k t) after t epochs, from rate to rate: lr(t) = lr(t - 1) (1 + k (t - 1)) / (1 + k t), so that
    one set by hand is gone on from.

    References
    ----------
    .. [1] H. Robbins, S. Monro, "A stochastic approximation method", 1951: 1/t is of the rates that converge.
    .. [2] H. Larochelle, "Neural networks", training neural networks: other tricks of the trade (decrease constant).

    Examples
    --------
    >>> import lamina
    >>> lamina.InverseTimeDecay(1.0)(0.5, {"lr": [1.0, 0.5]}) == 1 / 3
    True
    """

    decay: float

    def __post_init__(self) -> None:
        number("InverseTimeDecay", "decay", self.decay)

    def __call__(self, lr: float, history: History) -> float:
        """Return the rate of the next epoch; see `HalveOnPlateau`."""
        epochs = len(history["lr"])
        return lr * (1 + self.decay * (epochs - 1)) / (1 + self.decay * epochs)


def schedule_in(call: str, name: str, schedule: Any) -> Schedule | None:
    """Return the schedule given, or None.

    Raises
    ------
    TypeError
        If it is neither.

    Examples
    --------
    >>> schedule_in("Trainer", "schedule", None)
    """
    if schedule is not None and (not callable(schedule) or isinstance(schedule, type)):
        raise TypeError(f"{call}: {name} is {schedule!r}, a callable (lr, history) -> lr is needed")
    return schedule


def next_rate(call: str, schedule: Schedule | None, lr: float, history: History) -> float:
    """Return the next epoch's rate by a schedule, `lr` without one.

    Raises
    ------
    TypeError
        If the schedule gives something else than a number.
    ValueError
        If it gives a negative one, or one that is not finite.

    Examples
    --------
    >>> next_rate("Trainer", lambda lr, history: lr / 2, 0.5, {"lr": [0.5]})
    0.25
    """
    if schedule is None:
        return lr
    given = schedule(lr, history)
    try:
        rate = float(given)
    except (TypeError, ValueError):
        raise TypeError(f"{call}: {schedule} gave the rate {given!r}, a number is needed") from None
    if not 0 <= rate < math.inf:
        raise ValueError(f"{call}: {schedule} gave the rate {rate}, a finite one >= 0 is needed")
    return rate


def rates_of(call: str, schedule: Schedule | None, lr: float, history: History, steps: int) -> float | np.ndarray:
    """Return the rates of an epoch's steps by a schedule that has a method `rates`, and `lr` by any other.

    Raises
    ------
    ValueError
        If there are not as many rates as steps, or one is negative or not finite.

    Examples
    --------
    >>> rates_of("Trainer", lambda lr, history: lr / 2, 0.5, {"lr": []}, 4)
    0.5
    """
    method = getattr(schedule, "rates", None)
    if method is None:
        return lr
    rates = np.array(method(lr, history, steps), np.float64)
    if rates.shape != (steps,):
        raise ValueError(f"{call}: {schedule} gave rates of shape {rates.shape}, {(steps,)} is needed")
    wrong = ~(np.isfinite(rates) & (rates >= 0))
    if wrong.any():
        step = int(wrong.argmax())
        raise ValueError(f"{call}: {schedule} gave the rate {rates[step]} for step {step}, finite ones >= 0 are needed")
    return rates
