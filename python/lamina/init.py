"""Initial weights: every scheme by name, drawn so that a seed gives the same numbers on every machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import _core, ops
from lamina._checks import LEAST, number, one_of

if TYPE_CHECKING:
    from lamina.layers import Activation

__all__ = ["NAMES", "Initializer", "initializer"]

NAMES = ("auto", "zeros", "constant", "normal", "uniform", "he_normal", "he_uniform",
         "glorot_normal", "glorot_uniform", "lecun_normal", "lecun_uniform", "orthogonal")  # fmt: skip
# Before these "auto" is He's, with the slope of negative inputs where there is such a setting.
_HE = {"relu": None, "leaky_relu": "negative_slope", "elu": None, "gelu": None, "gelu_tanh": None, "silu": None,
       "prelu": "init", "rrelu": None}  # fmt: skip


@dataclass(frozen=True)
class Initializer:
    """One way to draw a weight matrix of shape (out, in).

    Parameters
    ----------
    name : str
        One of `lamina.init.NAMES`. "auto" goes by the activation that follows: He before the ReLU family (ReLU,
        LeakyReLU, PReLU, RReLU, ELU, GELU, SiLU), LeCun before SELU (both normal), Glorot (uniform) otherwise.
    value : float, optional
        Of "constant" the constant (0), of "normal" the standard deviation (0.01), of "uniform" the bound (1 / √in), of
        He the activation's slope below zero (0), of "orthogonal" the gain (1). The others have none.

    Raises
    ------
    ValueError
        If the name is unknown, or the value is not finite, or negative other than of "constant".
    TypeError
        If the scheme has no value.

    Notes
    -----
    The variance of a weight is 2 / ((1 + slope²) in) for He, 2 / (in + out) for Glorot, 1 / in for LeCun; a uniform
    draw in [-b, b] has the variance b² / 3. Numbers are drawn in float64 whatever the net's dtype, so that nets of both
    dtypes start alike. Biases start at 0.

    "orthogonal" is gain · Q: with out <= in the rows of Q are orthonormal, else its columns, so that either x ↦ x Wᵀ or
    its gradient keeps lengths. Q is that of the decomposition A = L Q of normal draws (of Aᵀ with out > in), L lower
    triangular with a positive diagonal, which makes it uniform over all such matrices; by block Gram-Schmidt in a fixed
    order of operations.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient BackProp", 1998, section 4.6.
    .. [2] X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010,
       equation 16.
    .. [3] K. He et al., "Delving deep into rectifiers", 2015, equations 10 and 15.
    .. [4] G. Klambauer et al., "Self-normalizing neural networks", 2017 (LeCun before SELU).
    .. [5] A. Saxe, J. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
       neural networks", 2013 (orthogonal).
    .. [6] F. Mezzadri, "How to generate random matrices from the classical compact groups", 2007 (the signs).

    Examples
    --------
    >>> import numpy as np
    >>> from lamina.init import Initializer
    >>> Initializer("constant", 0.5).draw((1, 3), seed=0, layer=0)
    array([[0.5, 0.5, 0.5]])
    >>> float(Initializer("glorot_uniform").draw((300, 300), seed=0, layer=0).std().round(3))
    0.058
    >>> weight = Initializer("orthogonal").draw((2, 3), seed=0, layer=0)
    >>> bool(np.allclose(weight @ weight.T, np.eye(2)))
    True
    """

    name: str
    value: float | None = None

    def __post_init__(self) -> None:
        one_of("Initializer", "init", self.name, NAMES)
        if self.value is None:
            return
        if self.name == "constant":
            object.__setattr__(self, "value", number("Initializer", "value", self.value, least=LEAST))
        elif self.name in ("normal", "uniform", "he_normal", "he_uniform", "orthogonal"):
            object.__setattr__(self, "value", number("Initializer", "value", self.value))
        else:
            raise TypeError(f"Initializer: {self.name} takes no value, {self.value!r} was given")

    def before(self, activation: Activation | None) -> Initializer:
        """Return the scheme that "auto" means before an activation or none, and any other scheme as it is.

        Examples
        --------
        >>> import lamina
        >>> Initializer("auto").before(lamina.SELU())
        Initializer(name='lecun_normal', value=None)
        """
        if self.name != "auto":
            return self
        if activation is not None and activation.name in _HE:
            slope = _HE[activation.name]
            return Initializer("he_normal", getattr(activation, slope) if slope else None)
        if activation is not None and activation.name == "selu":
            return Initializer("lecun_normal")
        return Initializer("glorot_uniform")

    def draw(self, shape: tuple[int, int], *, seed: int, layer: int) -> np.ndarray:
        """Return weights keyed by a net's seed and a layer's number.

        Parameters
        ----------
        shape : (int, int)
            (out, in).
        seed, layer : int
            What the random numbers are keyed by.

        Returns
        -------
        ndarray of shape (out, in), float64
            "auto" is drawn as before no activation.
        """
        outputs, inputs = shape
        if self.name in ("zeros", "constant"):
            return np.full(shape, self.value or 0.0)
        if self.name == "orthogonal":
            draw = ops.random_normal((min(shape), max(shape)), seed=seed, layer=layer, dtype="float64")
            rows = _core.orthonormal_rows(draw)
            gain = 1.0 if self.value is None else self.value
            return gain * np.ascontiguousarray(rows if outputs <= inputs else rows.T)
        scheme = self.before(None)
        deviation = scheme._deviation(inputs, outputs)
        if scheme.name.endswith("normal"):
            return deviation * ops.random_normal(shape, seed=seed, layer=layer, dtype="float64")
        bound = deviation * np.sqrt(3.0)
        return bound * (2 * ops.random_uniform(shape, seed=seed, layer=layer, dtype="float64") - 1)

    def _deviation(self, inputs: int, outputs: int) -> float:
        family = self.name.partition("_")[0]
        if family == "normal":
            return 0.01 if self.value is None else self.value
        if family == "uniform":
            return (1 / np.sqrt(inputs) if self.value is None else self.value) / np.sqrt(3.0)
        variances = {
            "he": 2 / ((1 + (self.value or 0.0) ** 2) * inputs),
            "glorot": 2 / (inputs + outputs),
            "lecun": 1 / inputs,
        }
        return float(np.sqrt(variances[family]))


def initializer(call: str, init: Any) -> Initializer:
    """Return the `Initializer` that a name or an `Initializer` means; `call` is named in errors.

    Examples
    --------
    >>> initializer("Linear", "zeros")
    Initializer(name='zeros', value=None)
    """
    return init if isinstance(init, Initializer) else Initializer(one_of(call, "init", init, NAMES))
