"""Noise on inputs, units and weights: accuracy, levels, what is drawn, expectations, in-place use, refusals."""

import numpy as np
import pytest

from bad_inputs import changed, check_refused, spoiled, strided, with_bad_out
from comparison import assert_levels_agree, assert_same_bits, assert_within
from lamina import ops
from lamina import reference as ref
from tolerances import NORMAL, standard_errors, unit_roundoff

SHAPES = [(1, 1), (1, 7), (3, 8), (31, 9), (32, 35), (33, 64), (97, 17), (0, 5), (5, 0), (7,), (2, 3, 5)]
KEY = dict(seed=0x123456789ABCDEF, layer=3, step=70, row_offset=2**32 - 97)
RATES = [0.0, 0.3, 0.9999, 1.0 - 2.0**-53]
WHITEOUTS = [dict(gamma=gamma, lam=lam) for gamma in (0.0, 0.7, 1.0, 2.0) for lam in (0.0, 0.3)]

# Every op of one array and its number: what it is called with beside x.
ONE_ARRAY = [
    (ops.gaussian_noise, dict(std=0.3)),
    (ops.salt_and_pepper, dict(p=0.3, low=-2.0, high=3.0)),
    (ops.alpha_dropout_forward, dict(p=0.3)),
    (ops.alpha_dropout_backward, dict(p=0.3)),
    (ops.shakeout, dict(p=0.3, c=0.2)),
    (ops.whiteout_forward, dict(std=0.2, gamma=0.7, lam=0.1)),
    (ops.dropout_forward, dict(p=0.3, scaling="test")),
    (ops.dropout_backward, dict(p=0.3, scaling="test")),
    (ops.dropout_forward, dict(p=0.3, scaling="test", training=False)),
    (ops.dropout_backward, dict(p=0.3, training=False)),
]
IDS = [op.__name__ + "_inference" * ("training" in settings) for op, settings in ONE_ARRAY]


def array_name(op):
    """What the op calls its array."""
    if op in (ops.shakeout, ops.whiteout_forward):
        return "weight"
    return "dy" if op.__name__.endswith("_backward") else "x"


def reference(op):
    return getattr(ref, op.__name__)


def near(actual, expected, dtype, roundings=8):
    """Some roundings of the magnitudes involved, which are of order 1 here."""
    assert actual.dtype == dtype
    assert_within(actual, expected, roundings * unit_roundoff(dtype) * (1 + np.abs(expected)) + 2 * NORMAL[dtype.name])


