"""Dropout, alpha dropout and masking noise, drawn from the counter of `random.philox`."""

import numpy as np

from .checks import deliver, to_float64
from .random import DROPOUT, MASKING_NOISE, draw_words, lay_out, rows_and_columns


def dropout_mask(shape, p, *, seed, layer=0, step=0, row_offset=0, device="cpu", out=None):
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
    out : ndarray of bool, `shape`, optional

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
    mask, _ = kept("dropout_mask", shape, p, DROPOUT, dict(seed=seed, layer=layer, step=step, row_offset=row_offset))
    return deliver("dropout_mask", mask, out)


def dropout_forward(x, p, *, seed, layer=0, step=0, row_offset=0, scaling="inverted", training=True, out=None):
    """Zero a share p of the elements, and scale so that training and inference have the same expectation.

    Parameters
    ----------
    x : array_like, any rank of at least 1
    p : float
        The share that is dropped, 0 <= p < 1.
    seed, layer, step, row_offset : int
        As in `random_uniform`.
    scaling : {"inverted", "test"}
        Whether what is kept is scaled up in training, or all is scaled down in inference, by the share kept.
    training : bool
        In inference nothing is drawn.
    out : ndarray of x's shape, optional
        May be `x` itself.

    Returns
    -------
    ndarray of x's shape, float64

    Notes
    -----
    With mask and k of `dropout_mask`, in training and in inference:

    - "inverted": y = x * mask * 2^16 / k, and y = x;
    - "test": y = x * mask, and y = x * k / 2^16.

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15 (2014).

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.dropout_forward([[1.0, 1.0, 1.0, 1.0]], 0.5, seed=7)
    array([[2., 0., 0., 2.]])
    """
    draw = dict(seed=seed, layer=layer, step=step, row_offset=row_offset)
    return _apply("dropout_forward", "x", x, p, scaling, training, out, draw)


def dropout_backward(dy, p, *, seed, layer=0, step=0, row_offset=0, scaling="inverted", training=True, out=None):
    """Gradient of dropout's input: dy in the place of x, the same mask, drawn again, and the same scale.

    Parameters
    ----------
    dy : array_like, any rank of at least 1
        Gradient of the output.
    p, seed, layer, step, row_offset, scaling, training
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
    draw = dict(seed=seed, layer=layer, step=step, row_offset=row_offset)
    return _apply("dropout_backward", "dy", dy, p, scaling, training, out, draw)


def alpha_dropout_forward(x, p, *, seed, layer=0, step=0, row_offset=0, out=None):
    """Set a share p of SELU's outputs to its value at minus infinity, and keep mean 0 and variance 1.

    Parameters
    ----------
    x : array_like, any rank of at least 1
    p : float
        The share that is replaced, 0 <= p < 1.
    seed, layer, step, row_offset : int
        As in `random_uniform`.
    out : ndarray of x's shape, optional
        May be `x` itself.

    Returns
    -------
    ndarray of x's shape, float64

    Notes
    -----
    y = a (x * mask + α' (1 - mask)) + b with the mask of `dropout_mask` and α' = -λα = -1.7580993408473766 of SELU.
    With q = k / 2^16, the share kept, a = (q + α'² q (1 - q))^(-1/2) and b = -a α' (1 - q). In inference y = x.

    References
    ----------
    G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter, "Self-normalizing neural networks", NIPS 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> ref.alpha_dropout_forward(np.array([[1.0, 1.0, 1.0, 1.0]]), 0.5, seed=7).round(4)
    array([[ 1.6656, -0.7792, -0.7792,  1.6656]])
    """
    x = to_float64("alpha_dropout_forward", "x", x)
    draw = dict(seed=seed, layer=layer, step=step, row_offset=row_offset)
    mask, scale = kept("alpha_dropout_forward", x.shape, p, DROPOUT, draw)
    a, b, dropped = _alpha_constants(1 / scale)
    return deliver("alpha_dropout_forward", np.where(mask, a * x + b, dropped), out)


def alpha_dropout_backward(dy, p, *, seed, layer=0, step=0, row_offset=0, out=None):
    """Gradient of alpha dropout's input: dy * mask * a.

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

    Notes
    -----
    The mask and a are those of `alpha_dropout_forward`.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> ref.alpha_dropout_backward(np.array([[1.0, 1.0, 1.0, 1.0]]), 0.5, seed=7).round(4)
    array([[0.8864, 0.    , 0.    , 0.8864]])
    """
    dy = to_float64("alpha_dropout_backward", "dy", dy)
    draw = dict(seed=seed, layer=layer, step=step, row_offset=row_offset)
    mask, scale = kept("alpha_dropout_backward", dy.shape, p, DROPOUT, draw)
    return deliver("alpha_dropout_backward", np.where(mask, _alpha_constants(1 / scale)[0] * dy, 0.0), out)


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
    mask, _ = kept(
        "masking_noise", x.shape, p, MASKING_NOISE, dict(seed=seed, layer=layer, step=step, row_offset=row_offset)
    )
    return deliver("masking_noise", np.where(mask, x, 0.0), out)


def _apply(op, name, x, p, scaling, training, out, draw):
    x = to_float64(op, name, x)
    if scaling not in ("inverted", "test"):
        raise ValueError(f"{op}: scaling is {scaling!r}, 'inverted' or 'test' is needed")
    mask, scale = kept(op, x.shape, p, DROPOUT, draw)
    if not training:
        return deliver(op, x / scale if scaling == "test" else x, out)
    return deliver(op, np.where(mask, x * scale if scaling == "inverted" else x, 0.0), out)


def _alpha_constants(share):
    """The affine map of alpha dropout, and what a dropped unit becomes, for the share that is kept."""
    saturated = -1.0507009873554805 * 1.6732632423543778
    a = (share + saturated**2 * share * (1 - share)) ** -0.5
    b = -a * saturated * (1 - share)
    return a, b, a * saturated + b


def kept(op, shape, p, purpose, draw):
    """The mask of a draw, and the inverse of the exact probability of keeping.

    Examples
    --------
    >>> from lamina.reference.dropout import kept
    >>> from lamina.reference.random import DROPOUT
    >>> kept("dropout_mask", (1, 3), 0.5, DROPOUT, dict(seed=7, layer=0, step=0))
    (array([[ True, False, False]]), 2.0)
    """
    halves, threshold = half_words(op, shape, p, purpose, draw)
    return halves < threshold, 65536 / threshold


def half_words(op, shape, p, purpose, draw):
    """Every element's 16 random bits, and the threshold below which it is kept.

    Examples
    --------
    >>> from lamina.reference.dropout import half_words
    >>> from lamina.reference.random import DROPOUT
    >>> half_words("dropout_mask", (2, 3), 0.25, DROPOUT, dict(seed=7, layer=0, step=0))[1]
    49152
    """
    if not 0 <= p < 1:
        raise ValueError(f"{op}: p is {p}, 0 <= p < 1 is needed")
    rows, columns = rows_and_columns(op, shape)
    words = draw_words(op, rows, -(-columns // 8), purpose, **draw)
    halves = np.stack([words & np.uint32(0xFFFF), words >> np.uint32(16)], axis=-1)
    return lay_out(halves, shape), max(1, int(np.floor((1.0 - p) * 65536 + 0.5)))
