"""Data augmentation: what the transforms do to images, that (seed, epoch) settles it, and the hook of Trainer.fit."""

import copy

import numpy as np
import pytest

import lamina
import tolerances
from comparison import assert_same_bits
from lamina import augment
from small_nets import clouds, make_net

ALL = [augment.Shift((4, 6), 2), augment.Rotate((4, 6), 30), augment.Noise(0.5)]
ALL.append(augment.Compose(*ALL))


@pytest.mark.parametrize("transform", ALL, ids=repr)
def test_augment_is_settled_by_seed_and_epoch(transform, dtype, rng):
    x = rng.normal(size=(50, 24)).astype(dtype)
    x.flags.writeable = False
    once = transform(x, 7, 3)
    assert once.dtype == dtype and once.shape == x.shape
    assert_same_bits(transform(x, 7, 3), once)
    assert not np.array_equal(transform(x, 7, 4), once) and not np.array_equal(transform(x, 8, 3), once)


def test_augment_shift_moves_whole_images_and_fills(rng):
    x = rng.normal(size=(400, 2, 4, 6))
    moved = augment.Shift((2, 4, 6), 1, fill=-5.0)(x.reshape(400, 48), 1, 0).reshape(x.shape)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-5.0)
    found = np.zeros((3, 3), int)
    for before, after in zip(padded, moved, strict=True):
        places = [(i, j) for i in range(3) for j in range(3) if (before[:, i : i + 4, j : j + 6] == after).all()]
        assert len(places) == 1
        found[places[0]] += 1
    assert found.min() > 20  # of 44 expected
    assert_same_bits(augment.Shift((4, 6), 0)(x.reshape(800, 24), 1, 0), x.reshape(800, 24))


def angles_of(count, degrees, seed, epoch):
    """By how much each image turns: seen from a disc with one mark far from the centre."""
    size = 65
    marked = np.zeros((size, size))
    marked[28:37, 56:65] = 1
    turned = augment.Rotate((size, size), degrees)(np.tile(marked.ravel(), (count, 1)), seed, epoch)
    turned = turned.reshape(count, size, size)
    place = np.arange(size) - 32
    return np.degrees(np.arctan2(-(turned.sum(2) @ place), turned.sum(1) @ place))


def test_augment_rotate_turns_about_the_centre_uniformly():
    angles = angles_of(300, 40, seed=2, epoch=5)
    assert abs(angles).max() < 40.5 and abs(angles.mean()) < 4 and 20 < angles.std() < 26  # 40 / √3 = 23.1


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_augment_rotate_by_right_angles_is_numpys(quarters, rng):
    images = rng.normal(size=(3, 2, 5, 5))
    turned = augment.Rotate((2, 5, 5), 1)._turned(images, np.full(3, quarters * np.pi / 2))
    np.testing.assert_allclose(turned, np.rot90(images, quarters, axes=(2, 3)), rtol=0, atol=tolerances.IDENTITY)


def test_augment_rotate_interpolates_and_fills_around():
    rotate = augment.Rotate((3, 4), 0, fill=9.0)
    image = np.arange(12.0)[None]
    assert_same_bits(rotate(image, 0, 0), image)
    turned = rotate._turned(np.ones((1, 1, 3, 4)), np.array([np.pi / 4]))[0, 0]
    assert turned[1, 1] == pytest.approx(1) and turned.min() >= 1 and turned[0, 0] > 3
    flat = augment.Rotate((8, 8), 180, fill=2.0)(np.full((20, 64), 2.0, np.float32), 0, 0)
    np.testing.assert_allclose(flat, 2.0, rtol=1e-6)
    assert augment.Rotate((3, 4), 10)(np.arange(12)[None], 0, 0).dtype == np.float64


def test_augment_noise_has_its_deviation_and_spares_the_data(rng):
    x = rng.normal(size=(500, 20))
    noise = augment.Noise(0.25)(x, 3, 0) - x
    assert abs(noise.mean()) < 0.01 and abs(noise.std() - 0.25) < 0.01
    assert abs(np.corrcoef(noise.ravel(), (augment.Noise(0.25)(x, 3, 1) - x).ravel())[0, 1]) < 0.05


def test_augment_compose_gives_each_part_numbers_of_its_own():
    zeros = np.zeros((200, 10))
    twice = augment.Compose(augment.Noise(1.0), augment.Noise(1.0))(zeros, 0, 0)
    assert abs(twice.std() - np.sqrt(2)) < 0.1  # the same noise twice would give 2
    assert_same_bits(augment.Compose()(zeros, 0, 0), zeros)


@pytest.fixture
def data(rng):
    return clouds(rng)


