"""Averages of weights, in place, on arrays of any float dtype; the arithmetic is float64."""

from .checks import expect_shape, to_float64


def average_step(average, params, weight):
    """Move an average of weights towards the present ones.

    Parameters
    ----------
    average : ndarray, (n,)
        Changed in place.
    params : ndarray, (n,)
        The present weights, of the same dtype.
    weight : float
        Their share in the new average, from 0 to 1: 1 - decay for an exponential moving average, 1 / n for the n-th of
        an equal mean, which begins with zeros.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If the weight is out of range, the sizes differ or the arrays are not flat.

    Notes
    -----
    average ← average + weight (params − average).

    References
    ----------
    .. [1] B. Polyak, A. Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
    .. [2] P. Izmailov et al., "Averaging weights leads to wider optima and better generalization", 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> average = np.array([0.0, 4.0])
    >>> ref.average_step(average, np.array([1.0, 2.0]), 0.25)
    >>> average
    array([0.25, 3.5 ])
    """
    op = "average_step"
    a, p = to_float64(op, "average", average, 1), to_float64(op, "params", params, 1)
    expect_shape(op, "params", params, a.shape)
    if not 0 <= weight <= 1:
        raise ValueError(f"{op}: weight is {weight}, 0 <= weight <= 1 is needed")
    average[...] = (1 - weight) * a + weight * p
