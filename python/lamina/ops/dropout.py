"""Dropout, alpha dropout and masking noise, drawn from the counter of `random.philox`."""

from lamina import _core

from .checks import as_shape


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
    device : {"cpu", "cuda"}
        Where the result is.
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

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.dropout_mask((1, 6), 0.5, seed=7)
    array([[ True, False, False,  True, False, False]])
    """
    return _core.dropout_mask(as_shape("dropout_mask", shape), p, seed, layer, step, row_offset, device, out)


def dropout_forward(x, p, *, seed, layer=0, step=0, row_offset=0, scaling="inverted", training=True, out=None):
    """Zero a share p of the elements, and scale so that training and inference have the same expectation.

    Parameters
    ----------
    x : ndarray, any rank of at least 1
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
    ndarray of x's shape

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

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
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.dropout_forward(np.array([[1.0, 1.0, 1.0, 1.0]]), 0.5, seed=7)
    array([[2., 0., 0., 2.]])
    """
    return _core.dropout("dropout_forward", "x", x, p, seed, layer, step, row_offset, scaling, training, out)


def dropout_backward(dy, p, *, seed, layer=0, step=0, row_offset=0, scaling="inverted", training=True, out=None):
    """Gradient of dropout's input: dy in the place of x, the same mask, drawn again, and the same scale.

    Parameters
    ----------
    dy : ndarray, any rank of at least 1
        Gradient of the output.
    p, seed, layer, step, row_offset, scaling, training
        As in the forward pass.
    out : ndarray of dy's shape, optional
        May be `dy` itself.

    Returns
    -------
    ndarray of dy's shape

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.dropout_backward(np.array([[1.0, 1.0, 1.0, 1.0]]), 0.5, seed=7)
    array([[2., 0., 0., 2.]])
    """
    return _core.dropout("dropout_backward", "dy", dy, p, seed, layer, step, row_offset, scaling, training, out)


def alpha_dropout_forward(x, p, *, seed, layer=0, step=0, row_offset=0, out=None):
    """Set a share p of SELU's outputs to its value at minus infinity, and keep mean 0 and variance 1.

    Parameters
    ----------
    x : ndarray, any rank of at least 1
    p : float
        The share that is replaced, 0 <= p < 1.
    seed, layer, step, row_offset : int
        As in `random_uniform`.
    out : ndarray of x's shape, optional
        May be `x` itself.

    Returns
    -------
    ndarray of x's shape

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

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
    >>> from lamina import ops
    >>> ops.alpha_dropout_forward(np.array([[1.0, 1.0, 1.0, 1.0]]), 0.5, seed=7).round(4)
    array([[ 1.6656, -0.7792, -0.7792,  1.6656]])
    """
    return _core.alpha_dropout_forward(x, p, seed, layer, step, row_offset, out)


def alpha_dropout_backward(dy, p, *, seed, layer=0, step=0, row_offset=0, out=None):
    """Gradient of alpha dropout's input: dy * mask * a.

    Parameters
    ----------
    dy : ndarray, any rank of at least 1
        Gradient of the output.
    p, seed, layer, step, row_offset
        As in the forward pass.
    out : ndarray of dy's shape, optional
        May be `dy` itself.

    Returns
    -------
    ndarray of dy's shape

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    Notes
    -----
    The mask and a are those of `alpha_dropout_forward`.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.alpha_dropout_backward(np.array([[1.0, 1.0, 1.0, 1.0]]), 0.5, seed=7).round(4)
    array([[0.8864, 0.    , 0.    , 0.8864]])
    """
    return _core.alpha_dropout_backward(dy, p, seed, layer, step, row_offset, out)


def masking_noise(x, p, *, seed, layer=0, step=0, row_offset=0, out=None):
    """Set a share p of the elements to zero and scale nothing: a denoising autoencoder's corruption.

    Parameters
    ----------
    x : ndarray, any rank of at least 1
    p : float
        The share that is zeroed, 0 <= p < 1.
    seed, layer, step, row_offset : int
        As in `random_uniform`; the draw has a purpose of its own, so it is independent of dropout's.
    out : ndarray of x's shape, optional
        May be `x` itself.

    Returns
    -------
    ndarray of x's shape

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    References
    ----------
    P. Vincent et al., "Stacked denoising autoencoders", JMLR 11 (2010), section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.masking_noise(np.array([[1.0, 2.0, 3.0, 4.0]]), 0.5, seed=7)
    array([[0., 2., 0., 0.]])
    """
    return _core.masking_noise(x, p, seed, layer, step, row_offset, out)
