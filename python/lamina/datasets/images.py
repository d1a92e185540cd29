"""Images made by a recipe: outlines of rectangles, Shapeset-3x2, bars and stripes."""

from __future__ import annotations

import numpy as np

from lamina import ops
from lamina._checks import whole
from lamina._seeds import DATA_STEP, LAST_LAYER

__all__ = ["bars_and_stripes", "rectangles", "shapeset"]

_CORNERS = (3, 4, 20)  # of the triangle, the square and what stands for the disc, before they are stretched
_PAIRS = np.array([[6, 3, 5], [3, 7, 4], [5, 4, 8]])  # the class of two shapes by their kinds


def rectangles(rows: int, *, side: int = 28, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw white outlines of rectangles on black: are they tall or wide?

    Parameters
    ----------
    rows : int
        Number of images.
    side : int
        Pixels of an image's side, at least 6.
    seed : int
        Settles the images; row i is the same for any number of rows.

    Returns
    -------
    X : ndarray of shape (rows, side²), float32
        The pixels row by row, 1 on the outline and 0 elsewhere.
    y : ndarray of shape (rows,), int64
        1 for a rectangle that is taller than wide, 0 for one that is wider than tall.

    Raises
    ------
    TypeError, ValueError
        If an argument is no whole number, or out of its range.

    Notes
    -----
    Height and width are uniform over the pairs from {3, …, side}² that differ by 3 or more, and the place is uniform
    over those where the whole rectangle is in the image. Chosen here: the least height and width, that tall is called
    1, and any `side` but the source's 28.

    References
    ----------
    H. Larochelle, D. Erhan, A. Courville, J. Bergstra, Y. Bengio, "An empirical evaluation of deep architectures on
    problems with many factors of variation", ICML 2007.

    Examples
    --------
    >>> X, y = rectangles(2, side=8, seed=0)
    >>> for row in X[0].reshape(8, 8).astype(int):
    ...     print("".join(".#"[pixel] for pixel in row))
    ..###...
    ..#.#...
    ..#.#...
    ..#.#...
    ..#.#...
    ..#.#...
    ..#.#...
    ..###...
    >>> y.tolist()
    [1, 0]
    """
    rows, side, seed = _checked("rectangles", rows, side, 6, seed)
    sizes = np.arange(3, side + 1)
    pairs = np.stack(np.meshgrid(sizes, sizes, indexing="ij"), axis=-1).reshape(-1, 2)
    pairs = pairs[abs(pairs[:, 0] - pairs[:, 1]) >= 3]
    draws = _draws(rows, 3, seed)
    size = pairs[(len(pairs) * draws[:, 0]).astype(np.int64)]
    first = ((side + 1 - size) * draws[:, 1:]).astype(np.int64)  # the top and left, (rows, 2)
    pixels = np.arange(side)
    begin, end = first[:, :, None], (first + size)[:, :, None]
    within = (pixels >= begin) & (pixels < end)  # (rows, 2, side)
    border = (pixels == begin) | (pixels == end - 1)
    images = (within[:, 0, :, None] & border[:, 1, None]) | (border[:, 0, :, None] & within[:, 1, None])
    return images.reshape(rows, -1).astype(np.float32), (size[:, 0] > size[:, 1]).astype(np.int64)


def shapeset(rows: int, *, side: int = 32, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw one or two of triangle, parallelogram and ellipse: which are in the image?

    Parameters
    ----------
    rows : int
        Number of images.
    side : int
        Pixels of an image's side, at least 16.
    seed : int
        Settles the images; row i is the same for any number of rows. Another seed gives fresh ones.

    Returns
    -------
    X : ndarray of shape (rows, side²), float32
        Grey values of the pixels, row by row, in [0, 1].
    y : ndarray of shape (rows,), int64
        0 triangle, 1 parallelogram, 2 ellipse; 3 triangle and parallelogram, 4 parallelogram and ellipse, 5 triangle
        and ellipse; 6 two triangles, 7 two parallelograms, 8 two ellipses.

    Raises
    ------
    TypeError, ValueError
        If an argument is no whole number, or out of its range.

    Notes
    -----
    The paper says: 32 x 32 pixels, one or two shapes of random form, size, turn, place and grey, the second covering at
    most half of the first, nine classes. The authors' program fixes the numbers: one shape or two, and each of any
    kind, with equal odds, so that a class of one shape has 1/6 of the images, one of two unlike shapes 1/9, one of two
    alike 1/18. A shape is R(β) diag(a, b) R(α) applied to the regular triangle, square or polygon of 20 sides of
    diameter 1, where a and b are uniform in [0.2, 0.8) of the side and the angles over the circle; the place is uniform
    over those that leave a pixel free at each border. Either the background is dark (0 to 114 of 255) and the shapes
    bright (140 to 255), each of a grey of its own, or the other way round.

    Chosen here: a pixel belongs to a shape if its centre does, and the part covered is counted in pixels where the
    program estimates it; a second shape that covers too much is drawn again, all but its kind, until it does not, where
    the program leaves it out after 50 attempts. Its example scales pixels to [-1, 1], which is 2 X - 1. Sines and
    cosines are NumPy's: a pixel on an edge may differ from machine to machine.

    References
    ----------
    X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010,
    section 2.1; X. Glorot, "Shapeset", the program, its example of Shapeset-3x2.

    Examples
    --------
    >>> X, y = shapeset(3, seed=0)
    >>> X.shape, y.tolist()
    ((3, 1024), [2, 6, 6])
    """
    rows, side, seed = _checked("shapeset", rows, side, 16, seed)
    draws = _draws(rows, 7, seed)
    kinds = (len(_CORNERS) * draws[:, :2]).astype(np.int64)
    two, bright = draws[:, 2] >= 0.5, draws[:, 3] >= 0.5  # how many shapes, and whether they are the bright part
    first, second = _scenes(kinds, two, side, seed)
    dark_greys, bright_greys = np.floor(115 * draws[:, 4:]), 140 + np.floor(116 * draws[:, 4:])
    # (rows, 3): the background and the two shapes
    greys = np.where(bright[:, None] == [False, True, True], bright_greys, dark_greys).astype(np.float32) / 255
    background, first_grey, second_grey = greys.T[:, :, None, None]
    images = np.where(first, first_grey, background)
    np.copyto(images, second_grey, where=second)
    return images.reshape(rows, -1), np.where(two, _PAIRS[kinds[:, 0], kinds[:, 1]], kinds[:, 0])


def bars_and_stripes(side: int) -> np.ndarray:
    """Return all images of vertical bars and all of horizontal stripes, for models of binary data.

    Parameters
    ----------
    side : int
        Pixels of an image's side, from 1 to 16.

    Returns
    -------
    ndarray of shape (2 * 2**side, side²), float32
        The pixels row by row, 0 or 1: first the stripes, then the bars, each in the order of binary numbers.

    Raises
    ------
    TypeError, ValueError
        If the side is no whole number, or out of its range.

    Notes
    -----
    Each row, or each column, is all 0 or all 1. The images of one colour are both stripes and bars and are there
    twice, so the mean log-likelihood of a model is at most that of these frequencies: with N = 2 * 2**side it is
    -((N - 4)/N ln N + 4/N ln(N/2)), which is -1.732868, -2.599302 and -3.379093 for sides 2, 3 and 4.

    References
    ----------
    A. Fischer, C. Igel, "Empirical analysis of the divergence of Gibbs sampling based learning algorithms for
    restricted Boltzmann machines", ICANN 2010.

    Examples
    --------
    >>> bars_and_stripes(2).astype(int).tolist()
    [[0, 0, 0, 0], [0, 0, 1, 1], [1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0], [0, 1, 0, 1], [1, 0, 1, 0], [1, 1, 1, 1]]
    """
    side = whole("bars_and_stripes", "side", side, 1, 16)
    bits = np.arange(2**side)[:, None] >> np.arange(side)[::-1] & 1
    return np.concatenate([np.repeat(bits, side, axis=1), np.tile(bits, side)]).astype(np.float32)


def _checked(call: str, rows: int, side: int, least: int, seed: int) -> tuple[int, int, int]:
    return whole(call, "rows", rows, 1), whole(call, "side", side, least), whole(call, "seed", seed, 0, 2**64 - 1)


def _draws(rows: int, columns: int, seed: int, before: int = 0) -> np.ndarray:
    """Numbers in [0, 1), float64 (rows, columns), where each row is the same for any number of rows."""
    return ops.random_uniform((rows, columns), seed=seed, layer=LAST_LAYER, step=DATA_STEP - before, dtype="float64")


def _scenes(kinds: np.ndarray, two: np.ndarray, side: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the first and the second shape of each image lie, bool (rows, side, side); none is second if not `two`."""
    rows = len(kinds)
    first = _shapes(kinds[:, 0], _draws(rows, 6, seed, before=1), side)
    second = np.zeros_like(first)
    most = first.sum(axis=(1, 2)) / 2
    missing, attempt = np.flatnonzero(two), 2
    while len(missing):
        tried = _shapes(kinds[missing, 1], _draws(rows, 6, seed, before=attempt)[missing], side)
        fits = (tried & first[missing]).sum(axis=(1, 2)) <= most[missing]
        second[missing[fits]] = tried[fits]
        missing, attempt = missing[~fits], attempt + 1
    return first, second


def _shapes(kinds: np.ndarray, draws: np.ndarray, side: int) -> np.ndarray:
    """Which pixels lie in shapes of these kinds, bool (rows, side, side), from six draws for each."""
    inside = np.empty((len(kinds), side, side), bool)
    for kind, corners in enumerate(_CORNERS):
        inside[kinds == kind] = _polygons(corners, draws[kinds == kind], side)
    return inside


def _polygons(corners: int, draws: np.ndarray, side: int) -> np.ndarray:
    """Which pixels lie in regular polygons turned, stretched, turned again and put in their places."""
    width, height = side * (0.2 + 0.6 * draws.T[:2, :, None])
    first_turn, second_turn = 2 * np.pi * draws.T[2:4, :, None]
    cosine, sine = np.cos(second_turn), np.sin(second_turn)

    def turned(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.stack([cosine * x - sine * y, sine * x + cosine * y])  # (2, rows, corners)

    angles = first_turn + 2 * np.pi * np.arange(corners) / corners
    points = turned(width / 2 * np.cos(angles), height / 2 * np.sin(angles))
    least, most = 1 - points.min(axis=2), side - 1 - points.max(axis=2)
    centre = least + (most - least) * draws.T[4:]  # (2, rows)

    # The edge n·p <= h of the regular polygon has gone to (n / stretch)·(x - centre) <= h.
    angles += np.pi / corners
    normals = turned(np.cos(angles) / width, np.sin(angles) / height)
    limits = np.cos(np.pi / corners) / 2 + (normals * centre[:, :, None]).sum(axis=0)
    across, down = normals[..., None] * (np.arange(side) + 0.5)  # (rows, corners, side) each
    inside = np.ones((len(draws), side, side), bool)
    for edge in range(corners):
        inside &= across[:, edge, None, :] <= (limits[:, edge, None] - down[:, edge])[:, :, None]
    return inside
