"""Read tables of numbers from CSV and NPZ files into arrays, with errors that name the row and the column."""

from __future__ import annotations

import csv
import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["Table", "read_table"]

_BLOCK = 16384  # rows of text that are held at once
_MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}


@dataclass(frozen=True)
class Table:
    """A data set as read from a file.

    Attributes
    ----------
    features : ndarray of shape (rows, columns), float64
    columns : list of str
        The features' names, in order.
    target : ndarray of shape (rows,), float64 or str, or None
        The target column: numbers if every cell is one, otherwise text.
    """

    features: np.ndarray
    columns: list[str]
    target: np.ndarray | None


def read_table(path: str | os.PathLike[str], target: str | None = None, columns: Sequence[str] | None = None) -> Table:
    """Read a CSV file with a header line, or an NPZ file, into numbers.

    Parameters
    ----------
    path : path
        A ``.npz`` file is read as NumPy's archive, any other as text (UTF-8; commas, semicolons or tabs).
        In an archive a vector is one column of its name, a matrix ``X`` the columns ``X[0]``, ``X[1]``, …
    target : str, optional
        The column to predict; it may hold text.
    columns : sequence of str, optional
        The features wanted, in this order. By default all columns but the target.

    Returns
    -------
    Table
        The features, their names and the target.

    Raises
    ------
    ValueError
        If the file is empty or damaged, a column is missing, a cell is empty or not a finite number, a feature is
        text, or the rows differ in length. Rows are counted from 1 below the header.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "iris.csv"
    >>> _ = file.write_text("length,width,kind\\n5.1,3.5,setosa\\n7.0,3.2,versicolor\\n")
    >>> table = read_table(file, target="kind")
    >>> table.columns, table.features.tolist(), table.target.tolist()
    (['length', 'width'], [[5.1, 3.5], [7.0, 3.2]], ['setosa', 'versicolor'])
    """
    path = Path(path)
    read = _read_npz if path.suffix.lower() == ".npz" else _read_csv
    try:
        return read(path, target, columns)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"read_table: {path} is not a readable table: {error}") from None


def _choose(path: Path, names: list[str], target: str | None, columns: Sequence[str] | None) -> list[str]:
    """Return the names of the feature columns after checking that all that is asked for is there."""
    wanted = [name for name in names if name != target] if columns is None else list(columns)
    for name in wanted if target is None else [target, *wanted]:
        if name not in names:
            raise ValueError(f"read_table: {path} has no column {name!r}; its columns are {_listing(names)}")
    if not wanted:
        raise ValueError(f"read_table: {path} has no columns beside the target {target!r}, features are needed")
    return wanted


def _listing(names: Sequence[str], most: int = 20) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _read_csv(path: Path, target: str | None, columns: Sequence[str] | None) -> Table:
    with open(path, newline="", encoding="utf-8-sig") as file:
        first = file.readline()
        file.seek(0)
        reader = csv.reader(file, delimiter=max(",;\t", key=first.count), strict=True)
        names = [name.strip() for name in next(reader, [])]
        if not any(names):
            raise ValueError(f"read_table: {path} is empty, a header line with the columns' names is needed")
        for number, name in enumerate(names, 1):
            if not name or name in names[: number - 1]:
                problem = f"the name {name!r} twice" if name else f"no name for column {number}"
                raise ValueError(f"read_table: the header of {path} gives {problem}, each column needs its own")
        wanted = _choose(path, names, target, columns)
        places = [names.index(name) for name in wanted]
        blocks, labels = [], []
        row = 0
        lines = (cells for cells in reader if cells)
        while block := list(itertools.islice(lines, _BLOCK)):
            for offset, cells in enumerate(block, 1):
                if len(cells) != len(names):
                    raise ValueError(
                        f"read_table: row {row + offset} of {path} has {len(cells)} cells, the header {len(names)}"
                    )
            blocks.append(_numbers(path, [[cells[place] for place in places] for cells in block], wanted, row))
            if target is not None:
                place = names.index(target)
                labels += [_label(path, cells[place], target, row + offset) for offset, cells in enumerate(block, 1)]
            row += len(block)
    if not blocks:
        raise ValueError(f"read_table: {path} holds a header and no rows, at least one row is needed")
    return Table(np.concatenate(blocks), wanted, None if target is None else _target(path, np.array(labels), target))


