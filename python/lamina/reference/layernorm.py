"""Layer normalisation: every row by its own statistics."""

import numpy as np

from .checks import deliver, expect_shape, to_float64


def layernorm_forward(x, gamma=None, beta=None, *, eps=1e-5, out=None):
    """Normalise each row, then scale and shift: y = γ (x - μ) rstd + β.

    Parameters
    ----------
    x : array_like, (batch, features)
    gamma, beta : array_like, (features,), optional
        Scale and shift, both or neither.
    eps : float
        Added to the variance inside the root.
    out : tuple of ndarray (y, mean, rstd), optional

    Returns
    -------
    y : ndarray, (batch, features), float64
    mean, rstd : ndarray, (batch,), float64
        What `layernorm_backward` reads: rstd = 1 / sqrt(variance + eps).

    Raises
    ------
    ValueError
        If the shapes do not fit or eps is out of range.

    Notes
    -----
    For each row of F features μ = Σ x / F and σ² = Σ (x - μ)² / F (biased).

    References
    ----------
    J. Ba, J. Kiros, G. Hinton, "Layer normalization", 2016.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> y, mean, rstd = ref.layernorm_forward([[1.0, 3.0], [2.0, 6.0]], eps=0.0)
    >>> y, mean, rstd
    (array([[-1.,  1.],
           [-1.,  1.]]), array([2., 4.]), array([1. , 0.5]))
    """
    op = "layernorm_forward"
    x = _rows(op, "x", x)
    if (gamma is None) != (beta is None):
        raise ValueError(f"{op}: gamma and beta are needed both or not at all")
    if not 0 <= eps < np.inf:
        raise ValueError(f"{op}: eps is {eps}, a finite number of at least 0 is needed")
    # The mean of the deviations from the first element keeps its digits where the mean is large.
    mean = x[:, 0] + np.mean(x - x[:, :1], axis=1) if x.size else np.zeros(len(x))
    deviation = x - mean[:, None]
    variance = np.mean(deviation**2, axis=1) if x.size else np.zeros(len(x))
    rstd = 1.0 / np.sqrt(variance + eps)
    y = deviation * rstd[:, None]
    if gamma is not None:
        y = _vector(op, "gamma", gamma, x.shape[1]) * y + _vector(op, "beta", beta, x.shape[1])
    return deliver(op, (y, mean, rstd), out)


def layernorm_backward(dy, x, gamma, mean, rstd, *, out=None):
    """Gradients of layer normalisation.

    Parameters
    ----------
    dy : array_like, (batch, features)
        Gradient of the output.
    x : array_like, (batch, features)
        The input of the forward pass.
    gamma : array_like, (features,), or None
    mean, rstd : array_like, (batch,)
        As `layernorm_forward` returned them.
    out : tuple of ndarray (dx, dgamma, dbeta), optional
        Without gamma the last two are None.

    Returns
    -------
    dx : ndarray, (batch, features), float64
    dgamma, dbeta : ndarray, (features,), float64, or None without gamma

    Notes
    -----
    With x̂ = (x - μ) rstd and g = dy γ: dβ = Σ dy and dγ = Σ dy x̂ over the rows, and with means over a row
    dx = rstd (g - mean(g) - x̂ mean(g x̂)).

    References
    ----------
    J. Ba, J. Kiros, G. Hinton, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> dx, dgamma, dbeta = ref.layernorm_backward([[1.0, 1.0]], [[1.0, 3.0]], np.ones(2), [2.0], [1.0])
    >>> dx, dgamma, dbeta
    (array([[0., 0.]]), array([-1.,  1.]), array([1., 1.]))
    """
    op = "layernorm_backward"
    dy, x = _rows(op, "dy", dy), _rows(op, "x", x)
    expect_shape(op, "x", x, dy.shape)
    rows, features = dy.shape
    mean, rstd = (_vector(op, name, value, rows)[:, None] for name, value in (("mean", mean), ("rstd", rstd)))
    normalised = (x - mean) * rstd
    dgamma = dbeta = None
    g = dy
    if gamma is not None:
        dgamma, dbeta = np.sum(dy * normalised, axis=0), np.sum(dy, axis=0)
        g = dy * _vector(op, "gamma", gamma, features)
    sums = [np.sum(terms, axis=1, keepdims=True) for terms in (g, g * normalised)]
    dx = rstd * (g - (sums[0] + normalised * sums[1]) / max(features, 1))
    return deliver(op, (dx, dgamma, dbeta), out)


def _rows(op, name, value):
    array = to_float64(op, name, value, 2)
    if len(array) and not array.shape[1]:
        raise ValueError(f"{op}: {name} has rows without columns, at least one is needed")
    return array


def _vector(op, name, value, size):
    array = to_float64(op, name, value, 1)
    expect_shape(op, name, array, (size,))
    return array
