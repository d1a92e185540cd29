"""Optimizer steps, in place on flat arrays."""

from lamina import _core

from .checks import pair_in


def sgd_step(params, grads, velocity=None, *, lr, momentum=0.0, nesterov=False, weight_decay=0.0, l1=0.0):
    """One step of stochastic gradient descent, with momentum.

    Parameters
    ----------
    params : ndarray, (n,)
        Updated in place.
    grads : ndarray, (n,)
    velocity : ndarray, (n,), optional
        Updated in place; needed when `momentum` is not 0, and starts at zero.
    lr : float
        Learning rate, finite and >= 0.
    momentum : float
        What the velocity keeps per step, >= 0.
    nesterov : bool
        Look ahead along the velocity; needs momentum.
    weight_decay : float
        λ of the penalty λ/2 Σ p², which joins the gradient.
    l1 : float
        λ of the penalty λ Σ |p|, by a proximal step after the update.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If a number is negative or not finite, shapes differ, or velocity or momentum is missing.

    Notes
    -----
    g ← g + weight_decay p; v ← momentum v + g; d = g + momentum v (nesterov) or v; p ← p - lr d; then
    p ← sign(p) max(|p| - lr l1, 0). Velocities below 2^-100 in magnitude are written as +0.

    References
    ----------
    .. [1] I. Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013.
    .. [2] N. Parikh, S. Boyd, "Proximal algorithms", 2014, section 6.5.2 (soft threshold).

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> params = np.array([1.0, 0.05])
    >>> ops.sgd_step(params, np.array([1.0, 0.0]), lr=0.5, l1=0.2)
    >>> params
    array([0.4, 0. ])
    """
    _core.sgd_step(params, grads, velocity, lr, momentum, nesterov, weight_decay, l1)


def adam_step(
    params, grads, m, v, *, lr, step, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, l1=0.0, decoupled=False
):
    """One step of Adam, or AdamW with `decoupled`.

    Parameters
    ----------
    params : ndarray, (n,)
        Updated in place.
    grads : ndarray, (n,)
    m, v : ndarray, (n,)
        Running means of the gradient and of its square, updated in place; they start at zero.
    lr : float
        Learning rate, finite and >= 0.
    step : int
        The number of this step, from 1.
    betas : (float, float)
        Decay of m and v, each in [0, 1).
    eps : float
        Added to the root, >= 0.
    weight_decay : float
        Joins the gradient, or with `decoupled` shrinks the parameters by lr weight_decay before the step.
    l1 : float
        λ of the penalty λ Σ |p|, by a proximal step by lr λ after the update.
    decoupled : bool
        Decoupled weight decay.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If a number is negative or not finite, `step` is below 1, or shapes differ.

    Notes
    -----
    m ← β1 m + (1 - β1) g; v ← β2 v + (1 - β2) g²; p ← p - lr m̂ / (sqrt(v̂) + eps) with m̂ = m / (1 - β1^step) and
    v̂ = v / (1 - β2^step). Moments below 2^-100 are written as +0.

    References
    ----------
    .. [1] D. Kingma, J. Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1.
    .. [2] I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", 2019, algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> params, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> ops.adam_step(params, np.array([123.0]), m, v, lr=0.25, step=1)
    >>> params.round(6)
    array([0.75])
    """
    beta1, beta2 = pair_in("adam_step", "betas", betas)
    _core.adam_step(params, grads, m, v, lr, step, beta1, beta2, eps, weight_decay, l1, decoupled)
