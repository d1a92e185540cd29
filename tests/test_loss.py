"""Losses: against the reference in every option, levels, extreme logits, refusals."""

import itertools

import numpy as np
import pytest

import tolerances
from bad_inputs import changed, check_refused, spoiled, strided
from comparison import assert_levels_agree, assert_same_bits, assert_within
from lamina import ops
from lamina import reference as ref

SHAPES = [(1, 1), (1, 15), (3, 2), (31, 16), (32, 17), (33, 35), (97, 10), (300, 3)]
REDUCTIONS = ["mean", "sum", "none"]
UNIT_LOSSES = ["sigmoid_cross_entropy", "squared_error", "mean_squared_error"]


def check_types(loss, gradient, reduction, rows, dtype):
    if reduction == "none":
        assert loss.dtype == dtype and loss.shape == (rows,)
    else:
        assert type(loss) is float
    assert gradient.dtype == dtype


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("kind", ["int64", "int32", "probabilities"])
@pytest.mark.parametrize("weighted, smoothing", [(False, 0.0), (True, 0.0), (False, 0.1), (True, 0.3)])
def test_softmax_cross_entropy_matches_reference(generic, rng, dtype, reduction, kind, weighted, smoothing):
    for shape, scale in itertools.product(SHAPES, (1.0, 20.0)):
        rows, classes = shape
        logits = (scale * rng.normal(size=shape)).astype(dtype)
        if kind == "probabilities":
            targets = rng.dirichlet(np.ones(classes), size=rows).astype(dtype)
            dense = targets.astype(np.float64)
        else:
            targets = rng.integers(0, classes, size=rows).astype(kind)
            dense = np.eye(classes)[targets]
        weights, weight = {}, np.ones(rows)
        if weighted:
            weights["sample_weight"] = rng.uniform(0.1, 2, size=rows).astype(dtype)
            weight = weights["sample_weight"].astype(np.float64)
            if kind != "probabilities":
                weights["class_weight"] = rng.uniform(0.1, 2, size=classes).astype(dtype)
                weight = weight * weights["class_weight"][targets]
        options = dict(weights, label_smoothing=smoothing, reduction=reduction)
        loss, gradient = ops.softmax_cross_entropy(logits, targets, **options)
        check_types(loss, gradient, reduction, rows, dtype)
        expected, expected_gradient = ref.softmax_cross_entropy(logits, targets, **options)

        log_probabilities, wide = ref.log_softmax_forward(logits), logits.astype(np.float64)
        probabilities = np.exp(log_probabilities)
        target = (1 - smoothing) * dense + smoothing / classes
        terms = target * np.abs(log_probabilities)
        errors = (target * tolerances.log_softmax(wide, log_probabilities, dtype)).sum(axis=1)
        errors += tolerances.unit_loss(terms, dtype)
        assert_within(loss, expected, tolerances.reduced_loss(terms.sum(axis=1), errors, weight, reduction, dtype))
        error = tolerances.softmax(wide, probabilities, dtype)
        bound = tolerances.loss_gradient(probabilities + target, error, weight, reduction, dtype)
        assert_within(gradient, expected_gradient, bound)


def unit_loss_parts(name, prediction, target):
    """Magnitudes of the terms of each unit's loss, and of its gradient."""
    if name == "sigmoid_cross_entropy":
        softplus = np.log1p(np.exp(-np.abs(prediction)))
        return np.abs(prediction) * (1 + target) + softplus, 1 + target
    scale = 1 if name == "squared_error" else 2 / prediction.shape[1]
    difference = np.abs(prediction - target)
    return scale * difference**2 / 2, scale * difference


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", UNIT_LOSSES)
def test_unit_loss_matches_reference(generic, rng, dtype, reduction, weighted, name):
    for shape, scale in itertools.product(SHAPES, (1.0, 20.0)):
        prediction, target = (scale * rng.normal(size=shape)).astype(dtype), rng.random(shape).astype(dtype)
        weight = rng.uniform(0.1, 2, size=shape[0]).astype(dtype) if weighted else np.ones(shape[0], dtype)
        options = dict(reduction=reduction, **(dict(sample_weight=weight) if weighted else {}))
        loss, gradient = getattr(ops, name)(prediction, target, **options)
        check_types(loss, gradient, reduction, shape[0], dtype)
        expected, expected_gradient = getattr(ref, name)(prediction, target, **options)
        terms, slopes = unit_loss_parts(name, prediction.astype(np.float64), target)
        errors, weight = tolerances.unit_loss(terms, dtype), weight.astype(np.float64)
        bound = tolerances.reduced_loss(terms.sum(axis=1), errors, weight, reduction, dtype)
        assert_within(loss, expected, bound)
        assert_within(gradient, expected_gradient, tolerances.loss_gradient(slopes, 0.0, weight, reduction, dtype))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_losses_levels_agree(isa, rng, dtype, reduction):
    for shape in [*SHAPES, (700, 40)]:
        prediction, target = (3 * rng.normal(size=shape)).astype(dtype), rng.random(shape).astype(dtype)
        labels = rng.integers(0, shape[1], size=shape[0])
        weight = dict(sample_weight=rng.random(shape[0]).astype(dtype) + dtype.type(0.1), reduction=reduction)
        calls = [(getattr(ops, name), target, options) for name in UNIT_LOSSES for options in ({}, weight)]
        smoothed = dict(weight, label_smoothing=0.1)
        classes = dict(smoothed, class_weight=rng.random(shape[1]).astype(dtype) + dtype.type(0.1))
        calls += [(ops.softmax_cross_entropy, labels, options) for options in (weight, classes)]
        calls += [(ops.softmax_cross_entropy, target, options) for options in (weight, smoothed)]
        for op, targets, options in calls:
            assert_levels_agree(op, prediction, targets, **options)


