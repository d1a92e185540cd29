"""Dropout and masking noise: the reference's bits at every level, in-place use, refusals."""

import numpy as np
import pytest

from bad_inputs import changed, check_refused, spoiled, strided, with_bad_out
from comparison import assert_levels_agree, assert_same_bits
from lamina import ops
from lamina import reference as ref

SHAPES = [(1, 1), (1, 7), (3, 8), (31, 9), (32, 35), (33, 64), (97, 17), (0, 5), (5, 0), (7,), (0,), (2, 3, 5)]
DRAWS = [
    dict(seed=0),
    dict(seed=2**64 - 1, layer=2**24 - 1, step=2**32 - 1),
    dict(seed=0x123456789ABCDEF, layer=3, step=70, row_offset=2**32 - 97),
]
RATES = [0.0, 0.1, 0.5, 0.9, 0.9999, 1.0 - 2.0**-53]


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("p", RATES)
def test_dropout_has_the_bits_of_the_reference(isa, rng, dtype, p, draw):
    for shape in SHAPES:
        mask = ref.dropout_mask(shape, p, **draw)
        own = ops.dropout_mask(shape, p, **draw)
        out = np.zeros((shape[0], shape[1] + 3), bool)[:, :-3] if len(shape) == 2 else np.zeros(shape, bool)
        assert ops.dropout_mask(shape, p, out=out, **draw) is out
        assert_same_bits(out, own)
        assert own.dtype == bool
        assert_same_bits(own, mask)
        scale = dtype.type(65536 / max(1, np.floor((1 - p) * 65536 + 0.5)))
        x = rng.normal(size=shape).astype(dtype)
        expected = np.where(mask, x * scale, dtype.type(0))
        assert expected.dtype == dtype
        for op in (ops.dropout_forward, ops.dropout_backward):
            assert_same_bits(op(x, p, **draw), expected)
        noisy = ref.masking_noise(x, p, **draw).astype(dtype)
        assert_same_bits(ops.masking_noise(x, p, **draw), noisy)


def test_dropout_levels_agree(isa, rng, dtype):
    for shape in [*SHAPES, (200, 300)]:
        x = rng.normal(size=shape).astype(dtype)
        for op in (ops.dropout_forward, ops.dropout_backward, ops.masking_noise):
            assert_levels_agree(op, x, 0.3, seed=5, layer=1, step=2)
        assert_levels_agree(ops.dropout_mask, shape, 0.3, seed=5)


def test_dropout_does_not_depend_on_the_split(isa, dtype):
    x = np.ones((50, 13), dtype)
    whole = ops.dropout_forward(x, 0.5, seed=1)
    parts = [ops.dropout_forward(x[rows], 0.5, seed=1, row_offset=rows.start) for rows in (slice(0, 19), slice(19, 50))]
    assert_same_bits(np.concatenate(parts), whole)


def test_dropout_in_place_and_strided(isa, rng, dtype):
    x = rng.normal(size=(6, 37)).astype(dtype)
    for op in (ops.dropout_forward, ops.dropout_backward, ops.masking_noise):
        expected = op(x, 0.4, seed=3)
        buffer = x.copy()
        assert op(buffer, 0.4, seed=3, out=buffer) is buffer
        assert_same_bits(buffer, expected)
        out = strided(np.zeros_like(x))
        assert op(strided(x), 0.4, seed=3, out=out) is out
        assert_same_bits(out, expected)
        assert np.isnan(out.base[:, 37:]).all()


def test_dropout_keeps_nan_where_kept(isa, dtype):
    x = np.full((9, 37), np.nan, dtype)
    mask = ops.dropout_mask(x.shape, 0.5, seed=3)
    assert np.isnan(ops.dropout_forward(x, 0.5, seed=3)[mask]).all()
    assert np.isnan(ops.dropout_forward(x, 0.0, seed=3)).all()


BAD_DRAWS = [
    dict(p=1.0), dict(p=-0.1), dict(p=np.nan), dict(p=np.inf), dict(seed=-1), dict(seed=2**64), dict(layer=-1),
    dict(layer=2**24), dict(step=-1), dict(step=2**32), dict(row_offset=-1), dict(row_offset=2**32 - 3),
]  # fmt: skip


@pytest.mark.parametrize(
    "op, name", [(ops.dropout_forward, "x"), (ops.dropout_backward, "dy"), (ops.masking_noise, "x")]
)
def test_dropout_refuses(dtype, op, name):
    x = np.ones((4, 5), dtype)
    arguments = {name: x, "p": 0.5, "seed": 1}
    check_refused(op, spoiled(arguments, name, mixing=False, any_rank=True))
    check_refused(op, with_bad_out(arguments, x.copy()))
    check_refused(op, [changed(arguments, ValueError, **bad) for bad in BAD_DRAWS])
    buffer = np.ones(50, dtype)
    overlap = {name: buffer[:20].reshape(4, 5), "out": buffer[3:23].reshape(4, 5)}
    cases = [changed(arguments, ValueError, **overlap), changed(arguments, TypeError, rate=0.5),
             changed(arguments, TypeError, seed="one"), changed(arguments, TypeError, seed=1.5)]  # fmt: skip
    check_refused(op, cases)


def test_dropout_mask_refuses():
    arguments = dict(shape=(4, 5), p=0.5, seed=1)
    check_refused(ops.dropout_mask, [changed(arguments, ValueError, **bad) for bad in BAD_DRAWS])
    cases = [changed(arguments, ValueError, shape=(-1, 5)), changed(arguments, ValueError, shape=()),
             changed(arguments, TypeError, shape=(2.0, 3)), changed(arguments, TypeError, rate=0.5)]  # fmt: skip
    check_refused(ops.dropout_mask, cases)


@pytest.mark.parametrize("inputs", [1, 5, 10])
def test_the_net_of_scaled_weights_is_the_mean_over_all_masks(rng, inputs):
    """For one softmax layer exactly: the geometric mean over all, renormalised (Hinton et al. 2012, section 1)."""
    x, weight, bias = rng.normal(size=inputs), rng.normal(size=(4, inputs)), rng.normal(size=4)
    masks = (np.arange(2**inputs)[:, None] >> np.arange(inputs)) & 1
    logarithms = ops.log_softmax_forward(ops.linear_forward(x * masks, weight, bias))
    mean = ops.softmax_forward(logarithms.mean(axis=0, keepdims=True))
    scaled = ops.softmax_forward(ops.linear_forward(x[None], 0.5 * weight, bias))
    np.testing.assert_allclose(mean, scaled, rtol=1e-12)
