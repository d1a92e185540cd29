"""The optimizers: what each is set to; the arithmetic is that of the steps in `lamina.ops`."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from lamina._checks import number, one_of

__all__ = ["NAMES", "SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSProp", "optimizer"]


class Optimizer:
    """What all optimizers have in common."""

    rule: ClassVar[str]  # its name in lamina._core
    __dataclass_fields__: ClassVar[dict[str, Any]]
    lr: float
    weight_decay: float
    l1: float

    def __post_init__(self) -> None:
        self._check("lr", "weight_decay", "l1")

    def _check(self, *names: str, below: float = math.inf) -> None:
        for name in names:
            number(type(self).__name__, name, getattr(self, name), below=below)

    def settings(self) -> dict[str, Any]:
        """Return what `lamina._core` takes; the rate is given again epoch by epoch."""
        return {"name": self.rule, **asdict(self)}


@dataclass(frozen=True)
class SGD(Optimizer):
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

    rule = "sgd"

    lr: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    l1: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("momentum", below=1)
        if self.nesterov and not self.momentum:
            raise ValueError("SGD: nesterov without momentum given, it needs momentum > 0")


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Adagrad: each weight's rate falls with the sum of its squared gradients.

    Parameters
    ----------
    lr, weight_decay, l1 : float
        As of `SGD`.
    eps : float
        Added to the root of the sum.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    s ← s + g²; W ← W − lr g / (√s + eps).

    The lectures (H. Larochelle, "Neural networks", training neural networks) have √(s + ε) in its stead: the same but
    for rounding where gradients are large, and with eps = √ε where they vanish.

    References
    ----------
    J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic optimization", 2011.

    Examples
    --------
    >>> import lamina
    >>> lamina.Adagrad(lr=0.05)
    Adagrad(lr=0.05, eps=1e-10, weight_decay=0.0, l1=0.0)
    """

    rule = "adagrad"

    lr: float = 0.01
    eps: float = 1e-10
    weight_decay: float = 0.0
    l1: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("eps")


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """RMSProp: steps scaled by a running mean of the squared gradient, with momentum.

    Parameters
    ----------
    lr, weight_decay, l1 : float
        As of `SGD`.
    rho : float in [0, 1)
        Decay of the running mean; torch calls it alpha.
    eps : float
        Added to the root of the mean.
    momentum : float in [0, 1)
        Share of the last step that goes on.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    s ← rho s + (1 − rho) g²; v ← momentum v + g / (√s + eps); W ← W − lr v.

    The lectures (H. Larochelle, "Neural networks", training neural networks) have √(s + ε) in its stead: the same but
    for rounding where gradients are large, and with eps = √ε where they vanish.

    References
    ----------
    T. Tieleman, G. Hinton, "Lecture 6.5: RMSProp", Neural networks for machine learning, 2012.

    Examples
    --------
    >>> import lamina
    >>> lamina.RMSProp(lr=1e-3, rho=0.9)
    RMSProp(lr=0.001, rho=0.9, eps=1e-08, momentum=0.0, weight_decay=0.0, l1=0.0)
    """

    rule = "rmsprop"

    lr: float = 0.01
    rho: float = 0.99
    eps: float = 1e-8
    momentum: float = 0.0
    weight_decay: float = 0.0
    l1: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("eps")
        self._check("rho", "momentum", below=1)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    Parameters
    ----------
    lr, weight_decay, l1 : float
        As of `SGD`; see `AdamW` for decoupled decay.
    betas : (float, float), each in [0, 1)
        Decay of the two running means.
    eps : float
        Added to the root of the second mean.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²; W ← W − lr m̂ / (√v̂ + eps), with m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).

    The lectures (H. Larochelle, "Neural networks", training neural networks) have √(v̂ + ε) in its stead: the same but
    for rounding where gradients are large, and with eps = √ε where they vanish.

    References
    ----------
    D. Kingma, J. Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1.

    Examples
    --------
    >>> import lamina
    >>> lamina.Adam(lr=3e-4)
    Adam(lr=0.0003, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0, l1=0.0)
    """

    rule = "adam"

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    l1: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("eps")
        name = type(self).__name__
        if not isinstance(self.betas, (tuple, list)) or len(self.betas) != 2:
            raise TypeError(f"{name}: betas is {self.betas!r}, a pair of numbers is needed")
        for beta in self.betas:
            number(name, "betas", beta, below=1)

    def settings(self) -> dict[str, Any]:
        """Return what `lamina._core` takes; the rate is given again epoch by epoch."""
        settings = super().settings()
        beta1, beta2 = settings.pop("betas")
        return settings | {"beta1": beta1, "beta2": beta2, "decoupled": isinstance(self, AdamW)}


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


NAMES: dict[str, Any] = {"sgd": SGD, "adagrad": Adagrad, "rmsprop": RMSProp, "adam": Adam, "adamw": AdamW}


def optimizer(call: str, given: Any) -> Optimizer:
    """Return the optimizer that a name means, with its defaults, or the one given; `call` is named in errors.

    Examples
    --------
    >>> optimizer("Trainer", "adam").lr
    0.001
    """
    if isinstance(given, Optimizer):
        return given
    if not isinstance(given, str):
        raise TypeError(f"{call}: optimizer is {given!r}, a name ({', '.join(NAMES)}) or an instance is needed")
    return NAMES[one_of(call, "optimizer", given, NAMES)]()
