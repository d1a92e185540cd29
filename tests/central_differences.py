"""Numerical gradients in float64: the check of every analytic gradient."""

import numpy as np

# The cube root of eps balances the truncation error h² against the rounding error eps / h.
STEP = 6e-6


def numerical_gradient(function, array):
    """Central differences of a scalar function of `array`, which is changed in place and restored."""
    gradient = np.empty_like(array)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + STEP
        above = function()
        array[index] = value - STEP
        below = function()
        array[index] = value
        gradient[index] = (above - below) / (2 * STEP)
    return gradient


def relative_error(analytic, numerical):
    """‖g - ĝ‖ / (‖g‖ + ‖ĝ‖), and 0 where both vanish."""
    scale = np.linalg.norm(analytic) + np.linalg.norm(numerical)
    return np.linalg.norm(analytic - numerical) / scale if scale > 0 else 0.0
