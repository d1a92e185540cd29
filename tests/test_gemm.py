"""Matrix product: against the reference, between levels, BLAS rules, refusals."""

import ctypes

import numpy as np
import pytest

from bad_inputs import bad_arrays, changed, check_refused, spoiled, strided, with_bad_out
from comparison import assert_levels_agree, assert_same_bits, assert_within
from lamina import ops
from lamina import reference as ref
from tolerances import product, unit_roundoff

# (rows, depth, columns): lane counts and their neighbours, the 32-row and 256-depth chunks, few rows, nothing at all.
SHAPES = [
    (1, 1, 1), (1, 15, 16), (15, 16, 17), (17, 35, 1), (35, 1, 15), (16, 17, 35), (31, 255, 33), (32, 256, 32),
    (33, 257, 31), (97, 600, 35), (6, 64, 128), (1, 600, 77), (2, 273, 48), (3, 40, 19), (4, 257, 35), (5, 33, 40),
    (0, 5, 3), (3, 5, 0), (3, 0, 5), (0, 0, 0),
]  # fmt: skip
TRANSPOSES = [(False, False), (False, True), (True, False), (True, True)]


def operands(rng, shape, transposes, dtype):
    rows, depth, columns = shape
    a = rng.normal(size=(depth, rows) if transposes[0] else (rows, depth)).astype(dtype)
    b = rng.normal(size=(columns, depth) if transposes[1] else (depth, columns)).astype(dtype)
    return a, b


def bound(a, b, transposes, dtype):
    return product(a.T if transposes[0] else a, b.T if transposes[1] else b, dtype)


@pytest.mark.parametrize("transposes", TRANSPOSES)
@pytest.mark.parametrize("shape", SHAPES)
def test_gemm_matches_reference(generic, rng, dtype, shape, transposes):
    a, b = operands(rng, shape, transposes, dtype)
    options = dict(transpose_a=transposes[0], transpose_b=transposes[1])
    result = ops.gemm(a, b, **options)
    assert result.dtype == dtype
    assert_within(result, ref.gemm(a, b, **options), bound(a, b, transposes, dtype))


@pytest.mark.parametrize("alpha, beta", [(1, 1), (0.5, 0), (-2, 0.3), (0, 0.7), (0, 0)])
@pytest.mark.parametrize("shape", [(17, 35, 19), (33, 300, 31), (4, 0, 5)])
def test_gemm_scales(generic, rng, dtype, shape, alpha, beta):
    a, b = operands(rng, shape, (False, False), dtype)
    c = rng.normal(size=(shape[0], shape[2])).astype(dtype)
    out = c.copy()
    assert ops.gemm(a, b, alpha=alpha, beta=beta, out=out) is out
    error = abs(alpha) * product(a, b, dtype) + 4 * unit_roundoff(dtype) * np.abs(beta * c)
    assert_within(out, ref.gemm(a, b, alpha=alpha, beta=beta, out=c.astype(np.float64)), error)


def test_gemm_takes_any_row_stride(isa, rng, dtype):
    a, b = operands(rng, (36, 37, 21), (False, False), dtype)
    assert_same_bits(ops.gemm(a[::2], b), ops.gemm(a[::2].copy(), b))
    for transposes in TRANSPOSES:
        a, b = operands(rng, (18, 37, 21), transposes, dtype)
        options = dict(transpose_a=transposes[0], transpose_b=transposes[1])
        expected = ops.gemm(a, b, **options)
        out = strided(np.zeros_like(expected))
        assert ops.gemm(strided(a), strided(b), out=out, **options) is out
        assert_same_bits(out, expected)
        assert np.isnan(out.base[:, out.shape[1] :]).all()
        for array in (a, b):
            array.flags.writeable = False
        assert_same_bits(ops.gemm(a, b, **options), expected)


@pytest.mark.parametrize("transposes", TRANSPOSES)
def test_gemm_levels_agree(isa, rng, dtype, transposes):
    # The last two: a large a is packed by groups of panels, many rows are cut into tasks.
    for shape in [*SHAPES, (150, 300, 130), (410, 650, 195), (3100, 20, 33)]:
        a, b = operands(rng, shape, transposes, dtype)
        c = rng.normal(size=(shape[0], shape[2])).astype(dtype)
        options = dict(transpose_a=transposes[0], transpose_b=transposes[1])
        assert_levels_agree(ops.gemm, a, b, **options)
        assert_levels_agree(ops.gemm, a, b, alpha=0.3, beta=-1.7, out=c, **options)


