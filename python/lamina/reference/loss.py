"""Losses of class probabilities, each with the gradient of the logits."""

import numpy as np

from .activation import activation_forward
from .checks import expect_shape, to_float64
from .reduction import matrices, reduced, row_weights
from .softmax import log_softmax_forward


def softmax_cross_entropy(
    logits, targets, *, sample_weight=None, class_weight=None, label_smoothing=0.0, reduction="mean", out=None
):
    r"""Cross-entropy of the softmax of logits: the negative log-likelihood of labels or class probabilities.

    Parameters
    ----------
    logits : array_like, (batch, classes)
    targets : array_like, (batch,) of int32 or int64 labels, or (batch, classes) of probabilities
    sample_weight : array_like, (batch,), optional
    class_weight : array_like, (classes,), optional
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
    dlogits : ndarray, (batch, classes), float64
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
    >>> from lamina import reference as ref
    >>> loss, dlogits = ref.softmax_cross_entropy([[0.0, 0.0]], [1])
    >>> round(loss, 6), dlogits
    (0.693147, array([[ 0.5, -0.5]]))
    """
    op = "softmax_cross_entropy"
    logits = to_float64(op, "logits", logits, 2)
    rows, classes = logits.shape
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"{op}: label_smoothing is {label_smoothing}, 0 <= label_smoothing < 1 is needed")
    targets = np.asarray(targets)
    labels = targets if targets.dtype.kind in "iu" else None
    if labels is not None:
        expect_shape(op, "targets", targets, (rows,))
        if targets.size and not (0 <= targets.min() and targets.max() < classes):
            raise ValueError(f"{op}: labels reach from {targets.min()} to {targets.max()}, 0 to {classes - 1} needed")
        targets = np.eye(classes)[targets]
    else:
        targets = to_float64(op, "targets", targets, 2)
        expect_shape(op, "targets", targets, logits.shape)
    weight = row_weights(op, "sample_weight", sample_weight, rows)
    if class_weight is not None:
        if labels is None:
            raise ValueError(f"{op}: class_weight came with class probabilities, labels are needed")
        weight = weight * row_weights(op, "class_weight", class_weight, classes)[labels]
    targets = (1.0 - label_smoothing) * targets + label_smoothing / classes
    log_probabilities = log_softmax_forward(logits)
    terms = np.zeros_like(logits)  # 0 log 0 = 0
    np.multiply(targets, log_probabilities, out=terms, where=targets != 0)
    gradient = np.exp(log_probabilities) * np.sum(targets, axis=1, keepdims=True) - targets
    return reduced(op, -np.sum(terms, axis=1), gradient, weight, reduction, out)


def kl_divergence(logits, probabilities, *, sample_weight=None, reduction="mean", out=None):
    """Kullback-Leibler divergence of the softmax of logits from a target distribution, summed over classes.

    Parameters
    ----------
    logits : array_like, (batch, classes)
    probabilities : array_like, (batch, classes)
        The targets p.
    sample_weight : array_like, (batch,), optional
    reduction : {"mean", "sum", "none"}
        As in `softmax_cross_entropy`.
    out : ndarray of the prediction's shape, or with "none" a tuple (loss, gradient), optional

    Returns
    -------
    loss : float, or ndarray (batch,) with "none"
    dlogits : ndarray, (batch, classes), float64

    Notes
    -----
    l = Σ_c p_c (log p_c - log softmax(z)_c) with 0 log 0 = 0, and dl/dz = softmax(z) Σ_c p_c - p.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> loss, dlogits = ref.kl_divergence([[0.0, 0.0]], [[0.0, 1.0]])
    >>> round(loss, 6), dlogits
    (0.693147, array([[ 0.5, -0.5]]))
    """
    op = "kl_divergence"
    logits, probabilities = matrices(op, logits=logits, probabilities=probabilities)
    log_softmax = log_softmax_forward(logits)
    terms = np.zeros_like(logits)
    present = probabilities != 0
    terms[present] = probabilities[present] * (np.log(probabilities[present]) - log_softmax[present])
    gradient = np.exp(log_softmax) * np.sum(probabilities, axis=1, keepdims=True) - probabilities
    weight = row_weights(op, "sample_weight", sample_weight, len(logits))
    return reduced(op, np.sum(terms, axis=1), gradient, weight, reduction, out)


def sigmoid_cross_entropy(logits, targets, *, sample_weight=None, reduction="mean", out=None):
    """Bernoulli cross-entropy from logits, summed over units.

    Parameters
    ----------
    logits : array_like, (batch, units)
    targets : array_like, (batch, units)
        Probabilities of 1.
    sample_weight : array_like, (batch,), optional
    reduction : {"mean", "sum", "none"}
        As in `softmax_cross_entropy`.
    out : ndarray of the prediction's shape, or with "none" a tuple (loss, gradient), optional

    Returns
    -------
    loss : float, or ndarray (batch,) with "none"
    dlogits : ndarray, (batch, units), float64

    Notes
    -----
    l = -Σ t log s(z) + (1 - t) log(1 - s(z)) = Σ max(z, 0) - z t + log(1 + exp(-|z|)); dl/dz = s(z) - t.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> loss, dlogits = ref.sigmoid_cross_entropy([[0.0]], [[1.0]])
    >>> round(loss, 6), dlogits
    (0.693147, array([[-0.5]]))
    """
    op = "sigmoid_cross_entropy"
    logits, targets = matrices(op, logits=logits, targets=targets)
    units = np.maximum(logits, 0.0) - logits * targets + np.log1p(np.exp(-np.abs(logits)))
    gradient = activation_forward(logits, "sigmoid") - targets
    rows = np.sum(units, axis=1)
    return reduced(op, rows, gradient, row_weights(op, "sample_weight", sample_weight, len(rows)), reduction, out)
