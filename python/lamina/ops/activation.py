"""Activations: g(z) and its derivative, written as a function of the output y = g(z) or of z."""

from lamina import _core


def activations(*, fused=None):
    """Name every activation, with the defaults of its parameters.

    Parameters
    ----------
    fused : bool, optional
        True: those that run inside a lamina. False: those that run by themselves, since they learn a slope (prelu) or
        draw one (rrelu). All unless given.

    Returns
    -------
    dict
        name -> {parameter: default}, a new dictionary at each call.

    References
    ----------
    One entry a struct of csrc/math/activations.h, and csrc/ops/rectifiers.h.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.activations()["leaky_relu"], ops.activations(fused=False)["prelu"]
    ({'negative_slope': 0.01}, {'weight': 0.25})
    """
    inside = {} if fused is False else _core.activations()
    return inside if fused else {**inside, **{name: dict(values) for name, values in _RECTIFIERS.items()}}


_RECTIFIERS = {
    "prelu": {"weight": 0.25},
    "rrelu": {"lower": 1 / 8, "upper": 1 / 3, "training": False, "seed": 0, "layer": 0, "step": 0, "row_offset": 0},
}


def _settings(op, activation, params):
    """The parameters of a rectifier that runs by itself, defaults filled in."""
    defaults = _RECTIFIERS[activation]
    for name in params:
        if name not in defaults:
            raise TypeError(
                f"{op}: unknown keyword {name!r}: neither an argument nor a parameter of activation {activation}"
            )
    return {**defaults, **params}


def activation_forward(x, activation, *, out=None, **params):
    r"""Apply an activation to every element.

    Parameters
    ----------
    x : ndarray, any rank of at least 1
        The pre-activation z.
    activation : str
        A name of `activations()`.
    out : ndarray of x's shape, optional
        May be `x` itself.
    **params
        The activation's own, as `activations()` lists them.

    Returns
    -------
    ndarray of x's shape

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

    Largest errors in float32, in units in the last place, over every seventh number: sigmoid 1.7, tanh 2.0, elu 1.0,
    selu 1.9, softplus 1.9, silu 2.7, gelu 6.9 (far below 0). Exponentials below the smallest normal number count as 0.

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
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.activation_forward(np.array([-1.0, 0.0, 2.0]), "leaky_relu", negative_slope=0.5)
    array([-0.5,  0. ,  2. ])
    """
    if not isinstance(activation, str) or activation not in _RECTIFIERS:
        return _core.activation_forward(x, activation, params, out)
    settings = _settings("activation_forward", activation, params)
    if activation == "prelu":
        return _core.prelu_forward(x, settings["weight"], out)
    return _core.rrelu(dy=None, x=x, out=out, **settings)


def activation_backward(dy, x, activation, *, y=None, out=None, **params):
    """Gradient of the pre-activation: dy * g'(x).

    Parameters
    ----------
    dy : ndarray
        Gradient of the activation's output.
    x : ndarray of dy's shape
        The pre-activation.
    activation : str
        A name of `activations()`.
    y : ndarray of dy's shape, optional
        The activation's output, where it is at hand; computed from `x` otherwise, where the derivative follows from it.
    out : ndarray of dy's shape, optional
        May be an input itself; for prelu a tuple of two.
    **params
        The activation's own constants.

    Returns
    -------
    ndarray of dy's shape
        For prelu (dx, dweight), the slopes' gradient being (1,) or (columns,).

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    Notes
    -----
    The table is in `activation_forward`.

    References
    ----------
    X. Glorot, A. Bordes, Y. Bengio, "Deep sparse rectifier neural networks", 2011 (ReLU); D.-A. Clevert et al., 2016
    (ELU); G. Klambauer et al., 2017 (SELU).

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.activation_backward(np.array([1.0, 1.0]), np.array([-3.0, 3.0]), "relu")
    array([0., 1.])
    """
    if not isinstance(activation, str) or activation not in _RECTIFIERS:
        return _core.activation_backward(dy, x, activation, params, y, out)
    settings = _settings("activation_backward", activation, params)
    if y is not None:
        raise TypeError(f"activation_backward: y is given, {activation} follows from x alone: needs y=None")
    if activation == "prelu":
        return _core.prelu_backward(dy, x, settings["weight"], out)
    return _core.rrelu(dy=dy, x=x, out=out, **settings)
