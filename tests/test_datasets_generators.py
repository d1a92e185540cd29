"""Generated data: each image and point is as its recipe says, in the right proportions, and settled by the seed."""

import numpy as np
import pytest

from comparison import assert_same_bits
from lamina import datasets
from lamina.datasets import bars_and_stripes, images, rectangles, shapeset, spirals, xor

DRAWN = {
    "rectangles": rectangles,
    "shapeset": shapeset,
    "spirals": lambda rows, **options: spirals(rows, noise=0.1, **options),
    "xor": lambda rows, **options: xor(rows, noise=0.1, **options),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_generators_are_settled_by_the_seed_row_by_row(draw):
    X, y = draw(200, seed=3)
    assert X.dtype == np.float32 and y.dtype == np.int64 and X.flags.c_contiguous
    assert len(X) == 200 and y.shape == (200,)
    assert_same_bits(draw(200, seed=3), (X, y))
    assert_same_bits(draw(50, seed=3), (X[:50], y[:50]))
    for other in (4, 2**64 - 1):
        assert (draw(200, seed=other)[0] != X).any(axis=1).all()


@pytest.mark.parametrize("side", [6, 13, 28])
def test_rectangles_are_outlines_as_labelled(side):
    X, y = rectangles(3000, side=side, seed=1)
    assert X.shape == (3000, side * side) and np.unique(X).tolist() == [0, 1]
    for image, tall in zip(X.reshape(-1, side, side), y, strict=True):
        rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
        expected = np.zeros((side, side))
        expected[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = 1
        expected[rows[0] + 1 : rows[-1], columns[0] + 1 : columns[-1]] = 0
        np.testing.assert_array_equal(image, expected)
        assert min(len(rows), len(columns)) >= 3 and abs(len(rows) - len(columns)) >= 3
        assert tall == (len(rows) > len(columns))


def test_rectangles_are_uniform_over_sizes_and_places():
    X, y = rectangles(20_000, side=8, seed=2)
    pictures = X.reshape(-1, 8, 8)
    height, width = (pictures.any(axis=axis).sum(axis=1) for axis in (2, 1))
    sizes, counts = np.unique(10 * height + width, return_counts=True)
    assert sizes.tolist() == [36, 37, 38, 47, 48, 58, 63, 73, 74, 83, 84, 85]
    assert abs(counts / 20_000 - 1 / 12).max() < 0.01 and abs(y.mean() - 0.5) < 0.02
    chosen = (height == 6) & (width == 3)  # three rows to begin in, and six columns
    top, left = (pictures[chosen].any(axis=axis).argmax(axis=1) for axis in (2, 1))
    counts = np.bincount(6 * top + left, minlength=18)
    assert len(counts) == 18 and abs(counts / counts.sum() - 1 / 18).max() < 0.025


def test_shapeset_classes_have_the_authors_shares():
    _, y = shapeset(20_000, side=16, seed=1)
    assert np.bincount(y) / 20_000 == pytest.approx(np.repeat([1 / 6, 1 / 9, 1 / 18], 3), abs=0.01)


def test_shapeset_greys_are_those_of_one_scene():
    X, y = shapeset(4000, seed=2)
    levels = X * 255
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-4)
    levels = np.round(levels).astype(int)
    background, pictures = levels[:, 0], levels.reshape(-1, 32, 32)
    border = np.ones((32, 32), bool)
    border[1:-1, 1:-1] = False
    assert (pictures[:, border] == background[:, None]).all()
    dark = background <= 114
    assert abs(dark.mean() - 0.5) < 0.04 and (dark | (background >= 140)).all()
    shape = levels != background[:, None]
    assert shape.any(axis=1).all()
    assert ((levels >= 140) == (shape == dark[:, None]))[shape].all() and ((levels <= 114) | (levels >= 140)).all()
    greys = np.array([len(np.unique(row)) - 1 for row in levels])
    assert set(greys[y < 3]) == {1}
    assert set(greys[y >= 3]) == {1, 2} and (greys[y >= 3] == 2).mean() > 0.97  # 1 of 116 has one grey for both


def scenes(rows, side):
    """The kinds of the two shapes, and where they lie."""
    kinds = np.arange(2 * rows).reshape(rows, 2) % 3
    return kinds, *images._scenes(kinds, np.ones(rows, bool), side, seed=5)


def test_shapeset_second_covers_at_most_half_of_the_first():
    _, first, second = scenes(5000, 32)
    covered = (first & second).sum(axis=(1, 2)) / first.sum(axis=(1, 2))
    assert second.any(axis=(1, 2)).all()
    assert 0.45 < covered.max() <= 0.5 and (covered > 0).mean() > 0.2
    two = np.arange(5000) % 2 == 0
    again = images._scenes(np.arange(10_000).reshape(-1, 2) % 3, two, 32, seed=5)
    assert_same_bits(again[0], first)
    assert_same_bits(again[1], second & two[:, None, None])


KINDS = {0: 6 * np.sqrt(3), 1: 12, 2: 4 * np.pi}  # what `affine_ratio` is for triangle, parallelogram and ellipse


def moments(shape):
    """Area, centre and second central moments of the pixels that are set."""
    place = np.arange(len(shape)) + 0.5
    area, across, down = shape.sum(), shape.sum(axis=0), shape.sum(axis=1)
    x, y = (across @ place) / area, (down @ place) / area
    products = across @ (place - x) ** 2, down @ (place - y) ** 2, (place - y) @ shape @ (place - x)
    return area, x, y, *(product / area for product in products)


def affine_ratio(shape):
    """Area over the root of the determinant of the second moments: no affine map changes it."""
    area, _, _, xx, yy, xy = moments(shape)
    return area / np.sqrt(max(xx * yy - xy**2, 1e-9))


def test_shapeset_shapes_are_of_their_kinds():
    kinds, *masks = scenes(3000, 96)
    for kind, expected in KINDS.items():
        shapes = [shape for mask, of in zip(masks, kinds.T, strict=True) for shape in mask[of == kind]]
        ratios = [affine_ratio(shape) for shape in shapes]
        assert np.median(ratios) == pytest.approx(expected, rel=0.01)
        assert np.percentile(ratios, [5, 95]) == pytest.approx([expected] * 2, rel=0.04)
        areas = [shape.sum() for shape in shapes]
        assert max(areas) > 4 * min(areas)


def test_shapeset_classes_name_what_is_seen():
    X, y = shapeset(1500, side=96, seed=6)
    seen = []
    for image in X.reshape(-1, 96, 96):
        shapes = [image == grey for grey in np.unique(image) if grey != image[0, 0]]
        nearest = [min(KINDS, key=lambda kind: abs(KINDS[kind] - affine_ratio(shape))) for shape in shapes]
        seen.append("".join("TPE"[kind] for kind in sorted(nearest)))
    for label, name in enumerate(["T", "P", "E", "TP", "PE", "TE", "TT", "PP", "EE"]):
        names, counts = np.unique(np.array(seen)[y == label], return_counts=True)
        assert names[counts.argmax()] == name


def test_shapeset_shapes_turn_and_lie_anywhere():
    _, first, _ = scenes(3000, 32)
    share = first.mean(axis=0)
    for side in (share, share[::-1], share.T, share.T[::-1]):
        assert not side[0].any() and (side[1, 8:-8] > 0).all()
    for turned in (share[::-1], share[:, ::-1], share.T):
        np.testing.assert_allclose(turned, share, atol=0.06)
    _, x, y, xx, yy, xy = np.transpose([moments(shape) for shape in first])
    together = np.corrcoef([x, y, np.sign(xy), np.sign(xx - yy)])
    assert abs(together - np.eye(4)).max() < 0.06


@pytest.mark.parametrize("side", [16, 17, 48])
def test_shapeset_of_other_sides(side):
    X, y = shapeset(500, side=side, seed=1)
    assert X.shape == (500, side * side) and np.ptp(X, axis=1).min() > 0.09
    assert_same_bits(y, shapeset(500, seed=1)[1])


@pytest.mark.parametrize("side", [1, 2, 3, 4, 6])
def test_bars_and_stripes_are_all_of_them_once_and_plain_ones_twice(side):
    X = bars_and_stripes(side)
    assert X.dtype == np.float32 and X.shape == (2 * 2**side, side * side) and set(np.unique(X)) == {0, 1}
    pictures = X.reshape(-1, side, side)
    stripes, bars = ((pictures == pictures.max(axis=axis, keepdims=True)).all(axis=(1, 2)) for axis in (2, 1))
    assert stripes[: 2**side].all() and bars[2**side :].all()
    found, counts = np.unique(X, axis=0, return_counts=True)
    plain = found.min(axis=1) == found.max(axis=1)
    if side > 1:
        assert len(found) == 2 * 2**side - 2 and plain.sum() == 2
        assert (counts[plain] == 2).all() and (counts[~plain] == 1).all()
    published = {2: -1.732868, 3: -2.599302, 4: -3.379093}  # the best mean log-likelihood, Fischer and Igel 2010
    if side in published:
        assert counts / len(X) @ np.log(counts / len(X)) == pytest.approx(published[side], abs=5e-7)


@pytest.mark.parametrize("turns", [0.5, 1, 3])
def test_spirals_are_told_apart_by_angle(turns):
    X, y = spirals(2000, turns=turns, seed=1)
    distance = np.hypot(*X.astype(np.float64).T)
    assert distance.min() > 0.14 and distance.max() <= 1 + 1e-6 and abs((distance**2).mean() - 0.51) < 0.02
    angle = np.arctan2(X[:, 1], X[:, 0]) - 2 * np.pi * turns * distance
    np.testing.assert_allclose(np.cos(angle), 1 - 2 * y, atol=1e-5)
    assert abs(y.mean() - 0.5) < 0.05


@pytest.mark.parametrize("draw", [spirals, xor])
def test_points_noise_has_its_deviation(draw):
    clean, labels = draw(4000, seed=1)
    noisy, same = draw(4000, noise=0.2, seed=1)
    assert_same_bits(same, labels)
    assert abs((noisy - clean).mean()) < 0.01 and abs((noisy - clean).std() - 0.2) < 0.01


def test_xor_repeats_its_corners():
    X, y = xor(10)
    assert X.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1], [0, 0], [0, 1], [1, 0], [1, 1], [0, 0], [0, 1]]
    assert y.tolist() == [0, 1, 1, 0, 0, 1, 1, 0, 0, 1]


