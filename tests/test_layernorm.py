"""Layer normalisation: against the reference, large means, levels, threads, refusals."""

import numpy as np
import pytest

import lamina
import tolerances
from bad_inputs import changed, check_refused, spoiled, strided, with_bad_out
from comparison import assert_levels_agree, assert_same_bits, assert_threads_agree, assert_within
from lamina import ops
from lamina import reference as ref

SHAPES = [(0, 5), (1, 1), (5, 1), (1, 15), (3, 16), (4, 17), (33, 31), (32, 47), (97, 33), (3, 256), (2, 513)]
OFFSETS = [0.0, 10.0, 1e4]  # mean in standard deviations
AFFINE = [True, False]


def batch(rng, shape, dtype, offset=0.0):
    """x with standard deviations from 0.5 to 2 a row, gamma and beta."""
    x = ((offset + rng.normal(size=shape)) * rng.uniform(0.5, 2, size=(shape[0], 1))).astype(dtype)
    gamma, beta = (rng.normal(size=shape[1]).astype(dtype) for _ in range(2))
    return x, gamma, beta


def check_forward(x, gamma, beta, eps):
    dtype, wide = x.dtype, x.astype(np.float64)
    results = ops.layernorm_forward(x, gamma, beta, eps=eps)
    y, mean, rstd = expected = ref.layernorm_forward(x, gamma, beta, eps=eps)
    mean_error, rstd_error = tolerances.layernorm_statistics(wide, mean, rstd, dtype)
    scale, shift = (1.0, 0.0) if gamma is None else (gamma, beta)
    columns = (values[:, None] for values in (mean, rstd))
    y_error = tolerances.batchnorm_forward(
        wide, scale, shift, *columns, dtype, (mean_error[:, None], rstd_error[:, None])
    )
    for result, value, bound in zip(results, expected, (y_error, mean_error, rstd * rstd_error), strict=True):
        assert result.dtype == dtype
        assert_within(result, value, bound)


@pytest.mark.parametrize("affine", AFFINE)
@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("shape", SHAPES)
def test_layernorm_forward_matches_reference(generic, rng, dtype, shape, offset, affine):
    x, gamma, beta = batch(rng, shape, dtype, offset)
    for eps in (1e-5, 1e-1):
        check_forward(x, *((gamma, beta) if affine else (None, None)), eps)


def test_layernorm_forward_does_not_hang_on_the_first_element(isa, rng, dtype):
    """The sum that decides the mean is taken about it: however far out it lies, the other digits stay."""
    x, gamma, beta = batch(rng, (20, 300), dtype)
    x[:, 0] = np.logspace(0, 8, 20)
    check_forward(x, gamma, beta, 1e-5)


def test_layernorm_with_a_mean_of_ten_thousand_deviations(isa, rng):
    x = (1e4 + rng.normal(size=(50, 512))).astype(np.float32)
    x[::2] *= -1
    y, _, rstd = ops.layernorm_forward(x, eps=0.0)
    expected, mean, expected_rstd = ref.layernorm_forward(x, eps=0.0)
    assert_within(y, expected, 4 * 2.0**-24 * (1 + np.abs(mean) * expected_rstd)[:, None])
    assert_within(1 / rstd.astype(np.float64) ** 2, 1 / expected_rstd**2, 1e-4 / expected_rstd**2)


@pytest.mark.parametrize("affine", AFFINE)
@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("shape", SHAPES)
def test_layernorm_backward_matches_reference(generic, rng, dtype, shape, offset, affine):
    x, gamma, _ = batch(rng, shape, dtype, offset)
    dy = rng.normal(size=shape).astype(dtype)
    gamma = gamma if affine else None
    _, mean, rstd = ops.layernorm_forward(x)
    results = ops.layernorm_backward(dy, x, gamma, mean, rstd)
    expected = ref.layernorm_backward(dy, x, gamma, mean, rstd)
    scale = np.ones(shape[1]) if gamma is None else gamma
    wide = (array.astype(np.float64) for array in (dy, x, scale, mean, rstd))
    for result, value, bound in zip(results, expected, tolerances.layernorm_backward(*wide, dtype), strict=True):
        if value is None:
            assert result is None and not affine
        else:
            assert result.dtype == dtype
            assert_within(result, value, bound)


