"""Optimizer steps: against the reference over several steps, levels, tiny moments."""

import itertools

import numpy as np
import pytest

import tolerances
from comparison import assert_levels_agree, assert_same_bits, assert_within
from lamina import ops
from lamina import reference as ref

SIZES = [0, 1, 15, 16, 17, 35, 1000]
SGD = [
    dict(lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay, l1=l1)
    for lr, (momentum, nesterov), weight_decay, l1 in itertools.product(
        (0.1, 0.0), ((0.0, False), (0.9, False), (0.9, True)), (0.0, 0.01), (0.0, 0.3)
    )
]
ADAM = [
    dict(lr=lr, weight_decay=weight_decay, l1=l1, decoupled=decoupled, **others)
    for lr, weight_decay, l1, decoupled, others in itertools.product(
        (1e-3, 0.0), (0.0, 0.01), (0.0, 0.3), (False, True), ({}, dict(betas=(0.5, 0.9), eps=1e-4))
    )
]

ADAGRAD = [
    dict(lr=lr, weight_decay=weight_decay, l1=l1, **others)
    for lr, weight_decay, l1, others in itertools.product((0.1, 0.0), (0.0, 0.01), (0.0, 0.3), ({}, dict(eps=1e-4)))
]
RMSPROP = [
    dict(options, momentum=momentum, **others)
    for options, momentum, others in itertools.product(ADAGRAD, (0.0, 0.9), ({}, dict(rho=0.5)))
]


def wide(*arrays):
    return [None if array is None else array.astype(np.float64) for array in arrays]


@pytest.mark.parametrize("options", SGD)
def test_sgd_matches_reference(generic, rng, dtype, options):
    for size in SIZES:
        params = rng.normal(size=size).astype(dtype)
        velocity = rng.normal(size=size).astype(dtype) if options["momentum"] else None
        for _ in range(3):
            grads = rng.normal(size=size).astype(dtype)
            expected = wide(params, velocity)
            before = wide(params, grads, np.zeros(size) if velocity is None else velocity)
            ref.sgd_step(expected[0], grads, expected[1], **options)
            assert ops.sgd_step(params, grads, velocity, **options) is None
            others = {name: options[name] for name in ("lr", "momentum", "weight_decay", "l1")}
            bounds = tolerances.sgd(*before, **others, dtype=dtype)
            assert_within(params, expected[0], bounds[0])
            if velocity is not None:
                assert_within(velocity, expected[1], bounds[1])


@pytest.mark.parametrize("options", ADAM)
def test_adam_matches_reference(generic, rng, dtype, options):
    for size in SIZES:
        params, m, v = rng.normal(size=size).astype(dtype), np.zeros(size, dtype), np.zeros(size, dtype)
        for step in (1, 2, 3, 1000):
            grads = rng.normal(size=size).astype(dtype)
            before = wide(params, grads, m, v)
            expected = wide(params, m, v)
            ref.adam_step(expected[0], grads, *expected[1:], step=step, **options)
            assert ops.adam_step(params, grads, m, v, step=step, **options) is None
            others = dict(betas=(0.9, 0.999), eps=1e-8) | options
            coupled = 0.0 if others.pop("decoupled") else others["weight_decay"]
            bounds = tolerances.adam(*before, **dict(others, step=step, dtype=dtype), coupled=coupled)
            for result, value, bound in zip((params, m, v), expected, bounds, strict=True):
                assert_within(result, value, bound)


@pytest.mark.parametrize("options", ADAGRAD)
def test_adagrad_matches_reference(generic, rng, dtype, options):
    for size in SIZES:
        params, square_sum = rng.normal(size=size).astype(dtype), np.zeros(size, dtype)
        for _ in range(3):
            grads = rng.normal(size=size).astype(dtype)
            before, expected = wide(params, grads, square_sum), wide(params, square_sum)
            ref.adagrad_step(expected[0], grads, expected[1], **options)
            assert ops.adagrad_step(params, grads, square_sum, **options) is None
            bounds = tolerances.adagrad(*before, **{"eps": 1e-10} | options, dtype=dtype)
            for result, value, bound in zip((params, square_sum), expected, bounds, strict=True):
                assert_within(result, value, bound)


