"""Leaky rectifiers whose slope is learned (PReLU) or drawn for each element (RReLU)."""

import numpy as np

from .checks import expect_shape, to_float64
from .random import RRELU, uniform_draw

RECTIFIERS = {
    "prelu": {"weight": 0.25},
    "rrelu": {"lower": 1 / 8, "upper": 1 / 3, "training": False, "seed": 0, "layer": 0, "step": 0, "row_offset": 0},
}


def rectifier_forward(x, activation, params):
    """Return z where z > 0 and slope z otherwise.

    Examples
    --------
    >>> from lamina.reference.rectifiers import rectifier_forward
    >>> rectifier_forward([[-2.0, 3.0]], "prelu", {"weight": [0.5, 0.1]})
    array([[-1.,  3.]])
    """
    op = "activation_forward"
    z = to_float64(op, "x", x)
    return np.where(z <= 0, _slopes(op, x, activation, params) * z, z)


def rectifier_backward(dy, x, activation, params):
    """Return dy g'(z), for prelu with the gradient of the slopes.

    Examples
    --------
    >>> from lamina.reference.rectifiers import rectifier_backward
    >>> rectifier_backward([[1.0, 1.0]], [[-2.0, 3.0]], "prelu", {"weight": [0.5]})
    (array([[0.5, 1. ]]), array([-2.]))
    """
    op = "activation_backward"
    z, dy = to_float64(op, "x", x), to_float64(op, "dy", dy)
    expect_shape(op, "dy", dy, z.shape)
    slopes = _slopes(op, x, activation, params)
    dx = np.where(z <= 0, slopes * dy, dy)
    if activation != "prelu":
        return dx
    terms = np.where(z > 0, 0.0, dy * z)
    return dx, np.array([terms.sum()]) if len(slopes) == 1 else terms.sum(axis=0)


def _slopes(op, x, activation, params):
    """The slope of every column (prelu), or of every element."""
    for name in params:
        if name not in RECTIFIERS[activation]:
            raise TypeError(f"{op}: activation {activation!r} has no parameter {name!r}")
    settings = {**RECTIFIERS[activation], **params}
    if activation == "prelu":
        weight = np.atleast_1d(np.asarray(settings["weight"], np.float64))
        if weight.shape not in ((1,), np.shape(x)[1:]):
            raise ValueError(f"{op}: weight has shape {weight.shape}, one slope or one a column is needed")
        return weight
    lower, upper = settings.pop("lower"), settings.pop("upper")
    if not 0 <= lower <= upper < np.inf:
        raise ValueError(f"{op}: lower is {lower} and upper {upper}, 0 <= lower <= upper is needed, finite")
    if not settings.pop("training"):
        return np.array(lower + (upper - lower) / 2)
    return lower + (upper - lower) * uniform_draw(op, np.shape(x), RRELU, np.asarray(x).dtype, **settings)