@pytest.mark.parametrize("offset", OFFSETS)
def test_layernorm_levels_agree(isa, rng, dtype, offset):
    for shape in [*SHAPES, (400, 300)]:
        x, gamma, beta = batch(rng, shape, dtype, offset)
        dy = rng.normal(size=shape).astype(dtype)
        _, mean, rstd = ops.layernorm_forward(x)
        assert_levels_agree(ops.layernorm_forward, x, gamma, beta)
        assert_levels_agree(ops.layernorm_forward, x, eps=0.5)
        assert_levels_agree(ops.layernorm_backward, dy, x, gamma, mean, rstd)
        assert_levels_agree(ops.layernorm_backward, dy, x, None, mean, rstd)


@pytest.mark.parametrize("shape", [(300, 130), (850, 5000), (33, 70000)])
def test_layernorm_threads_agree(cpu_isa, rng, dtype, shape):
    """Backward, where the sums of all chunks of rows fit the scratch, where only some do, and where not one does."""
    x, gamma, beta = batch(rng, shape, dtype)
    _, mean, rstd = ops.layernorm_forward(x)
    assert_threads_agree(ops.layernorm_forward, x, gamma, beta)
    assert_threads_agree(ops.layernorm_backward, x[::-1].copy(), x, gamma, mean, rstd)


def test_layernorm_of_a_row_does_not_depend_on_the_batch(isa, rng, dtype):
    x, gamma, beta = batch(rng, (13, 37), dtype)
    whole = ops.layernorm_forward(x, gamma, beta)
    for r in range(len(x)):
        assert_same_bits(ops.layernorm_forward(x[r : r + 1], gamma, beta), [array[r : r + 1] for array in whole])


@pytest.mark.parametrize("columns", [1, 17, 100])
def test_layernorm_of_a_constant_row_is_beta(isa, dtype, columns):
    x = np.repeat(np.array([[1 / 3], [0.0], [-1e6], [1e-30]], dtype), columns, axis=1)
    beta = np.linspace(-1, 1, columns).astype(dtype)
    y, mean, rstd = ops.layernorm_forward(x, np.ones(columns, dtype), beta)
    assert_same_bits(y, np.tile(beta, (4, 1)))
    assert_same_bits(mean, x[:, 0])
    assert_same_bits(rstd, np.full(4, 1 / np.sqrt(1e-5), dtype))
    dx, dgamma, _ = ops.layernorm_backward(np.ones_like(x), x, np.ones(columns, dtype), mean, rstd)
    assert not dx.any() and not dgamma.any()


def test_layernorm_of_a_constant_row_without_eps_is_nan(isa, dtype):
    y, mean, rstd = ops.layernorm_forward(np.array([[2.0, 2.0], [1.0, 3.0]], dtype), eps=0.0)
    assert np.isnan(y[0]).all() and mean[0] == 2 and rstd[0] == np.inf
    assert_same_bits(y[1], np.array([-1, 1], dtype))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("column", [0, 4, 36])
def test_layernorm_keeps_nan_in_its_row(isa, rng, dtype, value, column):
    x, gamma, beta = batch(rng, (11, 37), dtype)
    x[7, column] = value
    forward = ops.layernorm_forward(x, gamma, beta)
    dx, dgamma, _ = ops.layernorm_backward(np.ones_like(x), x, gamma, *forward[1:])
    for array in (forward[0], dx, *(statistics[:, None] for statistics in forward[1:])):
        assert np.isnan(array[7]).all() and not np.isnan(np.delete(array, 7, axis=0)).any()
    assert np.isnan(dgamma).all()
    assert_levels_agree(ops.layernorm_forward, x, gamma, beta)


def test_layernorm_of_an_empty_batch(isa, dtype):
    x, gamma = np.empty((0, 5), dtype), np.ones(5, dtype)
    assert [array.shape for array in ops.layernorm_forward(x, gamma, gamma)] == [(0, 5), (0,), (0,)]
    dx, dgamma, dbeta = ops.layernorm_backward(x, x, gamma, x[:, 0].copy(), x[:, 0].copy())
    assert dx.shape == (0, 5)
    assert_same_bits((dgamma, dbeta), (np.zeros(5, dtype),) * 2)


