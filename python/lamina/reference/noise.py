"""Noise on inputs and units: Gaussian, salt and pepper, zoneout."""

import numpy as np

from .checks import deliver, expect_shape, to_float64
from .dropout import half_words, kept
from .random import DROPOUT, GAUSSIAN_NOISE, SALT_AND_PEPPER, normal_draw


def gaussian_noise(x, std, *, seed, layer=0, step=0, row_offset=0, out=None):
    """Add normal noise of deviation `std`.

    Parameters
    ----------
    x : array_like, any rank of at least 1
    std : float
        At least 0 and finite.
    seed, layer, step, row_offset : int
        As in `random_uniform`; the draw has a purpose of its own.
    out : ndarray of x's shape, optional
        May be `x` itself.

    Returns
    -------
    ndarray of x's shape, float64

    Notes
    -----
    y = x + std n with n as `random_normal` draws it, in the dtype of x and under the purpose of this noise. The
    gradient of x is that of y.

    References
    ----------
    P. Vincent et al., "Stacked denoising autoencoders", JMLR 11 (2010), section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> ref.gaussian_noise(np.zeros((1, 3)), 0.1, seed=7).round(4)
    array([[ 0.0143, -0.0159,  0.0601]])
    """
    op, key = "gaussian_noise", dict(seed=seed, layer=layer, step=step, row_offset=row_offset)
    if not 0 <= std < np.inf:
        raise ValueError(f"{op}: std is {std}, a finite number >= 0 is needed")
    normal = normal_draw(op, np.shape(x), GAUSSIAN_NOISE, np.asarray(x).dtype, **key)
    return deliver(op, to_float64(op, "x", x) + std * normal, out)


def salt_and_pepper(x, p, *, low=0.0, high=1.0, seed, layer=0, step=0, row_offset=0, out=None):
    """Set a share p of the elements to `low` or `high`, half each.

    Parameters
    ----------
    x : array_like, any rank of at least 1
    p : float
        The share that is replaced, 0 <= p < 1.
    low, high : float
        Finite numbers, in either order.
    seed, layer, step, row_offset : int
        As in `random_uniform`; the draw has a purpose of its own.
    out : ndarray of x's shape, optional
        May be `x` itself.

    Returns
    -------
    ndarray of x's shape, float64

    Notes
    -----
    An element's 16 random bits are found as in `dropout_mask`. It is kept where they are below k, becomes `low` where
    they are below k + ceil((2^16 - k) / 2), and else `high`. The gradient of x is the same op on that of y, with 0 for
    `low` and `high`.

    References
    ----------
    P. Vincent et al., "Stacked denoising autoencoders", JMLR 11 (2010), section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> ref.salt_and_pepper(np.full((1, 8), 0.5), 0.5, seed=7)
    array([[0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0. ]])
    """
    op, key = "salt_and_pepper", dict(seed=seed, layer=layer, step=step, row_offset=row_offset)
    x = to_float64(op, "x", x)
    if not np.isfinite([low, high]).all():
        raise ValueError(f"{op}: low is {low} and high {high}, finite numbers are needed")
    bits, k = half_words(op, x.shape, p, SALT_AND_PEPPER, key)
    extreme = np.where(bits < k + -(-(65536 - k) // 2), low, high)
    return deliver(op, np.where(bits < k, x, extreme), out)


def zoneout_forward(h, previous, p, *, seed, layer=0, step=0, row_offset=0, training=True, out=None):
    """Leave a share p of the units at their previous value.

    Parameters
    ----------
    h : array_like, any rank of at least 1
        The new values.
    previous : array_like of h's shape
        The values before: of a feed-forward layer as wide as its input, that input.
    p : float
        The share that stays, 0 <= p < 1.
    seed, layer, step, row_offset : int
        As in `random_uniform`.
    training : bool
        In inference nothing is drawn.
    out : ndarray of h's shape, optional
        May be `h` or `previous` itself.

    Returns
    -------
    ndarray of h's shape, float64

    Notes
    -----
    With mask and k of `dropout_mask`, in training y = h * mask + previous * (1 - mask), in inference its expectation,
    y = q h + (1 - q) previous with q = k / 2^16.

    References
    ----------
    D. Krueger et al., "Zoneout: regularizing RNNs by randomly preserving hidden activations", ICLR 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> ref.zoneout_forward(np.ones((1, 4)), np.zeros((1, 4)), 0.5, seed=7)
    array([[1., 0., 0., 1.]])
    """
    op, key = "zoneout_forward", dict(seed=seed, layer=layer, step=step, row_offset=row_offset)
    h, previous = to_float64(op, "h", h), to_float64(op, "previous", previous)
    expect_shape(op, "previous", previous, h.shape)
    weight = _new_share(op, h.shape, p, training, key)
    return deliver(op, weight * h + (1 - weight) * previous, out)


def zoneout_backward(dy, p, *, seed, layer=0, step=0, row_offset=0, training=True, out=None):
    """Gradients of zoneout's two inputs: dy, each element to the one that gave it.

    Parameters
    ----------
    dy : array_like, any rank of at least 1
        Gradient of the output.
    p, seed, layer, step, row_offset, training
        As in the forward pass.
    out : tuple of two ndarray of dy's shape, optional

    Returns
    -------
    dh, dprevious : ndarray of dy's shape, float64

    Notes
    -----
    In training dh = dy * mask and dprevious = dy * (1 - mask), in inference q dy and (1 - q) dy.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> ref.zoneout_backward(np.ones((1, 4)), 0.5, seed=7)
    (array([[1., 0., 0., 1.]]), array([[0., 1., 1., 0.]]))
    """
    op, key = "zoneout_backward", dict(seed=seed, layer=layer, step=step, row_offset=row_offset)
    dy = to_float64(op, "dy", dy)
    weight = _new_share(op, dy.shape, p, training, key)
    return deliver(op, (weight * dy, (1 - weight) * dy), out)


def _new_share(op, shape, p, training, draw):
    """How much of each element is new: 1 or 0 in training, their mean in inference."""
    mask, scale = kept(op, shape, p, DROPOUT, draw)
    return mask.astype(np.float64) if training else np.full(shape, 1 / scale)
