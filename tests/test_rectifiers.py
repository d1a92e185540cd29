"""PReLU and RReLU: accuracy, levels, gradients by differences, what is drawn, refusals."""

import numpy as np
import pytest

from bad_inputs import changed, check_refused, spoiled, strided
from comparison import assert_levels_agree, assert_same_bits, assert_within
from lamina import ops
from lamina import reference as ref
from lamina.reference.random import RRELU, uniform_draw
from tolerances import column_sum, standard_errors, subnormal, unit_roundoff

SHAPES = [(1, 1), (1, 15), (3, 16), (31, 17), (32, 35), (33, 7), (97, 600), (0, 5), (5, 0)]
KEY = dict(training=True, seed=2**40 + 3, layer=5, step=7, row_offset=11)


def slopes_of(rng, columns, dtype):
    """Slopes in every form: a number, one for all, one a column, negative ones among them."""
    return 0.3, np.array([-0.2], dtype), rng.normal(size=columns).astype(dtype)


def rounding(dtype, values):
    return 4 * unit_roundoff(dtype) * np.abs(values).astype(np.float64) + subnormal(dtype)


@pytest.mark.parametrize("shape", SHAPES)
def test_prelu_matches_reference(generic, rng, dtype, shape):
    x, dy = rng.normal(size=shape).astype(dtype), rng.normal(size=shape).astype(dtype)
    for weight in slopes_of(rng, shape[1], dtype):
        y = ops.activation_forward(x, "prelu", weight=weight)
        assert_within(y, ref.activation_forward(x, "prelu", weight=weight), rounding(dtype, y))
        dx, dweight = ops.activation_backward(dy, x, "prelu", weight=weight)
        expected = ref.activation_backward(dy, x, "prelu", weight=weight)
        assert_within(dx, expected[0], rounding(dtype, dx))
        terms = np.minimum(x, 0) * dy
        bound = column_sum(terms, dtype) if expected[1].size != 1 or shape[1] == 1 else None
        if bound is None:  # columns are summed down first, then their sums
            bound = [2 * (40 + sum(shape)) * unit_roundoff(dtype) * np.abs(terms).sum(dtype=np.float64)]
        assert_within(dweight, expected[1], np.asarray(bound) + rounding(dtype, terms).sum())


@pytest.mark.parametrize("shape", [*SHAPES, (7,), (2, 3, 5)])
@pytest.mark.parametrize("training", [True, False])
def test_rrelu_matches_reference(generic, rng, dtype, shape, training):
    x, dy = rng.normal(size=shape).astype(dtype), rng.normal(size=shape).astype(dtype)
    settings = {**KEY, "training": training}
    y = ops.activation_forward(x, "rrelu", **settings)
    assert_within(y, ref.activation_forward(x, "rrelu", **settings), rounding(dtype, x))
    dx = ops.activation_backward(dy, x, "rrelu", **settings)
    assert_within(dx, ref.activation_backward(dy, x, "rrelu", **settings), rounding(dtype, dy))


def test_rectifier_levels_agree(isa, rng, dtype):
    for shape in SHAPES:
        x, dy = rng.normal(size=shape).astype(dtype), rng.normal(size=shape).astype(dtype)
        for weight in slopes_of(rng, shape[1], dtype):
            assert_levels_agree(ops.activation_forward, x, "prelu", weight=weight)
            assert_levels_agree(ops.activation_backward, dy, x, "prelu", weight=weight)
        assert_levels_agree(ops.activation_forward, x, "rrelu", **KEY)
        assert_levels_agree(ops.activation_backward, dy, x, "rrelu", **KEY)
    wild = np.array([[0.0, -0.0, np.inf, -np.inf, np.nan, -1e-30, 1e30]], dtype)
    assert_levels_agree(ops.activation_forward, wild, "prelu", weight=0.5)
    assert_levels_agree(ops.activation_forward, wild, "rrelu", **KEY)


def test_rrelu_draws_as_documented(isa, dtype):
    x = np.full((40, 50), -1, dtype)
    uniform = uniform_draw("rrelu", x.shape, RRELU, dtype, seed=9, layer=1, step=2, row_offset=3)
    y = ops.activation_forward(x, "rrelu", lower=0.0, upper=1.0, training=True, seed=9, layer=1, step=2, row_offset=3)
    assert_same_bits(-y, uniform.astype(dtype))
    slopes = -ops.activation_forward(x, "rrelu", training=True, seed=9)
    assert slopes.min() >= 1 / 8 and slopes.max() < 1 / 3
    assert abs(slopes.mean() - 11 / 48) < standard_errors((1 / 3 - 1 / 8) / np.sqrt(12), x.size)


def test_rectifiers_in_place_and_strided(isa, rng, dtype):
    x, dy, weight = (rng.normal(size=shape).astype(dtype) for shape in ((6, 37), (6, 37), (37,)))
    for name, settings in (("prelu", {"weight": weight}), ("rrelu", KEY)):
        y, backward = (
            ops.activation_forward(x, name, **settings),
            ops.activation_backward(dy, x, name, **settings),
        )
        for make in (np.copy, strided):
            buffer = make(x)
            assert ops.activation_forward(buffer, name, out=buffer, **settings) is buffer
            assert_same_bits(buffer, y)
            gradient, sums = make(dy), np.empty_like(weight)
            out = (gradient, sums) if name == "prelu" else gradient
            ops.activation_backward(gradient, make(x), name, out=out, **settings)
            assert_same_bits(out, backward)


def test_rectifiers_refuse_mistakes(dtype):
    x = np.ones((4, 5), dtype)
    prelu = dict(x=x, activation="prelu", weight=np.ones(5, dtype))
    cases = [
        changed(prelu, ValueError, weight=np.ones(4, dtype)),
        changed(prelu, ValueError, weight=np.ones((1, 5), dtype)),
        changed(prelu, TypeError, weight="0.5"),
        changed(prelu, TypeError, slope=1.0),
        changed(prelu, ValueError, x=np.ones((2, 3, 5), dtype)),
    ]
    check_refused(ops.activation_forward, [*cases, *spoiled(prelu, "x")])
    rrelu = dict(x=x, activation="rrelu")
    cases = [
        changed(rrelu, ValueError, lower=-0.1),
        changed(rrelu, ValueError, lower=0.5, upper=0.4),
        changed(rrelu, ValueError, upper=np.inf),
        changed(rrelu, ValueError, seed=-1),
        changed(rrelu, TypeError, alpha=1.0),
        *([changed(rrelu, ValueError, upper=1e300)] if dtype == np.float32 else []),
        changed(rrelu, TypeError, activation=["rrelu"]),
    ]
    check_refused(ops.activation_forward, cases)
    assert_same_bits(
        ops.activation_forward(-x, "prelu", weight=np.float32(0.5)), ops.activation_forward(-x, "prelu", weight=0.5)
    )
    with pytest.raises(TypeError, match="activation_backward: y is given, prelu follows from x alone"):
        ops.activation_backward(x, x, "prelu", y=x)
    check_refused(ops.activation_backward, [changed(dict(prelu, dy=x), ValueError, dy=np.ones((5, 4), dtype))])