@pytest.mark.parametrize("affine", AFFINE)
def test_layernorm_takes_any_row_stride_and_out(isa, rng, dtype, affine):
    x, gamma, beta = batch(rng, (37, 19), dtype)
    gamma, beta = (gamma, beta) if affine else (None, None)
    dy = rng.normal(size=x.shape).astype(dtype)
    y, mean, rstd = ops.layernorm_forward(x, gamma, beta)
    outs = strided(np.zeros_like(x)), np.zeros_like(mean), np.zeros_like(rstd)
    for result, given in zip(ops.layernorm_forward(strided(x), gamma, beta, out=outs), outs, strict=True):
        assert result is given
    assert_same_bits(outs, (y, mean, rstd))
    assert np.isnan(outs[0].base[:, 19:]).all()
    expected = ops.layernorm_backward(dy, x, gamma, mean, rstd)
    vectors = (np.zeros(19, dtype), np.zeros(19, dtype)) if affine else (None, None)
    outs = strided(np.zeros_like(x)), *vectors
    ops.layernorm_backward(strided(dy), strided(x), gamma, mean, rstd, out=outs)
    assert_same_bits(outs, expected)
    assert np.isnan(outs[0].base[:, 19:]).all()


def test_layernorm_allocates_nothing_with_out(cpu_isa, rng, dtype):
    x, gamma, beta = batch(rng, (500, 100), dtype)
    forward = np.empty_like(x), np.empty(500, dtype), np.empty(500, dtype)
    backward = np.empty_like(x), np.empty_like(gamma), np.empty_like(beta)
    for _ in range(2):  # threads have their scratch after the first time
        lamina.reset_peak_memory()
        before = lamina.memory()["current"]
        ops.layernorm_forward(x, gamma, beta, out=forward)
        ops.layernorm_backward(x, x, gamma, *forward[1:], out=backward)
    assert lamina.memory()["peak"] == before


def test_layernorm_refuses_bad_arrays(dtype):
    x = np.arange(20, dtype=dtype).reshape(4, 5)
    forward = dict(x=x, gamma=np.ones(5, dtype), beta=np.ones(5, dtype))
    check_refused(ops.layernorm_forward, spoiled(forward, *forward))
    refuse_bad_outs(ops.layernorm_forward, forward, (x.copy(), np.ones(4, dtype), np.ones(4, dtype)))
    backward = dict(dy=x, x=x.copy(), gamma=np.ones(5, dtype), mean=np.ones(4, dtype), rstd=np.ones(4, dtype))
    check_refused(ops.layernorm_backward, spoiled(backward, *backward))
    refuse_bad_outs(ops.layernorm_backward, backward, (x.copy(), np.ones(5, dtype), np.ones(5, dtype)))


def refuse_bad_outs(op, arguments, goods):
    for i, good in enumerate(goods):
        for description, error, call in with_bad_out(arguments, good):
            outs = [np.empty_like(array) for array in goods]
            outs[i] = call["out"]
            check_refused(op, [(f"{i}: {description}", error, {**call, "out": tuple(outs)})])


def test_layernorm_refuses_mistakes(dtype):
    x = np.arange(20, dtype=dtype).reshape(4, 5)
    five, four = np.ones(5, dtype), np.ones(4, dtype)
    forward = dict(x=x, gamma=five, beta=five.copy())
    outs = np.empty_like(x), four.copy(), four.copy()
    cases = [
        changed(forward, ValueError, gamma=None),
        changed(forward, ValueError, beta=None),
        changed(forward, ValueError, gamma=four),
        changed(forward, ValueError, beta=np.ones(6, dtype)),
        changed(forward, ValueError, x=x[:, :0]),
        changed(forward, ValueError, eps=-1.0),
        changed(forward, ValueError, eps=np.nan),
        changed(forward, ValueError, eps=np.inf),
        changed(forward, TypeError, eps="small"),
        changed(forward, TypeError, epsilon=1e-5),
        changed(forward, ValueError, out=(x, *outs[1:])),
        changed(forward, ValueError, out=(outs[0], outs[1], outs[1])),
        changed(forward, ValueError, out=outs[:2]),
        changed(forward, TypeError, out=list(outs)),
    ]
    check_refused(ops.layernorm_forward, cases)
    backward = dict(dy=x, x=x.copy(), gamma=five, mean=four, rstd=four.copy())
    outs = np.empty_like(x), five.copy(), five.copy()
    cases = [
        changed(backward, ValueError, dy=np.ones((4, 4), dtype)),
        changed(backward, ValueError, dy=x[:, :0], x=x[:, :0].copy(), gamma=five[:0]),
        changed(backward, ValueError, gamma=four),
        changed(backward, ValueError, mean=five),
        changed(backward, ValueError, rstd=np.ones(3, dtype)),
        changed(backward, TypeError, mean=None),
        changed(backward, ValueError, out=(x, *outs[1:])),
        changed(backward, ValueError, gamma=None, out=outs),
        changed(backward, TypeError, beta=five),
    ]
    check_refused(ops.layernorm_backward, cases)
