"""Batch normalisation: against the reference, large means, running statistics, levels, refusals."""

import numpy as np
import pytest

import tolerances
from bad_inputs import changed, check_refused, spoiled, strided, with_bad_out
from comparison import assert_levels_agree, assert_same_bits, assert_within
from lamina import ops
from lamina import reference as ref

SHAPES = [(2, 1), (3, 7), (31, 15), (32, 16), (33, 17), (64, 3), (65, 35), (97, 64), (300, 5)]
# Mean in standard deviations; at 1e4 a one-pass variance in float32 would have no correct digit.
OFFSETS = [0.0, 10.0, 1e4]


def batch(rng, shape, dtype, offset=0.0):
    x = ((offset + rng.normal(size=shape)) * rng.uniform(0.5, 2, size=shape[1])).astype(dtype)
    gamma, beta, mean = (rng.normal(size=shape[1]).astype(dtype) for _ in range(3))
    return x, gamma, beta, mean, rng.uniform(0.5, 2, size=shape[1]).astype(dtype)


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("shape", SHAPES)
def test_batchnorm_forward_matches_reference(generic, rng, dtype, shape, offset):
    x, gamma, beta, running_mean, running_var = batch(rng, shape, dtype, offset)
    running = running_mean.copy(), running_var.copy()
    results = ops.batchnorm_forward(x, gamma, beta, *running, momentum=0.25, eps=1e-3)
    own = running_mean.astype(np.float64), running_var.astype(np.float64)
    y, mean, rstd = ref.batchnorm_forward(x, gamma, beta, *own, momentum=0.25, eps=1e-3)
    mean_error, rstd_error = statistics = tolerances.batchnorm_statistics(x, mean, rstd, dtype)
    wide = x.astype(np.float64)
    bounds = (
        tolerances.batchnorm_forward(wide, gamma, beta, mean, rstd, dtype, statistics),
        mean_error,
        rstd * rstd_error,
    )
    for result, expected, bound in zip(results, (y, mean, rstd), bounds, strict=True):
        assert result.dtype == dtype
        assert_within(result, expected, bound)
    rounding = 4 * tolerances.unit_roundoff(dtype)
    assert_within(running[0], own[0], 0.25 * mean_error + rounding * (np.abs(running_mean) + np.abs(own[0])))
    assert_within(running[1], own[1], own[1] * (2 * rstd_error + rounding))


@pytest.mark.parametrize("sign", [1, -1])
def test_batchnorm_of_means_of_ten_thousand_deviations(isa, rng, sign):
    for shape in [*SHAPES, (5000, 9)]:
        scale = rng.uniform(0.01, 100, size=shape[1])
        x = ((sign * 1e4 + rng.normal(size=shape)) * scale).astype(np.float32)
        ones, zeros = np.ones(shape[1], np.float32), np.zeros(shape[1], np.float32)
        running = zeros.copy(), zeros.copy()
        y, _, rstd = ops.batchnorm_forward(x, ones, zeros, *running, momentum=1.0, eps=0.0, unbiased_running_var=False)
        wide = x.astype(np.float64)
        mean, deviation = wide.mean(axis=0), wide.std(axis=0)
        assert_within(y, (wide - mean) / deviation, tolerances.normalised(mean, deviation))
        for variance in (running[1], 1 / rstd.astype(np.float64) ** 2):
            assert_within(variance, deviation**2, tolerances.VARIANCE * deviation**2)


@pytest.mark.parametrize("shape", [*SHAPES, (1, 5), (0, 5)])
def test_batchnorm_inference_matches_reference(generic, rng, dtype, shape):
    x, gamma, beta, running_mean, running_var = batch(rng, shape, dtype)
    kept = running_mean.copy(), running_var.copy()
    y, mean, rstd = ops.batchnorm_forward(x, gamma, beta, running_mean, running_var, training=False)
    assert_same_bits((running_mean, running_var), kept)
    assert_same_bits(mean, running_mean)
    expected = ref.batchnorm_forward(x, gamma, beta, running_mean, running_var, training=False)
    rounding = 2 * tolerances.unit_roundoff(dtype)
    assert_within(rstd, expected[2], rounding * expected[2])
    error = tolerances.batchnorm_forward(x, gamma, beta, mean, expected[2], dtype, (0.0, rounding))
    assert_within(y, expected[0], error)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("shape", SHAPES)
