"""Dropout and masking noise, drawn from the counter of `random.philox`."""

import numpy as np

from .checks import deliver, to_float64
from .random import DROPOUT, MASKING_NOISE, draw_words, lay_out, rows_and_columns


def dropout_mask(shape, p, *, seed, layer=0, step=0, row_offset=0, device="cpu"):
    """Draw which elements dropout keeps.

    Parameters
    ----------
    shape : int or tuple of int
        The first axis is the rows, the others together the columns.
    p : float
        The share that is dropped, 0 <= p < 1.
    seed, layer, step, row_offset : int
        As in `random_uniform`.
    device : str
        Taken and not used.

    Returns
    -------
    ndarray of bool, `shape`
        True = kept.

    Raises
    ------
    ValueError
        If p is outside [0, 1) or a number is out of its range.

    Notes
    -----
    Eight columns form a group; column c reads the 16-bit half c of the group's four words, low halves first. It is kept
    where half < k with k = max(1, round((1 - p) 2^16)), so with probability k / 2^16 exactly.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.dropout_mask((1, 6), 0.5, seed=7)
    array([[ True, False, False,  True, False, False]])
    """
    mask, _ = _kept("dropout_mask", shape, p, DROPOUT, dict(seed=seed, layer=layer, step=step, row_offset=row_offset))
    return mask


def dropout_forward(x, p, *, seed, layer=0, step=0, row_offset=0, out=None):
    """Zero a share p of the elements, and scale the others so that the expectation stays.

    Parameters
    ----------
    x : array_like, any rank of at least 1
    p : float
        The share that is dropped, 0 <= p < 1.
    seed, layer, step, row_offset : int
        As in `random_uniform`.
    out : ndarray of x's shape, optional
        May be `x` itself.

    Returns
    -------
    ndarray of x's shape, float64

    Notes
    -----
    y = x * mask * 2^16 / k, with mask and k of `dropout_mask`.

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15 (2014).

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.dropout_forward([[1.0, 1.0, 1.0, 1.0]], 0.5, seed=7)
    array([[2., 0., 0., 2.]])
    """
    return _apply("dropout_forward", "x", x, p, out, seed=seed, layer=layer, step=step, row_offset=row_offset)


def dropout_backward(dy, p, *, seed, layer=0, step=0, row_offset=0, out=None):
    """Gradient of dropout's input: the same mask, drawn again, and the same scale.

    Parameters
    ----------
    dy : array_like, any rank of at least 1
        Gradient of the output.
    p, seed, layer, step, row_offset
        As in the forward pass.
    out : ndarray of dy's shape, optional
        May be `dy` itself.

    Returns
    -------
    ndarray of dy's shape, float64

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.dropout_backward([[1.0, 1.0, 1.0, 1.0]], 0.5, seed=7)
    array([[2., 0., 0., 2.]])
    """
    return _apply("dropout_backward", "dy", dy, p, out, seed=seed, layer=layer, step=step, row_offset=row_offset)


def masking_noise(x, p, *, seed, layer=0, step=0, row_offset=0, out=None):
    """Set a share p of the elements to zero and scale nothing: a denoising autoencoder's corruption.

    Parameters
    ----------
    x : array_like, any rank of at least 1
    p : float
        The share that is zeroed, 0 <= p < 1.
    seed, layer, step, row_offset : int
        As in `random_uniform`; the draw has a purpose of its own, so it is independent of dropout's.
    out : ndarray of x's shape, optional
        May be `x` itself.

    Returns
    -------
    ndarray of x's shape, float64

    References
    ----------
    P. Vincent et al., "Stacked denoising autoencoders", JMLR 11 (2010), section 3.3.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.masking_noise([[1.0, 2.0, 3.0, 4.0]], 0.5, seed=7)
    array([[0., 2., 0., 0.]])
    """
    x = to_float64("masking_noise", "x", x)
    mask, _ = _kept(
        "masking_noise", x.shape, p, MASKING_NOISE, dict(seed=seed, layer=layer, step=step, row_offset=row_offset)
    )
    return deliver("masking_noise", np.where(mask, x, 0.0), out)


def _apply(op, name, x, p, out, **draw):
    x = to_float64(op, name, x)
    mask, scale = _kept(op, x.shape, p, DROPOUT, draw)
    return deliver(op, np.where(mask, x * scale, 0.0), out)


def _kept(op, shape, p, purpose, draw):
    """The mask of a draw, and the inverse of the exact probability of keeping."""
    if not 0 <= p < 1:
        raise ValueError(f"{op}: p is {p}, 0 <= p < 1 is needed")
    rows, columns = rows_and_columns(op, shape)
    words = draw_words(op, rows, -(-columns // 8), purpose, **draw)
    halves = np.stack([words & np.uint32(0xFFFF), words >> np.uint32(16)], axis=-1)
    kept = max(1, int(np.floor((1.0 - p) * 65536 + 0.5)))
    return lay_out(halves, shape) < kept, 65536 / kept
