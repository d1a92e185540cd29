"""The activations that are parts of a lamina; the formulas' kernels are those of `lamina.ops.activation_forward`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from lamina._checks import number
from lamina.layers.basic import Layer

__all__ = [
    "ELU", "GELU", "SELU", "Activation", "GELUTanh", "LeakyReLU", "ReLU", "SiLU", "Sigmoid", "Softplus", "Softsign",
    "Step", "Tanh",
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
