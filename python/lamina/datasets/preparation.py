"""Prepare a table for a network: splits keyed by a seed, standardisation, and whole-number labels for classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina import ops
from lamina._checks import weights

__all__ = ["LabelEncoder", "Standardizer", "quantile_edges", "split"]

# The trainer's shuffles use the epochs 0, 1, … as steps: the last step there is keeps splits apart from them.
_SPLIT_STEP = 2**32 - 1


def split(
    rows: int, validation: float = 0.15, test: float = 0.15, *, labels: np.ndarray | None = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Divide row numbers at random into training, validation and test rows.

    Parameters
    ----------
    rows : int
        Number of rows of the data.
    validation, test : float or int
        Size of the part: a float in [0, 1) is the share of the rows, an int the number of rows.
    labels : ndarray of shape (rows,), optional
        Classes: every part then holds each class in its proportion, as nearly as whole rows allow.
    seed : int
        Settles the division; the same on every machine.

    Returns
    -------
    training, validation, test : ndarray of int64
        Row numbers in random order; the three together are all rows, each once.

    Raises
    ------
    ValueError
        If a size is negative or a share not below 1, or no row is left for training.

    Notes
    -----
    Rows are permuted; with labels, the k-th row of a class of n rows moves to the place (k + ½)/n of the whole, so that
    every stretch of the order is a fair sample of the classes. Test rows come first, training rows last.

    Examples
    --------
    >>> training, validation, test = split(10, validation=0.2, test=3, seed=1)
    >>> len(training), len(validation), len(test)
    (5, 2, 3)
    """
    validation_rows = _part(rows, validation, "validation")
    test_rows = _part(rows, test, "test")
    if validation_rows + test_rows >= rows:
        raise ValueError(
            f"split: {validation_rows} validation and {test_rows} test rows of {rows} given, none is left to train on"
        )
    order = ops.random_permutation(rows, seed=seed, step=_SPLIT_STEP)
    if labels is not None:
        labels = np.asarray(labels)
        if labels.shape != (rows,):
            raise ValueError(f"split: labels of shape {labels.shape} given for {rows} rows, one label a row is needed")
        place = np.empty(rows)
        for label in np.unique(labels):
            members = labels[order] == label
            count = np.count_nonzero(members)
            place[members] = (np.arange(count) + 0.5) / count
        order = order[np.argsort(place, kind="stable")]
    return order[test_rows + validation_rows :], order[test_rows : test_rows + validation_rows], order[:test_rows]


def _part(rows: int, size: float, name: str) -> int:
    if isinstance(size, (int, np.integer)) and not isinstance(size, bool) and size >= 0:
        return int(size)
    if isinstance(size, (float, np.floating)) and 0 <= size < 1:
        return max(1, round(rows * size)) if size > 0 else 0
    raise ValueError(f"split: {name}={size!r} given, a share in [0, 1) or a number of rows from 0 on is needed")


