"""NumPy arrays and arrays on the device alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import _core

__all__ = ["alike", "copied", "empty", "empty_like", "is_on_device", "on_device_of", "on_host"]

_CUDA = {2, 13}  # device types of DLPack: CUDA, and memory that CUDA manages


def is_on_device(array: Any) -> bool:
    """Return whether something is an array on a CUDA device, of whatever library."""
    if isinstance(array, np.ndarray):
        return False
    if hasattr(array, "__dlpack_device__"):
        return array.__dlpack_device__()[0] in _CUDA
    return hasattr(array, "__cuda_array_interface__")


def on_host(array: Any) -> Any:
    """Return a NumPy array of what is on the device, and anything else as it is."""
    return _core.cuda_view(array).numpy() if is_on_device(array) else array


def alike(host: np.ndarray, array: Any) -> Any:
    """Return a NumPy array, or its copy where another array is if that is on the device."""
    return _core.cuda_array(host) if is_on_device(array) else host


def empty(shape: tuple[int, ...], dtype: Any, device: str) -> Any:
    """Return an array with nothing particular in it."""
    return _core.cuda_empty(shape, np.dtype(dtype)) if device == "cuda" else np.empty(shape, dtype)


def empty_like(array: Any, shape: tuple[int, ...] | None = None) -> Any:
    """Return an array where another one is, of its dtype."""
    return empty(array.shape if shape is None else shape, array.dtype, "cuda" if is_on_device(array) else "cpu")


def copied(array: Any) -> np.ndarray:
    """Return a NumPy array of its own."""
    return on_host(array) if is_on_device(array) else array.copy()


def on_device_of(core: Any, array: Any) -> Any:
    """Return the array where a model of native code takes it: on its device."""
    if array is None or core.device == "cpu" or is_on_device(array):
        return array
    return _core.cuda_array(np.ascontiguousarray(array))
