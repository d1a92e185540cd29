"""Activations: g(z) and its derivative, written as a function of the output y = g(z) or of z."""

import math
from typing import NamedTuple

import numpy as np

from .checks import deliver, expect_shape, to_float64
from .rectifiers import RECTIFIERS, rectifier_backward, rectifier_forward

# Klambauer et al. 2017, equation 14: the fixed point with mean 0 and variance 1.
SELU_LAMBDA = 1.0507009873554805
SELU_ALPHA = 1.6732632423543778


class Formula(NamedTuple):
    """One activation: its parameters' defaults, g(z, **params), and g' as a function of what it `reads`, y or z."""

    defaults: dict
    forward: object
    slope: object
    reads: str = "y"


def _sigmoid(z):
    e = np.exp(-np.abs(z))  # never overflows
    return np.where(z >= 0, 1.0, e) / (1.0 + e)


def _elu(z, alpha):
    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0.0)))


def _positive(y, positive, other):
    """`other` where y <= 0, else `positive`: at a kink the left derivative counts and NaN lets dy pass, as in torch."""
    return np.where(y <= 0, other, positive)


def _softsign(z):
    with np.errstate(invalid="ignore"):  # infinity over infinity
        return np.where(np.isinf(z), np.sign(z), z / (1.0 + np.abs(z)))


def _bounded(z):
    """A pre-activation so far down that its sigmoid is 0 need not be further down."""
    return np.maximum(z, -1e4)


_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def _gelu(z):
    return _bounded(z) * 0.5 * _erfc(-z / math.sqrt(2.0))


def _gelu_slope(z):
    bounded = np.clip(z, -1e4, 1e4)
    return 0.5 * _erfc(-z / math.sqrt(2.0)) + bounded * np.exp(-0.5 * bounded * bounded) / math.sqrt(2.0 * math.pi)


def _gelu_inner(z):
    bounded = np.clip(z, -1e4, 1e4)
    return 2.0 * math.sqrt(2.0 / math.pi) * (bounded + 0.044715 * bounded**3)


def _gelu_tanh_slope(z):
    bounded, inner = np.clip(z, -1e4, 1e4), _gelu_inner(z)
    inner_slope = 2.0 * math.sqrt(2.0 / math.pi) * (1.0 + 3.0 * 0.044715 * bounded**2)
    return _sigmoid(inner) + bounded * inner_slope * _sigmoid(inner) * _sigmoid(-inner)


def _silu_slope(z):
    return _sigmoid(z) + np.clip(z, -1e4, 1e4) * _sigmoid(z) * _sigmoid(-z)


def _step(z):
    return np.where(np.isnan(z), z, (z > 0).astype(np.float64))


_FORMULAS = {
    "linear": Formula({}, lambda z: z.copy(), lambda y: np.ones_like(y)),
    "sigmoid": Formula({}, _sigmoid, lambda y: y * (1.0 - y)),
    "tanh": Formula({}, np.tanh, lambda y: 1.0 - y * y),
    "relu": Formula({}, lambda z: np.maximum(z, 0.0), lambda y: _positive(y, 1.0, 0.0)),
    "leaky_relu": Formula(
        {"negative_slope": 0.01},
        lambda z, negative_slope: np.where(z > 0, z, negative_slope * z),
        lambda y, negative_slope: _positive(y, 1.0, negative_slope),
    ),
    "elu": Formula({"alpha": 1.0}, _elu, lambda y, alpha: np.where(y > 0, 1.0, y + alpha)),
    "selu": Formula(
        {},
        lambda z: SELU_LAMBDA * _elu(z, SELU_ALPHA),
        lambda y: np.where(y > 0, SELU_LAMBDA, y + SELU_LAMBDA * SELU_ALPHA),
    ),
    "softsign": Formula({}, _softsign, lambda y: (1.0 - np.abs(y)) ** 2),
    "softplus": Formula({}, lambda z: np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z))), lambda y: -np.expm1(-y)),
    "gelu": Formula({}, _gelu, _gelu_slope, "z"),
    "gelu_tanh": Formula({}, lambda z: _bounded(z) * _sigmoid(_gelu_inner(z)), _gelu_tanh_slope, "z"),
    "silu": Formula({}, lambda z: _bounded(z) * _sigmoid(z), _silu_slope, "z"),
    "step": Formula({}, _step, np.zeros_like),
}


def activations(*, fused=None):
    """Name every activation, with the defaults of its parameters.

    Parameters
    ----------
    fused : bool, optional
        True: those that run inside a lamina; False: those that run by themselves; all unless given.

    Returns
    -------
    dict
        name -> {parameter: default}, a new dictionary at each call.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.activations()["leaky_relu"]
    {'negative_slope': 0.01}
    """
    inside = {name: dict(formula.defaults) for name, formula in _FORMULAS.items()}
    alone = {name: dict(values) for name, values in RECTIFIERS.items()}
    return {**inside, **alone} if fused is None else inside if fused else alone


def resolve(op, activation, params):
    """Return the formula of an activation and its parameters, defaults filled in.

    Raises
    ------
    ValueError
        If the activation is unknown, or a parameter is negative or not finite.
    TypeError
        If the activation has no such parameter.

    Examples
    --------
    >>> from lamina.reference.activation import resolve
    >>> resolve("linear_forward", "elu", {})[1]
    {'alpha': 1.0}
    """
    if activation not in _FORMULAS:
        known = f"{', '.join(_FORMULAS)} is needed; prelu and rrelu are calls of activation_forward by themselves"
        raise ValueError(f"{op}: unknown activation {activation!r}, one of {known}")
    formula = _FORMULAS[activation]
    for name, value in params.items():
        if name not in formula.defaults:
            raise TypeError(f"{op}: activation {activation!r} has no parameter {name!r}")
        if not 0 <= value < np.inf:
            raise ValueError(f"{op}: {name} is {value}, a finite value of at least 0 is needed")
    return formula, {**formula.defaults, **params}


