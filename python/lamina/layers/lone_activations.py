"""The activations that run by themselves, and all of them by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lamina._checks import number, one_of
from lamina.layers.activations import (
    ELU,
    GELU,
    SELU,
    Activation,
    GELUTanh,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Step,
    Tanh,
)
from lamina.layers.basic import Layer

__all__ = ["ACTIVATIONS", "LogSoftmax", "PReLU", "RReLU", "Softmax", "activation_layer"]


@dataclass(frozen=True)
class PReLU(Activation):
    """Parametric rectifier: g(z) = z where z > 0, else a z with the slope a learned; it runs by itself.

    Parameters
    ----------
    per_unit : bool
        Whether each unit learns a slope, or all share one.
    init : float
        What the slopes start at.

    Notes
    -----
    da = Σ dy z over the rows (and units that share it) where z <= 0. Weight decay spares slopes.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", 2015.

    Examples
    --------
    >>> import lamina
    >>> net = lamina.Sequential(lamina.Linear(2, 3), lamina.PReLU(per_unit=True))
    >>> net.parameters()["1.weight"]
    array([0.25, 0.25, 0.25], dtype=float32)
    """

    name = "prelu"
    per_unit: bool = False
    init: float = 0.25

    def __post_init__(self) -> None:
        if not isinstance(self.per_unit, bool):
            raise TypeError(f"PReLU: per_unit is {self.per_unit!r}, True or False is needed")
        self._set(init=number("PReLU", "init", self.init))

    def initialise(self, parameters: Mapping[str, Any], **_: Any) -> None:
        parameters["weight"][...] = self.init

    def settings(self) -> dict[str, Any]:
        return {"kind": "prelu", "per_unit": self.per_unit}


@dataclass(frozen=True)
class RReLU(Activation):
    """Randomised rectifier: g(z) = z where z > 0, else a z; it runs by itself.

    Parameters
    ----------
    lower, upper : float
        In training a is drawn from [lower, upper) for each element; in inference it is their mean.

    Notes
    -----
    What is drawn depends on seed, layer, step, row and column alone, and is drawn again in the backward pass.

    References
    ----------
    B. Xu, N. Wang, T. Chen, M. Li, "Empirical evaluation of rectified activations in convolutional network", 2015.

    Examples
    --------
    >>> import lamina
    >>> float(lamina.Sequential(lamina.Linear(1, 1, init="constant"), lamina.RReLU(0.2, 0.4))([[1.0]])[0, 0])
    0.0
    """

    name = "rrelu"
    lower: float = 1 / 8
    upper: float = 1 / 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lower > self.upper:
            raise ValueError(f"RReLU: lower is {self.lower} and upper {self.upper}, lower <= upper is needed")

    def settings(self) -> dict[str, Any]:
        return {"kind": "rrelu", "lower": self.lower, "upper": self.upper}


@dataclass(frozen=True)
class Softmax(Layer):
    """Softmax over the units of each row, hᵢ = eˣⁱ / Σ eˣʲ, the largest x subtracted first; it runs by itself.

    Notes
    -----
    dx = h (dh − Σ h dh). To train a classifier leave it out: "cross_entropy" takes logits and has it in its kernel, and
    `predict_proba` adds it; with it behind a net's last layer that loss is refused. Other losses see probabilities, and
    layers too inside of a net.

    References
    ----------
    H. Larochelle, "Neural networks", feedforward neural network: softmax.

    Examples
    --------
    >>> import lamina
    >>> net = lamina.Sequential(lamina.Linear(1, 2, init="zeros"), lamina.Softmax())
    >>> net([[3.0]])
    array([[0.5, 0.5]], dtype=float32)
    """

    def settings(self) -> dict[str, Any]:
        return {"kind": "softmax", "logarithm": False}


@dataclass(frozen=True)
class LogSoftmax(Layer):
    """The logarithm of softmax, hᵢ = xᵢ − log Σ eˣʲ, without loss of digits; it runs by itself.

    Notes
    -----
    dx = dh − softmax(x) Σ dh.

    References
    ----------
    H. Larochelle, "Neural networks", feedforward neural network: softmax.

    Examples
    --------
    >>> import lamina
    >>> net = lamina.Sequential(lamina.Linear(1, 2, init="zeros"), lamina.LogSoftmax())
    >>> float(net([[3.0]])[0, 0])
    -0.6931471824645996
    """

    def settings(self) -> dict[str, Any]:
        return {"kind": "softmax", "logarithm": True}


ACTIVATIONS: dict[str, type[Activation]] = {
    layer.name: layer
    for layer in (
        Sigmoid, Tanh, ReLU, LeakyReLU, ELU, SELU, Softsign, Softplus, GELU, GELUTanh, SiLU, Step, PReLU, RReLU,
    )
}  # fmt: skip


def activation_layer(call: str, activation: str | Activation | None) -> Activation | None:
    """Return the layer that an activation's name means; "linear" and None mean none.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the names.

    Examples
    --------
    >>> activation_layer("Autoencoder", "elu")
    ELU(alpha=1.0)
    """
    if activation is None or isinstance(activation, Activation):
        return activation
    name = one_of(call, "activation", activation, ["linear", *ACTIVATIONS])
    return None if name == "linear" else ACTIVATIONS[name]()
