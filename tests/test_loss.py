"""Losses over classes: against the reference in every option, levels, extreme logits, refusals."""

import inspect
import itertools

import numpy as np
import pytest

import lamina
import tolerances
from bad_inputs import changed, check_refused, spoiled, strided, with_bad_out
from comparison import assert_levels_agree, assert_same_bits, assert_within
from lamina import ops
from lamina import reference as ref
from loss_cases import REDUCTIONS, SHAPES, check_types


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


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_kl_divergence_matches_reference(generic, rng, dtype, reduction, weighted):
    for shape, scale in itertools.product(SHAPES, (1.0, 20.0)):
        logits = (scale * rng.normal(size=shape)).astype(dtype)
        target = rng.dirichlet(np.ones(shape[1]), size=shape[0]).astype(dtype)
        target[rng.random(shape) < 0.2] = 0  # rows need not sum to 1
        weight = rng.uniform(0.1, 2, size=shape[0]).astype(dtype) if weighted else np.ones(shape[0], dtype)
        options = dict(reduction=reduction, **(dict(sample_weight=weight) if weighted else {}))
        loss, gradient = ops.kl_divergence(logits, target, **options)
        check_types(loss, gradient, reduction, shape[0], dtype)
        expected, expected_gradient = ref.kl_divergence(logits, target, **options)

        wide, dense, weight = logits.astype(np.float64), target.astype(np.float64), weight.astype(np.float64)
        log_probabilities = ref.log_softmax_forward(logits)
        terms, errors = tolerances.kl_divergence(wide, log_probabilities, dense, dtype)
        assert_within(loss, expected, tolerances.reduced_loss(terms.sum(axis=1), errors, weight, reduction, dtype))
        error = tolerances.softmax(wide, np.exp(log_probabilities), dtype)
        magnitude = np.exp(log_probabilities) + dense
        assert_within(gradient, expected_gradient, tolerances.loss_gradient(magnitude, error, weight, reduction, dtype))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_kl_divergence_has_the_gradient_of_the_cross_entropy(isa, rng, dtype, reduction):
    logits, target = rng.normal(size=(40, 19)).astype(dtype), rng.random((40, 19)).astype(dtype)
    expected = ops.softmax_cross_entropy(logits, target, reduction=reduction)[1]
    assert_same_bits(ops.kl_divergence(logits, target, reduction=reduction)[1], expected)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_losses_levels_agree(isa, rng, dtype, reduction):
    for shape in [*SHAPES, (700, 40)]:
        logits, target = (3 * rng.normal(size=shape)).astype(dtype), rng.random(shape).astype(dtype)
        target[rng.random(shape) < 0.1] = 0
        labels = rng.integers(0, shape[1], size=shape[0])
        weight = dict(sample_weight=rng.random(shape[0]).astype(dtype) + dtype.type(0.1), reduction=reduction)
        smoothed = dict(weight, label_smoothing=0.1)
        classes = dict(smoothed, class_weight=rng.random(shape[1]).astype(dtype) + dtype.type(0.1))
        calls = [(ops.softmax_cross_entropy, labels, options) for options in (weight, classes)]
        calls += [(ops.softmax_cross_entropy, target, options) for options in (weight, smoothed)]
        calls += [(ops.kl_divergence, target, options) for options in ({}, weight)]
        for op, targets, options in calls:
            assert_levels_agree(op, logits, targets, **options)


def test_losses_of_extreme_logits(isa, dtype):
    loss, gradient = ops.softmax_cross_entropy(np.array([[1e4, 0.0], [0.0, 1e4]], dtype), np.array([1, 1]))
    assert loss == 5e3
    assert_same_bits(gradient, np.array([[0.5, -0.5], [0, 0]], dtype))
    loss, gradient = ops.softmax_cross_entropy(np.array([[-np.inf, 0.0]], dtype), np.array([1]))
    assert loss == 0 and (gradient == 0).all()


def test_kl_divergence_of_extreme_logits(isa, dtype):
    logits = np.array([[1e4, -1e4], [1e4, -1e4], [-np.inf, 0]], dtype)
    loss, gradient = ops.kl_divergence(logits, np.array([[0, 1], [1, 0], [0, 1]], dtype), reduction="none")
    np.testing.assert_array_equal(loss, [2e4, 0, 0])
    assert_same_bits(gradient, np.array([[1, -1], [0, 0], [0, 0]], dtype))
    target = np.array([[0.25, 0.75]], dtype)
    loss, gradient = ops.kl_divergence(logits[:1], target)
    expected, expected_gradient = ref.kl_divergence(logits[:1], target)
    assert_within(loss, expected, 4 * tolerances.unit_roundoff(dtype) * expected)
    assert_same_bits(gradient, expected_gradient.astype(dtype))


