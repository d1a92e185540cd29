"""The affine layer with its activation: y = g(x Wᵀ + b)."""

import numpy as np

from .activation import activation_forward, resolve
from .checks import deliver, expect_shape, to_float64


def linear_forward(x, weight, bias=None, *, activation="linear", out=None, precision=None, **params):
    """Compute y = g(x Wᵀ + b).

    Parameters
    ----------
    x : array_like, (batch, in)
    weight : array_like, (out, in)
    bias : array_like, (out,), optional
    activation : str
        A name of `activations(fused=True)`. prelu and rrelu are calls of `activation_forward` by themselves.
    out : ndarray, (batch, out), optional
    precision : str, optional
        Accepted and ignored: the reference computes in float64.
    **params
        The activation's own constants.

    Returns
    -------
    ndarray, (batch, out), float64

    Raises
    ------
    ValueError
        If the shapes do not fit.

    References
    ----------
    D. Rumelhart, G. Hinton, R. Williams, "Learning representations by back-propagating errors", Nature 323 (1986).

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.linear_forward([[1.0, 2.0]], [[1.0, 1.0], [0.0, -1.0]], [0.5, 0.0], activation="relu")
    array([[3.5, 0. ]])
    """
    op = "linear_forward"
    x, weight = _operands(op, x, weight)
    z = x @ weight.T
    if bias is not None:
        bias = to_float64(op, "bias", bias, 1)
        expect_shape(op, "bias", bias, weight.shape[:1])
        z = z + bias
    resolve(op, activation, params)
    return deliver(op, activation_forward(z, activation, **params), out)


def linear_backward(
    dy, x, weight, *, y=None, z=None, activation="linear", need_dx=True, out=None, precision=None, **params
):
    """Gradients of y = g(x Wᵀ + b).

    Parameters
    ----------
    dy : array_like, (batch, out)
        Gradient of the output.
    x : array_like, (batch, in)
    weight : array_like, (out, in)
    y : array_like, (batch, out), optional
        The forward pass's output; needed where the derivative follows from it.
    z : array_like, (batch, out), optional
        The pre-activation; needed where the derivative follows from it: gelu, gelu_tanh, silu.
    activation : str
        A name of `activations(fused=True)`. prelu and rrelu are calls of `activation_forward` by themselves.
    need_dx : bool
        Whether the gradient of x is computed; the first layer does not need it.
    out : tuple of ndarray (dx, dweight, dbias), optional
    precision : str, optional
        Accepted and ignored.
    **params
        The activation's own constants.

    Returns
    -------
    dx : ndarray, (batch, in), float64, or None without `need_dx`
    dweight : ndarray, (out, in), float64
    dbias : ndarray, (out,), float64

    Raises
    ------
    ValueError
        If the shapes do not fit, or `y` or `z` is missing.

    Notes
    -----
    da = dy * g'(a), dx = da W, dW = daᵀ x, db = Σ_rows da.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> dx, dweight, dbias = ref.linear_backward([[2.0]], [[1.0, 3.0]], [[0.5, 0.25]])
    >>> dx, dweight, dbias
    (array([[1. , 0.5]]), array([[2., 6.]]), array([2.]))
    """
    op = "linear_backward"
    x, weight = _operands(op, x, weight)
    dy = to_float64(op, "dy", dy, 2)
    expect_shape(op, "dy", dy, (x.shape[0], weight.shape[0]))
    formula, params = resolve(op, activation, params)
    if activation != "linear":
        name, read = ("z", z) if formula.reads == "z" else ("y", y)
        if read is None:
            raise ValueError(f"{op}: the derivative of {activation} follows from {name}, which is needed")
        read = to_float64(op, name, read, 2)
        expect_shape(op, name, read, dy.shape)
        dy = dy * formula.slope(read, **params)
    dx = dy @ weight if need_dx else None
    return deliver(op, (dx, dy.T @ x, np.sum(dy, axis=0)), out)


def _operands(op, x, weight):
    x = to_float64(op, "x", x, 2)
    weight = to_float64(op, "weight", weight, 2)
    if x.shape[1] != weight.shape[1]:
        raise ValueError(f"{op}: x has {x.shape[1]} columns and weight {weight.shape[1]}, equal numbers are needed")
    return x, weight
