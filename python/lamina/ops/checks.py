"""The few checks that Python does before native code does the others."""

import operator

import numpy as np


def as_shape(op, shape):
    """Return a shape of at least one dimension as a list of ints."""
    try:
        lengths = [operator.index(n) for n in (shape if hasattr(shape, "__iter__") else [shape])]
    except TypeError:
        raise TypeError(f"{op}: shape is {shape!r}, needs a whole number or a tuple of them") from None
    if not lengths or min(lengths) < 0:
        raise ValueError(f"{op}: shape is {shape}, needs one or more lengths >= 0")
    return lengths


def as_dtype(op, dtype):
    """Return a dtype as text."""
    try:
        return str(np.dtype(dtype))
    except TypeError:
        raise TypeError(f"{op}: dtype is {dtype!r}, needs float32 or float64") from None


def pair_in(op, name, value):
    """Return the two items of `value`."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{op}: {name} is {value!r}, needs two numbers")
    return value


def words_in(op, name, words, count):
    """Return `words` after checking that it is a uint32 array whose last axis has `count` elements."""
    if not isinstance(words, np.ndarray):
        raise TypeError(f"{op}: {name} is a {type(words).__name__}, needs a NumPy array")
    if words.dtype != np.uint32 or words.ndim == 0 or words.shape[-1] != count:
        raise ValueError(f"{op}: {name} has dtype {words.dtype} and shape {words.shape}, needs uint32 (..., {count})")
    return words
