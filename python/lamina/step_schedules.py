"""Learning-rate schedules by steps: the rates of an epoch's steps are worked out before it begins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from lamina._checks import number, whole
from lamina.schedules import History, Schedule, rates_of, schedule_in

__all__ = ["CosineDecay", "OneCycle", "StepSchedule", "WarmUp"]


class StepSchedule(ABC):
    """A schedule that changes the learning rate at every step, all measured by the trainer's `lr`.

    Notes
    -----
    A class of your own defines `rates`, without which Python makes no object of it. `WarmUp` and `Trainer` know a
    schedule by steps by its having that method. Being called after each epoch like any schedule, this one leaves `lr`
    as it is, so that a rate set by hand rescales what is to come.

    Examples
    --------
    >>> import lamina, numpy as np
    >>> class Triangle(lamina.StepSchedule):
    ...     def rates(self, lr, history, steps):
    ...         return lr * np.linspace(1, 0, steps)
    >>> trainer = lamina.Trainer(lamina.Sequential(lamina.Linear(1, 2)), optimizer="sgd", schedule=Triangle())
    >>> history = trainer.fit([[0.0], [1.0]], [0, 1], epochs=2, batch_size=1, progress=False)
    >>> history["lr"], trainer.lr
    ([0.0, 0.0], 0.01)
    """

    @abstractmethod
    def rates(self, lr: float, history: History, steps: int) -> np.ndarray:
        """Return the rates of the coming epoch's steps.

        Parameters
        ----------
        lr : float
            The trainer's rate.
        history : dict of lists
            As `lamina.Trainer.history`, up to the last epoch.
        steps : int
            Batches in the coming epoch. One that is left out, all its weights being 0, is counted too.

        Returns
        -------
        ndarray of shape (steps,), float64
            Each finite and at least 0.
        """

    def __call__(self, lr: float, history: History) -> float:
        """Return the trainer's rate of the next epoch: the one it has."""
        return lr


@dataclass(frozen=True)
class CosineDecay(StepSchedule):
    """Let the learning rate fall along half a cosine, step by step, from the trainer's to a least one.

    Parameters
    ----------
    epochs : int
        Until the least rate, at least 1; it stays there.
    min_lr : float
        The least rate. A trainer's rate below it stays as it is.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    lr(t) = min_lr + (lr - min_lr) (1 + cos(π t / epochs)) / 2, where t counts the epochs, the parts of them too, from
    the beginning of the history: the first step has lr, the first one after `epochs` would have min_lr. The cosine is
    made of sums and products in a fixed order, so that rates have the same bits everywhere.

    References
    ----------
    I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, equation 5.

    Examples
    --------
    >>> import lamina
    >>> lamina.CosineDecay(epochs=2).rates(1.0, {"lr": []}, steps=2).round(6)
    array([1.      , 0.853553])
    >>> lamina.CosineDecay(epochs=2, min_lr=0.25).rates(1.0, {"lr": [0.75, 0.25]}, steps=2)
    array([0.25, 0.25])
    """

    epochs: int
    min_lr: float = 0.0

    def __post_init__(self) -> None:
        whole("CosineDecay", "epochs", self.epochs, 1)
        number("CosineDecay", "min_lr", self.min_lr)

    def rates(self, lr: float, history: History, steps: int) -> np.ndarray:
        """Return the rates of the coming epoch's steps; see `StepSchedule.rates`."""
        least = min(self.min_lr, lr)
        done = np.minimum((len(history["lr"]) + np.arange(steps) / steps) / self.epochs, 1.0)
        fallen = _half_cosine(done)
        return lr * (1.0 - fallen) + least * fallen


