"""Activations: ulps against the reference, levels, in-place use, special values, refusals."""

import numpy as np
import pytest

from bad_inputs import changed, check_refused, spoiled, strided, with_bad_out
from comparison import assert_levels_agree, assert_same_bits, assert_within
from lamina import ops
from lamina import reference as ref
from tolerances import SLOPE, ULP, activation_slope, activation_value, subnormal, unit_roundoff

SHAPES = [(1, 1), (1, 15), (3, 16), (31, 17), (32, 35), (33, 7), (97, 64), (0, 5), (5, 0), (7,), (2, 3, 5)]
ACTIVATIONS = [(name, {}) for name in ref.activations(fused=True)] + [
    ("leaky_relu", {"negative_slope": 0.3}),
    ("elu", {"alpha": 0.4}),
]
SPECIAL = [0.0, -0.0, 1e-30, -1e-30, 1e-7, -1e-7, 0.3, -0.3, 1.0, -1.0, 9.0, -9.0, 20.0, -20.0, 80.0, -80.0, 88.5,
           -88.5, 95.0, -95.0, 103.0, -103.0, 104.5, -104.5, 500.0, -500.0, 720.0, -720.0, 745.5, -745.5, 1e30, -1e30,
           np.inf, -np.inf]  # fmt: skip


def grid(dtype):
    """Arguments of every magnitude and sign, and the points where formulas change."""
    spread = np.concatenate([np.linspace(-20, 20, 40_001), np.logspace(-40, 3, 5_000), -np.logspace(-40, 3, 5_000)])
    return np.concatenate([spread, SPECIAL]).astype(dtype)


@pytest.mark.parametrize("name, params", ACTIVATIONS)
def test_activation_forward_is_accurate(generic, dtype, name, params):
    x = grid(dtype)
    y = ops.activation_forward(x, name, **params)
    assert y.dtype == dtype
    expected = ref.activation_forward(x, name, **params)
    assert_within(y, expected, activation_value(name, x, dtype, expected))


@pytest.mark.parametrize("name, params", ACTIVATIONS)
def test_activation_backward_is_accurate(generic, rng, dtype, name, params):
    x = grid(dtype)
    dy = rng.normal(size=x.shape).astype(dtype)
    y = ops.activation_forward(x, name, **params)
    slope_error = activation_slope(name, params, dtype, dy) + subnormal(dtype)
    dx = ops.activation_backward(dy, x, name, y=y, **params)
    assert dx.dtype == dtype
    assert_within(dx, ref.activation_backward(dy, x, name, y=y, **params), slope_error)
    # From x alone the output is computed first; its error times |dy| g''-like factors of at most 2 comes on top.
    slope = max(SLOPE[name], 1.0, *params.values())
    output_error = 4 * ULP[name] * unit_roundoff(dtype) * 2 * slope * np.abs(dy)
    dx = ops.activation_backward(dy, x, name, **params)
    assert_within(dx, ref.activation_backward(dy, x, name, **params), slope_error + output_error)


@pytest.mark.parametrize("name, params", ACTIVATIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_activation_matches_reference_at_every_shape(generic, rng, dtype, shape, name, params):
    x, dy = rng.normal(size=shape).astype(dtype), rng.normal(size=shape).astype(dtype)
    y = ops.activation_forward(x, name, **params)
    expected = ref.activation_forward(x, name, **params)
    assert_within(y, expected, activation_value(name, x, dtype, expected))
    dx = ops.activation_backward(dy, x, name, y=y, **params)
    expected = ref.activation_backward(dy, x, name, y=y, **params)
    assert_within(dx, expected, activation_slope(name, params, dtype, dy))


@pytest.mark.parametrize("name, params", ACTIVATIONS)
def test_activation_levels_agree(isa, rng, dtype, name, params):
    arrays = [rng.normal(size=shape).astype(dtype) for shape in SHAPES]
    wild = np.concatenate([grid(dtype), [np.nan]]).astype(dtype)
    raw = rng.integers(0, 2**32, size=20_000, dtype=np.uint32).view(np.float32)
    for x in [*arrays, wild, np.tile(wild, 4).reshape(4, -1), raw[np.isfinite(raw)].astype(dtype)]:
        dy = rng.normal(size=x.shape).astype(dtype)
        y = ops.activation_forward(x, name, **params)
        assert_levels_agree(ops.activation_forward, x, name, **params)
        assert_levels_agree(ops.activation_backward, dy, x, name, **params)
        assert_levels_agree(ops.activation_backward, dy, x, name, y=y, **params)


@pytest.mark.parametrize("name", ref.activations(fused=True))
def test_activation_keeps_nan(isa, dtype, name):
    x = np.ones((3, 37), dtype)
    x[1, ::5] = np.nan
    y = ops.activation_forward(x, name)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(x))
    dx = ops.activation_backward(x, np.ones_like(x), name)
    np.testing.assert_array_equal(np.isnan(dx), np.isnan(x) & (name != "step"))  # through a step nothing passes