@pytest.mark.parametrize("options", RMSPROP)
def test_rmsprop_matches_reference(generic, rng, dtype, options):
    for size in SIZES:
        params, square_avg, velocity = rng.normal(size=size).astype(dtype), np.zeros(size, dtype), np.zeros(size, dtype)
        for _ in range(3):
            grads = rng.normal(size=size).astype(dtype)
            before, expected = wide(params, grads, square_avg, velocity), wide(params, square_avg, velocity)
            ref.rmsprop_step(expected[0], grads, *expected[1:], **options)
            assert ops.rmsprop_step(params, grads, square_avg, velocity, **options) is None
            bounds = tolerances.rmsprop(*before, **{"eps": 1e-8, "rho": 0.99} | options, dtype=dtype)
            for result, value, bound in zip((params, square_avg, velocity), expected, bounds, strict=True):
                assert_within(result, value, bound)


@pytest.mark.parametrize(
    ("ours", "theirs", "options", "their_options"),
    [
        (ops.adagrad_step, "Adagrad", dict(weight_decay=0.1), {}),
        (ops.rmsprop_step, "RMSprop", dict(rho=0.9), dict(alpha=0.9)),
        (ops.rmsprop_step, "RMSprop", dict(rho=0.9, momentum=0.5, weight_decay=0.1), dict(alpha=0.9, momentum=0.5)),
    ],
)
def test_steps_are_those_of_torch(isa, rng, ours, theirs, options, their_options):
    torch = pytest.importorskip("torch")
    params, state = rng.normal(size=35), [np.zeros(35) for _ in range(2 if "momentum" in options else 1)]
    parameter = torch.nn.Parameter(torch.from_numpy(params.copy()))
    decay = options.get("weight_decay", 0.0)
    optimizer = getattr(torch.optim, theirs)([parameter], lr=0.01, weight_decay=decay, **their_options)
    for _ in range(5):
        grads = rng.normal(size=35)
        parameter.grad = torch.from_numpy(grads.copy())
        optimizer.step()
        ours(params, grads, *state, lr=0.01, **options)
    np.testing.assert_allclose(params, parameter.detach().numpy(), rtol=tolerances.IDENTITY, atol=tolerances.IDENTITY)


def special(rng, size, dtype):
    """Numbers of every magnitude, zeros of both signs, infinities and NaN."""
    x = (rng.normal(size=size) * 10.0 ** rng.integers(-30, 15, size=size)).astype(dtype)
    x[: min(size, 5)] = np.array([0.0, -0.0, np.inf, -np.inf, np.nan])[:size]
    return rng.permutation(x)


@pytest.mark.parametrize("options", SGD)
def test_sgd_levels_agree(isa, rng, dtype, options):
    for size in [*SIZES, 100_003]:
        params, grads, velocity = (special(rng, size, dtype) for _ in range(3))
        assert_levels_agree(ops.sgd_step, params, grads, velocity if options["momentum"] else None, **options)


@pytest.mark.parametrize("options", ADAM)
def test_adam_levels_agree(isa, rng, dtype, options):
    for size in [*SIZES, 100_003]:
        params, grads, m, v = (special(rng, size, dtype) for _ in range(4))
        for step in (1, 1000):
            assert_levels_agree(ops.adam_step, params, grads, m, np.abs(v), step=step, **options)


@pytest.mark.parametrize("options", ADAGRAD)
def test_adagrad_levels_agree(isa, rng, dtype, options):
    for size in [*SIZES, 100_003]:
        params, grads, square_sum = (special(rng, size, dtype) for _ in range(3))
        assert_levels_agree(ops.adagrad_step, params, grads, np.abs(square_sum), **options)


@pytest.mark.parametrize("options", RMSPROP)
def test_rmsprop_levels_agree(isa, rng, dtype, options):
    for size in [*SIZES, 100_003]:
        params, grads, square_avg, velocity = (special(rng, size, dtype) for _ in range(4))
        assert_levels_agree(
            ops.rmsprop_step, params, grads, np.abs(square_avg), velocity if options["momentum"] else None, **options
        )


