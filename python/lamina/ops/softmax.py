"""Row-wise softmax and its logarithm."""

from lamina import _core


def softmax_forward(x, *, out=None):
    """Softmax of each row: exp(x - max) / Σ exp(x - max).

    Parameters
    ----------
    x : ndarray, (batch, classes)
    out : ndarray of x's shape, optional

    Returns
    -------
    ndarray, (batch, classes)
        Rows of probabilities; those below the dtype's smallest normal number may be 0.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    References
    ----------
    J. Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.softmax_forward(np.array([[1000.0, 1000.0]]))
    array([[0.5, 0.5]])
    """
    return _core.softmax_forward(x, out)


def softmax_backward(dy, y, *, out=None):
    """Gradient of softmax's input: y * (dy - Σ dy y).

    Parameters
    ----------
    dy : ndarray, (batch, classes)
        Gradient of the output.
    y : ndarray, (batch, classes)
        The output of `softmax_forward`.
    out : ndarray of y's shape, optional

    Returns
    -------
    ndarray, (batch, classes)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    References
    ----------
    J. Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.softmax_backward(np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]]))
    array([[ 0.25, -0.25]])
    """
    return _core.softmax_backward(dy, y, out)


def log_softmax_forward(x, *, out=None):
    """Logarithm of each row's softmax: (x - max) - log Σ exp(x - max).

    Parameters
    ----------
    x : ndarray, (batch, classes)
    out : ndarray of x's shape, optional

    Returns
    -------
    ndarray, (batch, classes)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    References
    ----------
    J. Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.log_softmax_forward(np.array([[0.0, -1000.0]]))
    array([[    0., -1000.]])
    """
    return _core.log_softmax_forward(x, out)


def log_softmax_backward(dy, y, *, out=None):
    """Gradient of log-softmax's input: dy - exp(y) Σ dy.

    Parameters
    ----------
    dy : ndarray, (batch, classes)
        Gradient of the output.
    y : ndarray, (batch, classes)
        The output of `log_softmax_forward`.
    out : ndarray of y's shape, optional

    Returns
    -------
    ndarray, (batch, classes)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    References
    ----------
    J. Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.log_softmax_backward(np.array([[1.0, 0.0]]), np.log(np.array([[0.5, 0.5]])))
    array([[ 0.5, -0.5]])
    """
    return _core.log_softmax_backward(dy, y, out)
