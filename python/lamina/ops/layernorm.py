"""Layer normalisation: every row by its own statistics."""

from lamina import _core


def layernorm_forward(x, gamma=None, beta=None, *, eps=1e-5, out=None):
    """Normalise each row, then scale and shift: y = γ (x - μ) rstd + β.

    Parameters
    ----------
    x : ndarray, (batch, features)
    gamma, beta : ndarray, (features,), optional
        Scale and shift, both or neither.
    eps : float
        Added to the variance inside the root.
    out : tuple of ndarray (y, mean, rstd), optional
        None of them may share memory with an input.

    Returns
    -------
    y : ndarray, (batch, features)
    mean, rstd : ndarray, (batch,)
        What `layernorm_backward` reads: rstd = 1 / sqrt(variance + eps).

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    Notes
    -----
    For each row of F features μ = Σ x / F and σ² = Σ (x - μ)² / F (biased). A row's result does not depend on the
    batch it is in, and training and inference are the same.

    References
    ----------
    J. Ba, J. Kiros, G. Hinton, "Layer normalization", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> y, mean, rstd = ops.layernorm_forward(np.array([[1.0, 3.0], [2.0, 6.0]]), eps=0.0)
    >>> y, mean, rstd
    (array([[-1.,  1.],
           [-1.,  1.]]), array([2., 4.]), array([1. , 0.5]))
    """
    return _core.layernorm_forward(x, gamma, beta, eps, out)


def layernorm_backward(dy, x, gamma, mean, rstd, *, out=None):
    """Gradients of layer normalisation.

    Parameters
    ----------
    dy : ndarray, (batch, features)
        Gradient of the output.
    x : ndarray, (batch, features)
        The input of the forward pass.
    gamma : ndarray, (features,), or None
    mean, rstd : ndarray, (batch,)
        As `layernorm_forward` returned them.
    out : tuple of ndarray (dx, dgamma, dbeta), optional
        Without gamma the last two are None.

    Returns
    -------
    dx : ndarray, (batch, features)
    dgamma, dbeta : ndarray, (features,), or None without gamma

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

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
    >>> from lamina import ops
    >>> x, gamma = np.array([[1.0, 3.0]]), np.ones(2)
    >>> y, mean, rstd = ops.layernorm_forward(x, gamma, np.zeros(2), eps=0.0)
    >>> dx, dgamma, dbeta = ops.layernorm_backward(np.ones((1, 2)), x, gamma, mean, rstd)
    >>> dx, dgamma, dbeta
    (array([[0., 0.]]), array([-1.,  1.]), array([1., 1.]))
    """
    return _core.layernorm_backward(dy, x, gamma, mean, rstd, out)
