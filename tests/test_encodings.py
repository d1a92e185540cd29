"""Periodic and piecewise-linear encodings: accuracy, levels, threads, refusals."""

import numpy as np
import pytest

import tolerances
from bad_inputs import changed, check_refused, spoiled, strided, with_bad_out
from comparison import assert_levels_agree, assert_same_bits, assert_threads_agree, assert_within
from lamina import ops
from lamina import reference as ref

# Rows, features, and of each feature frequencies or bins.
SIZES = [(0, 2, 3), (1, 1, 1), (5, 3, 15), (33, 1, 16), (31, 2, 17), (97, 4, 8), (40, 1, 600)]


def periodic_batch(rng, size, dtype):
    rows, features, count = size
    x, frequencies = (
        rng.normal(size=(rows, features)).astype(dtype),
        3 * rng.normal(size=(features, count)).astype(dtype),
    )
    return x, frequencies, rng.normal(size=(rows, 2 * features * count)).astype(dtype)


def binned_batch(rng, size, dtype):
    """x inside and outside of the bins, on edges too."""
    rows, features, bins = size
    edges = np.cumsum(rng.uniform(0.1, 1, size=(features, bins + 1)), axis=1).astype(dtype)
    x = rng.uniform(-1, edges[:, -1] + 1, size=(rows, features)).astype(dtype)
    x[::3] = edges[np.arange(features), rng.integers(0, bins + 1, features)]
    return x, edges, rng.normal(size=(rows, features * bins)).astype(dtype)


@pytest.mark.parametrize("size", SIZES)
def test_periodic_matches_reference(generic, rng, dtype, size):
    x, frequencies, dy = periodic_batch(rng, size, dtype)
    y = ops.periodic_forward(x, frequencies)
    expected = ref.periodic_forward(x, frequencies)
    assert y.dtype == dtype
    assert_within(y, expected, tolerances.periodic(x, frequencies, expected, dtype))
    dx, d_frequencies = ops.periodic_backward(dy, x, frequencies, y)
    expected = ref.periodic_backward(dy, x, frequencies, y)
    rows, features, count = size
    u, parts = tolerances.unit_roundoff(dtype), np.abs(dy).reshape(rows, features, 2, count).sum(axis=2)
    g = 2 * np.pi * parts.astype(np.float64)  # at least the magnitude of a product's gradient
    bound = (6 + tolerances.row_sum_roundings(count, dtype)) * u * np.sum(g * np.abs(frequencies), axis=2)
    assert_within(dx, expected[0], bound)
    bound = (
        (6 + tolerances.roundings(rows, tolerances.ROW_CHUNK, dtype)) * u * np.sum(g * np.abs(x)[:, :, None], axis=0)
    )
    assert_within(d_frequencies, expected[1], bound)
    without = ops.periodic_backward(dy, x, frequencies, y, need_dx=False)
    assert without[0] is None
    assert_same_bits(without[1], d_frequencies)


def test_periodic_keeps_its_digits_for_every_float(generic):
    """Over every 9973rd number as it is (its product with 1 is exact): three ulps, however many turns it is."""
    with np.errstate(invalid="ignore"):
        x = np.arange(0, 2**32, 9973, dtype=np.uint64).astype(np.uint32).view(np.float32)
        x = x[np.isfinite(x)][:, None]
    one = np.ones((1, 1), np.float32)
    expected = ref.periodic_forward(x, one)
    assert_within(ops.periodic_forward(x, one), expected, tolerances.periodic(x, one, expected, np.float32))


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6, 1e12])
def test_periodic_does_not_lose_what_the_product_rounds_away(isa, rng, scale):
    """In float64 the product of two floats is exact: the reference knows how much of a turn it is."""
    x, frequencies = (rng.normal(size=shape).astype(np.float32) for shape in ((200, 1), (1, 30)))
    x *= np.float32(scale)
    expected = ref.periodic_forward(x, frequencies)
    assert_within(
        ops.periodic_forward(x, frequencies), expected, tolerances.periodic(x, frequencies, expected, np.float32)
    )


