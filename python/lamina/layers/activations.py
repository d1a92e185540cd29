"""The activations as layers; the formulas' kernels are those of `lamina.ops.activation_forward`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lamina._checks import number, one_of
from lamina.layers.basic import Layer

__all__ = [
    "ACTIVATIONS", "ELU", "GELU", "SELU", "Activation", "GELUTanh", "LeakyReLU", "LogSoftmax", "PReLU", "RReLU",
    "ReLU", "SiLU", "Sigmoid", "Softmax", "Softplus", "Softsign", "Step", "Tanh", "activation_layer",
]  # fmt: skip


class Activation(Layer):
    """An activation; its fields are the formula's constants.

    Examples
    --------
    >>> import lamina
    >>> lamina.LeakyReLU().name, lamina.LeakyReLU().parameters()
    ('leaky_relu', {'negative_slope': 0.01})
    """

    name: ClassVar[str]

    def __post_init__(self) -> None:
        self._set(**{name: number(type(self).__name__, name, value) for name, value in self.parameters().items()})

    def parameters(self) -> dict[str, float]:
        """Return the constants by name."""
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    def settings(self) -> dict[str, Any]:
        return {"kind": "activation", "name": self.name, "parameters": self.parameters()}


@dataclass(frozen=True)
class Sigmoid(Activation):
    """Logistic activation: g(z) = 1 / (1 + e⁻ᶻ), g' = g (1 − g).

    References
    ----------
    H. Larochelle, "Neural networks", feedforward neural network: activation function.

    Examples
    --------
    >>> import lamina
    >>> float(lamina.Sequential(lamina.Linear(1, 1), lamina.Sigmoid())([[0.0]])[0, 0])
    0.5
    """

    name = "sigmoid"


@dataclass(frozen=True)
class Tanh(Activation):
    """Hyperbolic tangent: g(z) = tanh z, g' = 1 − g².

    References
    ----------
    H. Larochelle, "Neural networks", feedforward neural network: activation function.

    Examples
    --------
    >>> import lamina
    >>> lamina.Tanh()
    Tanh()
    """

    name = "tanh"


@dataclass(frozen=True)
class ReLU(Activation):
    """Rectified linear unit: g(z) = max(z, 0), g' = 1 where z > 0, else 0.

    References
    ----------
    V. Nair, G. Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.

    Examples
    --------
    >>> import lamina
    >>> lamina.ReLU()
    ReLU()
    """

    name = "relu"


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """Leaky rectified linear unit: g(z) = z where z > 0, else negative_slope z.

    Parameters
    ----------
    negative_slope : float
        At least 0.

    References
    ----------
    A. Maas, A. Hannun, A. Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.

    Examples
    --------
    >>> import lamina
    >>> lamina.LeakyReLU(0.1)
    LeakyReLU(negative_slope=0.1)
    """

    name = "leaky_relu"
    negative_slope: float = 0.01


@dataclass(frozen=True)
class ELU(Activation):
    """Exponential linear unit: g(z) = z where z > 0, else alpha (eᶻ − 1).

    Parameters
    ----------
    alpha : float
        At least 0.

    References
    ----------
    D. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network learning by ELUs", 2016.

    Examples
    --------
    >>> import lamina
    >>> lamina.ELU()
    ELU(alpha=1.0)
    """

    name = "elu"
    alpha: float = 1.0


@dataclass(frozen=True)
class SELU(Activation):
    """Scaled ELU: g(z) = λ z where z > 0, else λ α (eᶻ − 1), with λ = 1.0507009873554805, α = 1.6732632423543778.

    References
    ----------
    G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter, "Self-normalizing neural networks", 2017, equation 2.

    Examples
    --------
    >>> import lamina
    >>> lamina.SELU()
    SELU()
    """

    name = "selu"


@dataclass(frozen=True)
class Softsign(Activation):
    """Softsign: g(z) = z / (1 + |z|), g' = (1 − |g|)².

    References
    ----------
    X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.

    Examples
    --------
    >>> import lamina
    >>> lamina.Softsign()
    Softsign()
    """

    name = "softsign"


@dataclass(frozen=True)
class Softplus(Activation):
    """Softplus: g(z) = log(1 + eᶻ), g' = 1 − e⁻ᵍ, the sigmoid of z.

    References
    ----------
    C. Dugas et al., "Incorporating second-order functional knowledge for better option pricing", 2001.

    Examples
    --------
    >>> import lamina
    >>> lamina.Softplus()
    Softplus()
    """

    name = "softplus"


@dataclass(frozen=True)
class GELU(Activation):
    """Gaussian error linear unit: g(z) = z Φ(z), g' = Φ(z) + z φ(z), the normal distribution function and density.

    References
    ----------
    D. Hendrycks, K. Gimpel, "Gaussian error linear units", 2016.

    Examples
    --------
    >>> import lamina
    >>> lamina.GELU()
    GELU()
    """

    name = "gelu"


@dataclass(frozen=True)
class GELUTanh(Activation):
    """GELU by its approximation: g(z) = z / 2 (1 + tanh(√(2/π) (z + 0.044715 z³))).

    References
    ----------
    D. Hendrycks, K. Gimpel, "Gaussian error linear units", 2016.

    Examples
    --------
    >>> import lamina
    >>> lamina.GELUTanh()
    GELUTanh()
    """

    name = "gelu_tanh"


@dataclass(frozen=True)
class SiLU(Activation):
    """Sigmoid-weighted linear unit, or swish: g(z) = z σ(z), g' = σ + z σ (1 − σ).

    References
    ----------
    S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-weighted linear units", 2018.

    Examples
    --------
    >>> import lamina
    >>> lamina.SiLU()
    SiLU()
    """

    name = "silu"


@dataclass(frozen=True)
class Step(Activation):
    """The perceptron's threshold: g(z) = 1 where z > 0, else 0. Its gradient is zero: nothing below it learns.

    References
    ----------
    F. Rosenblatt, "The perceptron", 1958.

    Examples
    --------
    >>> import lamina
    >>> lamina.Step()
    Step()
    """

    name = "step"


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
    `predict_proba` adds it. Behind it, or inside of a net, other losses see probabilities.

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
