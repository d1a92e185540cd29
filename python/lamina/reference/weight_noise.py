"""Noise on weights: shakeout and whiteout."""

import numpy as np

from .checks import deliver, expect_shape, to_float64
from .dropout import kept
from .random import DROPOUT, WHITEOUT, normal_draw


def shakeout(weight, p, c, *, seed, layer=0, step=0, row_offset=0, out=None):
    """Replace a share p of the weights by a constant against their sign, and scale up the others.

    Parameters
    ----------
    weight : array_like, any rank of at least 1
    p : float
        The share that is replaced, 0 <= p < 1.
    c : float
        The constant, at least 0 and finite; with 0 it is dropout of the weights, DropConnect.
    seed, layer, step, row_offset : int
        As in `random_uniform`; rows are those of the weight.
    out : ndarray of weight's shape, optional
        May be `weight` itself.

    Returns
    -------
    ndarray of weight's shape, float64

    Notes
    -----
    r W + c (r - 1) sgn(W) with r = mask * 2^16 / k, mask and k of `dropout_mask`: kept weights are scaled up and moved
    away from 0, the others become -c sgn(W). Its expectation is W. sgn has no slope, so the gradient of W is r times
    that of the result: `dropout_backward`.

    References
    ----------
    G. Kang, J. Li, D. Tao, "Shakeout: a new regularized deep neural network training scheme", AAAI 2016. There r
    belongs to a unit; here, as in DropConnect, each weight has its own.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> ref.shakeout(np.array([[1.0, 1.0, -1.0, -1.0]]), 0.5, 0.1, seed=7)
    array([[ 2.1, -0.1,  0.1, -2.1]])
    """
    op, key = "shakeout", dict(seed=seed, layer=layer, step=step, row_offset=row_offset)
    weight = to_float64(op, "weight", weight)
    if not 0 <= c < np.inf:
        raise ValueError(f"{op}: c is {c}, a finite number >= 0 is needed")
    mask, scale = kept(op, weight.shape, p, DROPOUT, key)
    r = mask * scale
    return deliver(op, r * weight + c * (r - 1) * np.sign(weight), out)


def whiteout_forward(weight, std, *, gamma=1.0, lam=0.0, seed, layer=0, step=0, row_offset=0, out=None):
    """Multiply weights by 1 + e, with normal noise e that is the stronger the smaller the weight.

    Parameters
    ----------
    weight : array_like, any rank of at least 1
    std, gamma, lam : float
        Of the noise's variance: std >= 0, 0 <= gamma <= 2 and lam >= 0, finite.
    seed, layer, step, row_offset : int
        As in `random_uniform`; rows are those of the weight. The draw has a purpose of its own.
    out : ndarray of weight's shape, optional
        May be `weight` itself.

    Returns
    -------
    ndarray of weight's shape, float64

    Notes
    -----
    W (1 + e) with e ~ N(0, std² |W|^-gamma + lam), drawn as W + s(W) n with s² = std² |W|^(2 - gamma) + lam W² and n as
    `random_normal` draws it. Its expectation is W. In a generalized linear model gamma = 0 acts as an L2 penalty, 1 as
    L1. Weights below 2^-50 count as that.

    References
    ----------
    Y. Li, F. Liu, "Whiteout: Gaussian adaptive noise regularization in deep neural networks", arXiv:1612.01490 (2016),
    in its multiplicative form.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> ref.whiteout_forward(np.array([[1.0, -1.0, 0.01]]), 0.1, seed=7).round(4)
    array([[ 0.8348, -1.0033, -0.0014]])
    """
    op, key = "whiteout_forward", dict(seed=seed, layer=layer, step=step, row_offset=row_offset)
    normal = normal_draw(op, np.shape(weight), WHITEOUT, np.asarray(weight).dtype, **key)
    weight = to_float64(op, "weight", weight)
    return deliver(op, weight + _deviation(op, weight, std, gamma, lam)[0] * normal, out)


def whiteout_backward(dy, weight, std, *, gamma=1.0, lam=0.0, seed, layer=0, step=0, row_offset=0, out=None):
    """Gradient of whiteout's weight, which the strength of the noise depends on, too.

    Parameters
    ----------
    dy : array_like, any rank of at least 1
        Gradient of the noisy weight.
    weight : array_like of dy's shape
    std, gamma, lam, seed, layer, step, row_offset
        As in the forward pass.
    out : ndarray of dy's shape, optional
        May be `dy` or `weight` itself.

    Returns
    -------
    ndarray of dy's shape, float64

    Notes
    -----
    dW = dy (1 + n s'(W)) with s' = sgn(W) ((1 - gamma / 2) std² |W|^(2 - gamma) + lam W²) / (|W| s).

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> ref.whiteout_backward(np.ones((1, 3)), np.array([[1.0, -1.0, 0.01]]), 0.1, seed=7).round(4)
    array([[0.9174, 1.0017, 0.4294]])
    """
    op, key = "whiteout_backward", dict(seed=seed, layer=layer, step=step, row_offset=row_offset)
    normal = normal_draw(op, np.shape(dy), WHITEOUT, np.asarray(dy).dtype, **key)
    dy, weight = to_float64(op, "dy", dy), to_float64(op, "weight", weight)
    expect_shape(op, "weight", weight, dy.shape)
    return deliver(op, dy * (1 + _deviation(op, weight, std, gamma, lam)[1] * normal), out)


def _deviation(op, weight, std, gamma, lam):
    """The deviation of a weight's noise, and its derivative."""
    if not (0 <= std < np.inf and 0 <= gamma <= 2 and 0 <= lam < np.inf):
        raise ValueError(
            f"{op}: std is {std}, gamma {gamma} and lam {lam}; std, lam >= 0 and 0 <= gamma <= 2 are needed"
        )
    size = np.maximum(np.abs(weight), 2.0**-50)
    deviation = np.sqrt(std**2 * size ** (2 - gamma) + lam * size**2)
    growth = (1 - gamma / 2) * std**2 * size ** (1 - gamma) + lam * size
    slope = np.divide(growth, deviation, where=deviation > 0, out=np.zeros_like(deviation))
    return deviation, np.where(np.abs(weight) > 2.0**-50, np.sign(weight) * slope, 0.0)
