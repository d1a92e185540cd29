"""The input layer of tables: which columns enter the net as numbers, as categories, or encoded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np

from lamina import ops
from lamina._arrays import on_host
from lamina._checks import number, one_of, values, whole
from lamina.layers.basic import Layer

__all__ = ["COLUMNS", "Category", "Column", "Columns", "Numeric", "Periodic", "PiecewiseLinear"]

_LAST_COLUMN = 2**30 - 2
_MOST_CODES = 2**24  # float32 tells whole numbers apart up to here


class Column:
    """What every part of `Columns` is: an immutable description of what becomes of some columns of the data.

    Examples
    --------
    >>> import lamina
    >>> isinstance(lamina.Numeric(0), lamina.layers.Column)
    True
    """

    def takes(self) -> tuple[int, ...]:
        """Return the columns that it is of."""
        return ()

    def settings(self) -> list[dict[str, Any]]:
        """Return what `lamina._core.Network` takes for this part."""
        raise TypeError(f"Columns: a plain {type(self).__name__} is given, one of lamina.layers is needed")

    def start(self, column: int, *, seed: int, layer: int) -> dict[str, np.ndarray]:
        """Return by name what the parameters of a column start at."""
        return {}

    def check(self, call: str, name: str, x: Any) -> None:
        """Raise ValueError if the data (rows, columns) holds what this part cannot take."""

    def _set(self, **settled: Any) -> None:
        for name, value in settled.items():
            object.__setattr__(self, name, value)


def _columns_in(call: str, columns: Any) -> tuple[int, ...]:
    given = columns if isinstance(columns, Iterable) and not isinstance(columns, str) else [columns]
    result = tuple(whole(call, "columns", column, 0, _LAST_COLUMN) for column in given)
    if not result:
        raise ValueError(f"{call}: columns is empty, at least one is needed")
    return result


@dataclass(frozen=True)
class Numeric(Column):
    """Columns of numbers as they are; standardise them first.

    Parameters
    ----------
    columns : int or iterable of int
        Counted from 0.

    Examples
    --------
    >>> import lamina
    >>> lamina.Numeric(range(3))
    Numeric(columns=(0, 1, 2))
    """

    columns: int | Iterable[int]

    def __post_init__(self) -> None:
        self._set(columns=_columns_in("Numeric", self.columns))

    def takes(self) -> tuple[int, ...]:
        return cast(tuple[int, ...], self.columns)

    def settings(self) -> list[dict[str, Any]]:
        columns = self.takes()
        breaks = [place for place, (one, other) in enumerate(pairwise(columns), 1) if other != one + 1]
        runs = pairwise([0, *breaks, len(columns)])
        return [{"kind": "numeric", "column": columns[start], "count": end - start} for start, end in runs]


@dataclass(frozen=True)
class Category(Column):
    """A column of codes, each with a learned vector: torch's Embedding.

    Parameters
    ----------
    column : int
        Which; it holds whole numbers from 0 to size - 1, as `lamina.datasets.LabelEncoder` makes them.
    size : int
        How many categories there are: torch's num_embeddings.
    features : int
        Length of a category's vector: torch's embedding_dim.

    Notes
    -----
    The table (size, features), named "embedding_<column>", starts uniform in [-1/√features, 1/√features). Weight decay
    spares it, for it would wear away the vectors of rare categories, unless `Trainer` is told `decay_all`.

    References
    ----------
    C. Guo, F. Berkhahn, "Entity embeddings of categorical variables", 2016; Y. Gorishniy et al., "Revisiting deep
    learning models for tabular data", 2021 (how tables start, and that decay spares them).

    Examples
    --------
    >>> import lamina
    >>> net = lamina.Sequential(lamina.Columns(lamina.Category(0, size=3, features=2)))
    >>> net.parameters()["0.embedding_0"].shape, net([[2], [0]]).shape
    ((3, 2), (2, 2))
    """

    column: int
    size: int
    features: int

    def __post_init__(self) -> None:
        self._set(
            column=whole("Category", "column", self.column, 0, _LAST_COLUMN),
            size=whole("Category", "size", self.size, 1, _MOST_CODES),
            features=whole("Category", "features", self.features, 1, 2**30),
        )

    def takes(self) -> tuple[int, ...]:
        return (self.column,)

    def settings(self) -> list[dict[str, Any]]:
        return [{"kind": "category", "column": self.column, "size": self.size, "features": self.features}]

    def start(self, column: int, *, seed: int, layer: int) -> dict[str, np.ndarray]:
        shape = self.size, self.features
        draw = ops.random_uniform(shape, seed=seed, layer=layer, step=column, dtype="float64")
        return {f"embedding_{column}": (2 * draw - 1) / np.sqrt(self.features)}

    def check(self, call: str, name: str, x: Any) -> None:
        codes = on_host(x[:, self.column])
        wrong = np.flatnonzero(~((codes >= 0) & (codes < self.size) & (codes == np.rint(codes))))
        if len(wrong):
            raise ValueError(
                f"{call}: {name} has {codes[wrong[0]]:.9g} at row {wrong[0]}, column {self.column}: a code, a whole "
                f"number from 0 to {self.size - 1}, is needed"
            )


@dataclass(frozen=True)
class Periodic(Column):
    """Columns of numbers as sines and cosines of learned frequencies: [sin(2π c x), cos(2π c x)].

    Parameters
    ----------
    columns : int or iterable of int
        Each has frequencies of its own.
    frequencies : int
        How many a column has: it becomes twice as many columns.
    sigma : float
        Standard deviation of the normal distribution that they start in; it matters, tune it.

    Notes
    -----
    A column's frequencies (frequencies,), named "frequencies_<column>", are spared by weight decay. A Linear and a ReLU
    behind make of it the paper's PLR, with one weight matrix for all columns.

    References
    ----------
    Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep learning", 2022,
    section 3.3.

    Examples
    --------
    >>> import lamina
    >>> net = lamina.Sequential(lamina.Columns(lamina.Periodic(0, frequencies=8, sigma=0.1)))
    >>> net.parameters()["0.frequencies_0"].shape, net.out_features
    ((8,), 16)
    """

    columns: int | Iterable[int]
    frequencies: int = 16
    sigma: float = 0.1

    def __post_init__(self) -> None:
        self._set(
            columns=_columns_in("Periodic", self.columns),
            frequencies=whole("Periodic", "frequencies", self.frequencies, 1, 2**29),
            sigma=number("Periodic", "sigma", self.sigma),
        )

    def takes(self) -> tuple[int, ...]:
        return cast(tuple[int, ...], self.columns)

    def settings(self) -> list[dict[str, Any]]:
        return [{"kind": "periodic", "column": column, "frequencies": self.frequencies} for column in self.takes()]

    def start(self, column: int, *, seed: int, layer: int) -> dict[str, np.ndarray]:
        draw = ops.random_normal(self.frequencies, seed=seed, layer=layer, step=column, dtype="float64")
        return {f"frequencies_{column}": self.sigma * draw}


@dataclass(frozen=True, repr=False)
class PiecewiseLinear(Column):
    """A column of numbers as how much of each of its bins lies below the number; nothing is learned.

    Parameters
    ----------
    column : int
        Which.
    edges : array_like of shape (bins + 1,)
        Finite and ascending, also when rounded to the net's dtype: `lamina.quantile_edges` finds such.

    References
    ----------
    Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep learning", 2022,
    section 3.2.

    Examples
    --------
    >>> import lamina
    >>> net = lamina.Sequential(lamina.Columns(lamina.PiecewiseLinear(0, [0, 1, 2, 4])))
    >>> net([[1.5], [3.0]])
    array([[1. , 0.5, 0. ],
           [1. , 1. , 0.5]], dtype=float32)
    """

    column: int
    edges: Sequence[float] | np.ndarray

    def __post_init__(self) -> None:
        edges = values("PiecewiseLinear", "edges", self.edges, np.dtype("float64"))
        if edges.ndim != 1 or len(edges) < 2:
            raise ValueError(f"PiecewiseLinear: edges has shape {edges.shape}, a vector of at least 2 is needed")
        if not np.isfinite(edges).all() or not (np.diff(edges) > 0).all():
            raise ValueError("PiecewiseLinear: edges must be finite and ascend, see lamina.quantile_edges")
        column = whole("PiecewiseLinear", "column", self.column, 0, _LAST_COLUMN)
        self._set(column=column, edges=tuple(edges.tolist()))

    def takes(self) -> tuple[int, ...]:
        return (self.column,)

    def __repr__(self) -> str:
        first, *_, last = self.edges
        return f"PiecewiseLinear(column={self.column}, {len(self.edges) - 1} bins from {first:g} to {last:g})"

    def settings(self) -> list[dict[str, Any]]:
        return [{"kind": "piecewise_linear", "column": self.column, "edges": list(self.edges)}]


COLUMNS: dict[str, type[Column]] = {part.__name__: part for part in (Numeric, Category, Periodic, PiecewiseLinear)}


@dataclass(frozen=True, init=False)
class Columns(Layer):
    """The input layer of a net for tables: parts side by side, each of some columns of the data.

    Parameters
    ----------
    *parts : Numeric, Category, Periodic or PiecewiseLinear
        In the order of the layer's output. A column may be in several parts, or in none.
    in_features : int, optional
        Columns of the data; up to the last one named unless given.

    Raises
    ------
    ValueError
        If there is no part, a column is beyond the data, or is twice a category or twice periodic.
    TypeError
        If something else than parts is given.

    Notes
    -----
    Data is one matrix of numbers, categories as whole numbers in it. Whatever takes data looks at these once, before
    anything else is done, and names row and value of one that is none. The layer is the first of its net: there is no
    gradient of the data.

    References
    ----------
    Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep learning", 2022.

    Examples
    --------
    >>> import lamina
    >>> parts = lamina.Numeric(0), lamina.Category(1, size=12, features=4), lamina.Periodic(2, frequencies=8)
    >>> net = lamina.Sequential(lamina.Columns(*parts), lamina.Linear(21, 8), lamina.ReLU(), lamina.Linear(8, 2))
    >>> net([[0.5, 11, -1.25]]).shape
    (1, 2)
    >>> net([[0.5, 12, -1.25]])
    Traceback (most recent call last):
    ...
    ValueError: Sequential.forward: x has 12 at row 0, column 1: a code, a whole number from 0 to 11, is needed
    """

    parts: tuple[Column, ...]
    in_features: int

    def __init__(self, *parts: Column, in_features: int | None = None) -> None:
        for place, part in enumerate(parts):
            if not isinstance(part, Column):
                known = ", ".join(COLUMNS)
                raise TypeError(f"Columns: argument {place} is {part!r}, one of {known} is needed")
        least = 1 + max((column for part in parts for column in part.takes()), default=0)
        most = _LAST_COLUMN + 1
        needed = least if in_features is None else whole("Columns", "in_features", in_features, least, most)
        self._set(parts=parts, in_features=needed)

    def settings(self) -> dict[str, Any]:
        parts = [settings for part in self.parts for settings in part.settings()]
        return {"kind": "columns", "in_features": self.in_features, "parts": parts}

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Columns:
        described = [dict(part) for part in fields["parts"]]
        parts = [COLUMNS[one_of("Columns", "kind", part.pop("kind", None), COLUMNS)](**part) for part in described]
        return cls(*parts, in_features=fields["in_features"])

    def initialise(self, parameters: Mapping[str, Any], *, seed: int, layer: int, **_: Any) -> None:
        for part in self.parts:
            for column in part.takes():
                for name, start in part.start(column, seed=seed, layer=layer).items():
                    parameters[name][...] = start

    def check(self, call: str, name: str, x: Any) -> None:
        """Raise ValueError if the data (rows, columns) holds something else than codes where these belong."""
        for part in self.parts:
            part.check(call, name, x)
