"""Losses of values, element by element, each with the gradient of the prediction."""

import numpy as np

from .reduction import matrices, reduced, row_weights


def squared_error(prediction, target, *, sample_weight=None, reduction="mean", out=None):
    """Half the squared error, summed over units: l = Σ (p - t)² / 2, dl/dp = p - t.

    Parameters
    ----------
    prediction, target : array_like, (batch, units)
    sample_weight : array_like, (batch,), optional
    reduction : {"mean", "sum", "none"}
        As in `softmax_cross_entropy`.
    out : ndarray of the prediction's shape, or with "none" a tuple (loss, gradient), optional

    Returns
    -------
    loss : float, or ndarray (batch,) with "none"
    dprediction : ndarray, (batch, units), float64

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.squared_error([[3.0, 1.0]], [[1.0, 1.0]])
    (2.0, array([[2., 0.]]))
    """
    op = "squared_error"
    prediction, target = matrices(op, prediction=prediction, target=target)
    difference = prediction - target
    rows = 0.5 * np.sum(difference**2, axis=1)
    return reduced(op, rows, difference, row_weights(op, "sample_weight", sample_weight, len(rows)), reduction, out)


def mean_squared_error(prediction, target, *, sample_weight=None, reduction="mean", out=None):
    """Squared error averaged over units: l = Σ (p - t)² / U, dl/dp = 2 (p - t) / U.

    Parameters
    ----------
    prediction, target : array_like, (batch, units)
    sample_weight : array_like, (batch,), optional
    reduction : {"mean", "sum", "none"}
        As in `softmax_cross_entropy`.
    out : ndarray of the prediction's shape, or with "none" a tuple (loss, gradient), optional

    Returns
    -------
    loss : float, or ndarray (batch,) with "none"
    dprediction : ndarray, (batch, units), float64

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.mean_squared_error([[3.0, 1.0]], [[1.0, 1.0]])
    (2.0, array([[2., 0.]]))
    """
    op = "mean_squared_error"
    prediction, target = matrices(op, prediction=prediction, target=target)
    difference = prediction - target
    rows = np.mean(difference**2, axis=1)
    gradient = 2.0 * difference / prediction.shape[1]
    return reduced(op, rows, gradient, row_weights(op, "sample_weight", sample_weight, len(rows)), reduction, out)


def absolute_error(prediction, target, *, sample_weight=None, reduction="mean", out=None):
    """Distance averaged over units: l = Σ |p - t| / U, dl/dp = sign(p - t) / U, which is 0 at p = t.

    Parameters
    ----------
    prediction, target : array_like, (batch, units)
    sample_weight : array_like, (batch,), optional
    reduction : {"mean", "sum", "none"}
        As in `softmax_cross_entropy`.
    out : ndarray of the prediction's shape, or with "none" a tuple (loss, gradient), optional

    Returns
    -------
    loss : float, or ndarray (batch,) with "none"
    dprediction : ndarray, (batch, units), float64

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.absolute_error([[3.0, 1.0]], [[1.0, 1.0]])
    (1.0, array([[0.5, 0. ]]))
    """
    op = "absolute_error"
    prediction, target = matrices(op, prediction=prediction, target=target)
    rows = np.mean(np.abs(prediction - target), axis=1)
    gradient = np.sign(prediction - target) / prediction.shape[1]
    return reduced(op, rows, gradient, row_weights(op, "sample_weight", sample_weight, len(rows)), reduction, out)


def huber(prediction, target, *, delta=1.0, sample_weight=None, reduction="mean", out=None):
    """Half the squared error up to a distance δ and a line from there, averaged over units.

    Parameters
    ----------
    prediction, target : array_like, (batch, units)
    delta : float
        δ > 0, finite.
    sample_weight : array_like, (batch,), optional
    reduction : {"mean", "sum", "none"}
        As in `softmax_cross_entropy`.
    out : ndarray of the prediction's shape, or with "none" a tuple (loss, gradient), optional

    Returns
    -------
    loss : float, or ndarray (batch,) with "none"
    dprediction : ndarray, (batch, units), float64

    Notes
    -----
    With d = p - t: l = Σ h(d) / U, where h(d) = d² / 2 for |d| <= δ and δ (|d| - δ / 2) otherwise; dl/dp is d clipped
    to [-δ, δ], over U.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.huber([[3.0, 1.5]], [[1.0, 1.0]])
    (0.8125, array([[0.5 , 0.25]]))
    """
    op = "huber"
    if not 0 < delta < np.inf:
        raise ValueError(f"{op}: delta is {delta}, a finite number above 0 is needed")
    prediction, target = matrices(op, prediction=prediction, target=target)
    difference = prediction - target
    distance = np.abs(difference)
    units = np.where(distance <= delta, 0.5 * difference**2, delta * (distance - 0.5 * delta))
    rows = np.mean(units, axis=1)
    gradient = np.clip(difference, -delta, delta) / prediction.shape[1]
    return reduced(op, rows, gradient, row_weights(op, "sample_weight", sample_weight, len(rows)), reduction, out)


def poisson_nll(log_rate, target, *, sample_weight=None, reduction="mean", out=None):
    """Negative log-likelihood of counts for the rates exp(x) of a Poisson distribution, averaged over units.

    Parameters
    ----------
    log_rate : array_like, (batch, units)
        The logarithms x of the rates.
    target : array_like, (batch, units)
        The counts t >= 0.
    sample_weight : array_like, (batch,), optional
    reduction : {"mean", "sum", "none"}
        As in `softmax_cross_entropy`.
    out : ndarray of the prediction's shape, or with "none" a tuple (loss, gradient), optional

    Returns
    -------
    loss : float, or ndarray (batch,) with "none"
    dlog_rate : ndarray, (batch, units), float64

    Notes
    -----
    l = Σ (exp(x) - t x) / U and dl/dx = (exp(x) - t) / U. What does not depend on x, log t!, is left out.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.poisson_nll([[0.0, 0.0]], [[3.0, 1.0]])
    (1.0, array([[-1.,  0.]]))
    """
    op = "poisson_nll"
    log_rate, target = matrices(op, log_rate=log_rate, target=target)
    rate = np.exp(log_rate)
    rows = np.mean(rate - target * log_rate, axis=1)
    gradient = (rate - target) / log_rate.shape[1]
    return reduced(op, rows, gradient, row_weights(op, "sample_weight", sample_weight, len(rows)), reduction, out)
