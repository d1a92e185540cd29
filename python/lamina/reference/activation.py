"""Activations: g(z) and its derivative, written as a function of the output y = g(z)."""

from typing import NamedTuple

import numpy as np

from .checks import deliver, expect_shape, to_float64

# Klambauer et al. 2017, equation 14: the fixed point with mean 0 and variance 1.
SELU_LAMBDA = 1.0507009873554805
SELU_ALPHA = 1.6732632423543778


class Formula(NamedTuple):
    """One activation: its parameters' defaults, g(z, **params), and g' as a function of y."""

    defaults: dict
    forward: object
    slope: object


def _sigmoid(z):
    e = np.exp(-np.abs(z))  # never overflows
    return np.where(z >= 0, 1.0, e) / (1.0 + e)


def _elu(z, alpha):
    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0.0)))


def _positive(y, positive, other):
    """`other` where y <= 0, else `positive`: at a kink the left derivative counts and NaN lets dy pass, as in torch."""
    return np.where(y <= 0, other, positive)


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
}


def activations():
    """Name every activation, with the defaults of its parameters.

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
    return {name: dict(formula.defaults) for name, formula in _FORMULAS.items()}


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
        raise ValueError(f"{op}: unknown activation {activation!r}, one of {', '.join(_FORMULAS)} is needed")
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
        The activation's own constants: `negative_slope` of leaky_relu, `alpha` of elu.

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
    name       g(z)                                         g' from y = g(z)
    ========== ============================================ =============================
    linear     z                                            1
    sigmoid    1 / (1 + exp(-z))                            y (1 - y)
    tanh       tanh z                                       1 - y^2
    relu       max(z, 0)                                    1 if y > 0 else 0
    leaky_relu z if z > 0 else negative_slope z             1 if y > 0 else negative_slope
    elu        z if z > 0 else alpha (exp(z) - 1)           1 if y > 0 else y + alpha
    selu       lambda (z if z > 0 else a (exp(z) - 1))      lambda if y > 0 else y + lambda a
    ========== ============================================ =============================

    with lambda = 1.0507009873554805 and a = 1.6732632423543778. NaN stays NaN.

    References
    ----------
    .. [1] Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013 (leaky_relu).
    .. [2] Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by ELUs", 2016.
    .. [3] Klambauer, Unterthiner, Mayr, Hochreiter, "Self-normalizing neural networks", 2017, equations 2 and 14.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.activation_forward([-1.0, 0.0, 2.0], "leaky_relu", negative_slope=0.5)
    array([-0.5,  0. ,  2. ])
    """
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
        The activation's output, where it is at hand; computed from `x` otherwise.
    out : ndarray of dy's shape, optional
        May be an input itself.
    **params
        The activation's own constants.

    Returns
    -------
    ndarray of dy's shape, float64

    Notes
    -----
    The derivative follows from the output; the table is in `activation_forward`.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.activation_backward([1.0, 1.0], [-3.0, 3.0], "relu")
    array([0., 1.])
    """
    op = "activation_backward"
    formula, params = resolve(op, activation, params)
    dy = to_float64(op, "dy", dy)
    if y is None:
        y = formula.forward(to_float64(op, "x", x), **params)
    y = to_float64(op, "y", y)
    expect_shape(op, "dy", dy, y.shape)
    return deliver(op, dy * formula.slope(y, **params), out)