@pytest.mark.parametrize("name", ["rectangles", "shapeset", "spirals", "xor"])
@pytest.mark.parametrize(
    ("mistake", "error", "message"),
    [
        ({"rows": 0}, ValueError, "rows is 0, a whole number from 1 on"),
        ({"rows": 3.0}, TypeError, "rows is 3.0"),
        ({"rows": True}, TypeError, "rows is True"),
        ({"seed": -1}, ValueError, "seed is -1"),
        ({"seed": 2**64}, ValueError, "seed is 18446744073709551616"),
        ({"seed": None}, TypeError, "seed is None"),
    ],
)
def test_generators_refuse(name, mistake, error, message):
    with pytest.raises(error, match=f"^{name}: {message}"):
        getattr(datasets, name)(**({"rows": 4} | mistake))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: rectangles(4, side=5), ValueError, "rectangles: side is 5, a whole number from 6 on"),
        (lambda: rectangles(4, side=28.0), TypeError, "rectangles: side is 28.0"),
        (lambda: shapeset(4, side=15), ValueError, "shapeset: side is 15, a whole number from 16 on"),
        (lambda: bars_and_stripes(0), ValueError, "bars_and_stripes: side is 0, a whole number from 1 to 16"),
        (lambda: bars_and_stripes(17), ValueError, "bars_and_stripes: side is 17"),
        (lambda: bars_and_stripes("3"), TypeError, "bars_and_stripes: side is '3'"),
        (lambda: spirals(4, noise=-0.1), ValueError, "spirals: noise is -0.1"),
        (lambda: spirals(4, turns=np.inf), ValueError, "spirals: turns is inf, a finite number"),
        (lambda: spirals(4, turns="1"), TypeError, "spirals: turns is '1'"),
        (lambda: xor(4, noise=np.nan), ValueError, "xor: noise is nan"),
    ],
)
def test_generators_refuse_what_is_their_own(call, error, message):
    with pytest.raises(error, match=message):
        call()