def _label(path: Path, cell: str, name: str, row: int) -> str:
    label = cell.strip()
    if label.lower() in _MISSING and label.lower() != "none":  # "none" is a common class of its own
        raise ValueError(f"read_table: row {row}, column {name!r} of {path}: {cell!r} given, every row needs a target")
    return label


def _numbers(path: Path, cells: list[list[str]], names: list[str], row: int) -> np.ndarray:
    """Convert rows of text, the first being number `row` + 1, or name the first cell that is no finite number."""
    try:
        block = np.array(cells, dtype=np.float64)
        if np.isfinite(block).all():
            return block
    except ValueError:
        pass
    for number, texts in enumerate(cells, row + 1):
        for name, text in zip(names, texts, strict=True):
            place = f"read_table: row {number}, column {name!r} of {path}: {text!r} given"
            if text.strip().lower() in _MISSING:
                raise ValueError(f"{place}, a missing value; fill it or leave the row out")
            try:
                finite = np.isfinite(float(text))
            except ValueError:
                raise ValueError(f"{place}, features must be numbers for now; encode the text or drop it") from None
            if not finite:
                raise ValueError(f"{place}, a finite number is needed")
    raise AssertionError("unreachable: some cell was refused above")


def _target(path: Path, values: np.ndarray, name: str) -> np.ndarray:
    """Return the target as float64 if all of it is numbers, else as text."""
    if values.dtype.kind in "biuf":
        values = values.astype(np.float64)
    elif values.dtype.kind in "US":
        values = values.astype(str)
        try:
            values = values.astype(np.float64)
        except ValueError:
            return values
    else:
        raise ValueError(f"read_table: column {name!r} of {path} has dtype {values.dtype}, numbers or text are needed")
    _check_finite(path, values[:, None], [name])
    return values


def _check_finite(path: Path, values: np.ndarray, names: list[str]) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        raise ValueError(
            f"read_table: row {row + 1}, column {names[column]!r} of {path}: {values[row, column]} given, "
            "a finite number is needed"
        )


def _read_npz(path: Path, target: str | None, columns: Sequence[str] | None) -> Table:
    parts: dict[str, np.ndarray] = {}
    try:
        with open(path, "rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not hasattr(archive, "files"):
                raise ValueError("it is a single array, np.savez makes archives")
            arrays = {name: archive[name] for name in archive.files}
    except OSError:
        raise
    except Exception as error:  # of pickled objects; on damage the parsers beneath raise many kinds
        raise ValueError(f"read_table: {path} is not a readable NPZ archive of plain arrays: {error}") from None
    for name, array in arrays.items():
        if array.ndim == 1:
            parts[name] = array
        elif array.ndim == 2:
            parts.update({f"{name}[{column}]": array[:, column] for column in range(array.shape[1])})
        else:
            raise ValueError(f"read_table: array {name!r} of {path} has shape {array.shape}, 1 or 2 axes are needed")
    wanted = _choose(path, list(parts), target, columns)
    used = [parts[name] for name in wanted] + ([parts[target]] if target is not None else [])
    sizes = sorted({len(array) for array in used})
    if len(sizes) > 1:
        raise ValueError(f"read_table: the arrays of {path} differ in rows: {', '.join(map(str, sizes))}")
    if sizes[0] == 0:
        raise ValueError(f"read_table: {path} has no rows, at least one is needed")
    for name in wanted:
        if parts[name].dtype.kind not in "biuf":
            raise ValueError(
                f"read_table: array {name!r} of {path} has dtype {parts[name].dtype}, features must be numbers for now"
            )
    features = np.stack([parts[name] for name in wanted], axis=1).astype(np.float64)
    _check_finite(path, features, wanted)
    return Table(features, wanted, None if target is None else _target(path, parts[target], target))