def test_optimizers_take_arrays_off_cache_lines(isa, rng, dtype):
    """Long enough for several ranges, of which the second starts where the parameters meet a cache line."""
    for offset in (0, 1, 5):
        arrays = [np.abs(rng.normal(size=40_000)).astype(dtype)[offset:] for _ in range(4)]
        expected = [array.copy() for array in arrays]
        ops.adam_step(*arrays, lr=0.1, step=3)
        for first in range(0, len(expected[0]), 777):
            ops.adam_step(*(array[first : first + 777] for array in expected), lr=0.1, step=3)
        assert_same_bits(arrays, expected)


def test_optimizers_write_tiny_moments_as_zero(isa, dtype):
    limit = 2.0**-100
    velocity = np.tile(np.array([limit / 2, -limit / 2, 4 * limit], dtype), 9)
    ops.sgd_step(np.zeros(27, dtype), np.zeros(27, dtype), velocity, lr=0.1, momentum=0.5)
    assert_same_bits(velocity, np.tile(np.array([0, 0, 2 * limit], dtype), 9))
    m, v = np.tile(np.array([-limit, 2 * limit], dtype), 9), np.tile(np.array([limit, 2 * limit], dtype), 9)
    ops.adam_step(np.zeros(18, dtype), np.zeros(18, dtype), m, v, lr=0.1, step=1, betas=(0.5, 0.5))
    for moment in (m, v):
        assert_same_bits(moment, np.tile(np.array([0, limit], dtype), 9))
    square_sum = np.tile(np.array([limit / 2, limit], dtype), 9)
    ops.adagrad_step(np.zeros(18, dtype), np.zeros(18, dtype), square_sum, lr=0.1)
    assert_same_bits(square_sum, np.tile(np.array([0, limit], dtype), 9))
    square_avg, velocity = np.tile(np.array([limit, 2 * limit], dtype), 9), np.tile(np.array([-limit, 0], dtype), 9)
    ops.rmsprop_step(np.zeros(18, dtype), np.zeros(18, dtype), square_avg, velocity, lr=0.1, rho=0.5, momentum=0.5)
    assert_same_bits(square_avg, np.tile(np.array([0, limit], dtype), 9))
    assert_same_bits(velocity, np.zeros(18, dtype))


def test_optimizers_spread_nan(isa, dtype):
    for l1 in (0.0, 0.1):
        grads = np.zeros(37, dtype)
        grads[20] = np.nan
        params = np.ones(37, dtype)
        ops.sgd_step(params, grads, lr=0.1, l1=l1)
        np.testing.assert_array_equal(np.isnan(params), np.isnan(grads))
        params, m, v = np.ones(37, dtype), np.zeros(37, dtype), np.zeros(37, dtype)
        ops.adam_step(params, grads, m, v, lr=0.1, step=1, l1=l1)
        for array in (params, m, v):
            np.testing.assert_array_equal(np.isnan(array), np.isnan(grads))
        params, square = np.ones(37, dtype), np.zeros(37, dtype)
        ops.adagrad_step(params, grads, square, lr=0.1, l1=l1)
        for array in (params, square):
            np.testing.assert_array_equal(np.isnan(array), np.isnan(grads))
        params, square, velocity = np.ones(37, dtype), np.zeros(37, dtype), np.zeros(37, dtype)
        ops.rmsprop_step(params, grads, square, velocity, lr=0.1, l1=l1, momentum=0.5)
        for array in (params, square, velocity):
            np.testing.assert_array_equal(np.isnan(array), np.isnan(grads))


def test_l1_reaches_exact_zeros(isa, dtype):
    params = np.linspace(-1, 1, 41).astype(dtype)
    ops.sgd_step(params, np.zeros(41, dtype), lr=0.5, l1=1.01)
    assert (params[10:31] == 0).all() and (params[:10] < 0).all() and (params[31:] > 0).all()
