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
    _core.sgd_step(params, grads, (velocity,), 1, lr, momentum, nesterov, weight_decay, l1)


def adagrad_step(params, grads, square_sum, *, lr, eps=1e-10, weight_decay=0.0, l1=0.0):
    """One step of Adagrad: each parameter's rate falls with the sum of its squared gradients.

    Parameters
    ----------
    params : ndarray, (n,)
        Updated in place.
    grads : ndarray, (n,)
    square_sum : ndarray, (n,)
        Sum of the squared gradients, updated in place; starts at zero.
    lr : float
        Learning rate, finite and >= 0.
    eps : float
        Added to the root, >= 0.
    weight_decay : float
        λ of the penalty λ/2 Σ p², which joins the gradient.
    l1 : float
        λ of the penalty λ Σ |p|, by a proximal step by lr λ after the update.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If a number is negative or not finite, or shapes differ.

    Notes
    -----
    g ← g + weight_decay p; s ← s + g²; p ← p - lr g / (sqrt(s) + eps). Sums below 2^-100 are written as +0.

    The lectures (H. Larochelle, "Neural networks", training neural networks) have sqrt(s + ε) in its stead: the same
    but for rounding where gradients are large, and with eps = sqrt(ε) where they vanish.

    References
    ----------
    .. [1] J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic
       optimization", 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> params, square_sum = np.array([1.0]), np.array([9.0])
    >>> ops.adagrad_step(params, np.array([4.0]), square_sum, lr=0.5)
    >>> params.round(6), square_sum
    (array([0.6]), array([25.]))
    """
    _core.adagrad_step(params, grads, (square_sum,), 1, lr, eps, weight_decay, l1)


def rmsprop_step(
    params, grads, square_avg, velocity=None, *, lr, rho=0.99, eps=1e-8, momentum=0.0, weight_decay=0.0, l1=0.0
):
    """One step of RMSProp: the gradient over the root of its running mean square, with momentum.

    Parameters
    ----------
    params : ndarray, (n,)
        Updated in place.
    grads : ndarray, (n,)
    square_avg : ndarray, (n,)
        Running mean of the squared gradient, updated in place; starts at zero.
    velocity : ndarray, (n,), optional
        Updated in place; needed when `momentum` is not 0, and starts at zero.
    lr : float
        Learning rate, finite and >= 0.
    rho : float
        What the mean keeps per step, in [0, 1); torch's alpha.
    eps : float
        Added to the root, >= 0.
    momentum : float
        What the velocity keeps per step, >= 0.
    weight_decay : float
        λ of the penalty λ/2 Σ p², which joins the gradient.
    l1 : float
        λ of the penalty λ Σ |p|, by a proximal step by lr λ after the update.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If a number is negative or not finite, `rho` is not below 1, shapes differ, or velocity is missing.

    Notes
    -----
    g ← g + weight_decay p; s ← rho s + (1 - rho) g²; d = g / (sqrt(s) + eps); v ← momentum v + d;
    p ← p - lr v, or without momentum p - lr d. Means and velocities below 2^-100 in magnitude are written as +0.

    The lectures (H. Larochelle, "Neural networks", training neural networks) have sqrt(s + ε) in its stead: the same
    but for rounding where gradients are large, and with eps = sqrt(ε) where they vanish.

    References
    ----------
    .. [1] T. Tieleman, G. Hinton, "Lecture 6.5: RMSProp", Neural networks for machine learning, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> params, square_avg = np.array([1.0]), np.zeros(1)
    >>> ops.rmsprop_step(params, np.array([2.0]), square_avg, lr=0.1, rho=0.75)
    >>> params.round(6), square_avg
    (array([0.8]), array([1.]))
    """
    _core.rmsprop_step(params, grads, (square_avg, velocity), 1, lr, rho, eps, momentum, weight_decay, l1)


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

    The lectures (H. Larochelle, "Neural networks", training neural networks) have sqrt(v̂ + ε) in its stead: the same
    but for rounding where gradients are large, and with eps = sqrt(ε) where they vanish.

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
    _core.adam_step(params, grads, (m, v), step, lr, beta1, beta2, eps, weight_decay, l1, decoupled)