class Standardizer:
    """Shift and scale every column to mean 0 and deviation 1 over the training rows.

    Parameters
    ----------
    mean, deviation : array_like of shape (columns,)
        Statistics of the training rows, as `fit` finds them.

    Notes
    -----
    x ↦ (x − mean) / deviation, with the biased deviation. A constant column gets the deviation 1 and becomes 0.

    References
    ----------
    H. Larochelle, "Neural networks: training neural networks, other tricks of the trade" (normalization of data).

    Examples
    --------
    >>> import numpy as np
    >>> scaler = Standardizer.fit(np.array([[1.0, 7.0], [3.0, 7.0]]))
    >>> scaler.transform(np.array([[1.0, 7.0], [5.0, 9.0]])).tolist()
    [[-1.0, 0.0], [3.0, 2.0]]
    """

    def __init__(self, mean: Sequence[float] | np.ndarray, deviation: Sequence[float] | np.ndarray) -> None:
        self.mean = np.asarray(mean, dtype=np.float64)
        self.deviation = np.asarray(deviation, dtype=np.float64)
        if self.mean.ndim != 1 or self.mean.shape != self.deviation.shape:
            raise ValueError(
                f"Standardizer: mean {self.mean.shape} and deviation {self.deviation.shape} given, vectors are needed"
            )
        if not (np.isfinite(self.mean).all() and np.isfinite(self.deviation).all() and (self.deviation > 0).all()):
            raise ValueError("Standardizer: means must be finite, deviations finite and above 0")

    @classmethod
    def fit(
        cls, x: np.ndarray, names: Sequence[str] | None = None, *, sample_weight: np.ndarray | None = None
    ) -> Standardizer:
        """Return the standardizer of the columns of `x`, shape (rows, columns); errors call them by `names`.

        Rows count by their weights: finite, at least 0, not all 0. One of weight 0 counts as not given.
        """
        x = np.asarray(x, dtype=np.float64)
        if x.ndim != 2 or len(x) == 0:
            raise ValueError(f"Standardizer.fit: x of shape {x.shape} given, a matrix with at least one row is needed")
        sample_weight = weights("Standardizer.fit", "sample_weight", sample_weight, len(x), x.dtype)
        if sample_weight is not None:
            x, sample_weight = x[sample_weight > 0], sample_weight[sample_weight > 0]
        constant = x.max(axis=0) == x.min(axis=0)  # the computed deviation of 0.1, 0.1, 0.1 is not 0
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.average(x, axis=0, weights=sample_weight)
            deviation = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=sample_weight))
        deviation[constant | (deviation == 0)] = 1.0
        mean[constant] = x[0, constant]
        bad = np.flatnonzero(~(np.isfinite(mean) & np.isfinite(deviation)))
        if len(bad):
            column = bad[0] if names is None else repr(names[bad[0]])
            raise ValueError(
                f"Standardizer.fit: column {column} holds NaN, infinities or numbers too large to square in float64, "
                "smaller finite numbers are needed"
            )
        return cls(mean, deviation)

    def transform(self, x: np.ndarray) -> np.ndarray:
        """Return the standardised copy, float64, of `x` of shape (rows, columns)."""
        return (self._checked(x, "transform") - self.mean) / self.deviation

    def inverse_transform(self, x: np.ndarray) -> np.ndarray:
        """Return to the original units what `transform` gave."""
        return self._checked(x, "inverse_transform") * self.deviation + self.mean

    def _checked(self, x: np.ndarray, method: str) -> np.ndarray:
        x = np.asarray(x, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != len(self.mean):
            raise ValueError(f"Standardizer.{method}: x of shape {x.shape} given, (rows, {len(self.mean)}) is needed")
        return x


def quantile_edges(x: Sequence[float] | np.ndarray, bins: int) -> np.ndarray:
    """Return the edges of bins that hold about the same number of values each, for `lamina.PiecewiseLinear`.

    Parameters
    ----------
    x : array_like of shape (rows,)
        A column of the training rows.
    bins : int
        How many at most: where many values are equal, quantiles coincide and count once.

    Returns
    -------
    ndarray of shape (bins + 1,), float64
        Ascending, also in float32, from the smallest value to the largest.

    Raises
    ------
    ValueError
        If x is no vector of numbers that are finite in float32, or all are equal, or bins is below 1.

    References
    ----------
    Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep learning", 2022,
    section 3.2.1.

    Examples
    --------
    >>> quantile_edges([3.0, 1.0, 2.0, 5.0, 4.0], 2).tolist()
    [1.0, 3.0, 5.0]
    """
    x = np.asarray(x, dtype=np.float64)
    if x.ndim != 1 or len(x) == 0:
        raise ValueError(f"quantile_edges: x of shape {x.shape} given, a vector with at least one number is needed")
    bad = np.flatnonzero(~(abs(x) <= np.finfo(np.float32).max))  # NaN too
    if len(bad):
        raise ValueError(f"quantile_edges: x[{bad[0]}] is {x[bad[0]]}, numbers that are finite in float32 are needed")
    if bins < 1:
        raise ValueError(f"quantile_edges: bins is {bins}, at least 1 is needed")
    edges = np.unique(np.quantile(x, np.linspace(0, 1, bins + 1)).astype(np.float32))
    if len(edges) < 2:
        raise ValueError(f"quantile_edges: every x is about {x[0]}, a column that varies is needed")
    return edges.astype(np.float64)


class LabelEncoder:
    """Number the classes of a target 0, 1, …, and give the classes of such numbers back.

    Parameters
    ----------
    classes : sequence of str, int or float
        The distinct classes, sorted, as `fit` finds them.

    Examples
    --------
    >>> encoder = LabelEncoder.fit(["dog", "cat", "dog"])
    >>> encoder.classes.tolist(), encoder.transform(["dog", "cat"]).tolist()
    (['cat', 'dog'], [1, 0])
    >>> encoder.inverse_transform([0, 0, 1]).tolist()
    ['cat', 'cat', 'dog']
    """

    def __init__(self, classes: Sequence[str] | Sequence[float] | np.ndarray) -> None:
        self.classes = np.asarray(classes)
        if self.classes.ndim != 1 or self.classes.dtype.kind not in "iufU" or len(self.classes) == 0:
            raise ValueError(f"LabelEncoder: classes {classes!r} given, a list of either texts or numbers is needed")
        if not np.array_equal(self.classes, np.unique(self.classes)):
            raise ValueError(f"LabelEncoder: classes {_shown(self.classes)} given, they must be distinct and sorted")

    @classmethod
    def fit(cls, labels: Sequence[str] | Sequence[float] | np.ndarray) -> LabelEncoder:
        """Return the encoder of the distinct values of `labels`, shape (rows,); whole floats become integers."""
        return cls(np.unique(_labels(labels)))

    def transform(self, labels: Sequence[str] | Sequence[float] | np.ndarray) -> np.ndarray:
        """Return the number of each label's class, int64; a label never seen is a ValueError."""
        labels = _labels(labels)
        if (labels.dtype.kind == "U") != (self.classes.dtype.kind == "U"):
            raise ValueError(f"LabelEncoder.transform: {_shown(labels)} given, classes are {_shown(self.classes)}")
        numbers = np.minimum(np.searchsorted(self.classes, labels), len(self.classes) - 1)
        strangers = labels[self.classes[numbers] != labels]
        if len(strangers):
            raise ValueError(
                f"LabelEncoder.transform: {_shown(np.unique(strangers))} given, classes are {_shown(self.classes)}"
            )
        return numbers.astype(np.int64)

    def inverse_transform(self, numbers: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the class of each number."""
        numbers = np.asarray(numbers)
        if numbers.dtype.kind not in "iu" or np.any((numbers < 0) | (numbers >= len(self.classes))):
            raise ValueError(f"LabelEncoder.inverse_transform: whole numbers in [0, {len(self.classes)}) are needed")
        return self.classes[numbers]


def _labels(labels: Sequence[str] | Sequence[float] | np.ndarray) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "biufU":
        raise ValueError(f"LabelEncoder: labels {_shown(labels)} given, a vector of texts or numbers is needed")
    whole = labels.dtype.kind == "f" and np.all((labels == np.round(labels)) & (np.abs(labels) < 2**53))
    return labels.astype(np.int64) if whole or labels.dtype.kind == "b" else labels


def _shown(values: np.ndarray) -> str:
    texts = [repr(value) for value in values.ravel()[:8].tolist()]
    return ", ".join(texts) + (", …" if values.size > 8 else "")
