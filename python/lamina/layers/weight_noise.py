"""Linear layers whose connections are noisy in training, and zoneout; each runs by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lamina._checks import number, one_of
from lamina.layers.basic import Linear
from lamina.layers.lone_activations import activation_layer
from lamina.ops import activations

__all__ = ["DropConnect", "Shakeout", "Whiteout", "Zoneout"]


@dataclass(frozen=True)
class DropConnect(Linear):
    """Linear layer that drops weights in training: a = x (W ∘ M / (1 − p))ᵀ + b.

    Parameters
    ----------
    in_features, out_features, bias, init
        As of `Linear`.
    p : float, keyword only
        The share of the weights that is dropped, in [0, 1); kept exactly in 65536ths.

    Raises
    ------
    ValueError, TypeError
        As of `Linear`, and if p is not in [0, 1).

    Notes
    -----
    M is drawn once for all rows of a step, as `lamina.ops.dropout_mask` draws it for the weight. Kept weights are
    scaled so that the expectation of a is that of inference, x Wᵀ + b. With V = W ∘ M / (1 − p):
    dW = daᵀ x ∘ M / (1 − p), db = Σ da, dx = da V.

    References
    ----------
    L. Wan, M. Zeiler, S. Zhang, Y. LeCun, R. Fergus, "Regularization of neural networks using DropConnect", ICML 2013.
    There inference draws from a normal distribution with this mean, and each row has a mask.

    Examples
    --------
    >>> import lamina
    >>> lamina.DropConnect(784, 512, p=0.5)
    DropConnect(in_features=784, out_features=512, bias=True, p=0.5)
    """

    p: float = field(default=0.5, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(p=number("DropConnect", "p", self.p, below=1))

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "kind": "dropconnect", "p": self.p}


@dataclass(frozen=True)
class Shakeout(Linear):
    """Linear layer that in training turns weights against their sign, or enlarges them: a = x Vᵀ + b.

    Parameters
    ----------
    in_features, out_features, bias, init
        As of `Linear`.
    p : float, keyword only
        The share of the weights that becomes −c sgn(W), in [0, 1); kept exactly in 65536ths.
    c : float, keyword only
        At least 0; with 0 it is DropConnect.

    Raises
    ------
    ValueError, TypeError
        As of `Linear`, and if p or c is out of its range.

    Notes
    -----
    V = r W + c (r − 1) sgn(W), with r = 1 / (1 − p) for kept weights and 0 for others, drawn once for all rows of a
    step. Its expectation is W, which inference uses. dW = r daᵀ x, db = Σ da, dx = da V. See `lamina.ops.shakeout`.

    References
    ----------
    G. Kang, J. Li, D. Tao, "Shakeout: a new regularized deep neural network training scheme", AAAI 2016. There r
    belongs to a unit and a row; here each weight has its own, as the lecture has it.

    Examples
    --------
    >>> import lamina
    >>> lamina.Shakeout(784, 512, p=0.3, c=0.01)
    Shakeout(in_features=784, out_features=512, bias=True, p=0.3, c=0.01)
    """

    p: float = field(default=0.5, kw_only=True)
    c: float = field(default=0.1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(p=number("Shakeout", "p", self.p, below=1), c=number("Shakeout", "c", self.c))

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "kind": "shakeout", "p": self.p, "c": self.c}


@dataclass(frozen=True)
class Whiteout(Linear):
    """Linear layer whose weights have normal noise in training, that depends on their size: a = x (W ∘ (1 + e))ᵀ + b.

    Parameters
    ----------
    in_features, out_features, bias, init
        As of `Linear`.
    std, gamma, lam : float, keyword only
        Of the noise's variance std² |W|^-gamma + lam: at least 0, gamma at most 2.

    Raises
    ------
    ValueError, TypeError
        As of `Linear`, and if a number is out of its range.

    Notes
    -----
    e is drawn once for all rows of a step. The expectation of the weight is W, which inference uses. The gradient
    passes through the noise's strength, too; see `lamina.ops.whiteout_backward`.

    References
    ----------
    Y. Li, F. Liu, "Whiteout: Gaussian adaptive noise regularization in deep neural networks", arXiv:1612.01490 (2016),
    in its multiplicative form.

    Examples
    --------
    >>> import lamina
    >>> lamina.Whiteout(784, 512, std=0.1)
    Whiteout(in_features=784, out_features=512, bias=True, std=0.1, gamma=1.0, lam=0.0)
    """

    std: float = field(default=0.1, kw_only=True)
    gamma: float = field(default=1.0, kw_only=True)
    lam: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(**{name: number("Whiteout", name, getattr(self, name)) for name in ("std", "gamma", "lam")})
        if self.gamma > 2:
            raise ValueError(f"Whiteout: gamma is {self.gamma}, a number in [0, 2] is needed")

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "kind": "whiteout", "std": self.std, "gamma": self.gamma, "lam": self.lam}


@dataclass(frozen=True)
class Zoneout(Linear):
    """Linear layer and activation, some of whose units stay at their input in training: y = g(a) ∘ m + x ∘ (1 − m).

    Parameters
    ----------
    in_features, out_features : int
        Equal.
    bias, init
        As of `Linear`; "auto" goes by this layer's activation.
    activation : str, keyword only
        The name of g, "linear" or one of `lamina.ops.activations()` but "prelu" and "rrelu"; with its usual constants.
    p : float, keyword only
        The share of the units that stays, in [0, 1); kept exactly in 65536ths.

    Raises
    ------
    ValueError, TypeError
        As of `Linear`, and if the widths differ, p is not in [0, 1), or the activation is none that g can be.

    Notes
    -----
    a = x Wᵀ + b. The lecture's units keep their value across a step of time; from layer to layer the value before is
    the unit's input, so that a share p of the units skips the layer. Each row has a mask m of its own, drawn as
    `lamina.ops.dropout_mask` draws it. Inference mixes: y = (1 − p) g(a) + p x.

    References
    ----------
    D. Krueger et al., "Zoneout: regularizing RNNs by randomly preserving hidden activations", ICLR 2017.

    Examples
    --------
    >>> import lamina
    >>> lamina.Zoneout(64, 64, activation="tanh", p=0.1)
    Zoneout(in_features=64, out_features=64, bias=True, activation='tanh', p=0.1)
    """

    activation: str = field(default="tanh", kw_only=True)
    p: float = field(default=0.1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.in_features != self.out_features:
            widths = f"in_features is {self.in_features} and out_features {self.out_features}"
            raise ValueError(f"Zoneout: {widths}, they need to be equal")
        one_of("Zoneout", "activation", self.activation, activations(fused=True))
        self._set(p=number("Zoneout", "p", self.p, below=1))

    def initialise(self, parameters: Mapping[str, Any], *, following: Any, **others: Any) -> None:
        own = activation_layer("Zoneout", self.activation)
        super().initialise(parameters, following=own or following, **others)

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "kind": "zoneout", "p": self.p, "activation": self.activation}
