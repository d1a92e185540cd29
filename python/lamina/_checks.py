"""Checks that the models share: names, numbers, data as a matrix of the net's dtype, and the naming of errors."""

from __future__ import annotations

import math
import numbers
import operator
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from lamina import _core
from lamina._arrays import is_on_device, on_host
from lamina._core import BackendError

__all__ = ["LEAST", "errors_of", "finite", "flag", "matrix", "number", "one_of", "values", "weights", "whole"]

LEAST = -sys.float_info.max  # of finite numbers


@contextmanager
def errors_of(call: str) -> Iterator[None]:
    """Let errors of native code, which begin with the name of an op, begin with the name of the call instead.

    Examples
    --------
    >>> with errors_of("Trainer.fit"):
    ...     raise ValueError("run_epoch: lr is -1")
    Traceback (most recent call last):
    ...
    ValueError: Trainer.fit: lr is -1
    """
    try:
        yield
    except (ValueError, TypeError, BackendError) as error:
        message = str(error)
        raise type(error)(f"{call}: {message.partition(': ')[2] or message}") from error.__cause__


def whole(call: str, name: str, value: Any, least: int, most: int | None = None) -> int:
    """Return `value` as an int between `least` and `most`.

    Raises
    ------
    TypeError
        If it is no whole number; True and 1.0 are none.
    ValueError
        If it is out of range.

    Examples
    --------
    >>> whole("Trainer.fit", "epochs", 3, 0)
    3
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        result = operator.index(value)
    except TypeError:
        raise TypeError(f"{call}: {name} is {value!r}, a whole number is needed") from None
    if result < least or (most is not None and result > most):
        allowed = f"from {least} on" if most is None else f"from {least} to {most}"
        raise ValueError(f"{call}: {name} is {result}, a whole number {allowed} is needed")
    return result


def number(call: str, name: str, value: Any, *, least: float = 0, below: float = math.inf) -> float:
    """Return `value` as a finite float in [least, below).

    Raises
    ------
    TypeError
        If it is no number.
    ValueError
        If it is less than the least, not below the limit, infinite or NaN.

    Examples
    --------
    >>> number("Dropout", "p", 0.5, below=1)
    0.5
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{call}: {name} is {value!r}, a number is needed")
    result = float(value)
    if not (math.isfinite(result) and least <= result < below):
        allowed = f"a number in [{least:g}, {below:g})"
        if below == math.inf:
            allowed = "a finite number" + (f" from {least:g} on" if least > -math.inf else "")
        raise ValueError(f"{call}: {name} is {result}, {allowed} is needed")
    return result


def flag(call: str, name: str, value: Any) -> bool:
    """Return `value` as a bool.

    Raises
    ------
    TypeError
        If it is neither True nor False: any text would count as True.

    Examples
    --------
    >>> flag("Trainer.fit", "shuffle", False)
    False
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{call}: {name} is {value!r}, True or False is needed")
    return bool(value)


def one_of(call: str, name: str, value: Any, allowed: Iterable[str]) -> str:
    """Return `value` if it is one of the allowed names.

    Raises
    ------
    ValueError
        Otherwise; the message lists the names.

    Examples
    --------
    >>> one_of("Trainer", "loss", "squared_error", ["squared_error"])
    'squared_error'
    """
    allowed = list(allowed)
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{call}: {name} is {value!r}, needed is one of {', '.join(allowed)}")
    return value


def values(call: str, name: str, data: Any, dtype: np.dtype | None) -> np.ndarray:
    """Return array-like numbers as an aligned, C-contiguous array of `dtype`, or with None as the array they are.

    Raises
    ------
    TypeError
        If the data is not made of real numbers.
    ValueError
        If its rows differ in length.

    Examples
    --------
    >>> values("Trainer.fit", "X", [[1, 2]], np.dtype("float32"))
    array([[1., 2.]], dtype=float32)
    """
    if is_on_device(data):
        return _device_values(call, name, data, dtype)
    try:
        array = np.asarray(data)
        if array.dtype.kind not in "biufO":
            raise TypeError(f"its dtype is {array.dtype}")
        return array if dtype is None else np.require(array, dtype, ["C", "A"])
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{call}: {name} is not made of numbers ({error}), an array of numbers is needed") from None


def _device_values(call: str, name: str, data: Any, dtype: np.dtype | None) -> Any:
    """Return the data itself: what is on a device is not converted unasked."""
    given = _core.cuda_view(data).dtype
    if dtype is not None and given != dtype:
        raise ValueError(f"{call}: {name} is on the device with dtype {given}, {dtype} is needed there")
    return data


def matrix(call: str, data: Any, columns: int, dtype: np.dtype, name: str = "X") -> np.ndarray:
    """Return the data as a C-contiguous (rows, columns) array of `dtype`, itself if it is one already.

    Raises
    ------
    TypeError
        If it is not made of real numbers.
    ValueError
        If it is no matrix, or has not as many columns.

    Examples
    --------
    >>> matrix("Trainer.fit", [[1, 2]], 2, np.dtype("float64"))
    array([[1., 2.]])
    """
    array = values(call, name, data, dtype)
    if array.ndim != 2:
        raise ValueError(f"{call}: {name} has shape {array.shape}, a matrix (rows, {columns}) is needed")
    if array.shape[1] != columns:
        raise ValueError(f"{call}: {name} has shape {array.shape}, the net needs {columns} columns")
    return array


def finite(call: str, array: np.ndarray, name: str = "X") -> np.ndarray:
    """Return the matrix itself if it has rows and holds neither NaN nor infinities.

    Raises
    ------
    ValueError
        Otherwise; the message says where the first of them is.

    Examples
    --------
    >>> finite("Trainer.fit", np.eye(1))
    array([[1.]])
    """
    if len(array) == 0:
        raise ValueError(f"{call}: {name} has no rows, at least one is needed")
    array, given = on_host(array), array
    if not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        found = array[row, column]
        raise ValueError(f"{call}: {name} holds {found} in row {row}, column {column}, finite numbers are needed")
    return given


def weights(call: str, name: str, data: Any, size: int, dtype: np.dtype) -> np.ndarray | None:
    """Return weights as a (size,) array of `dtype`; None stays None.

    Raises
    ------
    ValueError
        If there are not as many, one is negative or not finite, or all are 0.

    Examples
    --------
    >>> weights("Trainer.fit", "sample_weight", [1, 0], 2, np.dtype("float64"))
    array([1., 0.])
    """
    if data is None:
        return None
    array = values(call, name, data, dtype)
    if array.shape != (size,):
        raise ValueError(f"{call}: {name} has shape {array.shape}, {(size,)} is needed")
    if not (np.isfinite(array).all() and (array >= 0).all() and (array > 0).any()):
        raise ValueError(f"{call}: {name} holds negative or non-finite numbers, or only zeros; finite ones >= 0 needed")
    return array
