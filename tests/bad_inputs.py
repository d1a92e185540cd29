"""What every op has to refuse: bad arrays of each kind, with the error they deserve and nothing modified."""

import re

import numpy as np


def misaligned(array):
    """A copy of `array` whose data starts one byte off."""
    view = np.empty(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def strided(array, padding=3):
    """A copy of a matrix as the left part of a wider one, whose other columns hold NaN."""
    wide = np.full((array.shape[0], array.shape[1] + padding), np.nan, array.dtype)
    view = wide[:, : array.shape[1]]
    view[...] = array
    return view


def bad_arrays(good, mixing=True, any_rank=False):
    """Yield (description, array, error) for every way in which an array like `good` can be wrong.

    `mixing` adds the other float dtype, wrong where an op has several arrays; `any_rank` leaves out other ranks.
    """
    yield "a list", good.tolist(), TypeError
    yield "a number", 1.0, TypeError
    dtypes = ["int64", "float16", "complex128", "bool", "object", good.dtype.newbyteorder(">")]
    if mixing:
        dtypes.append("float64" if good.dtype == np.float32 else "float32")
    for dtype in dtypes:
        yield f"dtype {np.dtype(dtype)}", good.astype(dtype), ValueError
    yield "misaligned", misaligned(good), ValueError
    yield "no dimensions", np.ones((), good.dtype), ValueError
    if not any_rank:
        yield "one dimension more", good[None], ValueError
        if good.ndim > 1:
            yield "one dimension fewer", np.ascontiguousarray(good[0]), ValueError
    if good.ndim > 1:
        yield "Fortran order", np.asfortranarray(good), ValueError
        yield "reversed rows", good[::-1], ValueError
        yield "reversed columns", good[:, ::-1], ValueError
        yield "strided columns", np.repeat(good, 2, axis=1)[:, ::2], ValueError
    elif not any_rank:
        yield "reversed", good[::-1], ValueError
        yield "strided", np.repeat(good, 2)[::2], ValueError


def bad_outputs(good, any_rank=False):
    """Yield (description, array, error) for every way in which `out` can be wrong."""
    yield from bad_arrays(good, any_rank=any_rank)
    yield "a row too many", np.empty((good.shape[0] + 1, *good.shape[1:]), good.dtype), ValueError
    if good.ndim > 1:
        yield "a column too many", np.empty((good.shape[0], good.shape[1] + 1), good.dtype), ValueError
    read_only = good.copy()
    read_only.flags.writeable = False
    yield "read-only", read_only, ValueError


def spoiled(arguments, *names, **options):
    """Cases for `check_refused`: each of the named arrays in turn replaced by every bad version of itself."""
    for name in names:
        for description, array, error in bad_arrays(arguments[name], **options):
            yield f"{name} is {description}", error, {**arguments, name: array}


def with_bad_out(arguments, good, **options):
    """Cases for `check_refused`: every bad `out`."""
    for description, array, error in bad_outputs(good, **options):
        yield f"out is {description}", error, {**arguments, "out": array}


def changed(arguments, error, **changes):
    """One case for `check_refused`: some arguments changed."""
    return f"with {', '.join(changes)} changed", error, {**arguments, **changes}


def check_refused(op, cases):
    """Call `op(**arguments)` for each case (description, error, arguments): it has to raise that error, the message
    has to start with the op's name, and no array may change."""
    complaints = []
    for description, error, arguments in cases:
        arrays = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}
        before = {name: array.tobytes() for name, array in arrays.items()}
        try:
            op(**arguments)
            complaints.append(f"{description}: accepted")
        except (ValueError, TypeError) as raised:
            if type(raised) is not error:
                complaints.append(f"{description}: {type(raised).__name__} instead of {error.__name__}: {raised}")
            elif not re.match(rf"{op.__name__}\b", str(raised)):
                complaints.append(f"{description}: the message does not start with the op's name: {raised}")
        complaints += [
            f"{description}: {name} was modified" for name, array in arrays.items() if array.tobytes() != before[name]
        ]
    assert not complaints, f"{op.__name__} of these arguments:\n" + "\n".join(complaints)
