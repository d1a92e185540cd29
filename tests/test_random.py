"""Random numbers: known vectors, the reference's bits at every level, independence of the split, refusals."""

import numpy as np
import pytest

from bad_inputs import changed, check_refused, strided, with_bad_out
from comparison import assert_levels_agree, assert_same_bits, assert_within
from lamina import ops
from lamina import reference as ref
from tolerances import NORMAL

SHAPES = [(1, 1), (1, 3), (2, 4), (31, 5), (33, 35), (97, 16), (0, 5), (5, 0), (7,), (0,), (2, 3, 5), 6]
DRAWS = [
    dict(seed=0),
    dict(seed=2**64 - 1, layer=2**24 - 1, step=2**32 - 1),
    dict(seed=0x123456789ABCDEF, layer=3, step=70, row_offset=2**32 - 97),
]
# Random123, kat_vectors: (counter, key, output) of philox4x32-10.
KNOWN = [
    ([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0], "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
BAD_DRAWS = [
    dict(seed=-1), dict(seed=2**64), dict(layer=-1), dict(layer=2**24), dict(step=-1), dict(step=2**32),
]  # fmt: skip


@pytest.mark.parametrize("counter, key, expected", KNOWN)
def test_philox_known_vectors(isa, counter, key, expected):
    words = ops.philox(np.array(counter, np.uint32), np.array(key, np.uint32))
    assert words.dtype == np.uint32 and words.shape == (4,)
    assert " ".join(f"{word:08x}" for word in words) == expected


def test_philox_broadcasts_as_the_reference(isa, rng):
    for counters, keys in [((5,), ()), ((), (5,)), ((3, 2), (2,)), ((3, 1), (1, 4)), ((0,), ())]:
        counter = rng.integers(0, 2**32, size=(*counters, 4), dtype=np.uint32)
        key = rng.integers(0, 2**32, size=(*keys, 2), dtype=np.uint32)
        assert_same_bits(ops.philox(counter, key), ref.philox(counter, key))


@pytest.mark.parametrize("draw", DRAWS)
def test_uniform_has_the_bits_of_the_reference(isa, dtype, draw):
    for shape in SHAPES:
        expected = ref.random_uniform(shape, dtype=dtype.name, **draw).astype(dtype)
        assert_same_bits(ops.random_uniform(shape, dtype=dtype.name, **draw), expected)


@pytest.mark.parametrize("draw", DRAWS)
def test_normal_is_near_the_reference(isa, dtype, draw):
    for shape in SHAPES:
        own = ops.random_normal(shape, dtype=dtype.name, **draw)
        assert own.dtype == dtype
        assert_within(own, ref.random_normal(shape, dtype=dtype.name, **draw), NORMAL[dtype.name])
    own = ops.random_normal((300, 1000), dtype=dtype.name, **draw | dict(row_offset=0))
    expected = ref.random_normal((300, 1000), dtype=dtype.name, **draw | dict(row_offset=0))
    assert_within(own, expected, NORMAL[dtype.name])


def test_draws_levels_agree(isa, dtype):
    for draw in (ops.random_normal, ops.random_uniform):
        for shape in [*SHAPES, (300, 200)]:
            assert_levels_agree(draw, shape, seed=5, layer=1, step=2, dtype=dtype.name)


@pytest.mark.parametrize("draw", [ops.random_uniform, ops.random_normal])
def test_draws_do_not_depend_on_the_split(isa, dtype, draw):
    whole = draw((20, 9), seed=1, dtype=dtype.name)
    parts = [draw((10, 9), seed=1, row_offset=offset, dtype=dtype.name) for offset in (0, 10)]
    assert_same_bits(np.concatenate(parts), whole)
    assert_same_bits(draw((20, 5), seed=1, dtype=dtype.name), np.ascontiguousarray(whole[:, :5]))
    assert_same_bits(draw((20, 3, 3), seed=1, dtype=dtype.name), whole.reshape(20, 3, 3))


@pytest.mark.parametrize("draw", [ops.random_uniform, ops.random_normal])
def test_draws_default_to_float32(draw):
    assert draw((2, 2), seed=1).dtype == np.float32
    assert_same_bits(draw((2, 2), seed=1, dtype=np.float64), draw((2, 2), seed=1, dtype="float64"))


@pytest.mark.parametrize("n", [0, 1, 2, 3, 1000])
def test_permutation_is_that_of_the_reference(isa, n):
    for draw in (dict(seed=0), dict(seed=2**64 - 1, layer=2**24 - 1, step=2**32 - 1)):
        assert_same_bits(ops.random_permutation(n, **draw), ref.random_permutation(n, **draw))


def test_philox_refuses():
    counter, key = np.zeros(4, np.uint32), np.zeros(2, np.uint32)
    arguments = dict(counter=counter, key=key)
    cases = [
        changed(arguments, ValueError, counter=counter.astype(np.int32)),
        changed(arguments, ValueError, counter=counter.astype(np.uint64)),
        changed(arguments, ValueError, counter=counter.astype(">u4")),
        changed(arguments, ValueError, counter=counter[:3]),
        changed(arguments, ValueError, key=np.zeros(4, np.uint32)),
        changed(arguments, ValueError, key=np.zeros((), np.uint32)),
        changed(arguments, ValueError, counter=np.zeros((3, 4), np.uint32), key=np.zeros((2, 2), np.uint32)),
        changed(arguments, TypeError, counter=[0, 0, 0, 0]),
        changed(arguments, TypeError, seed=1),
    ]
    check_refused(ops.philox, cases)


@pytest.mark.parametrize("draw", [ops.random_uniform, ops.random_normal])
def test_draws_refuse(draw):
    arguments = dict(shape=(4, 5), seed=1)
    bad = [*BAD_DRAWS, dict(row_offset=-1), dict(row_offset=2**32 - 3), dict(shape=(-1, 5)), dict(shape=())]
    bad += [dict(dtype="int64"), dict(dtype="float16"), dict(dtype=">f4")]
    check_refused(draw, [changed(arguments, ValueError, **case) for case in bad])
    cases = [dict(seed="one"), dict(seed=1.5), dict(size=3), dict(shape=(2.0, 3)), dict(shape=2.0), dict(shape="23")]
    cases += [dict(shape=None), dict(dtype="number"), dict(device=3)]
    check_refused(draw, [changed(arguments, TypeError, **case) for case in cases])


@pytest.mark.parametrize("draw", [ops.random_uniform, ops.random_normal])
def test_draws_fill_out(isa, dtype, draw):
    for shape in [(3, 5), (40, 33), (7,), (2, 3, 5), (0, 5)]:
        options = dict(seed=3, layer=1, dtype=dtype.name)
        expected = draw(shape, **options)
        out = np.full(shape, np.nan, dtype)
        if len(shape) == 2:
            out = strided(out)
        assert draw(shape, out=out, **options) is out
        assert_same_bits(out, expected)
        assert len(shape) != 2 or np.isnan(out.base[:, shape[1] :]).all()


def test_draws_refuse_a_bad_out(dtype):
    out = np.zeros((4, 5), dtype)
    cases = with_bad_out(dict(shape=(4, 5), seed=1, dtype=dtype.name), out)
    for draw in (ops.random_uniform, ops.random_normal):
        check_refused(draw, cases)
    cases = with_bad_out(dict(shape=(4, 5), p=0.5, seed=1), out)
    check_refused(ops.dropout_mask, [case for case in cases if case[0] != "out is dtype bool"])
    with pytest.raises(ValueError, match=r"out is float64 of shape \(2,\) on the CPU, needs float32 of shape \(3,\)"):
        ops.random_uniform(3, seed=1, out=np.zeros(2))


def test_philox_and_permutations_fill_out():
    counter, key = np.arange(24, dtype=np.uint32).reshape(2, 3, 4), np.array([5, 6], np.uint32)
    for module in (ops, ref):
        words, order = np.zeros_like(counter), np.zeros(9, np.int64)
        assert module.philox(counter, key, out=words) is words
        assert_same_bits(words, module.philox(counter, key))
        assert module.random_permutation(9, seed=3, out=order) is order
        assert_same_bits(order, module.random_permutation(9, seed=3))
    bad = [counter, words.astype(np.int32), words[0], np.zeros((2, 3, 8), np.uint32)[:, :, ::2]]
    cases = [changed(dict(counter=counter, key=key), ValueError, out=out) for out in bad]
    check_refused(ops.philox, [*cases, changed(dict(counter=counter, key=key), TypeError, out=[])])
    bad = [order.astype(np.int32), order[:8], np.zeros(18, np.int64)[::2]]
    check_refused(ops.random_permutation, [changed(dict(n=9, seed=1), ValueError, out=out) for out in bad])


def test_permutation_refuses():
    arguments = dict(n=5, seed=1)
    check_refused(ops.random_permutation, [changed(arguments, ValueError, **bad) for bad in [*BAD_DRAWS, dict(n=-1)]])
    check_refused(ops.random_permutation, [changed(arguments, TypeError, **bad) for bad in (dict(n="5"), dict(k=1))])
