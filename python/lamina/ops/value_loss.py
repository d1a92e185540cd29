"""Losses of values, element by element, each with the gradient of the prediction."""

from lamina import _core


def squared_error(prediction, target, *, sample_weight=None, reduction="mean", out=None):
    """Half the squared error, summed over units: l = Σ (p - t)² / 2, dl/dp = p - t.

    Parameters
    ----------
    prediction, target : ndarray, (batch, units)
    sample_weight : ndarray, (batch,), optional
    reduction : {"mean", "sum", "none"}
        As in `softmax_cross_entropy`.
    out : ndarray of the prediction's shape, or with "none" a tuple (loss, gradient), optional

    Returns
    -------
    loss : float, or ndarray (batch,) with "none"
    dprediction : ndarray, (batch, units)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    References
    ----------
    C. M. Bishop, "Pattern recognition and machine learning", 2006, section 5.2.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.squared_error(np.array([[3.0, 1.0]]), np.array([[1.0, 1.0]]))
    (2.0, array([[2., 0.]]))
    """
    return _core.loss("squared_error", prediction, target, sample_weight, reduction, out=out)


def mean_squared_error(prediction, target, *, sample_weight=None, reduction="mean", out=None):
    """Squared error averaged over units: l = Σ (p - t)² / U, dl/dp = 2 (p - t) / U.

    Parameters
    ----------
    prediction, target : ndarray, (batch, units)
    sample_weight : ndarray, (batch,), optional
    reduction : {"mean", "sum", "none"}
        As in `softmax_cross_entropy`.
    out : ndarray of the prediction's shape, or with "none" a tuple (loss, gradient), optional

    Returns
    -------
    loss : float, or ndarray (batch,) with "none"
    dprediction : ndarray, (batch, units)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    References
    ----------
    C. M. Bishop, "Pattern recognition and machine learning", 2006, section 1.1.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.mean_squared_error(np.array([[3.0, 1.0]]), np.array([[1.0, 1.0]]))
    (2.0, array([[2., 0.]]))
    """
    return _core.loss("mean_squared_error", prediction, target, sample_weight, reduction, out=out)


def absolute_error(prediction, target, *, sample_weight=None, reduction="mean", out=None):
    """Distance averaged over units: l = Σ |p - t| / U, dl/dp = sign(p - t) / U, which is 0 at p = t.

    Parameters
    ----------
    prediction, target : ndarray, (batch, units)
    sample_weight : ndarray, (batch,), optional
    reduction : {"mean", "sum", "none"}
        As in `softmax_cross_entropy`.
    out : ndarray of the prediction's shape, or with "none" a tuple (loss, gradient), optional

    Returns
    -------
    loss : float, or ndarray (batch,) with "none"
    dprediction : ndarray, (batch, units)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    References
    ----------
    C. M. Bishop, "Pattern recognition and machine learning", 2006, section 1.5.5: its minimum is the median.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.absolute_error(np.array([[3.0, 1.0]]), np.array([[1.0, 1.0]]))
    (1.0, array([[0.5, 0. ]]))
    """
    return _core.loss("absolute_error", prediction, target, sample_weight, reduction, out=out)


def huber(prediction, target, *, delta=1.0, sample_weight=None, reduction="mean", out=None):
    """Half the squared error up to a distance δ and a line from there, averaged over units.

    Parameters
    ----------
    prediction, target : ndarray, (batch, units)
    delta : float
        δ > 0, finite, in the arrays' dtype too.
    sample_weight : ndarray, (batch,), optional
    reduction : {"mean", "sum", "none"}
        As in `softmax_cross_entropy`.
    out : ndarray of the prediction's shape, or with "none" a tuple (loss, gradient), optional

    Returns
    -------
    loss : float, or ndarray (batch,) with "none"
    dprediction : ndarray, (batch, units)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    Notes
    -----
    With d = p - t: l = Σ h(d) / U, where h(d) = d² / 2 for |d| <= δ and δ (|d| - δ / 2) otherwise; dl/dp is d clipped
    to [-δ, δ], over U.

    References
    ----------
    P. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 1964.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.huber(np.array([[3.0, 1.5]]), np.array([[1.0, 1.0]]))
    (0.8125, array([[0.5 , 0.25]]))
    """
    return _core.loss("huber", prediction, target, sample_weight, reduction, constant=delta, out=out)


def poisson_nll(log_rate, target, *, sample_weight=None, reduction="mean", out=None):
    """Negative log-likelihood of counts for the rates exp(x) of a Poisson distribution, averaged over units.

    Parameters
    ----------
    log_rate : ndarray, (batch, units)
        The logarithms x of the rates.
    target : ndarray, (batch, units)
        The counts t >= 0. Values are not looked at: a negative one has a loss without a minimum.
    sample_weight : ndarray, (batch,), optional
    reduction : {"mean", "sum", "none"}
        As in `softmax_cross_entropy`.
    out : ndarray of the prediction's shape, or with "none" a tuple (loss, gradient), optional

    Returns
    -------
    loss : float, or ndarray (batch,) with "none"
    dlog_rate : ndarray, (batch, units)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    Notes
    -----
    l = Σ (exp(x) - t x) / U and dl/dx = (exp(x) - t) / U. What does not depend on x, log t!, is left out, so that l may
    be negative. Both are infinite where exp(x) is: beyond 88.7 in float32 and 709.7 in float64.

    References
    ----------
    C. M. Bishop, "Pattern recognition and machine learning", 2006, section 4.3.6 (losses of canonical link functions).

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.poisson_nll(np.array([[0.0, 0.0]]), np.array([[3.0, 1.0]]))
    (1.0, array([[-1.,  0.]]))
    """
    return _core.loss("poisson_nll", log_rate, target, sample_weight, reduction, out=out)
