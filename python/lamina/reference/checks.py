"""What every reference function shares: exact conversion to float64, checks of shape, and `out=`."""

import numpy as np


def to_float64(op, name, value, rank=None):
    """Return `value` as a float64 array (a copy unless it is one), refusing a wrong number of dimensions.

    Parameters
    ----------
    op, name : str
        The function and the argument that an error message names.
    value : array_like
        Anything NumPy converts to float64 without loss: float32, float64, bfloat16.
    rank : int, optional
        The number of dimensions it needs; at least one when not given.

    Returns
    -------
    ndarray, float64

    Examples
    --------
    >>> from lamina.reference.checks import to_float64
    >>> to_float64("gemm", "a", [[1, 2]], 2).dtype
    dtype('float64')
    """
    array = np.asarray(value, dtype=np.float64)
    if rank is None and array.ndim == 0:
        raise ValueError(f"{op}: {name} has no dimensions, at least 1 is needed")
    if rank is not None and array.ndim != rank:
        raise ValueError(f"{op}: {name} has {array.ndim} dimensions, {rank} needed")
    return array


def expect_shape(op, name, array, shape):
    """Raise ValueError unless `array` has exactly this shape: NumPy must never broadcast a mistake away.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina.reference.checks import expect_shape
    >>> expect_shape("linear_forward", "bias", np.zeros(2), (3,))
    Traceback (most recent call last):
    ...
    ValueError: linear_forward: bias has shape (2,), (3,) needed
    """
    if np.shape(array) != tuple(shape):
        raise ValueError(f"{op}: {name} has shape {np.shape(array)}, {tuple(shape)} needed")


def deliver(op, result, out):
    """Return `result`, written into `out` when that is given; tuples go by pairs, and None passes through.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina.reference.checks import deliver
    >>> out = np.empty(2)
    >>> deliver("gemm", np.array([1.0, 2.0]), out) is out
    True
    """
    if out is None or result is None:
        return result
    if isinstance(result, tuple):
        if not isinstance(out, tuple) or len(out) != len(result):
            raise ValueError(f"{op}: out has to be a tuple of {len(result)} arrays")
        return tuple(deliver(op, *pair) for pair in zip(result, out, strict=True))
    expect_shape(op, "out", out, result.shape)
    out[...] = result
    return out
