"""Optimizer steps, in place on arrays of any float dtype; the arithmetic is float64."""

import numpy as np

from .checks import expect_shape, to_float64

# Smaller moments are written as +0: a subnormal product costs a hundred times a normal one, and changes nothing.
SMALLEST_MOMENT = 2.0**-100


def sgd_step(params, grads, velocity=None, *, lr, momentum=0.0, nesterov=False, weight_decay=0.0, l1=0.0):
    """One step of stochastic gradient descent, with momentum.

    Parameters
    ----------
    params : ndarray, (n,)
        Updated in place.
    grads : array_like, (n,)
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
    >>> from lamina import reference as ref
    >>> params = np.array([1.0, 0.05])
    >>> ref.sgd_step(params, np.array([1.0, 0.0]), lr=0.5, l1=0.2)
    >>> params
    array([0.4, 0. ])
    """
    op = "sgd_step"
    _check_numbers(op, lr=lr, momentum=momentum, weight_decay=weight_decay, l1=l1)
    if nesterov and momentum == 0:
        raise ValueError(f"{op}: nesterov needs momentum")
    if momentum != 0 and velocity is None:
        raise ValueError(f"{op}: momentum needs velocity")
    p, g = _vectors(op, params=params, grads=grads)
    g = g + weight_decay * p
    step = g
    if momentum != 0:
        v = momentum * to_float64(op, "velocity", velocity, 1) + g
        expect_shape(op, "velocity", velocity, p.shape)
        v = _without_tiny(v)
        velocity[...] = v
        step = g + momentum * v if nesterov else v
    params[...] = _soft_threshold(p - lr * step, lr * l1)


def adagrad_step(params, grads, square_sum, *, lr, eps=1e-10, weight_decay=0.0, l1=0.0):
    """One step of Adagrad: each parameter's rate falls with the sum of its squared gradients.

    Parameters
    ----------
    params : ndarray, (n,)
        Updated in place.
    grads : array_like, (n,)
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

    Raises
    ------
    ValueError
        If a number is negative or not finite, or shapes differ.

    Notes
    -----
    g ← g + weight_decay p; s ← s + g²; p ← p - lr g / (sqrt(s) + eps). Sums below 2^-100 are written as +0.

    References
    ----------
    .. [1] J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic
       optimization", 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> params, square_sum = np.array([1.0]), np.array([9.0])
    >>> ref.adagrad_step(params, np.array([4.0]), square_sum, lr=0.5)
    >>> params.round(6), square_sum
    (array([0.6]), array([25.]))
    """
    op = "adagrad_step"
    _check_numbers(op, lr=lr, eps=eps, weight_decay=weight_decay, l1=l1)
    p, g, old_sum = _vectors(op, params=params, grads=grads, square_sum=square_sum)
    g = g + weight_decay * p
    new_sum = _without_tiny(old_sum + g**2)
    square_sum[...] = new_sum
    params[...] = _soft_threshold(p - lr * g / (np.sqrt(new_sum) + eps), lr * l1)


def rmsprop_step(
    params, grads, square_avg, velocity=None, *, lr, rho=0.99, eps=1e-8, momentum=0.0, weight_decay=0.0, l1=0.0
):
    """One step of RMSProp: the gradient over the root of its running mean square, with momentum.

    Parameters
    ----------
    params : ndarray, (n,)
        Updated in place.
    grads : array_like, (n,)
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

    Raises
    ------
    ValueError
        If a number is negative or not finite, `rho` is not below 1, shapes differ, or velocity is missing.

    Notes
    -----
    g ← g + weight_decay p; s ← rho s + (1 - rho) g²; d = g / (sqrt(s) + eps); v ← momentum v + d;
    p ← p - lr v, or without momentum p - lr d. Means and velocities below 2^-100 in magnitude are written as +0.

    References
    ----------
    .. [1] T. Tieleman, G. Hinton, "Lecture 6.5: RMSProp", Neural networks for machine learning, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> params, square_avg = np.array([1.0]), np.zeros(1)
    >>> ref.rmsprop_step(params, np.array([2.0]), square_avg, lr=0.1, rho=0.75)
    >>> params.round(6), square_avg
    (array([0.8]), array([1.]))
    """
    op = "rmsprop_step"
    _check_numbers(op, lr=lr, rho=rho, eps=eps, momentum=momentum, weight_decay=weight_decay, l1=l1)
    if rho >= 1:
        raise ValueError(f"{op}: rho is {rho}, 0 <= rho < 1 is needed")
    if momentum != 0 and velocity is None:
        raise ValueError(f"{op}: momentum needs velocity")
    p, g, old_avg = _vectors(op, params=params, grads=grads, square_avg=square_avg)
    g = g + weight_decay * p
    new_avg = _without_tiny(rho * old_avg + (1.0 - rho) * g**2)
    step = g / (np.sqrt(new_avg) + eps)
    if momentum != 0:
        step = _without_tiny(momentum * to_float64(op, "velocity", velocity, 1) + step)
        expect_shape(op, "velocity", velocity, p.shape)
        velocity[...] = step
    square_avg[...] = new_avg
    params[...] = _soft_threshold(p - lr * step, lr * l1)


def adam_step(
    params, grads, m, v, *, lr, step, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, l1=0.0, decoupled=False
):
    """One step of Adam, or AdamW with `decoupled`.

    Parameters
    ----------
    params : ndarray, (n,)
        Updated in place.
    grads : array_like, (n,)
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
    >>> from lamina import reference as ref
    >>> params, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> ref.adam_step(params, np.array([123.0]), m, v, lr=0.25, step=1)
    >>> params.round(6)
    array([0.75])
    """
    op = "adam_step"
    beta1, beta2 = betas
    _check_numbers(op, lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay, l1=l1)
    if beta1 >= 1 or beta2 >= 1:
        raise ValueError(f"{op}: betas are {betas}, 0 <= beta < 1 is needed")
    if step < 1:
        raise ValueError(f"{op}: step is {step}, at least 1 is needed")
    p, g, old_m, old_v = _vectors(op, params=params, grads=grads, m=m, v=v)
    if decoupled:
        p = p * (1.0 - lr * weight_decay)
    else:
        g = g + weight_decay * p
    new_m = _without_tiny(beta1 * old_m + (1.0 - beta1) * g)
    new_v = _without_tiny(beta2 * old_v + (1.0 - beta2) * g**2)
    m[...] = new_m
    v[...] = new_v
    denominator = np.sqrt(new_v / (1.0 - beta2**step)) + eps
    params[...] = _soft_threshold(p - lr * (new_m / (1.0 - beta1**step)) / denominator, lr * l1)


def _without_tiny(moment):
    return np.where(np.abs(moment) < SMALLEST_MOMENT, 0.0, moment)


def _soft_threshold(p, threshold):
    return np.sign(p) * np.maximum(np.abs(p) - threshold, 0.0) if threshold > 0 else p


def _check_numbers(op, **numbers):
    for name, value in numbers.items():
        if not 0 <= value < np.inf:
            raise ValueError(f"{op}: {name} is {value}, a finite number of at least 0 is needed")


def _vectors(op, **named):
    arrays = [to_float64(op, name, value, 1) for name, value in named.items()]
    for name, array in zip(named, arrays, strict=True):
        expect_shape(op, name, array, arrays[0].shape)
    return arrays
