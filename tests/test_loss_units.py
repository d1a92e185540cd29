"""Element-wise losses: against the reference, levels, kinks and extremes, refusals."""

import itertools

import numpy as np
import pytest

import tolerances
from bad_inputs import changed, check_refused, spoiled, strided
from comparison import assert_levels_agree, assert_same_bits, assert_within
from lamina import ops
from lamina import reference as ref
from loss_cases import CONSTANTS, REDUCTIONS, SHAPES, UNIT_LOSSES, check_types, data


def unit_loss_parts(name, prediction, target):
    """Magnitudes of the terms of each unit's loss, and of its gradient."""
    if name == "sigmoid_cross_entropy":
        softplus = np.log1p(np.exp(-np.abs(prediction)))
        return np.abs(prediction) * (1 + target) + softplus, 1 + target
    distance = np.abs(prediction - target)
    if name == "squared_error":
        return distance**2 / 2, distance
    bounded = np.minimum(distance, CONSTANTS["huber"]["delta"])
    terms, slopes = {
        "mean_squared_error": (distance**2, 2 * distance),
        "absolute_error": (distance, np.ones_like(distance)),
        "huber": (bounded * distance, bounded),
        "poisson_nll": (np.exp(prediction) + target * np.abs(prediction), np.exp(prediction) + target),
    }[name]
    return terms / prediction.shape[1], slopes / prediction.shape[1]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", UNIT_LOSSES)
def test_unit_loss_matches_reference(generic, rng, dtype, reduction, weighted, name):
    for shape, scale in itertools.product(SHAPES, (1.0, 20.0)):
        prediction, target = data(name, rng, shape, dtype, scale)
        weight = rng.uniform(0.1, 2, size=shape[0]).astype(dtype) if weighted else np.ones(shape[0], dtype)
        options = dict(
            reduction=reduction, **(dict(sample_weight=weight) if weighted else {}), **CONSTANTS.get(name, {})
        )
        loss, gradient = getattr(ops, name)(prediction, target, **options)
        check_types(loss, gradient, reduction, shape[0], dtype)
        expected, expected_gradient = getattr(ref, name)(prediction, target, **options)
        terms, slopes = unit_loss_parts(name, prediction.astype(np.float64), target.astype(np.float64))
        errors, weight = tolerances.unit_loss(terms, dtype), weight.astype(np.float64)
        bound = tolerances.reduced_loss(terms.sum(axis=1), errors, weight, reduction, dtype)
        assert_within(loss, expected, bound)
        assert_within(gradient, expected_gradient, tolerances.loss_gradient(slopes, 0.0, weight, reduction, dtype))


