"""Points in the plane that no straight line parts: two spirals, and XOR."""

from __future__ import annotations

import numpy as np

from lamina import ops
from lamina._checks import number, whole
from lamina._seeds import DATA_STEP, LAST_LAYER

__all__ = ["spirals", "xor"]

_CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def spirals(rows: int, *, noise: float = 0.0, turns: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw points on two arms that wind about the origin.

    Parameters
    ----------
    rows : int
        Number of points.
    noise : float
        Deviation of the normal noise added to both coordinates, at least 0.
    turns : float
        How often an arm winds about the origin, at least 0.
    seed : int
        Settles the points; row i is the same for any number of rows.

    Returns
    -------
    X : ndarray of shape (rows, 2), float32
        The points, within a distance of 1 but for the noise.
    y : ndarray of shape (rows,), int64
        The arm that each is on, 0 or 1 with equal odds.

    Raises
    ------
    TypeError, ValueError
        If an argument is no number of its kind, or out of its range.

    Notes
    -----
    A point is r (cos φ, sin φ) with r² uniform in [0.02, 1) and φ = 2π turns r + π y. Sines and cosines are NumPy's:
    last bits may differ from machine to machine.

    References
    ----------
    K. Lang, M. Witbrock, "Learning to tell two spirals apart", 1988, for the task; the distances and the noise are
    chosen here.

    Examples
    --------
    >>> X, y = spirals(500, seed=1)
    >>> r, angle = np.hypot(*X.T), np.arctan2(X[:, 1], X[:, 0])
    >>> bool(np.all((np.cos(angle - 2 * np.pi * r) < 0) == y))
    True
    """
    rows = whole("spirals", "rows", rows, 1)
    noise, turns = number("spirals", "noise", noise), number("spirals", "turns", turns)
    seed = whole("spirals", "seed", seed, 0, 2**64 - 1)
    draws = ops.random_uniform((rows, 2), seed=seed, layer=LAST_LAYER, step=DATA_STEP, dtype="float64")
    arm = (2 * draws[:, 0]).astype(np.int64)
    distance = np.sqrt(0.02 + 0.98 * draws[:, 1])
    angle = 2 * np.pi * turns * distance + np.pi * arm
    points = distance[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _blurred(points, noise, seed), arm


def xor(rows: int = 4, *, noise: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of the unit square in turn, with the exclusive or of their coordinates.

    Parameters
    ----------
    rows : int
        Number of points: row i is corner i mod 4 of (0, 0), (0, 1), (1, 0), (1, 1).
    noise : float
        Deviation of the normal noise added to both coordinates, at least 0.
    seed : int
        Settles the noise; row i is the same for any number of rows.

    Returns
    -------
    X : ndarray of shape (rows, 2), float32
        The points.
    y : ndarray of shape (rows,), int64
        1 where exactly one coordinate of the corner is 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is no number of its kind, or out of its range.

    References
    ----------
    M. Minsky, S. Papert, "Perceptrons", 1969.

    Examples
    --------
    >>> X, y = xor()
    >>> X.tolist(), y.tolist()
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0])
    """
    rows = whole("xor", "rows", rows, 1)
    noise = number("xor", "noise", noise)
    seed = whole("xor", "seed", seed, 0, 2**64 - 1)
    corners = _CORNERS[np.arange(rows) % 4]
    return _blurred(corners, noise, seed), corners[:, 0] ^ corners[:, 1]


def _blurred(points: np.ndarray, noise: float, seed: int) -> np.ndarray:
    draws = ops.random_normal(points.shape, seed=seed, layer=LAST_LAYER, step=DATA_STEP, dtype="float64")
    return (points + noise * draws).astype(np.float32)
