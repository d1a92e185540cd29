"""The reference's random numbers: published vectors, layout of the counter, statistics."""

import numpy as np
import pytest

from lamina import reference as ref
from tolerances import IDENTITY, standard_errors

# Random123, kat_vectors: (counter, key, output) of philox4x32-10.
KNOWN = [
    ([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0], "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


@pytest.mark.parametrize("counter, key, expected", KNOWN)
def test_philox_known_vectors(counter, key, expected):
    words = ref.philox(np.array(counter, np.uint32), np.array(key, np.uint32))
    assert " ".join(f"{word:08x}" for word in words) == expected


def test_philox_broadcasts():
    counter = np.arange(24, dtype=np.uint32).reshape(3, 2, 4)
    key = np.arange(4, dtype=np.uint32).reshape(2, 2)
    words = ref.philox(counter, key)
    assert words.shape == (3, 2, 4) and words.dtype == np.uint32
    np.testing.assert_array_equal(words[2, 1], ref.philox(counter[2, 1], key[1]))


def words_at(group, row, step, purpose, layer, seed):
    counter = np.array([group, row, step, purpose << 24 | layer], np.uint32)
    return ref.philox(counter, np.array([seed & 0xFFFFFFFF, seed >> 32], np.uint32))


SEED, LAYER, STEP = 0x123456789ABCDEF0, 0xABCDE, 77


def test_uniform_reads_the_documented_words():
    draw = dict(seed=SEED, layer=LAYER, step=STEP, row_offset=5)
    single = ref.random_uniform((3, 7), **draw)
    assert single[2, 6] == (int(words_at(1, 7, STEP, 1, LAYER, SEED)[2]) >> 8) * 2.0**-24
    double = ref.random_uniform((3, 7), dtype="float64", **draw)
    words = words_at(2, 6, STEP, 1, LAYER, SEED)
    assert double[1, 5] == ((int(words[2]) | int(words[3]) << 32) >> 11) * 2.0**-53


def test_normal_reads_the_documented_words():
    single = ref.random_normal((3, 7), seed=SEED, layer=LAYER, step=STEP)
    words = words_at(1, 2, STEP, 2, LAYER, SEED)
    u1, u2 = ((int(words[0]) >> 8) + 1) * 2.0**-24, (int(words[1]) >> 8) * 2.0**-24
    expected = np.sqrt(-2 * np.log(u1)) * np.array([np.cos(2 * np.pi * u2), np.sin(2 * np.pi * u2)])
    np.testing.assert_allclose(single[2, 4:6], expected, rtol=IDENTITY)


def test_mask_reads_the_documented_halves():
    mask = ref.dropout_mask((3, 20), 0.25, seed=SEED, layer=LAYER, step=STEP)
    noise = ref.masking_noise(np.ones((3, 20)), 0.25, seed=SEED, layer=LAYER, step=STEP)
    for purpose, drawn in ((3, mask), (6, noise == 1)):
        halves = words_at(1, 2, STEP, purpose, LAYER, SEED).view(np.uint16)
        np.testing.assert_array_equal(drawn[2, 8:16], halves < 49152)


def test_permutation_reads_the_documented_words():
    order = [0, 1, 2]
    for i in (2, 1):
        words = words_at(0, i, STEP, 5, LAYER, SEED)
        j = (int(words[0]) | int(words[1]) << 32) * (i + 1) >> 64
        order[i], order[j] = order[j], order[i]
    assert ref.random_permutation(3, seed=SEED, layer=LAYER, step=STEP).tolist() == order


@pytest.mark.parametrize("n", [0, 1, 2, 1000])
def test_permutation_is_one(n):
    order = ref.random_permutation(n, seed=1)
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    assert order.dtype == np.int64


def test_permutations_of_three_are_equally_likely():
    draws = 6000
    seen = [tuple(ref.random_permutation(3, seed=2, step=step)) for step in range(draws)]
    counts = np.array([seen.count(order) for order in set(seen)])
    assert len(counts) == 6
    assert np.abs(counts / draws - 1 / 6).max() <= standard_errors(np.sqrt(5) / 6, draws)


@pytest.mark.parametrize("draw", [ref.random_uniform, ref.random_normal])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_draws_do_not_depend_on_the_split(draw, dtype):
    whole = draw((10, 9), seed=1, dtype=dtype)
    parts = [draw((5, 9), seed=1, row_offset=offset, dtype=dtype) for offset in (0, 5)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    np.testing.assert_array_equal(whole[:, :5], draw((10, 5), seed=1, dtype=dtype))
    np.testing.assert_array_equal(whole.reshape(10, 3, 3), draw((10, 3, 3), seed=1, dtype=dtype))
    assert draw(4, seed=1, dtype=dtype).shape == (4,) and draw((0, 3), seed=1, dtype=dtype).shape == (0, 3)
    for other in (dict(seed=2), dict(seed=1, layer=1), dict(seed=1, step=1), dict(seed=1 + 2**32)):
        assert (draw((10, 9), dtype=dtype, **other) != whole).mean() > 0.99


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_statistics(dtype):
    u = ref.random_uniform((1000, 200), seed=5, dtype=dtype)
    assert (u >= 0).all() and (u < 1).all()
    assert abs(u.mean() - 0.5) <= standard_errors(np.sqrt(1 / 12), u.size)
    assert abs(u.var() - 1 / 12) <= standard_errors(np.sqrt(1 / 180), u.size)
    assert abs(np.mean((u[:, 1:] - 0.5) * (u[:, :-1] - 0.5))) <= standard_errors(1 / 12, u[:, 1:].size)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal_statistics(dtype):
    n = ref.random_normal((1000, 200), seed=5, dtype=dtype)
    for power, moment, deviation in ((1, 0, 1), (2, 1, np.sqrt(2)), (3, 0, np.sqrt(15)), (4, 3, np.sqrt(96))):
        assert abs(np.mean(n**power) - moment) <= standard_errors(deviation, n.size)
    assert abs(np.mean(n[:, 0::2] * n[:, 1::2])) <= standard_errors(1, n.size // 2)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 0.999999, 1.0 - 2.0**-53])
def test_dropout_share_and_scale(p):
    shape = (1000, 200)
    kept = max(1, round((1 - p) * 65536)) / 65536
    mask = ref.dropout_mask(shape, p, seed=5)
    assert abs(mask.mean() - kept) <= standard_errors(np.sqrt(kept * (1 - kept)), mask.size)
    y = ref.dropout_forward(np.ones(shape), p, seed=5)
    np.testing.assert_array_equal(y, mask / kept)
    noise = ref.masking_noise(np.ones(shape), p, seed=5)
    assert set(np.unique(noise)) <= {0.0, 1.0}
    assert p in (0.0,) or (noise != mask).any()
