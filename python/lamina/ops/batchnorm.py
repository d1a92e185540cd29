"""Batch normalisation over the rows of a matrix."""

from lamina import _core


def batchnorm_forward(
    x,
    gamma,
    beta,
    running_mean=None,
    running_var=None,
    *,
    training=True,
    momentum=0.1,
    eps=1e-5,
    unbiased_running_var=True,
    out=None,
):
    """Normalise each column, then scale and shift: y = γ (x - μ) rstd + β.

    Parameters
    ----------
    x : ndarray, (batch, features)
    gamma, beta : ndarray, (features,)
        Scale and shift.
    running_mean, running_var : ndarray, (features,), optional
        Updated in place in training; read, and needed, in inference.
    training : bool
        Whether the statistics are the batch's or the running ones.
    momentum : float
        Weight of the new value in the running statistics.
    eps : float
        Added to the variance inside the root.
    unbiased_running_var : bool
        Whether running_var takes the variance with batch - 1 in the denominator.
    out : tuple of ndarray (y, mean, rstd), optional

    Returns
    -------
    y : ndarray, (batch, features)
    mean, rstd : ndarray, (features,)
        The statistics used: rstd = 1 / sqrt(variance + eps).

    Raises
    ------
    ValueError
        If the shapes do not fit or a number is out of range, in training with fewer than two rows, or in inference
        without running statistics.

    Notes
    -----
    In training μ = Σ x / B and σ² = Σ (x - μ)² / B (biased); then
    running ← (1 - momentum) running + momentum batch, the variance times B / (B - 1) unless told otherwise.

    References
    ----------
    S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
    shift", 2015, algorithms 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> y, mean, rstd = ops.batchnorm_forward(np.array([[1.0], [3.0]]), np.array([1.0]), np.array([0.0]), eps=0.0)
    >>> y.ravel(), mean, rstd
    (array([-1.,  1.]), array([2.]), array([1.]))
    """
    return _core.batchnorm_forward(
        x, gamma, beta, running_mean, running_var, training, momentum, eps, unbiased_running_var, out
    )


def batchnorm_backward(dy, x, gamma, mean, rstd, *, training=True, out=None):
    """Gradients of batch normalisation.

    Parameters
    ----------
    dy : ndarray, (batch, features)
        Gradient of the output.
    x : ndarray, (batch, features)
        The input of the forward pass.
    gamma : ndarray, (features,)
    mean, rstd : ndarray, (features,)
        As `batchnorm_forward` returned them.
    training : bool
        True when they are the batch's own, so that they depend on x; False when they are constants.
    out : tuple of ndarray (dx, dgamma, dbeta), optional

    Returns
    -------
    dx : ndarray, (batch, features)
    dgamma, dbeta : ndarray, (features,)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    Notes
    -----
    With x̂ = (x - μ) rstd: dβ = Σ dy, dγ = Σ dy x̂, and
    dx = γ rstd (dy - dβ / B - x̂ dγ / B), or γ rstd dy where the statistics are constants.

    References
    ----------
    S. Ioffe, C. Szegedy, 2015, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> x, gamma = np.array([[1.0], [3.0]]), np.ones(1)
    >>> y, mean, rstd = ops.batchnorm_forward(x, gamma, np.zeros(1), eps=0.0)
    >>> dx, dgamma, dbeta = ops.batchnorm_backward(np.ones((2, 1)), x, gamma, mean, rstd)
    >>> dx.ravel(), dgamma, dbeta
    (array([0., 0.]), array([0.]), array([2.]))
    """
    return _core.batchnorm_backward(dy, x, gamma, mean, rstd, training, out)
