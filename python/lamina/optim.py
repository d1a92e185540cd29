"""The optimizers: what each is set to; the arithmetic is that of `lamina.ops.sgd_step` and `adam_step`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lamina._checks import number, one_of

__all__ = ["NAMES", "SGD", "Adam", "AdamW", "optimizer"]


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent.

    Parameters
    ----------
    lr : float
        Learning rate, at least 0.
    momentum : float in [0, 1)
        Share of the last step that goes on.
    nesterov : bool
        Whether the gradient is taken where the momentum leads; needs momentum.
    weight_decay : float
        λ of λ W added to the gradient of weights, as in torch.
    l1 : float
        Weights move by up to lr · l1 towards 0 after each step, and stay there.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    v ← momentum v + g; W ← W − lr v, or with Nesterov W ← W − lr (g + momentum v).

    References
    ----------
    I. Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013.

    Examples
    --------
    >>> import lamina
    >>> lamina.SGD(lr=0.1, momentum=0.9)
    SGD(lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.0, l1=0.0)
    """

    lr: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    l1: float = 0.0

    def __post_init__(self) -> None:
        _check(self, "lr", "weight_decay", "l1")
        number("SGD", "momentum", self.momentum, below=1)
        if self.nesterov and not self.momentum:
            raise ValueError("SGD: nesterov without momentum given, it needs momentum > 0")

    def settings(self) -> dict[str, Any]:
        """Return what `lamina._core` takes; the rate is given epoch by epoch."""
        return {
            "name": "sgd",
            "momentum": float(self.momentum),
            "nesterov": bool(self.nesterov),
            "weight_decay": float(self.weight_decay),
            "l1": float(self.l1),
        }


@dataclass(frozen=True)
class Adam:
    """Adam: steps scaled by running means of the gradient and of its square.

    Parameters
    ----------
    lr : float
        Learning rate, at least 0.
    betas : (float, float), each in [0, 1)
        Decay of the two running means.
    eps : float
        Added to the root of the second mean.
    weight_decay : float
        λ of λ W added to the gradient of weights (L2); see `AdamW` for decoupled decay.
    l1 : float
        Weights move by up to lr · l1 towards 0 after each step, and stay there.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²; W ← W − lr m̂ / (√v̂ + eps), with m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).

    References
    ----------
    D. Kingma, J. Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1.

    Examples
    --------
    >>> import lamina
    >>> lamina.Adam(lr=3e-4)
    Adam(lr=0.0003, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0, l1=0.0)
    """

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    l1: float = 0.0

    def __post_init__(self) -> None:
        _check(self, "lr", "eps", "weight_decay", "l1")
        name = type(self).__name__
        if not isinstance(self.betas, (tuple, list)) or len(self.betas) != 2:
            raise TypeError(f"{name}: betas is {self.betas!r}, a pair of numbers is needed")
        for beta in self.betas:
            number(name, "betas", beta, below=1)

    def settings(self) -> dict[str, Any]:
        """Return what `lamina._core` takes; the rate is given epoch by epoch."""
        return {
            "name": "adam",
            "beta1": float(self.betas[0]),
            "beta2": float(self.betas[1]),
            "eps": float(self.eps),
            "weight_decay": float(self.weight_decay),
            "l1": float(self.l1),
            "decoupled": isinstance(self, AdamW),
        }


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: weights shrink by lr · weight_decay, outside of Adam's scaling.

    Parameters
    ----------
    lr, betas, eps, l1
        As of `Adam`.
    weight_decay : float
        0.01 by default, as in torch.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    W ← (1 − lr · weight_decay) W before the step of Adam.

    References
    ----------
    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", 2019, algorithm 2.

    Examples
    --------
    >>> import lamina
    >>> lamina.AdamW().weight_decay
    0.01
    """

    weight_decay: float = 0.01


NAMES: dict[str, Any] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}


def optimizer(call: str, given: Any) -> SGD | Adam:
    """Return the optimizer that a name means, with its defaults, or the one given; `call` is named in errors.

    Examples
    --------
    >>> optimizer("Trainer", "adam").lr
    0.001
    """
    if isinstance(given, (SGD, Adam)):
        return given
    if not isinstance(given, str):
        raise TypeError(f"{call}: optimizer is {given!r}, a name ({', '.join(NAMES)}) or an instance is needed")
    return NAMES[one_of(call, "optimizer", given, NAMES)]()


def _check(given: Any, *names: str) -> None:
    for name in names:
        number(type(given).__name__, name, getattr(given, name))
