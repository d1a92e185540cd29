"""The affine layer with its activation: against the reference, between levels, refusals."""

import numpy as np
import pytest

from bad_inputs import changed, check_refused, spoiled, strided, with_bad_out
from comparison import assert_levels_agree, assert_same_bits, assert_within
from lamina import ops
from lamina import reference as ref
from tolerances import SLOPE, activation, activation_slope, column_sum, product, unit_roundoff

# (batch, in, out)
SHAPES = [
    (1, 1, 1), (1, 16, 17), (15, 17, 16), (31, 35, 33), (32, 256, 15), (33, 257, 32), (97, 600, 35), (600, 33, 16),
    (0, 4, 3), (4, 0, 3),
]  # fmt: skip
ACTIVATIONS = [(name, {}) for name in ref.activations(fused=True)] + [
    ("leaky_relu", {"negative_slope": 0.3}),
    ("elu", {"alpha": 0.4}),
]


def layer(rng, shape, dtype):
    batch, inputs, outputs = shape
    x = rng.normal(size=(batch, inputs)).astype(dtype)
    weight = (rng.normal(size=(outputs, inputs)) / np.sqrt(max(1, inputs))).astype(dtype)
    return x, weight, rng.normal(size=outputs).astype(dtype)


@pytest.mark.parametrize("name, params", ACTIVATIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_linear_forward_matches_reference(generic, rng, dtype, shape, name, params):
    x, weight, bias = layer(rng, shape, dtype)
    for b in (bias, None):
        y = ops.linear_forward(x, weight, b, activation=name, **params)
        assert y.dtype == dtype
        expected = ref.linear_forward(x, weight, b, activation=name, **params)
        z_error = product(x, weight.T, dtype) + (0 if b is None else 4 * unit_roundoff(dtype) * np.abs(b))
        assert_within(y, expected, activation(name, params, dtype, z_error, expected))


@pytest.mark.parametrize("name, params", ACTIVATIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_linear_backward_matches_reference(generic, rng, dtype, shape, name, params):
    x, weight, bias = layer(rng, shape, dtype)
    dy = rng.normal(size=(shape[0], shape[2])).astype(dtype)
    forward = dict(
        y=ops.linear_forward(x, weight, bias, activation=name, **params), z=ops.linear_forward(x, weight, bias)
    )
    results = ops.linear_backward(dy, x, weight, **forward, activation=name, **params)
    expected = ref.linear_backward(dy, x, weight, **forward, activation=name, **params)
    error = activation_slope(name, params, dtype, dy)
    da = np.abs(dy).astype(np.float64) * max(SLOPE[name], *params.values(), 0)
    bounds = (
        error @ np.abs(weight) + product(da, weight, dtype),
        error.T @ np.abs(x) + product(da.T, x, dtype),
        error.sum(axis=0) + column_sum(da, dtype),
    )
    for result, value, bound in zip(results, expected, bounds, strict=True):
        assert result.dtype == dtype
        assert_within(result, value, bound)
    without = ops.linear_backward(dy, x, weight, **forward, activation=name, need_dx=False, **params)
    assert_same_bits(without, (None, *results[1:]))


@pytest.mark.parametrize("name", ref.activations(fused=True))
def test_linear_levels_agree(isa, rng, dtype, name):
    for shape in [*SHAPES, (300, 90, 70)]:
        x, weight, bias = layer(rng, shape, dtype)
        dy = rng.normal(size=(shape[0], shape[2])).astype(dtype)
        y, z = ops.linear_forward(x, weight, bias, activation=name), ops.linear_forward(x, weight, bias)
        assert_levels_agree(ops.linear_forward, x, weight, bias, activation=name)
        assert_levels_agree(ops.linear_backward, dy, x, weight, y=y, z=z, activation=name)


def test_linear_is_gemm_bias_activation(isa, rng, dtype):
    x, weight, bias = layer(rng, (33, 270, 35), dtype)
    z = ops.gemm(x, weight, transpose_b=True) + bias
    assert_same_bits(ops.linear_forward(x, weight, bias), z)
    assert_same_bits(ops.linear_forward(x, weight, bias, activation="tanh"), ops.activation_forward(z, "tanh"))
    y = ops.activation_forward(z, "tanh")
    da = ops.activation_backward(z, z, "tanh", y=y)
    dx, dweight, dbias = ops.linear_backward(z, x, weight, y=y, activation="tanh")
    assert_same_bits((dx, dweight), (ops.gemm(da, weight), ops.gemm(da, x, transpose_a=True)))
    assert_same_bits(dbias, ops.linear_backward(da, x, weight)[2])


def test_linear_takes_any_row_stride_and_out(isa, rng, dtype):
    x, weight, bias = layer(rng, (18, 37, 21), dtype)
    y = ops.linear_forward(x, weight, bias, activation="sigmoid")
    out = strided(np.zeros_like(y))
    assert ops.linear_forward(strided(x), strided(weight), bias, activation="sigmoid", out=out) is out
    assert_same_bits(out, y)
    assert np.isnan(out.base[:, out.shape[1] :]).all()
    expected = ops.linear_backward(y, x, weight, y=y, activation="sigmoid")
    outs = strided(np.zeros_like(x)), strided(np.zeros_like(weight)), np.zeros_like(bias)
    results = ops.linear_backward(strided(y), strided(x), strided(weight), y=strided(y), activation="sigmoid", out=outs)
    for result, given in zip(results, outs, strict=True):
        assert result is given
    assert_same_bits(outs, expected)


def test_linear_spreads_nan(isa, dtype):
    x, weight, bias = np.ones((20, 3), dtype), np.ones((17, 3), dtype), np.zeros(17, dtype)
    x[7, 1] = np.nan
    for name in ref.activations(fused=True):
        y = ops.linear_forward(x, weight, bias, activation=name)
        assert np.isnan(y[7]).all() and not np.isnan(np.delete(y, 7, axis=0)).any()


def arguments(dtype):
    forward = dict(x=np.ones((4, 5), dtype), weight=np.ones((3, 5), dtype), bias=np.ones(3, dtype))
    backward = dict(dy=np.ones((4, 3), dtype), x=forward["x"], weight=forward["weight"], y=np.ones((4, 3), dtype))
    return forward, dict(backward, activation="tanh")


def test_linear_forward_refuses_bad_arrays(dtype):
    forward, _ = arguments(dtype)
    check_refused(ops.linear_forward, spoiled(forward, "x", "weight", "bias"))
    check_refused(ops.linear_forward, with_bad_out(forward, np.ones((4, 3), dtype)))


def test_linear_backward_refuses_bad_arrays(dtype):
    _, backward = arguments(dtype)
    check_refused(ops.linear_backward, spoiled(backward, "dy", "x", "weight", "y"))
    good = np.ones((4, 5), dtype), np.ones((3, 5), dtype), np.ones(3, dtype)
    for i, array in enumerate(good):
        cases = []
        for description, error, call in with_bad_out(backward, array):
            cases.append((f"{i}: {description}", error, {**call, "out": (*good[:i], call["out"], *good[i + 1 :])}))
        check_refused(ops.linear_backward, cases)


def test_linear_refuses_mistakes(dtype):
    forward, backward = arguments(dtype)
    square = np.ones((4, 4), dtype)
    forward_cases = [
        changed(forward, ValueError, weight=np.ones((3, 4), dtype)),
        changed(forward, ValueError, bias=np.ones(4, dtype)),
        changed(forward, ValueError, activation="rely"),
        changed(forward, ValueError, activation="elu", alpha=-1.0),
        changed(forward, ValueError, activation="leaky_relu", negative_slope=np.nan),
        changed(forward, ValueError, precision="lowest"),
        changed(forward, TypeError, activation="relu", alpha=1.0),
        changed(forward, TypeError, nonlinearity="relu"),
        ("out is x", ValueError, dict(x=square, weight=square.copy(), out=square)),
        ("out is weight", ValueError, dict(x=square.copy(), weight=square, out=square)),
    ]
    check_refused(ops.linear_forward, forward_cases)
    backward_cases = [
        changed(backward, ValueError, y=None),
        changed(backward, ValueError, dy=np.ones((5, 3), dtype)),
        changed(backward, ValueError, dy=np.ones((4, 2), dtype)),
        changed(backward, ValueError, y=np.ones((4, 2), dtype)),
        changed(backward, ValueError, weight=np.ones((3, 4), dtype)),
        changed(backward, ValueError, activation="rely"),
        changed(backward, TypeError, alpha=1.0),
        changed(backward, TypeError, bias=1.0),
    ]
    check_refused(ops.linear_backward, backward_cases)


def test_linear_backward_says_what_is_missing(dtype):
    _, backward = arguments(dtype)
    with pytest.raises(ValueError, match="^linear_backward: .*tanh follows from its output: give y"):
        ops.linear_backward(**{**backward, "y": None})
    with pytest.raises(ValueError, match="^linear_backward: .*gelu follows from the pre-activation: give z"):
        ops.linear_backward(**{**backward, "activation": "gelu"})
