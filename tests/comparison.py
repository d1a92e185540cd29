"""How tests compare: within a derived bound, or bit for bit between levels and thread counts."""

import numpy as np

import lamina
import on_device
from lamina._arrays import on_host


def assert_within(actual, expected, bound):
    """|actual - expected| <= bound everywhere; NaN and infinities have to be at the same places."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    assert actual.shape == expected.shape, f"shape {actual.shape}, expected {expected.shape}"
    with np.errstate(invalid="ignore"):
        wrong = ~((np.abs(actual - expected) <= bound) | (actual == expected) | (np.isnan(actual) & np.isnan(expected)))
    if wrong.any():
        worst = np.unravel_index(np.argmax(np.where(wrong, np.abs(actual - expected), -1)), actual.shape)
        allowed = np.broadcast_to(bound, actual.shape)[worst]
        raise AssertionError(
            f"{wrong.sum()} of {wrong.size} outside the bound; worst at {tuple(map(int, worst))}: {actual[worst]!r}, "
            f"expected {expected[worst]!r}, off by {abs(actual[worst] - expected[worst]):.3g}, allowed {allowed:.3g}"
        )


def assert_same_bits(actual, expected):
    """Equal bits, any NaN equalling any NaN, through tuples and dictionaries; None equals None."""
    if isinstance(expected, dict):
        assert actual.keys() == expected.keys()
        actual, expected = [actual[key] for key in expected], list(expected.values())
    if isinstance(expected, (tuple, list)):
        assert len(actual) == len(expected)
        for a, e in zip(actual, expected, strict=True):
            assert_same_bits(a, e)
    elif expected is None:
        assert actual is None
    else:
        actual, expected = np.asarray(on_host(actual)), np.asarray(on_host(expected))
        assert actual.dtype == expected.dtype and actual.shape == expected.shape
        if actual.dtype.kind == "f" or actual.dtype.name == "bfloat16":
            different = bits(actual) != bits(expected)
        else:
            different = actual != expected
        if different.any():
            first = tuple(map(int, np.argwhere(different)[0]))
            raise AssertionError(
                f"{different.sum()} of {different.size} differ, first at {first}: "
                f"{actual[first]!r}, expected {expected[first]!r}"
            )


def bits(array):
    """The bits of a float array as integers, all NaNs alike."""
    integers = np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}").reshape(array.shape)
    return np.where(array != array, integers.dtype.type(2 ** (8 * min(4, array.dtype.itemsize)) - 1), integers)


def row_sums_as_written(terms):
    """Each row's sum in the order of csrc/math/order.h: runs of 256 to 16 partial sums, then their tree."""
    rows, columns = terms.shape
    runs = np.zeros((rows, -(-columns // 256), 16, 16), terms.dtype)
    runs.reshape(rows, runs.shape[1] * 256)[:, :columns] = terms
    partial = np.zeros((rows, 16), terms.dtype)
    for run in runs.swapaxes(0, 1):
        chain = np.zeros_like(partial)
        for step in run.swapaxes(0, 1):
            chain = chain + step
        partial = partial + chain
    for half in (8, 4, 2, 1):
        partial = partial[:, :half] + partial[:, half : 2 * half]
    return partial[:, 0]


def assert_levels_agree(op, *arguments, **options):
    """`op(*arguments, **options)` has to give, at the level in use with 1 and 2 threads, the bits of the generic level
    with 1: in what it returns and in its arrays, of which every call gets its own copies.
    """
    level, before, threads = on_device.level(), lamina.get_isa(), lamina.get_num_threads()
    try:
        expected = _run("generic", 1, op, arguments, options)
        for count in (1, 2):
            assert_same_bits(_run(level, count, op, arguments, options), expected)
    finally:
        lamina.set_isa(before)
        lamina.set_num_threads(threads)


def assert_threads_agree(op, *arguments, **options):
    """`op(*arguments, **options)` has to give the same bits at the level in use with 1, 2, 3 and 7 threads."""
    level, threads = on_device.level(), lamina.get_num_threads()
    try:
        expected = _run(level, 1, op, arguments, options)
        for count in (2,) if level == "cuda" else (2, 3, 7):  # which the device has no use for
            assert_same_bits(_run(level, count, op, arguments, options), expected)
    finally:
        lamina.set_num_threads(threads)


def _run(level, threads, op, arguments, options):
    if level != "cuda":
        lamina.set_isa(level)
    lamina.set_num_threads(threads)
    values = [value.copy() if isinstance(value, np.ndarray) else value for value in (*arguments, *options.values())]
    named = dict(zip(options, values[len(arguments) :], strict=True))
    with on_device.active(level == "cuda"):
        result = op(*values[: len(arguments)], **named)
    return result, [value for value in values if isinstance(value, np.ndarray)]
