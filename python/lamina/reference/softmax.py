"""Row-wise softmax and its logarithm."""

import numpy as np

from .checks import deliver, expect_shape, to_float64


def softmax_forward(x, *, out=None):
    """Softmax of each row: exp(x - max) / Σ exp(x - max).

    Parameters
    ----------
    x : array_like, (batch, classes)
    out : ndarray of x's shape, optional

    Returns
    -------
    ndarray, (batch, classes), float64
        Rows of probabilities.

    References
    ----------
    J. Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.softmax_forward([[1000.0, 1000.0]])
    array([[0.5, 0.5]])
    """
    x = _logits("softmax_forward", x)
    e = np.exp(_below_maximum(x))
    return deliver("softmax_forward", e / np.sum(e, axis=1, keepdims=True), out)


def softmax_backward(dy, y, *, out=None):
    """Gradient of softmax's input: y * (dy - Σ dy y).

    Parameters
    ----------
    dy : array_like, (batch, classes)
        Gradient of the output.
    y : array_like, (batch, classes)
        The output of `softmax_forward`.
    out : ndarray of y's shape, optional

    Returns
    -------
    ndarray, (batch, classes), float64

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.softmax_backward([[1.0, 0.0]], [[0.5, 0.5]])
    array([[ 0.25, -0.25]])
    """
    dy, y = _pair("softmax_backward", dy, y)
    return deliver("softmax_backward", y * (dy - np.sum(dy * y, axis=1, keepdims=True)), out)


def log_softmax_forward(x, *, out=None):
    """Logarithm of each row's softmax: (x - max) - log Σ exp(x - max).

    Parameters
    ----------
    x : array_like, (batch, classes)
    out : ndarray of x's shape, optional

    Returns
    -------
    ndarray, (batch, classes), float64

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.log_softmax_forward([[0.0, -1000.0]])
    array([[    0., -1000.]])
    """
    x = _logits("log_softmax_forward", x)
    shifted = _below_maximum(x)
    others = np.exp(shifted)  # without a maximum's own 1, which would swallow their digits
    np.put_along_axis(others, np.argmax(x, axis=1, keepdims=True), 0, axis=1)
    return deliver("log_softmax_forward", shifted - np.log1p(np.sum(others, axis=1, keepdims=True)), out)


def log_softmax_backward(dy, y, *, out=None):
    """Gradient of log-softmax's input: dy - exp(y) Σ dy.

    Parameters
    ----------
    dy : array_like, (batch, classes)
        Gradient of the output.
    y : array_like, (batch, classes)
        The output of `log_softmax_forward`.
    out : ndarray of y's shape, optional

    Returns
    -------
    ndarray, (batch, classes), float64

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> ref.log_softmax_backward([[1.0, 0.0]], np.log([[0.5, 0.5]]))
    array([[ 0.5, -0.5]])
    """
    dy, y = _pair("log_softmax_backward", dy, y)
    return deliver("log_softmax_backward", dy - np.exp(y) * np.sum(dy, axis=1, keepdims=True), out)


def _logits(op, x):
    x = to_float64(op, "x", x, 2)
    if len(x) and not x.shape[1]:
        raise ValueError(f"{op}: got rows without columns, at least one is needed")
    return x


def _below_maximum(x):
    """x minus its row's maximum, so that exp cannot overflow."""
    with np.errstate(over="ignore", invalid="ignore"):  # the difference may reach -inf; a row of infinities gives NaN
        return x - np.max(x, axis=1, keepdims=True) if x.size else x


def _pair(op, dy, y):
    dy, y = to_float64(op, "dy", dy, 2), to_float64(op, "y", y, 2)
    expect_shape(op, "dy", dy, y.shape)
    return dy, y