def test_batchnorm_backward_matches_reference(generic, rng, dtype, shape, offset, training):
    x, gamma, beta, *_ = batch(rng, shape, dtype, offset)
    dy = rng.normal(size=shape).astype(dtype)
    _, mean, rstd = ops.batchnorm_forward(x, gamma, beta)
    results = ops.batchnorm_backward(dy, x, gamma, mean, rstd, training=training)
    expected = ref.batchnorm_backward(dy, x, gamma, mean, rstd, training=training)
    wide = (array.astype(np.float64) for array in (dy, x, gamma, mean, rstd))
    bounds = tolerances.batchnorm_backward(*wide, dtype)
    for result, value, bound in zip(results, expected, bounds, strict=True):
        assert result.dtype == dtype
        assert_within(result, value, bound)


@pytest.mark.parametrize("offset", OFFSETS)
def test_batchnorm_levels_agree(isa, rng, dtype, offset):
    for shape in [*SHAPES, (500, 130)]:
        x, gamma, beta, running_mean, running_var = batch(rng, shape, dtype, offset)
        dy = rng.normal(size=shape).astype(dtype)
        _, mean, rstd = ops.batchnorm_forward(x, gamma, beta)

        for training in (True, False):
            assert_levels_agree(ops.batchnorm_forward, x, gamma, beta, running_mean, running_var, training=training)
            assert_levels_agree(ops.batchnorm_backward, dy, x, gamma, mean, rstd, training=training)


def test_batchnorm_of_a_constant_column_is_beta(isa, dtype):
    x = np.full((40, 17), 1 / 3, dtype)
    beta = np.linspace(-1, 1, 17).astype(dtype)
    y, mean, rstd = ops.batchnorm_forward(x, np.ones(17, dtype), beta)
    assert_same_bits(y, np.tile(beta, (40, 1)))
    assert_same_bits(mean, x[0])
    assert_same_bits(rstd, np.full(17, 1 / np.sqrt(1e-5), dtype))


def test_batchnorm_keeps_nan_in_its_column(isa, rng, dtype):
    x, gamma, beta, *_ = batch(rng, (40, 17), dtype)
    x[35, 4] = np.nan
    running = np.zeros(17, dtype), np.ones(17, dtype)
    for array in (*ops.batchnorm_forward(x, gamma, beta, *running), *running):
        array = np.atleast_2d(array)
        assert np.isnan(array[:, 4]).all() and not np.isnan(np.delete(array, 4, axis=1)).any()


@pytest.mark.parametrize("unbiased", [True, False])
def test_batchnorm_running_variance_switch(isa, dtype, unbiased):
    x = np.array([[0.0], [2.0]], dtype)
    mean, var = np.zeros(1, dtype), np.zeros(1, dtype)
    ones = np.ones(1, dtype)
    ops.batchnorm_forward(x, ones, ones, mean, var, momentum=1.0, unbiased_running_var=unbiased)
    assert mean == 1 and var == (2 if unbiased else 1)


