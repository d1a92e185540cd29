"""bfloat16 arrays: rounding as ml_dtypes rounds, products against the reference, results' dtypes, refusals."""

import numpy as np
import pytest

import lamina
import on_device
from bad_inputs import changed, check_refused, spoiled, strided, with_bad_out
from comparison import assert_same_bits, assert_threads_agree, assert_within
from lamina import ops
from lamina import reference as ref
from tolerances import activation

ml_dtypes = pytest.importorskip("ml_dtypes")
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
ROUNDING = 2.0**-8  # half the distance from 1 to the next number
SHAPES = [(1, 1, 1), (3, 5, 7), (33, 65, 49), (45, 513, 37), (64, 700, 530), (0, 5, 3), (3, 0, 5)]
TRANSPOSES = [(False, False), (False, True), (True, False), (True, True)]


@pytest.fixture(params=[*lamina.available_isas(), "emulated_amx", *(["cuda"] if lamina.cuda.is_available() else [])])
def level(request, monkeypatch):
    """Every level, and the tile unit in plain C++; with "cuda" all ops run on the device."""
    if request.param == "cuda":
        with on_device.all_ops(monkeypatch):
            yield "cuda"
        return
    previous = lamina.get_isa()
    lamina.set_isa(request.param)
    yield request.param
    lamina.set_isa(previous)


def normal(rng, *shape):
    return rng.normal(size=shape).astype(BFLOAT16)


def wide(*arrays):
    return [array.astype(np.float64) for array in arrays]


def product_error(a, b):
    """The products are exact: what is left are float32's sums, in whatever order."""
    return (a.shape[1] + 2) * 2.0**-24 * (np.abs(a) @ np.abs(b))


@pytest.mark.parametrize("transposes", TRANSPOSES)
@pytest.mark.parametrize("shape", SHAPES)
def test_gemm(level, rng, shape, transposes):
    rows, depth, columns = shape
    a = normal(rng, *((depth, rows) if transposes[0] else (rows, depth)))
    b = normal(rng, *((columns, depth) if transposes[1] else (depth, columns)))
    options = dict(transpose_a=transposes[0], transpose_b=transposes[1])
    x, y = wide(a.T if transposes[0] else a, b.T if transposes[1] else b)
    sums = np.full((rows, columns), np.nan, np.float32)
    assert ops.gemm(a, b, out=sums, **options) is sums
    assert_within(sums, x @ y, product_error(x, y))
    rounded = ops.gemm(a, b, **options)
    assert rounded.dtype == BFLOAT16
    assert_same_bits(rounded, sums.astype(BFLOAT16))
    for out in (np.empty((rows, columns), BFLOAT16), strided(np.zeros((rows, columns), BFLOAT16))):
        assert ops.gemm(strided(a), strided(b), out=out, **options) is out
        assert_same_bits(out.copy(), rounded)
    assert_threads_agree(ops.gemm, a, b, **options)


def test_gemm_adds_to_what_is_there(level, rng):
    a, b = normal(rng, 40, 300), normal(rng, 300, 50)
    for dtype in (BFLOAT16, np.float32):
        c = rng.normal(size=(40, 50)).astype(dtype)
        out = c.copy()
        ops.gemm(a, b, alpha=0.5, beta=-2.0, out=out)
        x, y, z = wide(a, b, c)
        expected = 0.5 * (x @ y) - 2 * z
        rounding = 1.01 * ROUNDING * np.abs(expected) if dtype == BFLOAT16 else 0
        error = product_error(x, y) + 4 * 2.0**-24 * np.abs(2 * z) + rounding
        assert_within(out, expected, error)


def test_gemm_of_no_depth_is_zero(level):
    for out in (np.full((3, 5), 7, BFLOAT16), np.full((3, 5), 7, np.float32)):
        assert (ops.gemm(np.ones((3, 0), BFLOAT16), np.ones((0, 5), BFLOAT16), out=out) == 0).all()


def test_gemm_by_alpha_zero_reads_no_operand(level, rng):
    nan = np.full((40, 40), np.nan, BFLOAT16)
    for dtype in (BFLOAT16, np.float32):
        assert (ops.gemm(nan, nan, alpha=0.0, out=nan.astype(dtype)) == 0).all()
        c = rng.normal(size=(40, 40)).astype(dtype)
        assert_same_bits(ops.gemm(nan, nan, alpha=0.0, beta=2.0, out=c.copy()), 2 * c)