def in_lines(array, shift=0):
    """A copy whose first element lies `shift` bytes behind the start of a cache line."""
    memory = np.empty(array.nbytes + 128, np.uint8)
    first = -memory.ctypes.data % 64 + shift
    copy = memory[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def test_gemm_bits_do_not_depend_on_where_operands_lie(isa, rng, dtype):
    # From 36 or 80 rows on a b whose vectors cross cache lines is packed, from twice as many one whose vectors do not.
    a, b = operands(rng, (100, 300, 128), (False, False), dtype)
    in_order = ops.gemm(a, in_lines(b))
    assert_same_bits(ops.gemm(a, in_lines(b, shift=16)), in_order)
    assert_same_bits(ops.gemm(in_lines(a, shift=16), in_lines(b), out=in_lines(in_order, shift=16)), in_order)


@pytest.mark.slow
def test_gemm_levels_agree_on_large_products(isa, rng, dtype):
    for transposes in TRANSPOSES:
        a, b = operands(rng, (513, 1030, 771), transposes, dtype)
        options = dict(transpose_a=transposes[0], transpose_b=transposes[1])
        assert_levels_agree(ops.gemm, a, b, **options)


def test_gemm_rows_do_not_depend_on_the_batch(isa, rng, dtype):
    a, b = operands(rng, (37, 300, 45), (False, True), dtype)
    whole = ops.gemm(a, b, transpose_b=True)
    for rows in (slice(0, 1), slice(36, 37), slice(5, 12), slice(1, 33)):
        assert_same_bits(ops.gemm(a[rows], b, transpose_b=True), whole[rows])


def test_gemm_of_integers_is_exact(isa, rng, dtype):
    a, b = (rng.integers(-9, 10, size=(70, 70)) for _ in range(2))
    assert_same_bits(ops.gemm(a.astype(dtype), b.astype(dtype)), (a @ b).astype(dtype))


def test_gemm_keeps_its_own_rounding(isa, rng, dtype):
    a, b = operands(rng, (33, 300, 17), (False, False), dtype)
    expected = ops.gemm(a, b)
    library = ctypes.CDLL(None)
    nearest = library.fegetround()
    try:
        library.fesetround(0x800)  # upwards, on x86
        upwards = library.fegetround()
        result, after = ops.gemm(a, b), library.fegetround()
    finally:
        library.fesetround(nearest)
    assert_same_bits(result, expected)
    assert after == upwards


def test_gemm_does_not_read_what_blas_does_not(isa, dtype):
    nan, eye = np.full((20, 20), np.nan, dtype), np.eye(20, dtype=dtype)
    assert_same_bits(ops.gemm(nan, nan, alpha=0.0), np.zeros((20, 20), dtype))
    assert_same_bits(ops.gemm(nan, nan, alpha=0.0, beta=2.0, out=eye.copy()), 2 * eye)
    assert_same_bits(ops.gemm(eye, eye, out=nan.copy()), eye)
    assert_same_bits(ops.gemm(nan[:, :0], eye[:0], out=nan.copy()), np.zeros((20, 20), dtype))


def test_gemm_spreads_nan_and_infinity_where_they_belong(isa, dtype):
    a, b = np.ones((20, 40), dtype), np.ones((40, 20), dtype)
    a[3, 5], a[7, 30], a[19, 39] = np.nan, np.inf, -np.inf
    result = ops.gemm(a, b)
    assert np.isnan(result[3]).all() and (result[7] == np.inf).all() and (result[19] == -np.inf).all()
    assert (np.delete(result, [3, 7, 19], axis=0) == 40).all()


def test_gemm_result_may_lie_beside_its_operands(dtype):
    buffer = np.arange(60, dtype=dtype).reshape(5, 12)
    left, out = buffer[:, :4], buffer[:, 4:9]
    b = np.ones((4, 5), dtype)
    expected = ops.gemm(left.copy(), b)
    assert_same_bits(ops.gemm(left, b, out=out), expected)


def test_gemm_refuses_bad_arrays(dtype):
    arguments = dict(a=np.ones((4, 5), dtype), b=np.ones((5, 6), dtype))
    check_refused(ops.gemm, spoiled(arguments, "a", "b"))
    check_refused(ops.gemm, with_bad_out(arguments, np.ones((4, 6), dtype)))


def test_gemm_refuses_mistakes(dtype):
    square = np.ones((5, 5), dtype)
    arguments = dict(a=np.ones((4, 5), dtype), b=np.ones((5, 6), dtype))
    cases = [
        changed(arguments, ValueError, b=np.ones((4, 6), dtype)),
        changed(arguments, ValueError, transpose_a=True),
        changed(arguments, ValueError, transpose_b=True),
        changed(arguments, ValueError, beta=1.0),
        changed(arguments, ValueError, precision="highset"),
        changed(arguments, TypeError, transposed=True),
        ("out is a", ValueError, dict(a=square, b=square.copy(), out=square)),
        ("out is b", ValueError, dict(a=square.copy(), b=square, out=square)),
    ]
    buffer = np.ones(70, dtype)
    overlapping = dict(a=buffer[:25].reshape(5, 5), b=square, out=buffer[20:45].reshape(5, 5))
    check_refused(ops.gemm, [*cases, ("out overlaps a", ValueError, overlapping)])
    assert len(list(bad_arrays(square))) > 10