def test_periodic_of_whole_and_quarter_turns_is_exact(isa, dtype):
    x = np.array([[0.0], [0.25], [0.5], [0.75], [1.0], [-0.25], [-3.5], [1e6 + 0.5], [2.0**80], [-(2.0**80)]], dtype)
    sine, cosine = ops.periodic_forward(x, np.ones((1, 1), dtype)).T
    half = cosine[7]  # float32 has halves up to 2^23
    assert half == -1
    assert_same_bits(sine + dtype.type(0), np.array([0, 1, 0, -1, 0, -1, 0, 0, 0, 0], dtype))
    assert_same_bits(cosine + dtype.type(0), np.array([1, 0, -1, 0, 1, 0, -1, -1, 1, 1], dtype))


@pytest.mark.parametrize("size", SIZES)
def test_piecewise_linear_matches_reference(generic, rng, dtype, size):
    x, edges, dy = binned_batch(rng, size, dtype)
    y, u = ops.piecewise_linear_forward(x, edges), tolerances.unit_roundoff(dtype)
    assert y.dtype == dtype
    width = np.diff(edges.astype(np.float64))
    magnitude = (np.abs(x)[:, :, None] + np.abs(edges[:, 1:])) / width
    assert_within(y, ref.piecewise_linear_forward(x, edges), 6 * u * magnitude.reshape(y.shape) + 4 * u)
    dx = ops.piecewise_linear_backward(dy, x, edges)
    rounded = (np.abs(dy).reshape(len(x), *width.shape) / width).sum(axis=2)
    lost = 1 + np.abs(edges).max() / width.min()
    assert_within(dx, ref.piecewise_linear_backward(dy, x, edges), 4 * u * lost * rounded)


@pytest.mark.parametrize("bins", [1, 2, 16, 17])
def test_piecewise_linear_on_edges_and_beyond(isa, dtype, bins):
    edges = (2.0 ** np.arange(-3, bins - 2)).astype(dtype)
    x = np.concatenate([edges, [edges[0] - 3, edges[-1] + 5]]).astype(dtype)
    y = ops.piecewise_linear_forward(x[:, None], edges[None])
    expected = np.tri(bins + 1, bins, -1, dtype)  # all bins below an edge are full, the others empty
    assert_same_bits(y[: bins + 1], expected)
    assert y[-2, 0] == (x[-2] - edges[0]) / (edges[1] - edges[0]) and not y[-2, 1:].any()
    assert y[-1, -1] == (x[-1] - edges[-2]) / (edges[-1] - edges[-2]) and (y[-1, :-1] == 1).all()
    dy = np.arange(1, bins + 1, dtype=dtype) * np.ones((len(x), 1), dtype)
    bin_above = np.concatenate([np.arange(bins), [bins - 1, 0, bins - 1]])
    expected = (bin_above + 1) / np.diff(edges)[bin_above]
    assert_same_bits(ops.piecewise_linear_backward(dy, x[:, None], edges[None])[:, 0], expected.astype(dtype))


def test_encodings_levels_agree(isa, rng, dtype):
    for size in SIZES:
        x, frequencies, dy = periodic_batch(rng, size, dtype)
        y = ops.periodic_forward(x, frequencies)
        assert_levels_agree(ops.periodic_forward, x, frequencies)
        assert_levels_agree(ops.periodic_backward, dy, x, frequencies, y)
        assert_levels_agree(ops.periodic_backward, dy, x, frequencies, y, need_dx=False)
        x, edges, dy = binned_batch(rng, size, dtype)
        assert_levels_agree(ops.piecewise_linear_forward, x, edges)
        assert_levels_agree(ops.piecewise_linear_backward, dy, x, edges)
    huge = float(np.finfo(dtype).max)
    wild = np.array([[0.0, -0.0, np.inf, -np.inf, np.nan, huge, -huge, 1e-40, 0.5, -1.5]], dtype).T
    y = ops.periodic_forward(wild, np.array([[1.0, 3.3, -0.7]], dtype))
    assert_same_bits(np.isnan(y).any(axis=1), ~np.isfinite(wild[:, 0]) | (np.abs(wild[:, 0]) == huge))
    assert_levels_agree(ops.periodic_forward, wild, np.array([[1.0, 3.3, -0.7]], dtype))
    assert_levels_agree(ops.piecewise_linear_forward, wild, np.array([[-1.0, 0.0, 2.0, 2.5]], dtype))
    assert_levels_agree(ops.piecewise_linear_backward, np.ones((10, 3), dtype), wild, np.array([[-1, 0, 2, 3]], dtype))


