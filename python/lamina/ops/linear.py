"""The affine layer with its activation: y = g(x Wᵀ + b)."""

from lamina import _core


def linear_forward(x, weight, bias=None, *, activation="linear", out=None, precision=None, **params):
    """Compute y = g(x Wᵀ + b).

    Parameters
    ----------
    x : ndarray, (batch, in)
    weight : ndarray, (out, in)
    bias : ndarray, (out,), optional
    activation : str
        A name of `activations(fused=True)`. prelu and rrelu are calls of `activation_forward` by themselves.
    out : ndarray, (batch, out), optional
    precision : str, optional
        Of float32 products: "highest", "high" or "medium"; that of `lamina.set_precision` unless given. What the
        machine has no faster unit for is computed at "highest".
    **params
        The activation's own constants.

    Returns
    -------
    ndarray, (batch, out)

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Arrays of bfloat16 are taken too, all of them; the result is bfloat16 then, or float32 when `out` is.

    References
    ----------
    D. Rumelhart, G. Hinton, R. Williams, "Learning representations by back-propagating errors", Nature 323 (1986).

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> weight, bias = np.array([[1.0, 1.0], [0.0, -1.0]]), np.array([0.5, 0.0])
    >>> ops.linear_forward(np.array([[1.0, 2.0]]), weight, bias, activation="relu")
    array([[3.5, 0. ]])
    """
    return _core.linear_forward(x, weight, bias, activation, params, out, precision)


def linear_backward(
    dy, x, weight, *, y=None, z=None, activation="linear", need_dx=True, out=None, precision=None, **params
):
    """Gradients of y = g(x Wᵀ + b).

    Parameters
    ----------
    dy : ndarray, (batch, out)
        Gradient of the output.
    x : ndarray, (batch, in)
    weight : ndarray, (out, in)
    y : ndarray, (batch, out), optional
        The forward pass's output; needed where the derivative follows from it.
    z : ndarray, (batch, out), optional
        The pre-activation; needed where the derivative follows from it: gelu, gelu_tanh, silu.
    activation : str
        A name of `activations(fused=True)`. prelu and rrelu are calls of `activation_forward` by themselves.
    need_dx : bool
        Whether the gradient of x is computed; the first layer does not need it.
    out : tuple of ndarray (dx, dweight, dbias), optional
    precision : str, optional
        As of `gemm`.
    **params
        The activation's own constants.

    Returns
    -------
    dx : ndarray, (batch, in), or None without `need_dx`
    dweight : ndarray, (out, in)
    dbias : ndarray, (out,)

    Raises
    ------
    ValueError
        If the shapes do not fit, or `y` or `z` is missing.

    Notes
    -----
    da = dy * g'(a), dx = da W, dW = daᵀ x, db = Σ_rows da. Arrays of bfloat16 are taken too, all of them; da is rounded
    to bfloat16 for the products then, and the results are bfloat16, or float32 where `out` is.

    References
    ----------
    D. Rumelhart, G. Hinton, R. Williams, "Learning representations by back-propagating errors", 1986.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> dx, dweight, dbias = ops.linear_backward(np.array([[2.0]]), np.array([[1.0, 3.0]]), np.array([[0.5, 0.25]]))
    >>> dx, dweight, dbias
    (array([[1. , 0.5]]), array([[2., 6.]]), array([2.]))
    """
    return _core.linear_backward(dy, x, weight, y, z, activation, params, need_dx, out, precision)