@pytest.mark.parametrize("name", ref.activations(fused=True))
def test_activation_in_place_and_strided(isa, rng, dtype, name):
    x, dy = rng.normal(size=(6, 37)).astype(dtype), rng.normal(size=(6, 37)).astype(dtype)
    y = ops.activation_forward(x, name)
    dx = ops.activation_backward(dy, x, name, y=y)
    for make in (np.copy, strided):
        buffer = make(x)
        assert ops.activation_forward(buffer, name, out=buffer) is buffer
        assert_same_bits(buffer, y)
        for which in range(3):
            arrays = [make(dy), make(x), make(y)]
            out = arrays[which]
            assert ops.activation_backward(arrays[0], arrays[1], name, y=arrays[2], out=out) is out
            assert_same_bits(out, dx)
        out = make(np.zeros_like(x))
        assert ops.activation_forward(make(x), name, out=out) is out
        assert_same_bits(out, y)
        assert make is np.copy or np.isnan(out.base[:, 37:]).all()


def test_activation_slopes_at_zero(isa, dtype):
    zero, one = np.zeros(3, dtype), np.ones(3, dtype)
    for name, slope in {"relu": 0, "leaky_relu": 0.01, "elu": 1, "linear": 1, "tanh": 1, "sigmoid": 0.25}.items():
        assert_same_bits(ops.activation_backward(one, zero, name), np.full(3, slope, dtype))


def test_leaky_relu_with_slope_zero_is_relu(isa, rng, dtype):
    x = rng.normal(size=(5, 37)).astype(dtype)
    np.testing.assert_array_equal(
        ops.activation_forward(x, "leaky_relu", negative_slope=0.0), ops.activation_forward(x, "relu")
    )


def test_activations_returns_a_new_dictionary():
    ops.activations()["relu"]["spoiled"] = 1
    assert ops.activations() == ref.activations()


def test_activation_refuses_bad_arrays(dtype):
    x = np.ones((4, 5), dtype)
    forward = dict(x=x, activation="tanh")
    check_refused(ops.activation_forward, spoiled(forward, "x", mixing=False, any_rank=True))
    check_refused(ops.activation_forward, with_bad_out(forward, x.copy()))
    backward = dict(dy=x, x=x.copy(), activation="tanh", y=x.copy())
    check_refused(ops.activation_backward, spoiled(backward, "dy", "y"))
    check_refused(ops.activation_backward, spoiled(dict(dy=x, x=x.copy(), activation="tanh"), "dy", "x"))
    check_refused(ops.activation_backward, with_bad_out(backward, x.copy()))


def test_activations_that_run_by_themselves_are_named(dtype):
    x = np.ones((2, 3), dtype)
    for module in (ops, ref):
        with pytest.raises(ValueError, match="^activation_forward: .*relux.* linear, .*prelu and rrelu"):
            module.activation_forward(x, "relux")
    for name in ops.activations(fused=False):
        for call in (
            lambda name=name: ops.linear_forward(x, x, activation=name),
            lambda name=name: ops.linear_backward(x, x, x, z=x, activation=name),
            lambda name=name: ops.lamina_forward(x, x, activation=name),
        ):
            with pytest.raises(ValueError, match=f"activation is '{name}'.*activation_forward .*layer PReLU or RReLU"):
                call()


def test_activation_refuses_mistakes(dtype):
    x = np.ones((4, 5), dtype)
    buffer = np.ones(50, dtype)
    forward = dict(x=x, activation="elu")
    cases = [
        changed(forward, ValueError, activation="unknown"),
        changed(forward, TypeError, activation=3),
        changed(forward, ValueError, alpha=-0.5),
        changed(forward, ValueError, alpha=np.inf),
        changed(forward, TypeError, negative_slope=0.1),
        changed(forward, TypeError, output=x),
        changed(forward, ValueError, x=buffer[:20].reshape(4, 5), out=buffer[3:23].reshape(4, 5)),
    ]
    check_refused(ops.activation_forward, cases)
    backward = dict(dy=x, x=x.copy(), activation="elu")
    cases = [
        changed(backward, ValueError, activation="unknown"),
        changed(backward, ValueError, x=np.ones((5, 4), dtype)),
        changed(backward, ValueError, y=np.ones((4, 4), dtype)),
        changed(backward, ValueError, alpha=np.nan),
        changed(backward, TypeError, slope=1.0),
    ]
    check_refused(ops.activation_backward, cases)
