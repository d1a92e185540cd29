"""Probabilities that can be believed: one temperature for all logits, and how far confidence and accuracy differ."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from lamina._arrays import on_host
from lamina._checks import finite, flag, matrix, values, weights, whole
from lamina.layers import Linear, Zoneout
from lamina.losses import Loss
from lamina.sequential import Sequential

__all__ = ["calibrate", "expected_calibration_error", "fit_temperature"]

_FLOAT64 = np.dtype("float64")
_COLDEST, _HOTTEST, _STEPS = 1e-4, 1e4, 100


def fit_temperature(logits: Any, y: Any, sample_weight: Any = None, *, multi_label: bool = False) -> float:
    """Return the temperature that makes the cross-entropy of logits / temperature least.

    Parameters
    ----------
    logits : array_like of shape (rows, out)
        What a net gives for rows it was not trained on; one output takes (rows,) as well.
    y : array_like
        Labels (rows,) or probabilities (rows, out). One output is a question of yes or no: numbers in [0, 1], (rows,).
    sample_weight : array_like of shape (rows,), optional
        Weights of the rows.
    multi_label : bool
        Whether each output is a question of its own, and y numbers in [0, 1] of shape (rows, out).

    Returns
    -------
    float
        Above 1 for a net that is too sure of itself.

    Raises
    ------
    ValueError
        If shapes don't fit, values are out of range, or no temperature in [1e-4, 1e4] is best: because all rows are
        classified right (the colder the better), or because the logits tell nothing (the hotter the better).
    TypeError
        If the data is not made of numbers.

    Notes
    -----
    The loss, mean of log Σ exp(β z) − β z_y, is convex in β = 1 / temperature. Its derivative, the mean of E[z] − z_y
    under the softmax of β z, is brought to 0 by Newton's method, kept inside a bracket that shrinks with each step.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On calibration of modern neural networks", ICML 2017.

    Examples
    --------
    >>> import lamina
    >>> logits = [[0.0, 8.0], [0.0, 8.0], [0.0, 8.0], [0.0, 8.0]]
    >>> temperature = lamina.fit_temperature(logits, [1, 1, 1, 0])  # sure of class 1, but right in 3 rows of 4
    >>> round(temperature, 3), round(1 / (1 + 2.718281828 ** (-8 / temperature)), 3)
    (7.282, 0.75)
    """
    call = "fit_temperature"
    z = values(call, "logits", on_host(logits), _FLOAT64)
    z = z[:, None] if z.ndim == 1 else z
    z = finite(call, matrix(call, z, z.shape[-1] if z.ndim else 0, _FLOAT64, "logits"), "logits")
    rows, outputs = z.shape
    questions = flag(call, "multi_label", multi_label) or outputs == 1
    loss = Loss("sigmoid_cross_entropy" if questions else "cross_entropy")
    targets = loss.targets(call, on_host(y), rows=rows, outputs=outputs, dtype=_FLOAT64)
    weight = weights(call, "sample_weight", on_host(sample_weight), rows, _FLOAT64)
    weight = np.ones(rows) if weight is None else weight
    if questions:  # a softmax over the logits 0 and z
        yes, z, weight = targets.ravel(), z.ravel(), np.repeat(weight, outputs)
        targets, z = np.stack([1 - yes, yes], axis=1), np.stack([np.zeros_like(z), z], axis=1)
    elif targets.ndim == 1:
        targets = np.eye(outputs)[targets]
    z = z - z.max(axis=1, keepdims=True)
    share = weight * targets.sum(axis=1)
    wanted = (weight[:, None] * targets * z).sum()

    def slope_and_curvature(inverse: float) -> tuple[float, float]:
        p = np.exp(inverse * z)
        p /= p.sum(axis=1, keepdims=True)
        mean = (p * z).sum(axis=1)
        variance = (p * (z - mean[:, None]) ** 2).sum(axis=1)
        return float(share @ mean - wanted), float(share @ variance)

    low, high, inverse = 1 / _HOTTEST, 1 / _COLDEST, 1.0
    if slope_and_curvature(low)[0] >= 0:
        raise ValueError(f"{call}: the hotter the better: these logits tell nothing about y, no temperature helps them")
    if slope_and_curvature(high)[0] <= 0:
        raise ValueError(f"{call}: the colder the better: every row is classified right, rows with mistakes are needed")
    for _ in range(_STEPS):
        slope, curvature = slope_and_curvature(inverse)
        low, high = (low, inverse) if slope > 0 else (inverse, high)
        last, inverse = inverse, inverse - slope / curvature if curvature > 0 else low
        if not low < inverse < high:
            inverse = float(np.sqrt(low * high))
        if abs(inverse - last) <= 1e-9 * last:  # the digits double with each step
            break
    return 1 / inverse


def calibrate(net: Sequential, X: Any, y: Any, sample_weight: Any = None, *, multi_label: bool = False) -> Sequential:
    """Return a copy of a net whose logits are divided by the temperature that suits a validation set.

    Parameters
    ----------
    net : lamina.Sequential
        Trained with a cross-entropy; it ends in a linear layer.
    X : array_like of shape (rows, in)
        Rows it was not trained on.
    y, sample_weight, multi_label
        As of `fit_temperature`.

    Returns
    -------
    lamina.Sequential
        Its last weights and bias are the net's, divided by the temperature: classes stay the same, probabilities become
        such as are met.

    Raises
    ------
    ValueError
        If the last layer is not linear, or as `fit_temperature`.
    TypeError
        If `net` is no net, or the data is not made of numbers.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On calibration of modern neural networks", ICML 2017.

    Examples
    --------
    >>> import lamina, numpy as np
    >>> net = lamina.Sequential(lamina.Linear(1, 2, init="zeros"))
    >>> net.parameters()["0.weight"][...] = [[0.0], [8.0]]
    >>> calibrated = lamina.calibrate(net, np.ones((4, 1)), [1, 1, 1, 0])
    >>> calibrated.predict_proba([[1.0]]).round(3)
    array([[0.25, 0.75]], dtype=float32)
    """
    if not isinstance(net, Sequential):
        raise TypeError(f"calibrate: net is {net!r}, a lamina.Sequential is needed")
    if not isinstance(net[-1], Linear) or isinstance(net[-1], Zoneout):
        raise ValueError(f"calibrate: the last layer is {net[-1]}, a linear one is needed; see fit_temperature")
    temperature = fit_temperature(net.predict(X), y, sample_weight, multi_label=multi_label)
    result, state = copy.deepcopy(net), net.state_dict()
    for name in (name for name in state if name.startswith(f"{len(net) - 1}.")):
        state[name] /= temperature
    result.load_state_dict(state)
    return result


def expected_calibration_error(probabilities: Any, y: Any, sample_weight: Any = None, *, bins: int = 15) -> float:
    """Return how far confidence and accuracy differ, on average.

    Parameters
    ----------
    probabilities : array_like of shape (rows, classes)
        As of `predict_proba`.
    y : array_like of shape (rows,)
        Labels, whole numbers from 0 to classes - 1.
    sample_weight : array_like of shape (rows,), optional
        Weights of the rows.
    bins : int
        Intervals of equal width that confidences fall into, at least 1.

    Returns
    -------
    float
        In [0, 1]; 0 where in every bin the accuracy is the mean confidence.

    Raises
    ------
    ValueError
        If shapes don't fit or values are out of range.
    TypeError
        If the data is not made of numbers.

    Notes
    -----
    Σ over bins of the bin's share of the rows × |accuracy − mean confidence|; the confidence of a row is its largest
    probability, and a bin includes its upper end.

    References
    ----------
    M. Naeini, G. Cooper, M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015.

    Examples
    --------
    >>> import lamina
    >>> round(lamina.expected_calibration_error([[0.1, 0.9], [0.2, 0.8], [0.1, 0.9]], [1, 1, 0]), 3)
    0.333
    """
    call = "expected_calibration_error"
    p = values(call, "probabilities", on_host(probabilities), _FLOAT64)
    if p.ndim != 2 or p.shape[1] < 2 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(
            f"{call}: probabilities of shape {p.shape} given, numbers in [0, 1] (rows, classes) are needed"
        )
    finite(call, p, "probabilities")
    labels = values(call, "y", on_host(y), None)
    if labels.ndim != 1:
        raise ValueError(f"{call}: y has shape {labels.shape}, labels ({len(p)},) are needed")
    labels = Loss("cross_entropy").targets(call, labels, rows=len(p), outputs=p.shape[1], dtype=_FLOAT64)
    weight = weights(call, "sample_weight", on_host(sample_weight), len(p), _FLOAT64)
    weight = np.ones(len(p)) if weight is None else weight
    bins = whole(call, "bins", bins, 1)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
    place = np.ceil(confidence * bins).astype(np.int64)
    differences = np.bincount(place, weight * (right - confidence), minlength=bins + 1)
    return float(abs(differences).sum() / weight.sum())