def test_kl_divergence_is_zero_where_the_softmax_is_the_target(isa, rng, dtype):
    logits = rng.normal(size=(50, 7)).astype(dtype)
    target = ref.softmax_forward(logits).astype(dtype)
    loss, gradient = ops.kl_divergence(logits, target, reduction="none")
    terms = target * np.abs(np.log(target))
    assert_within(loss, np.zeros(50), 4 * tolerances.unit_loss(terms, dtype))
    assert_within(gradient, np.zeros((50, 7)), 2 * tolerances.softmax(logits, target, dtype))


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "kl_divergence"])
def test_losses_spread_nan(isa, dtype, name):
    logits, target = np.zeros((5, 20), dtype), np.full((5, 20), 0.05, dtype)
    logits[2, 17] = np.nan
    loss, gradient = getattr(ops, name)(logits, target, reduction="none")
    assert np.isnan(gradient[2, 17]) and not np.isnan(np.delete(gradient, 2, axis=0)).any()
    np.testing.assert_array_equal(np.isnan(loss), [False, False, True, False, False])
    assert np.isnan(getattr(ops, name)(logits, target)[0])


@pytest.mark.parametrize("value", [np.nan, -0.1])
def test_kl_divergence_of_what_is_no_probability_is_nan(isa, dtype, value):
    target = np.full((3, 20), 0.05, dtype)
    target[1, 18] = value
    np.testing.assert_array_equal(
        np.isnan(ops.kl_divergence(np.zeros((3, 20), dtype), target, reduction="none")[0]), [False, True, False]
    )


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "kl_divergence"])
def test_losses_take_any_row_stride(isa, rng, dtype, name):
    logits, target = rng.normal(size=(6, 19)).astype(dtype), rng.random((6, 19)).astype(dtype)
    op = getattr(ops, name)
    assert_same_bits(op(strided(logits), strided(target)), op(logits, target))


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


def test_kl_divergence_refuses(dtype):
    arguments = dict(logits=np.ones((4, 3), dtype), probabilities=np.full((4, 3), 1 / 3, dtype))
    arguments["sample_weight"] = np.ones(4, dtype)
    op = ops.kl_divergence
    check_refused(op, spoiled(arguments, *arguments))
    cases = [
        changed(arguments, ValueError, probabilities=np.array([0, 1, 2, 0])),
        changed(arguments, ValueError, probabilities=np.ones((4, 1), dtype)),
        changed(arguments, ValueError, probabilities=np.ones((3, 3), dtype)),
        changed(arguments, ValueError, sample_weight=np.zeros(4, dtype)),
        changed(arguments, ValueError, sample_weight=np.array([1, 1, -1, 1], dtype)),
        changed(arguments, ValueError, reduction="average"),
        changed(arguments, TypeError, label_smoothing=0.1),
        changed(arguments, TypeError, class_weight=np.ones(3, dtype)),
        ("no rows", ValueError, {name: np.ones((0, 3), dtype) for name in ("logits", "probabilities")}),
    ]
    check_refused(op, cases)
    with pytest.raises(ValueError, match="kl_divergence: probabilities .*float"):
        op(arguments["logits"], np.array([0, 1, 2, 0]))


@pytest.mark.parametrize("name", [name for name in lamina.losses.NAMES if name != "cross_entropy"])
def test_losses_fill_out(isa, rng, dtype, name):
    op, shape = getattr(ops, name), (37, 9)
    prediction, target = rng.normal(size=shape).astype(dtype), rng.dirichlet(np.ones(9), size=37).astype(dtype)
    for reduction in REDUCTIONS:
        expected = op(prediction, target, reduction=reduction)
        gradient, losses = strided(np.zeros_like(prediction)), np.zeros(37, dtype)
        out = (losses, gradient) if reduction == "none" else gradient
        results = op(prediction, target, reduction=reduction, out=out)
        assert results[1] is gradient and (reduction != "none" or results[0] is losses)
        assert_same_bits([np.asarray(results[0]), gradient], [np.asarray(expected[0]), expected[1]])
        assert np.isnan(gradient.base[:, 9:]).all()


@pytest.mark.parametrize("op", [ops.softmax_cross_entropy, ops.squared_error])
def test_losses_refuse_a_bad_out(dtype, op):
    names = [name for name in inspect.signature(op).parameters][:2]
    arguments = {name: np.full((4, 3), 1 / 3, dtype) for name in names}
    check_refused(op, with_bad_out(arguments, np.zeros((4, 3), dtype)))
    rows = np.zeros((4, 3), dtype)
    cases = [changed(arguments, ValueError, out=arguments[name]) for name in names]
    cases += [changed(arguments, TypeError, out=rows, reduction="none")]
    cases += [changed(arguments, ValueError, out=(np.zeros(3, dtype), rows), reduction="none")]
    cases += [changed(arguments, ValueError, out=(rows.ravel()[:4], rows), reduction="none")]
    cases += [changed(arguments, TypeError, out=(np.zeros(4, dtype), rows))]
    check_refused(op, cases)
