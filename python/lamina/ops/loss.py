"""Losses of class probabilities, each with the gradient of the logits."""

from lamina import _core


def softmax_cross_entropy(
    logits, targets, *, sample_weight=None, class_weight=None, label_smoothing=0.0, reduction="mean", out=None
):
    r"""Cross-entropy of the softmax of logits: the negative log-likelihood of labels or class probabilities.

    Parameters
    ----------
    logits : ndarray, (batch, classes)
    targets : ndarray, (batch,) of int32 or int64 labels, or (batch, classes) of probabilities
        Values of probabilities are not looked at: rows need not sum to 1, and negative ones may give a negative loss.
    sample_weight : ndarray, (batch,), optional
    class_weight : ndarray, (classes,), optional
        The weight of a row's label multiplies its sample weight; goes with labels only.
    label_smoothing : float
        ε in [0, 1): targets become (1 - ε) t + ε / classes.
    reduction : {"mean", "sum", "none"}
        mean = Σ w l / Σ w, sum = Σ w l, none = the rows' w l.
    out : ndarray of the logits' shape, optional
        For the gradient; with "none" a tuple (loss, gradient).

    Returns
    -------
    loss : float, or ndarray (batch,) with "none"
    dlogits : ndarray, (batch, classes)
        Gradient of the reduced loss; with "none" of the sum.

    Raises
    ------
    ValueError
        If the shapes do not fit, labels are out of range, weights are negative or not finite, the batch is empty, or
        with "mean" the total weight is 0.

    Notes
    -----
    l = -Σ_c t_c log softmax(z)_c and dl/dz = softmax(z) Σ_c t_c - t.

    References
    ----------
    .. [1] J. Bridle, 1990 (softmax with its likelihood).
    .. [2] C. Szegedy et al., "Rethinking the Inception architecture for computer vision", 2016, section 7 (smoothing).

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> loss, dlogits = ops.softmax_cross_entropy(np.array([[0.0, 0.0]]), np.array([1]))
    >>> round(loss, 6), dlogits
    (0.693147, array([[ 0.5, -0.5]]))
    """
    return _core.loss(
        "softmax_cross_entropy", logits, targets, sample_weight, reduction, class_weight, label_smoothing, out=out
    )


def kl_divergence(logits, probabilities, *, sample_weight=None, reduction="mean", out=None):
    """Kullback-Leibler divergence of the softmax of logits from a target distribution, summed over classes.

    Parameters
    ----------
    logits : ndarray, (batch, classes)
    probabilities : ndarray, (batch, classes)
        The targets p. Values are not looked at: a negative one gives NaN, and rows need not sum to 1.
    sample_weight : ndarray, (batch,), optional
    reduction : {"mean", "sum", "none"}
        As in `softmax_cross_entropy`.
    out : ndarray of the prediction's shape, or with "none" a tuple (loss, gradient), optional

    Returns
    -------
    loss : float, or ndarray (batch,) with "none"
    dlogits : ndarray, (batch, classes)
        That of `softmax_cross_entropy` with probabilities.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    Notes
    -----
    l = Σ_c p_c (log p_c - log softmax(z)_c) with 0 log 0 = 0, and dl/dz = softmax(z) Σ_c p_c - p: the cross-entropy
    without the entropy of p, so that the loss is 0 where the softmax is p.

    References
    ----------
    S. Kullback and R. Leibler, "On information and sufficiency", Annals of Mathematical Statistics 22, 1951.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> loss, dlogits = ops.kl_divergence(np.array([[0.0, 0.0]]), np.array([[0.0, 1.0]]))
    >>> round(loss, 6), dlogits
    (0.693147, array([[ 0.5, -0.5]]))
    """
    return _core.loss("kl_divergence", logits, probabilities, sample_weight, reduction, out=out)


def sigmoid_cross_entropy(logits, targets, *, sample_weight=None, reduction="mean", out=None):
    """Bernoulli cross-entropy from logits, summed over units.

    Parameters
    ----------
    logits : ndarray, (batch, units)
    targets : ndarray, (batch, units)
        Probabilities of 1. Values are not looked at: beyond [0, 1] the loss may be negative and have no minimum.
    sample_weight : ndarray, (batch,), optional
    reduction : {"mean", "sum", "none"}
        As in `softmax_cross_entropy`.
    out : ndarray of the prediction's shape, or with "none" a tuple (loss, gradient), optional

    Returns
    -------
    loss : float, or ndarray (batch,) with "none"
    dlogits : ndarray, (batch, units)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    Notes
    -----
    l = -Σ t log s(z) + (1 - t) log(1 - s(z)) = Σ max(z, 0) - z t + log(1 + exp(-|z|)); dl/dz = s(z) - t.

    References
    ----------
    C. M. Bishop, "Pattern recognition and machine learning", 2006, section 5.2.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> loss, dlogits = ops.sigmoid_cross_entropy(np.array([[0.0]]), np.array([[1.0]]))
    >>> round(loss, 6), dlogits
    (0.693147, array([[-0.5]]))
    """
    return _core.loss("sigmoid_cross_entropy", logits, targets, sample_weight, reduction, out=out)