@pytest.mark.parametrize("name", UNIT_LOSSES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_unit_losses_levels_agree(isa, rng, dtype, reduction, name):
    for shape in [*SHAPES, (700, 40)]:
        prediction, target = data(name, rng, shape, dtype, 3.0)
        target[rng.random(shape) < 0.1] = 1
        prediction[rng.random(shape) < 0.1] = 1  # some are met exactly
        weight = dict(sample_weight=rng.random(shape[0]).astype(dtype) + dtype.type(0.1), reduction=reduction)
        for options in ({}, weight, weight | CONSTANTS.get(name, {})):
            assert_levels_agree(getattr(ops, name), prediction, target, **options)


def test_sigmoid_cross_entropy_of_extreme_logits(isa, dtype):
    loss, gradient = ops.sigmoid_cross_entropy(np.array([[1e4, -1e4]], dtype), np.array([[0, 1]], dtype))
    assert loss == 2e4
    assert_same_bits(gradient, np.array([[1, -1]], dtype))


def test_absolute_error_is_flat_where_it_is_met(isa, dtype):
    prediction = np.array([[0.0, -0.0, 3.0, 1e30, -1e30, 2.0, np.inf, 1.0]], dtype)
    target = np.array([[0.0, 0.0, 3.0, 1.0, 1.0, 2.5, 1.0, -np.inf]], dtype)
    loss, gradient = ops.absolute_error(prediction, target)
    assert loss == np.inf
    np.testing.assert_array_equal(gradient, np.array([[0, 0, 0, 1, -1, -1, 1, 1]], dtype) / 8)


def test_huber_is_a_line_from_delta_on(isa, dtype):
    prediction = np.array([[0.0, 0.25, -0.5, 0.5, 2.0, -2.0, 1e30, -np.inf]], dtype)
    for delta, place in ((0.5, slice(None)), (1.0, slice(0, 7))):
        given = prediction[:, place]
        loss, gradient = ops.huber(given.T.copy(), np.zeros_like(given.T), delta=delta, reduction="none")
        distance = np.abs(given[0])
        squares = 0.5 * np.minimum(distance, delta) ** 2
        expected = np.where(distance <= delta, squares, delta * (distance - 0.5 * delta))
        np.testing.assert_array_equal(loss, expected.astype(dtype))
        np.testing.assert_array_equal(gradient, np.clip(given.T, -delta, delta))


def test_poisson_nll_of_extreme_rates(isa, dtype):
    log_rate, target = np.array([[-1e4], [1e4], [-1e4], [0]], dtype), np.array([[3], [3], [0], [1e30]], dtype)
    loss, gradient = ops.poisson_nll(log_rate, target, reduction="none")
    np.testing.assert_array_equal(loss, [3e4, np.inf, 0, 1])
    np.testing.assert_array_equal(gradient, np.array([[-3], [np.inf], [0], [-1e30]], dtype))
    last = dict(float32=88.72, float64=709.78)[dtype.name]  # exp of it is finite
    loss, gradient = ops.poisson_nll(np.array([[last]], dtype), np.array([[2]], dtype))
    assert np.isfinite(loss) and np.isfinite(gradient).all()


@pytest.mark.parametrize("name", UNIT_LOSSES)
def test_unit_losses_spread_nan(isa, dtype, name):
    for place in (0, 1):
        arrays = [np.zeros((5, 20), dtype), np.full((5, 20), 0.05, dtype)]
        arrays[place][2, 17] = np.nan
        loss, gradient = getattr(ops, name)(*arrays, reduction="none")
        assert np.isnan(gradient[2, 17]) and np.isnan(gradient).sum() == 1
        np.testing.assert_array_equal(np.isnan(loss), [False, False, True, False, False])
        assert np.isnan(getattr(ops, name)(*arrays)[0])


@pytest.mark.parametrize("name", UNIT_LOSSES)
def test_unit_losses_take_any_row_stride(isa, rng, dtype, name):
    prediction, target = data(name, rng, (6, 19), dtype)
    op = getattr(ops, name)
    assert_same_bits(op(strided(prediction), strided(target)), op(prediction, target))


@pytest.mark.parametrize("name", UNIT_LOSSES)
def test_unit_losses_refuse(dtype, name):
    first, second = UNIT_LOSSES[name]
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


def test_unit_losses_name_the_array_that_is_wrong(dtype):
    for name, (first, second) in UNIT_LOSSES.items():
        good = np.ones((2, 3), dtype)
        with pytest.raises(ValueError, match=f"{name}: {first} "):
            getattr(ops, name)(good[0], good)
        with pytest.raises(ValueError, match=f"{name}: {second} "):
            getattr(ops, name)(good, good.astype(np.float16))


def test_huber_refuses_other_deltas(dtype):
    arguments = dict(prediction=np.ones((4, 5), dtype), target=np.ones((4, 5), dtype))
    cases = [changed(arguments, ValueError, delta=delta) for delta in (0, -1.0, np.nan, np.inf)]
    cases += [changed(arguments, TypeError, delta=delta) for delta in ("1", None, True)]
    if dtype == np.float32:  # which would be 0 or infinite there
        cases += [changed(arguments, ValueError, delta=delta) for delta in (1e-50, 1e300)]
    check_refused(ops.huber, cases)
    with pytest.raises(ValueError, match="huber: delta is -1, needs a finite number > 0"):
        ops.huber(**arguments, delta=-1)