def test_batchnorm_takes_any_row_stride_and_out(isa, rng, dtype):
    x, gamma, beta, *_ = batch(rng, (37, 19), dtype)
    dy = rng.normal(size=x.shape).astype(dtype)
    y, mean, rstd = ops.batchnorm_forward(x, gamma, beta)
    outs = strided(np.zeros_like(x)), np.zeros_like(mean), np.zeros_like(rstd)
    for result, given in zip(ops.batchnorm_forward(strided(x), gamma, beta, out=outs), outs, strict=True):
        assert result is given
    assert_same_bits(outs, (y, mean, rstd))
    expected = ops.batchnorm_backward(dy, x, gamma, mean, rstd)
    outs = strided(np.zeros_like(x)), np.zeros_like(mean), np.zeros_like(rstd)
    ops.batchnorm_backward(strided(dy), strided(x), gamma, mean, rstd, out=outs)
    assert_same_bits(outs, expected)
    assert np.isnan(outs[0].base[:, 19:]).all()


def test_batchnorm_refuses_bad_arrays(dtype):
    vectors = dict(gamma=np.ones(5, dtype), beta=np.ones(5, dtype))
    running = dict(running_mean=np.ones(5, dtype), running_var=np.ones(5, dtype))
    x = np.arange(20, dtype=dtype).reshape(4, 5)
    forward = dict(x=x, **vectors, **running)
    check_refused(ops.batchnorm_forward, spoiled(forward, *forward))
    for i, good in enumerate((x.copy(), np.ones(5, dtype), np.ones(5, dtype))):
        outs = [np.empty_like(x), np.empty(5, dtype), np.empty(5, dtype)]
        for description, error, call in with_bad_out(forward, good):
            outs[i] = call["out"]
            check_refused(ops.batchnorm_forward, [(f"{i}: {description}", error, {**call, "out": tuple(outs)})])
    backward = dict(dy=x, x=x.copy(), gamma=vectors["gamma"], mean=np.ones(5, dtype), rstd=np.ones(5, dtype))
    check_refused(ops.batchnorm_backward, spoiled(backward, *backward))


def test_batchnorm_refuses_mistakes(dtype):
    x = np.arange(20, dtype=dtype).reshape(4, 5)
    forward = dict(x=x, gamma=np.ones(5, dtype), beta=np.ones(5, dtype))
    running = dict(running_mean=np.zeros(5, dtype), running_var=np.ones(5, dtype))
    read_only = np.ones(5, dtype)
    read_only.flags.writeable = False
    cases = [
        changed(forward, ValueError, x=x[:1]),
        changed(forward, ValueError, x=x[:0]),
        changed(forward, ValueError, gamma=np.ones(4, dtype)),
        changed(forward, ValueError, beta=np.ones(6, dtype)),
        changed(forward, ValueError, training=False),
        changed(forward, ValueError, running_mean=np.ones(5, dtype)),
        changed({**forward, **running}, ValueError, running_mean=read_only),
        changed({**forward, **running}, ValueError, running_var=np.ones(4, dtype)),
        changed({**forward, **running}, ValueError, eps=-1.0),
        changed({**forward, **running}, ValueError, eps=np.nan),
        changed({**forward, **running}, ValueError, momentum=-0.1),
        changed({**forward, **running}, ValueError, momentum=1.5),
        changed({**forward, **running}, ValueError, momentum=np.nan),
        changed(forward, TypeError, epsilon=1e-5),
    ]
    for name in running:
        for other in (*forward.values(), *running.values(), x[1]):
            if other is not running[name]:
                cases.append(changed({**forward, **running}, ValueError, **{name: other}))
    check_refused(ops.batchnorm_forward, cases)
    backward = dict(dy=x, x=x.copy(), gamma=np.ones(5, dtype), mean=np.ones(5, dtype), rstd=np.ones(5, dtype))
    one = np.ones(5, dtype)
    ops.batchnorm_forward(x, one, one, one, one, training=False)  # which writes none of them
    cases = [
        changed(backward, ValueError, dy=np.ones((4, 4), dtype)),
        changed(backward, ValueError, dy=x[:1], x=x[:1].copy()),
        changed(backward, ValueError, rstd=np.ones(4, dtype)),
        changed(backward, TypeError, beta=np.ones(5, dtype)),
    ]
    check_refused(ops.batchnorm_backward, cases)
