"""Data augmentation: the training rows as each epoch is to see them, drawn anew from (seed, epoch)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina import ops
from lamina._arrays import on_host
from lamina._checks import finite, matrix, number, whole
from lamina._seeds import LAST_LAYER, derived_seeds

__all__ = ["Augmentation", "Compose", "Noise", "Rotate", "Shift", "augmented"]

Augmentation = Callable[[np.ndarray, int, int], Any]

_BLOCK = 16  # images rotated at a time: small arrays, which the memory allocator keeps


def augmented(call: str, augment: Augmentation, x: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """Return what `augment` makes of the rows for an epoch, checked as the rows themselves were.

    Examples
    --------
    >>> augmented("Trainer.fit", lambda x, seed, epoch: x + epoch, np.zeros((1, 2)), seed=0, epoch=3)
    array([[3., 3.]])
    """
    given = on_host(x).view()
    given.flags.writeable = False  # it may be the caller's own array
    name = "what augment returned"
    result = finite(call, matrix(call, augment(given, seed, epoch), x.shape[1], given.dtype, name), name)
    if len(result) != len(x):
        raise ValueError(f"{call}: {name} has {len(result)} rows, {len(x)} are needed")
    return result


class Compose:
    """One augmentation after the other, each with random numbers of its own.

    Parameters
    ----------
    *augmentations : callable
        Each as `lamina.Trainer.fit` takes it: `augment(X, seed, epoch)` returns the new rows.

    Raises
    ------
    TypeError
        If one of them cannot be called.

    Notes
    -----
    Augmentation i is given the i-th of the seeds derived from `seed`.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import augment
    >>> both = augment.Compose(augment.Shift((8, 8), 1), augment.Noise(0.1))
    >>> both(np.zeros((5, 64), np.float32), seed=0, epoch=0).shape
    (5, 64)
    """

    def __init__(self, *augmentations: Augmentation) -> None:
        for augmentation in augmentations:
            if not callable(augmentation):
                raise TypeError(f"Compose: {augmentation!r} given, callables (X, seed, epoch) are needed")
        self.augmentations = augmentations

    def __repr__(self) -> str:
        return f"Compose({', '.join(map(repr, self.augmentations))})"

    def __call__(self, x: np.ndarray, seed: int, epoch: int) -> np.ndarray:
        """Return the rows as the epoch sees them."""
        seeds = derived_seeds(seed, len(self.augmentations))
        for augmentation, own_seed in zip(self.augmentations, seeds, strict=True):
            x = augmentation(x, own_seed, epoch)
        return x


class Noise:
    """Normal noise added to every element.

    Parameters
    ----------
    deviation : float
        Of the noise, at least 0.

    Raises
    ------
    ValueError
        If the deviation is negative or not finite.

    References
    ----------
    C. Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import augment
    >>> noisy = augment.Noise(0.5)(np.zeros((1000, 10), np.float32), seed=0, epoch=0)
    >>> noisy.std().round(1)
    np.float32(0.5)
    """

    def __init__(self, deviation: float) -> None:
        self.deviation = number("Noise", "deviation", deviation)

    def __repr__(self) -> str:
        return f"Noise({self.deviation})"

    def __call__(self, x: np.ndarray, seed: int, epoch: int) -> np.ndarray:
        """Return the rows as the epoch sees them."""
        noise = ops.random_normal(x.shape, seed=seed, layer=LAST_LAYER, step=epoch, dtype=_floating(x))
        noise *= self.deviation
        noise += x
        return noise


class _OfImages:
    """What augmentations of images share: rows that are images, and numbers drawn for each."""

    def __init__(self, shape: Sequence[int], fill: float) -> None:
        name = type(self).__name__
        if not isinstance(shape, (tuple, list)) or len(shape) not in (2, 3):
            raise ValueError(f"{name}: shape is {shape!r}, (height, width) or (channels, height, width) is needed")
        self.shape = tuple(whole(name, "shape", size, 1) for size in shape)
        self.fill = number(name, "fill", fill, least=-math.inf)

    def _images(self, x: np.ndarray) -> np.ndarray:
        """The rows as (rows, channels, height, width)."""
        name, columns = type(self).__name__, math.prod(self.shape)
        if x.ndim != 2 or x.shape[1] != columns:
            raise ValueError(f"{name}: X has shape {x.shape}, images of {self.shape} need (rows, {columns})")
        return x.reshape(len(x), *(1,) * (3 - len(self.shape)), *self.shape)

    def _padded(self, images: np.ndarray, by: int) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            fill = np.asarray(self.fill).astype(images.dtype)
        if not (np.isfinite(fill) if images.dtype.kind == "f" else fill == self.fill):
            name = type(self).__name__
            raise ValueError(f"{name}: fill is {self.fill} and X of {images.dtype}, what X can hold is needed")
        return np.pad(images, ((0, 0), (0, 0), (by, by), (by, by)), constant_values=fill)

    def _draws(self, x: np.ndarray, columns: int, seed: int, epoch: int) -> np.ndarray:
        """Numbers in [0, 1), float64 (rows, columns)."""
        return ops.random_uniform((len(x), columns), seed=seed, layer=LAST_LAYER, step=epoch, dtype="float64")


class Shift(_OfImages):
    """Move each image by a random number of whole pixels, up or down and left or right.

    Parameters
    ----------
    shape : (height, width) or (channels, height, width)
        Of the image that each row of X holds, in this order.
    pixels : int
        The most that an image moves, at least 0; all moves are equally likely.
    fill : float
        What stands where the image has moved away: finite in the type of X, and whole if X holds whole numbers.

    Raises
    ------
    ValueError
        If a number is out of its range, X cannot hold `fill`, or rows of X hold no such images.

    References
    ----------
    P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks applied to visual document
    analysis", 2003.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import augment
    >>> shift = augment.Shift((3, 3), pixels=1)
    >>> for epoch in range(2):
    ...     print(shift(np.arange(1, 10)[None], seed=3, epoch=epoch).reshape(3, 3).tolist())
    [[4, 5, 6], [7, 8, 9], [0, 0, 0]]
    [[0, 4, 5], [0, 7, 8], [0, 0, 0]]
    """

    def __init__(self, shape: Sequence[int], pixels: int, fill: float = 0.0) -> None:
        super().__init__(shape, fill)
        self.pixels = whole("Shift", "pixels", pixels, 0)

    def __repr__(self) -> str:
        return f"Shift({self.shape}, pixels={self.pixels}, fill={self.fill})"

    def __call__(self, x: np.ndarray, seed: int, epoch: int) -> np.ndarray:
        """Return the rows as the epoch sees them."""
        images = self._images(x)
        windows = np.lib.stride_tricks.sliding_window_view(
            self._padded(images, self.pixels), images.shape[2:], axis=(2, 3)
        )
        down, right = (self._draws(x, 2, seed, epoch) * (2 * self.pixels + 1)).astype(np.int64).T
        return windows[np.arange(len(x)), :, down, right].reshape(x.shape)


class Rotate(_OfImages):
    """Turn each image about its centre by a random angle.

    Parameters
    ----------
    shape : (height, width) or (channels, height, width)
        Of the image that each row of X holds, in this order.
    degrees : float
        Angles are uniform in [-degrees, degrees), positive ones anticlockwise; at least 0.
    fill : float
        What lies around the image, finite also in the type of X.

    Raises
    ------
    ValueError
        If a number is out of its range, X cannot hold `fill`, or rows of X hold no such images.

    Notes
    -----
    A pixel is the bilinear interpolation of the four around the place that it comes from. Sines and cosines are
    NumPy's: the last bits of a turned image may differ from machine to machine.

    References
    ----------
    P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks applied to visual document
    analysis", 2003.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import augment
    >>> augment.Rotate((28, 28), degrees=15)(np.ones((2, 784), np.float32), seed=0, epoch=0).shape
    (2, 784)
    """

    def __init__(self, shape: Sequence[int], degrees: float, fill: float = 0.0) -> None:
        super().__init__(shape, fill)
        self.degrees = number("Rotate", "degrees", degrees)

    def __repr__(self) -> str:
        return f"Rotate({self.shape}, degrees={self.degrees}, fill={self.fill})"

    def __call__(self, x: np.ndarray, seed: int, epoch: int) -> np.ndarray:
        """Return the rows as the epoch sees them."""
        images = self._images(x).astype(_floating(x), copy=False)
        angles = np.radians((2 * self._draws(x, 1, seed, epoch)[:, 0] - 1) * self.degrees)
        result = np.empty_like(images)
        for start in range(0, len(x), _BLOCK):
            block = slice(start, start + _BLOCK)
            result[block] = self._turned(images[block], angles[block])
        return result.reshape(x.shape)

    def _turned(self, images: np.ndarray, angles: np.ndarray) -> np.ndarray:
        rows, channels, height, width = images.shape
        centre = np.array([[(height - 1) / 2], [(width - 1) / 2]])
        y, x = (np.mgrid[:height, :width].reshape(2, -1) - centre).astype(images.dtype)
        cosine, sine = (f(angles)[:, None].astype(images.dtype) for f in (np.cos, np.sin))
        # Where in the padded image each pixel comes from, (rows, pixels); beyond the border all is `fill`.
        from_y = np.clip(cosine * y + sine * x + (height + 1) / 2, 0, height + 1)
        from_x = np.clip(cosine * x - sine * y + (width + 1) / 2, 0, width + 1)
        top, left = np.minimum(from_y.astype(np.int64), height), np.minimum(from_x.astype(np.int64), width)
        share_y, share_x = (
            (given - place).astype(images.dtype)[:, None] for given, place in ((from_y, top), (from_x, left))
        )
        line = width + 2
        starts = (height + 2) * line * np.arange(rows * channels).reshape(rows, channels, 1)
        corner, padded = starts + (top * line + left)[:, None], self._padded(images, 1).ravel()
        above, below = (
            _between(padded.take(corner + down), padded.take(corner + down + 1), share_x) for down in (0, line)
        )
        return _between(above, below, share_y).reshape(images.shape)


def _between(start: np.ndarray, end: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The numbers that lie that share of the way from start to end."""
    return start + (end - start) * share


def _floating(x: np.ndarray) -> np.dtype:
    """The dtype of what becomes of x: its own, or for whole numbers float64."""
    return np.result_type(x, np.float32)
