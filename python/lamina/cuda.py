"""Arrays on the CUDA device, streams, and what the device says of itself.

The functions of `lamina.ops` take these arrays, and those of PyTorch, CuPy and JAX on the device, as they take NumPy's:
all arrays of a call are on one device, and results come back as the kind of array that was given. Work is given to the
device and goes on while Python does; `Array.numpy` and `float` wait for it.
"""

import numpy as np

from lamina import _core

__all__ = [
    "Array", "ExternalStream", "Stream", "array", "empty", "from_dlpack", "is_available", "memory", "pinned",
    "release_unused", "status", "synchronize", "zeros",
]  # fmt: skip

Array = _core.DeviceArray


def is_available():
    """Return whether there is a device to compute on; `status` says why not."""
    return _core.cuda_available()


def status():
    """Return the device's name, or why there is none."""
    return _core.cuda_status()


def array(x, dtype=None):
    """Return a copy of array-like data on the device.

    Parameters
    ----------
    x : array_like
        Anything that NumPy makes an array of, in any layout.
    dtype : optional
        Converted to it on the host; as it is by default.

    Returns
    -------
    Array
        In C order.

    Raises
    ------
    lamina.BackendError
        If there is no device, or not enough memory on it: the message says how much there is.
    TypeError
        If the data is not made of numbers.

    Examples
    --------
    >>> import lamina
    >>> if lamina.cuda.is_available():
    ...     x = lamina.cuda.array([[1.0, 2.0]])
    ...     y = lamina.ops.softmax_forward(x).numpy()
    """
    host = np.ascontiguousarray(x, dtype).reshape(np.shape(x))  # ascontiguousarray makes scalars vectors
    if host.dtype.kind not in "biuf" and host.dtype.name != "bfloat16":
        raise TypeError(f"cuda.array: the data has dtype {host.dtype}, numbers are needed")
    return _core.cuda_array(host)


def empty(shape, dtype="float32"):
    """Return a new array on the device; what is in it is left over from other work.

    Parameters
    ----------
    shape : int or tuple of int
    dtype : optional
        Of NumPy.

    Returns
    -------
    Array

    Raises
    ------
    lamina.BackendError
        As `array`.
    """
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(size < 0 for size in shape):
        raise ValueError(f"cuda.empty: shape is {shape}, sizes from 0 on are needed")
    return _core.cuda_empty(shape, np.dtype(dtype))


def zeros(shape, dtype="float32"):
    """Return a new array of zeros on the device; see `empty`."""
    new = empty(shape, dtype)
    if new.size:
        new[...] = 0
    return new


def from_dlpack(x):
    """Return an array that shares the memory of another library's array on the device.

    Parameters
    ----------
    x : object
        With ``__dlpack__`` or ``__cuda_array_interface__``.

    Returns
    -------
    Array
        Read-only where the library says so, as JAX does.

    Raises
    ------
    ValueError
        If the library does not lend its memory (a PyTorch tensor that requires a gradient: give ``x.detach()``), or it
        is on another device, or of bfloat16 and ml_dtypes, from which NumPy has this dtype, is not imported.
    TypeError
        If the object is not on a CUDA device.
    """
    return _core.cuda_view(x)


def pinned(shape, dtype="float32"):
    """Return a new NumPy array in pinned memory, from and to which the device copies fastest.

    Parameters
    ----------
    shape : int or tuple of int
    dtype : optional

    Returns
    -------
    numpy.ndarray
        Uninitialised.

    Raises
    ------
    lamina.BackendError
        If there is no device, or the host cannot pin so much.
    """
    dtype = np.dtype(dtype)
    count = int(np.prod(shape))
    return _core.cuda_pinned(count * dtype.itemsize).view(dtype)[:count].reshape(shape)


def memory():
    """Return what there is of the device's memory, in bytes.

    Returns
    -------
    dict of str to int
        "held" by lamina, kept for later once it was needed; "in_use" of these; "free" and "total" of the device.

    Raises
    ------
    lamina.BackendError
        If there is no device.
    """
    return _core.cuda_memory()


def release_unused():
    """Give the memory that lamina holds and does not use back to the driver."""
    _core.cuda_release_unused()


def synchronize():
    """Wait until all is done that this thread has given the current stream.

    Raises
    ------
    lamina.BackendError
        If something went wrong there.
    """
    _core.cuda_synchronize()


class ExternalStream:
    """Another library's stream, to which calls inside a ``with`` block give their work.

    Parameters
    ----------
    pointer : int
        The address of the cudaStream_t, such as ``torch.cuda.current_stream().cuda_stream``. 0 and 1 are the default
        stream.
    """

    def __init__(self, pointer):
        self._core = _core.Stream(int(pointer))
        self._outer = []

    @property
    def pointer(self):
        """The address of the cudaStream_t; 0 is the default stream."""
        return self._core.pointer

    def __enter__(self):
        self._outer.append(_core.cuda_stream())
        _core.cuda_set_stream(self._core)
        return self

    def __exit__(self, *exception):
        _core.cuda_set_stream(self._outer.pop())

    def synchronize(self):
        """Wait until all is done that the stream was given."""
        with self:
            synchronize()


class Stream(ExternalStream):
    """A stream of its own, to which calls inside a ``with`` block give their work.

    Arrays may be used on several streams: work on one comes after what the others were given before with that array.

    Raises
    ------
    lamina.BackendError
        If there is no device.

    Examples
    --------
    >>> import lamina
    >>> if lamina.cuda.is_available():
    ...     with lamina.cuda.Stream():
    ...         x = lamina.cuda.zeros((2, 2))
    """

    def __init__(self):
        self._core = _core.Stream()
        self._outer = []