def weights_after(data, *, epochs=(4,), device="cpu", augmentation):
    trainer = lamina.Trainer(make_net().to(device), seed=5)
    for count in epochs:
        trainer.fit(*data, epochs=count, batch_size=32, augment=augmentation, progress=False)
        trainer = copy.deepcopy(trainer)
    return trainer.net.state_dict()


def test_trainer_augments_once_an_epoch_and_keeps_the_data(data):
    x, y = data[0].astype(np.float32), data[1]
    before, calls = x.copy(), []

    def shifted(given, seed, epoch):
        assert np.shares_memory(given, x) and not given.flags.writeable
        calls.append((given.shape, seed, epoch))
        return given + epoch

    trainer = lamina.Trainer(make_net(), seed=5)
    for _ in range(2):
        trainer.fit(x, y, epochs=2, augment=shifted, progress=False)
    assert calls == [(x.shape, 5, epoch) for epoch in range(4)]
    assert_same_bits(x, before)

    by_hand = lamina.Trainer(make_net(), seed=5)
    for epoch in range(4):
        by_hand.fit(x + epoch, y, epochs=1, progress=False)
    assert_same_bits(trainer.net.state_dict(), by_hand.net.state_dict())


def test_trainer_augmentation_goes_on_where_it_stopped_and_is_the_same_on_a_device(data):
    noise = augment.Noise(0.3)
    state = weights_after(data, augmentation=noise)
    assert_same_bits(weights_after(data, epochs=(1, 3), augmentation=noise), state)
    if lamina.cuda.is_available():
        assert_same_bits(weights_after(data, device="cuda", augmentation=noise), state)
    plain = weights_after(data, augmentation=None)
    assert not np.array_equal(plain["0.weight"], state["0.weight"])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: augment.Shift(8, 1), ValueError, "Shift: shape is 8"),
        (lambda: augment.Shift((8, 8, 8, 8), 1), ValueError, "Shift: shape is"),
        (lambda: augment.Shift((8, 0), 1), ValueError, "Shift: shape is 0"),
        (lambda: augment.Shift((8, 8), -1), ValueError, "Shift: pixels is -1"),
        (lambda: augment.Shift((8, 8), 1.5), TypeError, "Shift: pixels is 1.5"),
        *[
            (lambda make=make, fill=fill: make((8, 8), 1, fill=fill), ValueError, f"fill is {fill}, a finite number is")
            for make in (augment.Shift, augment.Rotate)
            for fill in (np.nan, np.inf, -np.inf)
        ],
        (lambda: augment.Shift((1, 2), 1, fill=0.5)(np.zeros((2, 2), int), 0, 0), ValueError, "Shift: fill is 0.5 and"),
        (lambda: augment.Shift((1, 2), 1, fill=-1)(np.zeros((2, 2), "u1"), 0, 0), ValueError, "fill is -1.0 .* uint8"),
        *[
            (lambda make=make: make((1, 2), 1, fill=1e39)(np.zeros((2, 2), "f4"), 0, 0), ValueError, "1e.39.*float32")
            for make in (augment.Shift, augment.Rotate)
        ],
        (lambda: augment.Rotate((8, 8), -1), ValueError, "Rotate: degrees is -1"),
        (lambda: augment.Noise(np.inf), ValueError, "Noise: deviation is inf"),
        (lambda: augment.Compose(augment.Noise(1), 3), TypeError, "Compose: 3 given"),
        (lambda: augment.Shift((8, 8), 1)(np.zeros((2, 63)), 0, 0), ValueError, r"Shift: X has shape \(2, 63\).*64"),
        (lambda: augment.Rotate((8, 8), 1)(np.zeros(64), 0, 0), ValueError, r"Rotate: X has shape \(64,\)"),
    ],
)
def test_augment_mistakes_are_told(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("augmentation", "error", "message"),
    [
        (3, TypeError, "Trainer.fit: augment is 3"),
        (lambda x, seed, epoch: x[:-1], ValueError, "Trainer.fit: what augment returned has 89 rows, 90 are needed"),
        (lambda x, seed, epoch: x[:, :2], ValueError, r"what augment returned has shape \(90, 2\).*4 columns"),
        (lambda x, seed, epoch: x * np.nan, ValueError, "what augment returned holds nan in row 0"),
        (lambda x, seed, epoch: None, ValueError, r"what augment returned has shape \(\)"),
        (lambda x, seed, epoch: np.multiply(x, 2, out=x), ValueError, "read-only"),
    ],
)
def test_trainer_augmentation_mistakes_are_told(data, augmentation, error, message):
    net = make_net()
    before = net.state_dict()
    with pytest.raises(error, match=message):
        lamina.Trainer(net).fit(*data, augment=augmentation, progress=False)
    assert_same_bits(net.state_dict(), before)
