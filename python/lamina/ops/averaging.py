"""Averages of weights, in place."""

from lamina import _core


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
        If the weight is out of range, the sizes differ, the arrays share memory, or `average` is no flat array that can
        be written to.

    Notes
    -----
    average ← average + weight (params − average), the product and the sum rounded once. What equals params stays as it
    is, bit by bit.

    References
    ----------
    .. [1] B. Polyak, A. Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
    .. [2] P. Izmailov et al., "Averaging weights leads to wider optima and better generalization", 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> average = np.array([0.0, 4.0])
    >>> ops.average_step(average, np.array([1.0, 2.0]), 0.25)
    >>> average
    array([0.25, 3.5 ])
    """
    _core.average_step(average, params, weight)