@pytest.mark.parametrize("size", [(700, 3, 40), (2000, 1, 300)])
def test_encodings_threads_agree(cpu_isa, rng, dtype, size):
    x, frequencies, dy = periodic_batch(rng, size, dtype)
    assert_threads_agree(ops.periodic_forward, x, frequencies)
    assert_threads_agree(ops.periodic_backward, dy, x, frequencies, ops.periodic_forward(x, frequencies))
    x, edges, dy = binned_batch(rng, size, dtype)
    assert_threads_agree(ops.piecewise_linear_forward, x, edges)
    assert_threads_agree(ops.piecewise_linear_backward, dy, x, edges)


def test_encodings_take_any_row_stride_and_out(isa, rng, dtype):
    x, frequencies, dy = periodic_batch(rng, (40, 3, 7), dtype)
    y = ops.periodic_forward(x, frequencies)
    out = strided(np.zeros_like(dy))
    assert ops.periodic_forward(strided(x), strided(frequencies), out=out) is out
    assert_same_bits(out, y)
    expected = ops.periodic_backward(dy, x, frequencies, y)
    outs = strided(np.zeros_like(x)), strided(np.zeros_like(frequencies))
    ops.periodic_backward(strided(dy), strided(x), strided(frequencies), strided(y), out=outs)
    assert_same_bits(outs, expected)
    assert all(np.isnan(array.base[:, array.shape[1] :]).all() for array in (out, *outs))
    x, edges, dy = binned_batch(rng, (40, 3, 7), dtype)
    outs = strided(np.zeros_like(dy)), strided(np.zeros_like(x))
    ops.piecewise_linear_forward(strided(x), strided(edges), out=outs[0])
    ops.piecewise_linear_backward(strided(dy), strided(x), strided(edges), out=outs[1])
    assert_same_bits(outs, (ops.piecewise_linear_forward(x, edges), ops.piecewise_linear_backward(dy, x, edges)))
    assert all(np.isnan(array.base[:, array.shape[1] :]).all() for array in outs)


def test_periodic_refuses_mistakes(rng, dtype):
    x, frequencies, dy = periodic_batch(rng, (4, 3, 5), dtype)
    forward = dict(x=x, frequencies=frequencies)
    cases = [changed(forward, ValueError, frequencies=frequencies[:2].copy()), *spoiled(forward, "x", "frequencies")]
    check_refused(ops.periodic_forward, [*cases, *with_bad_out(forward, dy)])
    backward = dict(dy=dy, x=x, frequencies=frequencies, y=ops.periodic_forward(x, frequencies))
    cases = [
        changed(backward, ValueError, dy=dy[:, :-1].copy()),
        changed(backward, ValueError, y=dy[:3].copy()),
        changed(backward, ValueError, need_dx=False, out=(np.empty_like(x), np.empty_like(frequencies))),
        changed(backward, ValueError, out=(x, np.empty_like(frequencies))),
    ]
    check_refused(ops.periodic_backward, [*cases, *spoiled(backward, "dy", "x", "frequencies", "y")])


def test_piecewise_linear_refuses_mistakes(rng, dtype):
    x, edges, dy = binned_batch(rng, (4, 3, 5), dtype)
    forward, backward = dict(x=x, edges=edges), dict(dy=dy, x=x, edges=edges)
    equal, endless = edges.copy(), edges.copy()
    equal[1, 2], endless[2, -1] = equal[1, 1], np.inf
    wrong = [edges[:2].copy(), edges[:, :1].copy(), edges[:, ::-1].copy(), equal, endless]
    for op, given, result in (
        (ops.piecewise_linear_forward, forward, dy),
        (ops.piecewise_linear_backward, backward, x),
    ):
        cases = [changed(given, ValueError, edges=bad) for bad in wrong]
        check_refused(op, [*cases, *spoiled(given, *given), *with_bad_out(given, result)])
    with pytest.raises(ValueError, match="edges 1 and 2 of feature 1 are .* and .*, need to ascend"):
        ops.piecewise_linear_forward(x, equal)