def test_rounding_is_to_nearest_ties_to_even(level):
    high = np.arange(0x1000, 2**16, 5, dtype=np.uint32)
    high = high[(high & 0x7FFF) >= 0x1000]  # units take subnormal parts as zero
    low = np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32)
    x = (high[:, None] << 16 | low).view(np.float32).ravel()
    parts = np.zeros((x.size, 3), BFLOAT16)  # whose sum, exact in any order, is x
    rest = x.copy()
    with np.errstate(invalid="ignore", over="ignore"):
        for part in parts.T:
            part[...] = (rest.view(np.uint32) & 0xFFFF0000).view(np.float32).astype(BFLOAT16)
            part[...] = np.where(np.isnan(rest) & (part == part), np.nan, part.astype(np.float32)).astype(BFLOAT16)
            rest = np.where(np.isfinite(rest), rest - part.astype(np.float32), np.float32(0))
        expected = x.astype(BFLOAT16)
    assert_same_bits(ops.gemm(parts, np.ones((3, 1), BFLOAT16))[:, 0].copy(), expected)


@pytest.mark.parametrize("name", ["linear", "tanh", "relu"])
def test_linear(level, rng, name):
    for batch, inputs, outputs in [(1, 3, 2), (33, 65, 49), (70, 600, 90), (0, 3, 2)]:
        x, weight, bias = normal(rng, batch, inputs), normal(rng, outputs, inputs), normal(rng, outputs)
        for b in (bias, None):
            sums = np.empty((batch, outputs), np.float32)
            ops.linear_forward(x, weight, b, activation=name, out=sums)
            expected = ref.linear_forward(*wide(x, weight), None if b is None else b.astype(float), activation=name)
            error = product_error(*wide(x, weight.T)) + 2.0**-22
            assert_within(sums, expected, activation(name, {}, np.float32, error, expected))
            y = ops.linear_forward(x, weight, b, activation=name)
            assert_same_bits(y, sums.astype(BFLOAT16))
        dy = normal(rng, batch, outputs)
        results = ops.linear_backward(dy, x, weight, y=y, activation=name)
        assert [r.dtype for r in results] == [BFLOAT16] * 3
        expected = ref.linear_backward(*wide(dy, x, weight), y=y.astype(float), activation=name)
        # dz is rounded before the products, their results after them.
        dz = np.abs(ref.activation_backward(*wide(dy, y), name, y=y.astype(float)))
        magnitudes = (dz @ np.abs(weight.astype(float)), dz.T @ np.abs(x.astype(float)), dz.sum(axis=0))
        for result, value, magnitude in zip(results, expected, magnitudes, strict=True):
            assert_within(result, value, 1.1 * ROUNDING * (magnitude + np.abs(value)) + 2.0**-20 * magnitude)
        outs = tuple(np.empty(r.shape, np.float32) for r in results)
        ops.linear_backward(dy, x, weight, y=y, activation=name, out=outs)
        assert_same_bits(results, [out.astype(BFLOAT16) for out in outs])
        assert ops.linear_backward(dy, x, weight, y=y, activation=name, need_dx=False)[0] is None


def test_refusals(rng):
    a, b = normal(rng, 4, 5), normal(rng, 5, 6)
    arguments = dict(a=a, b=b)
    check_refused(ops.gemm, spoiled(arguments, "b", mixing=True))
    bad_outs = with_bad_out(arguments, np.ones((4, 6), BFLOAT16))
    check_refused(ops.gemm, (case for case in bad_outs if "dtype float32" not in case[0]))  # which `out` may have
    check_refused(
        ops.gemm,
        [
            changed(arguments, ValueError, b=np.ones((5, 6), np.float32)),
            changed(arguments, ValueError, a=np.ones((4, 5), np.float32)),
            changed(arguments, ValueError, out=np.ones((4, 6), np.float64)),
            changed(arguments, ValueError, b=normal(rng, 4, 6)),
            changed(arguments, ValueError, beta=1.0),
        ],
    )
    layer = dict(x=normal(rng, 4, 5), weight=normal(rng, 3, 5), bias=normal(rng, 3))
    check_refused(
        ops.linear_forward,
        [
            changed(layer, ValueError, weight=normal(rng, 3, 4)),
            changed(layer, ValueError, bias=normal(rng, 4)),
            changed(layer, ValueError, bias=np.ones(3, np.float32)),
            changed(layer, ValueError, activation="cube"),
        ],
    )
    for op in (ops.activation_forward, ops.softmax_forward):
        with pytest.raises(ValueError, match="bfloat16"):
            op(*((a, "relu") if op is ops.activation_forward else (a,)))