def activation_forward(x, activation, *, out=None, **params):
    r"""Apply an activation to every element.

    Parameters
    ----------
    x : array_like, any rank of at least 1
        The pre-activation z.
    activation : str
        A name of `activations()`.
    out : ndarray of x's shape, optional
        May be `x` itself.
    **params
        The activation's own, as `activations()` lists them.

    Returns
    -------
    ndarray of x's shape, float64

    Raises
    ------
    ValueError
        If the activation is unknown.
    TypeError
        If it has no such parameter.

    Notes
    -----
    ========== ============================================ =============================
    name       g(z)                                         g', from y = g(z) or z
    ========== ============================================ =============================
    linear     z                                            1
    sigmoid    1 / (1 + exp(-z))                            y (1 - y)
    tanh       tanh z                                       1 - y^2
    relu       max(z, 0)                                    1 if y > 0 else 0
    leaky_relu z if z > 0 else negative_slope z             1 if y > 0 else negative_slope
    elu        z if z > 0 else alpha (exp(z) - 1)           1 if y > 0 else y + alpha
    selu       lambda (z if z > 0 else a (exp(z) - 1))      lambda if y > 0 else y + lambda a
    softsign   z / (1 + abs(z))                             (1 - abs(y))^2
    softplus   log(1 + exp(z))                              1 - exp(-y)
    gelu       z Phi(z)                                     Phi(z) + z phi(z)
    gelu_tanh  z s(2u), u = sqrt(2/pi) (z + c z^3)          s + z s (1 - s) 2u', s = s(2u)
    silu       z s(z)                                       s + z s (1 - s), s = s(z)
    step       1 if z > 0 else 0                            0
    prelu      z if z > 0 else weight z                     1 if z > 0 else weight
    rrelu      z if z > 0 else a z                          1 if z > 0 else a
    ========== ============================================ =============================

    with lambda = 1.0507009873554805, a = 1.6732632423543778, c = 0.044715, s the sigmoid, Phi and phi the normal
    distribution function and density; z s(2u) is z / 2 (1 + tanh u). NaN stays NaN.

    prelu and rrelu run by themselves, not inside a lamina. prelu takes a matrix and `weight`: a number, (1,), or one
    slope a column (columns,). rrelu draws a for each element from [lower, upper) where `training`, keyed as in
    `random_uniform` by seed, layer, step and row_offset with a purpose of its own; otherwise a = (lower + upper) / 2.

    References
    ----------
    .. [1] Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013 (leaky_relu).
    .. [2] Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by ELUs", 2016.
    .. [3] Klambauer, Unterthiner, Mayr, Hochreiter, "Self-normalizing neural networks", 2017, equations 2 and 14.
    .. [4] Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010 (softsign).
    .. [5] Dugas, Bengio, Belisle, Nadeau, Garcia, "Incorporating second-order functional knowledge for better option
       pricing", 2001 (softplus).
    .. [6] Hendrycks, Gimpel, "Gaussian error linear units", 2016 (gelu, gelu_tanh).
    .. [7] Elfwing, Uchibe, Doya, "Sigmoid-weighted linear units for neural network function
       approximation", 2018 (silu).
    .. [8] Rosenblatt, "The perceptron", 1958 (step).
    .. [9] He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015 (prelu).
    .. [10] Xu, Wang, Chen, Li, "Empirical evaluation of rectified activations in convolutional network", 2015 (rrelu).

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.activation_forward([-1.0, 0.0, 2.0], "leaky_relu", negative_slope=0.5)
    array([-0.5,  0. ,  2. ])
    """
    if activation in RECTIFIERS:
        return deliver("activation_forward", rectifier_forward(x, activation, params), out)
    formula, params = resolve("activation_forward", activation, params)
    z = to_float64("activation_forward", "x", x)
    return deliver("activation_forward", formula.forward(z, **params), out)


def activation_backward(dy, x, activation, *, y=None, out=None, **params):
    """Gradient of the pre-activation: dy * g'(x).

    Parameters
    ----------
    dy : array_like
        Gradient of the activation's output.
    x : array_like of dy's shape
        The pre-activation.
    activation : str
        A name of `activations()`.
    y : array_like of dy's shape, optional
        The activation's output, where it is at hand; computed from `x` otherwise, where the derivative follows from it.
    out : ndarray of dy's shape, optional
        May be an input itself; for prelu a tuple of two.
    **params
        The activation's own constants.

    Returns
    -------
    ndarray of dy's shape, float64
        For prelu (dx, dweight), the slopes' gradient being (1,) or (columns,).

    Notes
    -----
    The table is in `activation_forward`.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.activation_backward([1.0, 1.0], [-3.0, 3.0], "relu")
    array([0., 1.])
    """
    op = "activation_backward"
    if activation in RECTIFIERS:
        return deliver(op, rectifier_backward(dy, x, activation, params), out)
    formula, params = resolve(op, activation, params)
    dy = to_float64(op, "dy", dy)
    if formula.reads == "z":
        y = x
    elif y is None:
        y = formula.forward(to_float64(op, "x", x), **params)
    y = to_float64(op, "y", y)
    expect_shape(op, "dy", dy, y.shape)
    return deliver(op, dy * formula.slope(y, **params), out)