def test_losses_of_extreme_logits(isa, dtype):
    loss, gradient = ops.softmax_cross_entropy(np.array([[1e4, 0.0], [0.0, 1e4]], dtype), np.array([1, 1]))
    assert loss == 5e3
    assert_same_bits(gradient, np.array([[0.5, -0.5], [0, 0]], dtype))
    loss, gradient = ops.softmax_cross_entropy(np.array([[-np.inf, 0.0]], dtype), np.array([1]))
    assert loss == 0 and (gradient == 0).all()
    logits, targets = np.array([[1e4, -1e4]], dtype), np.array([[0, 1]], dtype)
    loss, gradient = ops.sigmoid_cross_entropy(logits, targets)
    assert loss == 2e4
    assert_same_bits(gradient, np.array([[1, -1]], dtype))


@pytest.mark.parametrize("name", UNIT_LOSSES + ["softmax_cross_entropy"])
def test_losses_spread_nan(isa, dtype, name):
    prediction, target = np.zeros((5, 20), dtype), np.full((5, 20), 0.05, dtype)
    prediction[2, 17] = np.nan
    loss, gradient = getattr(ops, name)(prediction, target, reduction="none")
    assert np.isnan(gradient[2, 17]) and not np.isnan(np.delete(gradient, 2, axis=0)).any()
    np.testing.assert_array_equal(np.isnan(loss), [False, False, True, False, False])
    assert np.isnan(getattr(ops, name)(prediction, target)[0])


def test_losses_take_any_row_stride(isa, rng, dtype):
    prediction, target = rng.normal(size=(6, 19)).astype(dtype), rng.random((6, 19)).astype(dtype)
    for name in UNIT_LOSSES + ["softmax_cross_entropy"]:
        op = getattr(ops, name)
        assert_same_bits(op(strided(prediction), strided(target)), op(prediction, target))


@pytest.mark.parametrize("name", UNIT_LOSSES)
def test_unit_losses_refuse(dtype, name):
    first, second = ("logits", "targets") if name == "sigmoid_cross_entropy" else ("prediction", "target")
    arguments = {first: np.ones((4, 5), dtype), second: np.ones((4, 5), dtype), "sample_weight": np.ones(4, dtype)}
    op = getattr(ops, name)
    check_refused(op, spoiled(arguments, *arguments))
    cases = [
        changed(arguments, ValueError, **{second: np.ones((4, 1), dtype)}),
        changed(arguments, ValueError, **{second: np.ones((5, 5), dtype)}),
        changed(arguments, ValueError, sample_weight=np.ones(5, dtype)),
        changed(arguments, ValueError, sample_weight=np.zeros(4, dtype)),
        changed(arguments, ValueError, sample_weight=np.array([1, 1, -1, 1], dtype)),
        changed(arguments, ValueError, sample_weight=np.array([1, 1, np.nan, 1], dtype)),
        changed(arguments, ValueError, reduction="average"),
        changed(arguments, TypeError, label_smoothing=0.1),
        changed(arguments, ValueError, sample_weight=None, **{n: np.ones((0, 5), dtype) for n in (first, second)}),
    ]
    check_refused(op, cases)


def test_softmax_cross_entropy_refuses(dtype):
    labels = np.array([0, 1, 2, 0])
    arguments = dict(logits=np.ones((4, 3), dtype), targets=labels, sample_weight=np.ones(4, dtype))
    arguments["class_weight"] = np.ones(3, dtype)
    op = ops.softmax_cross_entropy
    check_refused(op, spoiled(arguments, "logits", "sample_weight", "class_weight"))
    probabilities = dict(logits=arguments["logits"], targets=np.full((4, 3), 1 / 3, dtype))
    bad = [case for case in spoiled(probabilities, "targets") if "fewer" not in case[0]]
    check_refused(op, bad)
    cases = [
        changed(arguments, ValueError, targets=np.array([0, 1, 3, 0])),
        changed(arguments, ValueError, targets=np.array([0, -1, 2, 0])),
        changed(arguments, ValueError, targets=np.array([0, 2**31, 2, 0])),
        changed(arguments, ValueError, targets=np.array([0, 1, 3, 0], np.int32)),
        changed(arguments, ValueError, targets=labels[:3]),
        changed(arguments, ValueError, targets=labels[:, None]),
        changed(arguments, ValueError, targets=labels.astype(np.int16)),
        changed(arguments, ValueError, targets=labels.astype(np.uint64)),
        changed(arguments, ValueError, targets=labels.astype(">i8")),
        changed(arguments, ValueError, targets=labels.astype(dtype)),
        changed(arguments, ValueError, targets=np.ones((4, 2), dtype)),
        changed(arguments, TypeError, targets=labels.tolist()),
        changed(arguments, ValueError, class_weight=np.ones(4, dtype)),
        changed(arguments, ValueError, class_weight=np.zeros(3, dtype)),
        changed(arguments, ValueError, sample_weight=np.ones(3, dtype)),
        changed(arguments, ValueError, targets=probabilities["targets"]),
        changed(arguments, ValueError, class_weight=-np.ones(3, dtype)),
        changed(arguments, ValueError, label_smoothing=-0.1),
        changed(arguments, ValueError, label_smoothing=1.5),
        changed(arguments, ValueError, label_smoothing=np.nan),
        changed(arguments, ValueError, reduction="average"),
        changed(arguments, TypeError, smoothing=0.1),
        ("no rows", ValueError, dict(logits=np.ones((0, 3), dtype), targets=labels[:0])),
    ]
    check_refused(op, cases)
