"""Embedding: against the reference, levels, threads, the order of its sums, refusals."""

import numpy as np
import pytest

import tolerances
from bad_inputs import changed, check_refused, spoiled, strided, with_bad_out
from comparison import assert_levels_agree, assert_same_bits, assert_threads_agree, assert_within
from lamina import cuda, ops
from lamina import reference as ref

# Rows of the batch, of the table, features.
SIZES = [(0, 3, 4), (1, 1, 1), (5, 2, 15), (31, 40, 17), (33, 3, 16), (100, 1000, 5), (257, 10, 70), (64, 7, 129)]


def batch(rng, size, dtype):
    """Codes of which some come often and some never, a table, a gradient."""
    count, rows, features = size
    codes = np.minimum(rng.integers(0, rows, count), rng.integers(0, rows, count))
    return codes, rng.normal(size=(rows, features)).astype(dtype), rng.normal(size=(count, features)).astype(dtype)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("integer", [np.int32, np.int64])
def test_embedding_matches_reference(isa, rng, dtype, size, integer):
    codes, table, dy = batch(rng, size, dtype)
    codes = codes.astype(integer)
    assert_same_bits(ops.embedding_forward(codes, table), table[codes])
    assert_same_bits(ref.embedding_forward(codes, table), table[codes].astype(np.float64))
    d_table = ops.embedding_backward(dy, codes, len(table))
    magnitude = ref.embedding_backward(np.abs(dy), codes, len(table))
    bound = tolerances.roundings(size[0], tolerances.ROW_CHUNK, dtype) * tolerances.unit_roundoff(dtype) * magnitude
    assert_within(d_table, ref.embedding_backward(dy, codes, len(table)), bound)


def test_embedding_levels_agree(isa, rng, dtype):
    for size in SIZES:
        codes, table, dy = batch(rng, size, dtype)
        assert_levels_agree(ops.embedding_forward, codes, table)
        assert_levels_agree(ops.embedding_backward, dy, codes, len(table))


@pytest.mark.parametrize("size", [(3000, 7, 40), (1500, 4000, 16), (900, 5, 200)])
def test_embedding_threads_agree(cpu_isa, rng, dtype, size):
    codes, table, dy = batch(rng, size, dtype)
    assert_threads_agree(ops.embedding_forward, codes, table)
    assert_threads_agree(ops.embedding_backward, dy, codes, len(table))


def test_embedding_gradient_is_a_column_sum(isa, rng, dtype):
    """As of a batch norm's shift, with the rows that took another row of the table as 0."""
    codes, _, dy = batch(rng, (333, 4, 37), dtype)
    d_table = ops.embedding_backward(dy, codes, 4)
    for code in range(4):
        alone = np.where((codes == code)[:, None], dy, dtype.type(0))
        assert_same_bits(
            d_table[code], ops.layernorm_backward(alone, alone, np.ones(37, dtype), *np.zeros((2, 333), dtype))[2]
        )


def test_embedding_of_a_row_that_is_not_a_number_stays_there(isa, rng, dtype):
    codes, table, dy = batch(rng, (50, 6, 9), dtype)
    table[2], dy[7] = np.nan, np.inf
    codes[7] = 3
    assert_same_bits(np.isnan(ops.embedding_forward(codes, table)).all(axis=1), codes == 2)
    assert_same_bits(np.isfinite(ops.embedding_backward(dy, codes, 6)).all(axis=1), np.arange(6) != 3)


def test_embedding_takes_any_row_stride_and_out(isa, rng, dtype):
    codes, table, dy = batch(rng, (40, 6, 19), dtype)
    out = strided(np.zeros_like(dy))
    assert ops.embedding_forward(codes, strided(table), out=out) is out
    assert_same_bits(out, table[codes])
    assert np.isnan(out.base[:, 19:]).all()
    out = strided(np.ones_like(table))
    assert ops.embedding_backward(strided(dy), codes, 6, out=out) is out
    assert_same_bits(out, ops.embedding_backward(dy, codes, 6))
    assert np.isnan(out.base[:, 19:]).all()


def test_embedding_refuses_mistakes(dtype):
    codes, table = np.array([0, 2, 1]), np.ones((3, 4), dtype)
    forward, backward = dict(codes=codes, table=table), dict(dy=table, codes=codes, rows=3)
    bad_codes = [
        (ValueError, np.array([0, 3, 1])),
        (ValueError, np.array([0, -1, 1])),
        (ValueError, codes.astype(np.float32)),
        (ValueError, codes[:, None]),
        (TypeError, [0, 1, 2]),
    ]
    cases = [changed(forward, error, codes=bad) for error, bad in bad_codes]
    check_refused(
        ops.embedding_forward, [*cases, *spoiled(forward, "table", mixing=False), *with_bad_out(forward, table)]
    )
    cases = [changed(backward, error, codes=bad) for error, bad in [*bad_codes, (ValueError, codes[:2])]]
    cases += [changed(backward, ValueError, rows=2), changed(backward, ValueError, rows=-1)]
    cases += [changed(backward, TypeError, rows=3.0), changed(backward, ValueError, out=table)]
    check_refused(
        ops.embedding_backward, [*cases, *spoiled(backward, "dy", mixing=False), *with_bad_out(backward, table)]
    )
    with pytest.raises(ValueError, match="embedding_forward: code 3 at row 1, needs 0 to 2"):
        ops.embedding_forward(np.array([0, 3, 1]), table)


@pytest.mark.skipif(not cuda.is_available(), reason="there is no device")
def test_embedding_on_a_device_marks_codes_that_are_none(rng, dtype):
    codes, table, dy = batch(rng, (70, 5, 40), dtype)
    wrong = codes.copy()
    wrong[[3, 40, 69]] = -1, 5, 2**40
    rest = ~np.isin(np.arange(70), [3, 40, 69])
    y = ops.embedding_forward(cuda.array(wrong), cuda.array(table)).numpy()
    assert_same_bits(y, np.where(rest[:, None], table[codes], np.nan).astype(dtype))
    d_table = ops.embedding_backward(cuda.array(dy), cuda.array(wrong), 5).numpy()
    expected = ref.embedding_backward(dy[rest], codes[rest], 5)
    assert_within(
        d_table, expected, 80 * tolerances.unit_roundoff(dtype) * ref.embedding_backward(np.abs(dy), codes, 5)
    )
