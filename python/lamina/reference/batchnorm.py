"""Batch normalisation over the rows of a matrix."""

import numpy as np

from .checks import deliver, expect_shape, to_float64


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
    x : array_like, (batch, features)
    gamma, beta : array_like, (features,)
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
    y : ndarray, (batch, features), float64
    mean, rstd : ndarray, (features,), float64
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
    >>> from lamina import reference as ref
    >>> y, mean, rstd = ref.batchnorm_forward([[1.0], [3.0]], [1.0], [0.0], eps=0.0)
    >>> y.ravel(), mean, rstd
    (array([-1.,  1.]), array([2.]), array([1.]))
    """
    op = "batchnorm_forward"
    x = to_float64(op, "x", x, 2)
    rows, features = x.shape
    gamma, beta = _vectors(op, features, gamma=gamma, beta=beta)
    if not 0 <= eps < np.inf:
        raise ValueError(f"{op}: eps is {eps}, a finite number of at least 0 is needed")
    if not 0 <= momentum <= 1:
        raise ValueError(f"{op}: momentum is {momentum}, 0 <= momentum <= 1 is needed")
    if (running_mean is None) != (running_var is None):
        raise ValueError(f"{op}: running_mean and running_var are needed both or not at all")
    if running_mean is not None:
        old_mean, old_var = _vectors(op, features, running_mean=running_mean, running_var=running_var)
    elif not training:
        raise ValueError(f"{op}: inference needs running_mean and running_var")
    if training:
        if rows < 2:
            raise ValueError(f"{op}: training got {rows} rows, at least 2 are needed")
        # The mean of the deviations from the first row keeps its digits where the mean is large.
        mean = x[0] + np.mean(x - x[0], axis=0)
        variance = np.mean((x - mean) ** 2, axis=0)
        if running_mean is not None:
            correction = rows / (rows - 1) if unbiased_running_var else 1.0
            running_mean[...] = (1 - momentum) * old_mean + momentum * mean
            running_var[...] = (1 - momentum) * old_var + momentum * correction * variance
    else:
        mean, variance = old_mean.copy(), old_var
    rstd = 1.0 / np.sqrt(variance + eps)
    return deliver(op, (gamma * ((x - mean) * rstd) + beta, mean, rstd), out)


def batchnorm_backward(dy, x, gamma, mean, rstd, *, training=True, out=None):
    """Gradients of batch normalisation.

    Parameters
    ----------
    dy : array_like, (batch, features)
        Gradient of the output.
    x : array_like, (batch, features)
        The input of the forward pass.
    gamma : array_like, (features,)
    mean, rstd : array_like, (features,)
        As `batchnorm_forward` returned them.
    training : bool
        True when they are the batch's own, so that they depend on x; False when they are constants.
    out : tuple of ndarray (dx, dgamma, dbeta), optional

    Returns
    -------
    dx : ndarray, (batch, features), float64
    dgamma, dbeta : ndarray, (features,), float64

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
    >>> from lamina import reference as ref
    >>> dx, dgamma, dbeta = ref.batchnorm_backward([[1.0], [1.0]], [[1.0], [3.0]], [1.0], [2.0], [1.0])
    >>> dx.ravel(), dgamma, dbeta
    (array([0., 0.]), array([0.]), array([2.]))
    """
    op = "batchnorm_backward"
    dy, x = to_float64(op, "dy", dy, 2), to_float64(op, "x", x, 2)
    expect_shape(op, "dy", dy, x.shape)
    rows, features = x.shape
    if training and rows < 2:
        raise ValueError(f"{op}: training got {rows} rows, at least 2 are needed")
    gamma, mean, rstd = _vectors(op, features, gamma=gamma, mean=mean, rstd=rstd)
    normalised = (x - mean) * rstd
    dgamma = np.sum(dy * normalised, axis=0)
    dbeta = np.sum(dy, axis=0)
    dx = gamma * rstd * (dy - (dbeta + normalised * dgamma) / rows) if training else gamma * rstd * dy
    return deliver(op, (dx, dgamma, dbeta), out)


def _vectors(op, features, **named):
    arrays = [to_float64(op, name, value, 1) for name, value in named.items()]
    for name, array in zip(named, arrays, strict=True):
        expect_shape(op, name, array, (features,))
    return arrays