@pytest.mark.parametrize("op, settings", ONE_ARRAY, ids=IDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_noise_matches_reference(generic, rng, dtype, op, settings, shape):
    x = rng.normal(size=shape).astype(dtype)
    near(op(x, **settings, **KEY), reference(op)(x, **settings, **KEY), dtype)


@pytest.mark.parametrize("p", RATES)
def test_masks_are_those_of_dropout(isa, rng, dtype, p):
    """What is kept passes with its bits, but for the scale; nothing else does."""
    x = rng.normal(size=(40, 37)).astype(dtype)
    mask = ref.dropout_mask(x.shape, p, **KEY)
    assert_same_bits(ops.dropout_forward(x, p, scaling="test", **KEY), np.where(mask, x, dtype.type(0)))
    assert_same_bits(ops.zoneout_forward(x, x + 1, p, **KEY), np.where(mask, x, x + 1))
    assert_same_bits(ops.zoneout_backward(x, p, **KEY), (np.where(mask, x, 0), np.where(mask, 0, x)))
    assert_same_bits(ops.shakeout(x, p, 0.0, **KEY) == 0, ~mask)
    assert_same_bits(ops.alpha_dropout_backward(x, p, **KEY) != 0, mask)


@pytest.mark.parametrize("p", RATES)
def test_salt_and_pepper_has_the_bits_of_the_reference(isa, rng, dtype, p):
    for shape in SHAPES:
        x = rng.normal(size=shape).astype(dtype)
        x[x < -1] = -0.0
        expected = ref.salt_and_pepper(x, p, low=-4.0, high=0.5, **KEY).astype(dtype)
        assert_same_bits(ops.salt_and_pepper(x, p, low=-4.0, high=0.5, **KEY), expected)
    noisy = ref.salt_and_pepper(np.full((1000, 200), 0.5), 0.3, seed=3)
    for value in (0.0, 1.0):
        assert abs(np.mean(noisy == value) - 0.15) < standard_errors(0.36, noisy.size)


@pytest.mark.parametrize("training", [True, False])
def test_zoneout_matches_reference(generic, rng, dtype, training):
    for shape in SHAPES:
        h, previous = rng.normal(size=shape).astype(dtype), rng.normal(size=shape).astype(dtype)
        settings = dict(p=0.3, training=training, **KEY)
        near(ops.zoneout_forward(h, previous, **settings), ref.zoneout_forward(h, previous, **settings), dtype)
        for own, expected in zip(ops.zoneout_backward(h, **settings), ref.zoneout_backward(h, **settings), strict=True):
            near(own, expected, dtype)


@pytest.mark.parametrize("settings", WHITEOUTS)
def test_whiteout_matches_reference(generic, rng, dtype, settings):
    for shape in SHAPES:
        dy, weight = rng.normal(size=shape).astype(dtype), rng.normal(size=shape).astype(dtype)
        near(
            ops.whiteout_forward(weight, 0.2, **settings, **KEY),
            ref.whiteout_forward(weight, 0.2, **settings, **KEY),
            dtype,
            16,
        )
        own = ops.whiteout_backward(dy, weight, 0.2, **settings, **KEY)
        expected = ref.whiteout_backward(dy, weight, 0.2, **settings, **KEY)
        # Small weights have steep noise: the error is relative to its slope.
        steep = 1 + 1 / np.sqrt(np.maximum(np.abs(weight).astype(np.float64), 1e-12))
        assert_within(own, expected, 16 * (NORMAL[dtype.name] + unit_roundoff(dtype)) * np.abs(dy) * steep)


@pytest.mark.parametrize("settings", WHITEOUTS)
def test_whiteout_of_vanishing_weights_is_finite(isa, dtype, settings):
    tiny = np.finfo(dtype).smallest_subnormal
    weight = np.array([[0.0, -0.0, tiny, -tiny, 1e-20, -1e-14, 1e-6, 1e15]], dtype)
    assert np.isfinite(ops.whiteout_forward(weight, 0.2, **settings, seed=1)).all()
    assert np.isfinite(ops.whiteout_backward(np.ones_like(weight), weight, 0.2, **settings, seed=1)).all()
    silent = ops.whiteout_forward(weight, 0.0, seed=1), ops.whiteout_backward(weight, weight, 0.0, seed=1)
    assert_same_bits(np.abs(silent), np.abs([weight, weight]))


def test_noise_levels_agree(isa, rng, dtype):
    for shape in [*SHAPES, (150, 300)]:
        x, y = rng.normal(size=shape).astype(dtype), rng.normal(size=shape).astype(dtype)
        for op, settings in ONE_ARRAY:
            assert_levels_agree(op, x, **settings, seed=5, layer=1, step=2)
        for training in (True, False):
            assert_levels_agree(ops.zoneout_forward, x, y, 0.3, seed=5, training=training)
            assert_levels_agree(ops.zoneout_backward, x, 0.3, seed=5, training=training)
        for settings in WHITEOUTS:
            assert_levels_agree(ops.whiteout_backward, x, y, 0.2, **settings, seed=5)
    wild = np.array([[0.0, -0.0, np.inf, -np.inf, np.nan, -1e-30, 1e30]], dtype)
    for op, settings in ONE_ARRAY:
        assert_levels_agree(op, wild, **settings, seed=5)


@pytest.mark.parametrize("op, settings", ONE_ARRAY, ids=IDS)
def test_noise_does_not_depend_on_the_split(isa, dtype, op, settings):
    x = np.ones((50, 13), dtype)
    whole = op(x, **settings, seed=1)
    parts = [op(x[rows], **settings, seed=1, row_offset=rows.start) for rows in (slice(0, 19), slice(19, 50))]
    assert_same_bits(np.concatenate(parts), whole)


@pytest.mark.parametrize("op, settings", ONE_ARRAY, ids=IDS)
def test_noise_in_place_and_strided(isa, rng, dtype, op, settings):
    x = rng.normal(size=(6, 37)).astype(dtype)
    expected = op(x, **settings, seed=3)
    buffer = x.copy()
    assert op(buffer, **settings, seed=3, out=buffer) is buffer
    assert_same_bits(buffer, expected)
    out = strided(np.zeros_like(x))
    assert op(strided(x), **settings, seed=3, out=out) is out
    assert_same_bits(out, expected)
    assert np.isnan(out.base[:, 37:]).all()


def test_ops_of_two_arrays_in_place(isa, rng, dtype):
    x, y = rng.normal(size=(6, 37)).astype(dtype), rng.normal(size=(6, 37)).astype(dtype)
    for op, settings in ((ops.zoneout_forward, dict(p=0.3)), (ops.whiteout_backward, dict(std=0.2))):
        expected = op(x, y, **settings, seed=3)
        for which in range(2):
            arrays = [strided(x), strided(y)]
            op(*arrays, **settings, seed=3, out=arrays[which])
            assert_same_bits(arrays[which], expected)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_expectations(p):
    """Inference is what training gives in the mean: over many draws of one number."""
    x = np.full((500, 400), 1.5)
    q, errors = 1 - round(65536 * p) / 65536, standard_errors(np.sqrt(p * (1 - p)), x.size)
    for scaling, deviation in (("inverted", 1.5 / q), ("test", 1.5)):
        drawn = ops.dropout_forward(x, p, scaling=scaling, seed=1)
        assert (
            abs(drawn.mean() - ops.dropout_forward(x, p, scaling=scaling, seed=1, training=False)[0, 0])
            < deviation * errors
        )
    assert abs(ops.shakeout(x, p, 0.7, seed=1).mean() - 1.5) < (1.5 + 0.7) / q * errors
    mixed = ops.zoneout_forward(x, -x, p, seed=1)
    assert abs(mixed.mean() - ops.zoneout_forward(x, -x, p, seed=1, training=False)[0, 0]) < 3 * errors
    normal = ops.random_normal((500, 400), seed=2, dtype="float64")
    kept = ops.alpha_dropout_forward(normal, p, seed=1)
    assert abs(kept.mean()) < standard_errors(1, x.size)
    assert abs(kept.var() - 1) < standard_errors(2, x.size)


def test_normal_noise_has_its_deviation():
    x = np.full((500, 400), -0.25)
    noisy = ops.gaussian_noise(x, 0.3, seed=1) - x
    assert abs(noisy.mean()) < standard_errors(0.3, x.size)
    assert abs(noisy.std() - 0.3) < standard_errors(0.3, x.size)
    weight = ops.whiteout_forward(x, 0.2, gamma=1.5, lam=0.04, seed=1)
    expected = 0.25 * np.sqrt(0.2**2 * 0.25**-1.5 + 0.04)
    assert abs(weight.mean() + 0.25) < standard_errors(expected, x.size)
    assert abs(weight.std() - expected) < standard_errors(expected, x.size)
    other = ops.random_normal(x.shape, seed=1, dtype="float64")
    assert abs(np.mean(noisy * other)) < standard_errors(0.3, x.size)
    assert abs(np.mean(noisy * (weight + 0.25))) < standard_errors(0.3 * expected, x.size)


BAD_DRAWS = [dict(seed=-1), dict(layer=2**24), dict(step=2**32), dict(row_offset=2**32 - 3)]
BAD_NUMBERS = {
    "p": [1.0, -0.1, np.nan], "std": [-0.1, np.inf, np.nan], "c": [-0.1, np.inf], "low": [np.nan], "high": [np.inf],
    "gamma": [-0.1, 2.1, np.nan], "lam": [-0.1, np.inf], "scaling": ["train", ""],
}  # fmt: skip


OTHERS = [
    (ops.zoneout_forward, dict(p=0.3)),
    (ops.zoneout_backward, dict(p=0.3)),
    (ops.whiteout_backward, dict(std=0.2)),
]


@pytest.mark.parametrize("op, settings", [*ONE_ARRAY, *OTHERS])
def test_noise_refuses(dtype, op, settings):
    x = np.ones((4, 5), dtype)
    names = {ops.zoneout_forward: ("h", "previous"), ops.whiteout_backward: ("dy", "weight")}.get(op, (array_name(op),))
    arguments = {**{name: x.copy() for name in names}, **settings, "seed": 1}
    check_refused(op, spoiled(arguments, names[0], mixing=len(names) > 1, any_rank=len(names) == 1))
    if op is not ops.zoneout_backward:
        check_refused(op, with_bad_out(arguments, x.copy()))
    cases = [changed(arguments, ValueError, **bad) for bad in BAD_DRAWS]
    cases += [
        changed(arguments, ValueError, **{name: value}) for name in settings for value in BAD_NUMBERS.get(name, [])
    ]
    cases += [changed(arguments, TypeError, seed=1.5), changed(arguments, TypeError, rate=0.5)]
    if len(names) > 1:
        cases.append(changed(arguments, ValueError, **{names[1]: np.ones((4, 6), dtype)}))
    if dtype == np.float32:
        large = [name for name in ("std", "c", "low") if name in settings]
        cases += [changed(arguments, ValueError, **{name: 1e300 * (-1) ** (name == "low")}) for name in large]
    check_refused(op, cases)


def test_zoneout_backward_refuses_outputs(dtype):
    dy = np.ones((4, 5), dtype)
    arguments = dict(dy=dy, p=0.5, seed=1)
    one = np.empty_like(dy)
    bad = [(one, one), (dy, one), (one,), (one, np.empty((4, 6), dtype))]
    for out in bad:
        with pytest.raises((ValueError, TypeError), match="zoneout_backward"):
            ops.zoneout_backward(**arguments, out=out)
