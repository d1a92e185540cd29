"""Gradients and rows of weights clipped in place, on arrays of any float dtype; the arithmetic is float64."""

import numpy as np

from .checks import to_float64


def clip_by_value(grads, value):
    """Clip gradients by value: each entry to at most `value` in magnitude.

    Parameters
    ----------
    grads : ndarray, (n,)
        Changed in place.
    value : float
        The bound, finite and > 0; 5 is typical.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If the bound is not positive or not finite, in the gradients' dtype too, or `grads` is no flat array that can be
        written to.

    Notes
    -----
    g ← min(value, max(-value, g)). Infinities go to the bound; NaN stays NaN, so that a broken step is seen.

    References
    ----------
    .. [1] CMU, "Introduction to deep learning", lecture on optimisation: gradient clipping, 5 being typical.
    .. [2] T. Mikolov, "Statistical language models based on neural networks", 2012, section 3.2.2.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> grads = np.array([-7.0, 0.5, 6.0])
    >>> ref.clip_by_value(grads, 5.0)
    >>> grads
    array([-5. ,  0.5,  5. ])
    """
    _check_limit("clip_by_value", "value", value)
    grads[...] = np.clip(to_float64("clip_by_value", "grads", grads, 1), -value, value)


def clip_by_norm(grads, norm):
    """Clip gradients by their norm: scale all of them where it exceeds `norm`.

    Parameters
    ----------
    grads : ndarray, (n,)
        Changed in place.
    norm : float
        The largest Euclidean norm, finite and > 0.

    Returns
    -------
    float
        The norm before.

    Raises
    ------
    ValueError
        If the norm is not positive or not finite, in the gradients' dtype too, or `grads` is no flat array that can be
        written to.

    Notes
    -----
    g ← g min(1, norm / ‖g‖). Where ‖g‖ is NaN or infinite (float64's squares overflow beyond some 1e154) the gradients
    stay as they are: scaled by 0 or NaN they would hide what broke.

    References
    ----------
    .. [1] R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks", 2013,
       algorithm 1.
    .. [2] CMU, "Introduction to deep learning", lecture on optimisation: gradient clipping.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> grads = np.array([3.0, 4.0])
    >>> ref.clip_by_norm(grads, 1.0)
    5.0
    >>> grads.round(6)
    array([0.6, 0.8])
    """
    _check_limit("clip_by_norm", "norm", norm)
    g = to_float64("clip_by_norm", "grads", grads, 1)
    with np.errstate(over="ignore"):
        before = float(np.sqrt(np.sum(g**2)))
    if norm < before < np.inf:
        grads[...] = g * (norm / before)
    return before


def max_norm(weight, norm):
    """Bound the norm of each unit's incoming weights: scale the rows where it exceeds `norm`.

    Parameters
    ----------
    weight : ndarray, (out, in)
        Changed in place.
    norm : float
        The largest Euclidean norm of a row, finite and > 0; 3 and 4 are typical.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If the norm is not positive or not finite, in the weight's dtype too, or `weight` is no matrix that can be
        written to.

    Notes
    -----
    wᵢ ← wᵢ min(1, norm / ‖wᵢ‖) for every row, after an update as a rule. Rows whose norm is NaN or infinite
    stay as they are.

    References
    ----------
    .. [1] N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014, section 5.1.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> weight = np.array([[3.0, 4.0], [0.5, 0.0]])
    >>> ref.max_norm(weight, 1.0)
    >>> weight.round(6)
    array([[0.6, 0.8],
           [0.5, 0. ]])
    """
    _check_limit("max_norm", "norm", norm)
    w = to_float64("max_norm", "weight", weight, 2)
    with np.errstate(over="ignore"):
        before = np.sqrt(np.sum(w**2, axis=1, keepdims=True))
    over = (before > norm) & np.isfinite(before)
    weight[...] = w * np.divide(norm, before, out=np.ones_like(before), where=over)


def _check_limit(op, name, limit):
    if not 0 < limit < np.inf:
        raise ValueError(f"{op}: {name} is {limit}, a finite number > 0 is needed")