@dataclass(frozen=True)
class WarmUp(StepSchedule):
    """Let the learning rate rise to the trainer's, step by step, then hand over to another schedule.

    Parameters
    ----------
    epochs : int
        Of the rise, at least 1.
    then : callable, optional
        The schedule that follows, by epochs or by steps. What it sees of the history begins after the rise. The rate
        stays as it is unless given.

    Raises
    ------
    ValueError
        If epochs is less than 1.
    TypeError
        If `then` is no schedule.

    Notes
    -----
    The i-th of n steps, from 1, has lr i / n: epochs end at lr / epochs, 2 lr / epochs, ..., lr.

    References
    ----------
    P. Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017, section 2.2 (gradual warm-up).

    Examples
    --------
    >>> import lamina
    >>> schedule = lamina.WarmUp(2, then=lamina.CosineDecay(8))
    >>> schedule.rates(1.0, {"lr": []}, steps=2), schedule.rates(1.0, {"lr": [0.5]}, steps=2)
    (array([0.25, 0.5 ]), array([0.75, 1.  ]))
    >>> float(schedule.rates(1.0, {"lr": [0.5, 1.0]}, steps=2)[0])
    1.0
    """

    epochs: int
    then: Schedule | None = None

    def __post_init__(self) -> None:
        whole("WarmUp", "epochs", self.epochs, 1)
        schedule_in("WarmUp", "then", self.then)

    @property
    def monitor(self) -> str:
        """What the schedule that follows looks at."""
        return str(getattr(self.then, "monitor", ""))

    def rates(self, lr: float, history: History, steps: int) -> np.ndarray:
        """Return the rates of the coming epoch's steps; see `StepSchedule.rates`."""
        epoch = len(history["lr"])
        if epoch >= self.epochs:
            return np.broadcast_to(rates_of("WarmUp", self.then, lr, self._later(history), steps), (steps,))
        return lr * ((epoch * steps + np.arange(1, steps + 1)) / (self.epochs * steps))

    def __call__(self, lr: float, history: History) -> float:
        """Return the trainer's rate of the next epoch, which after the rise is up to the schedule that follows."""
        later = self._later(history)
        return self.then(lr, later) if self.then is not None and later["lr"] else lr

    def _later(self, history: History) -> History:
        return {key: column[self.epochs :] for key, column in history.items()}


@dataclass(frozen=True)
class OneCycle(StepSchedule):
    """Let the learning rate rise to the trainer's, fall back, and vanish: super-convergence's one cycle.

    Parameters
    ----------
    epochs : int
        All that are to be trained, at least 1; the rate stays at the last one then.
    div_factor : float
        The trainer's rate, which is the largest, over the first; at least 1.
    final_div_factor : float
        The first rate over the last; at least 1.
    pct_start : float in [0.01, 0.5)
        The share of the steps in which the rate rises. It falls back in as many, and vanishes in the rest.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    All three phases are straight lines, as in the paper. Names and factors are those of torch's OneCycleLR, whose
    three_phase=True, anneal_strategy="linear" this is but for the momentum, which stays as it is.

    References
    ----------
    L. Smith, N. Topin, "Super-convergence: very fast training of neural networks using large learning rates", 2018.

    Examples
    --------
    >>> import lamina
    >>> cycle = lamina.OneCycle(1, div_factor=10, final_div_factor=100, pct_start=0.4)
    >>> cycle.rates(1.0, {"lr": []}, steps=11).round(3)
    array([0.1  , 0.325, 0.55 , 0.775, 1.   , 0.775, 0.55 , 0.325, 0.1  ,
           0.05 , 0.001])
    """

    epochs: int
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    pct_start: float = 0.45

    def __post_init__(self) -> None:
        whole("OneCycle", "epochs", self.epochs, 1)
        number("OneCycle", "div_factor", self.div_factor, least=1)
        number("OneCycle", "final_div_factor", self.final_div_factor, least=1)
        number("OneCycle", "pct_start", self.pct_start, least=0.01, below=0.5)

    def rates(self, lr: float, history: History, steps: int) -> np.ndarray:
        """Return the rates of the coming epoch's steps; see `StepSchedule.rates`."""
        done = (len(history["lr"]) * steps + np.arange(steps)) / max(self.epochs * steps - 1, 1)
        first, turn, back = lr / self.div_factor, self.pct_start, 2 * self.pct_start
        last = first / self.final_div_factor
        height = np.clip(done / turn, 0, 1) - np.clip((done - turn) / (back - turn), 0, 1)
        vanished = np.clip((done - back) / (1 - back), 0, 1)
        return np.maximum(first + (lr - first) * height - (first - last) * vanished, last)


def _half_cosine(x: np.ndarray) -> np.ndarray:
    """(1 - cos(π x)) / 2 for x in [0, 1], which is sin²(π x / 2); libraries' sines differ in their last bits."""
    angle = 0.5 * np.pi * np.minimum(x, 1.0 - x)
    square, factor = angle * angle, np.ones_like(angle)
    for n in range(19, 2, -2):  # of the series: 1 - a²/(2·3) (1 - a²/(4·5) (...)), from the inside
        factor = 1.0 - square / (n * (n - 1)) * factor
    rise = (angle * factor) ** 2
    return np.where(x < 0.5, rise, 1.0 - rise)
