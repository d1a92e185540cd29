"""Counter-based random numbers: Philox4x32-10 and the draws laid over its counter."""

import numpy as np

from .checks import deliver

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)  # golden ratio, sqrt(3) - 1
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)

# Purposes: the top byte of the last counter word.
UNIFORM, NORMAL, DROPOUT, RRELU, PERMUTATION = 1, 2, 3, 4, 5
MASKING_NOISE, GAUSSIAN_NOISE, SALT_AND_PEPPER, WHITEOUT = 6, 7, 8, 9
RBM_HIDDEN, RBM_VISIBLE = 10, 11


def philox(counter, key, *, out=None):
    """Ten rounds of Philox4x32: a bijection of 128-bit counters for every 64-bit key.

    Parameters
    ----------
    counter : array_like of uint32, (..., 4)
    key : array_like of uint32, (..., 2)
        Leading dimensions broadcast.
    out : ndarray of uint32, (..., 4), optional

    Returns
    -------
    ndarray of uint32, (..., 4)

    Notes
    -----
    One round maps (c0, c1, c2, c3) under key (k0, k1) to (hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1,
    lo(M0 c0)); between rounds the key grows by (9e3779b9, bb67ae85).

    The draws of this library use

    - key = (seed mod 2^32, seed div 2^32);
    - counter = (column group, (row + row_offset) mod 2^32, step, purpose << 24 | layer), with purposes uniform 1,
      normal 2, dropout 3, rrelu 4, permutation 5, masking noise 6, gaussian noise 7, salt and pepper 8, whiteout 9,
      hidden units 10 and visible units 11 of Boltzmann machines.
      The first axis of a draw is its rows, the others together its columns; how many columns form a group is said at
      each draw.

    References
    ----------
    J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> words = ref.philox(np.zeros(4, np.uint32), np.zeros(2, np.uint32))
    >>> [f"{word:08x}" for word in words]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    counter, key = np.asarray(counter), np.asarray(key)
    for name, array, width in (("counter", counter, 4), ("key", key, 2)):
        if array.dtype != np.uint32 or array.ndim == 0 or array.shape[-1] != width:
            raise ValueError(f"philox: {name} is {array.dtype} {array.shape}, uint32 (..., {width}) is needed")
    try:
        np.broadcast_shapes(counter.shape[:-1], key.shape[:-1])
    except ValueError:
        raise ValueError(
            f"philox: {counter.shape} and {key.shape} do not broadcast, leading dimensions need to"
        ) from None
    # 64-bit lanes, so that a product keeps its high half.
    c0, c1, c2, c3 = (counter[..., i].astype(np.uint64) for i in range(4))
    k0, k1 = (key[..., i].astype(np.uint64) for i in range(2))
    for _ in range(10):
        product0, product1 = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (product1 >> _HALF) ^ c1 ^ k0, product1 & _LOW, (product0 >> _HALF) ^ c3 ^ k1, product0 & _LOW
        k0, k1 = (k0 + _WEYL[0]) & _LOW, (k1 + _WEYL[1]) & _LOW
    return deliver("philox", np.stack(np.broadcast_arrays(c0, c1, c2, c3), axis=-1).astype(np.uint32), out)


def draw_words(op, rows, groups, purpose, *, seed, layer, step, row_offset=0):
    """Return the words of a draw, uint32 of shape (rows, groups, 4).

    Examples
    --------
    >>> from lamina.reference.random import UNIFORM, draw_words
    >>> draw_words("random_uniform", 2, 3, UNIFORM, seed=0, layer=0, step=0).shape
    (2, 3, 4)
    """
    for name, value, bits in (("seed", seed, 64), ("layer", layer, 24), ("step", step, 32)):
        if not 0 <= value < 2**bits:
            raise ValueError(f"{op}: {name} is {value}, 0 <= {name} < 2^{bits} is needed")
    if row_offset < 0 or row_offset + rows > 2**32:
        raise ValueError(f"{op}: row_offset is {row_offset} with {rows} rows, rows from 0 to 2^32 - 1 are needed")
    counter = np.empty((rows, groups, 4), np.uint32)
    counter[..., 0] = np.arange(groups)
    counter[..., 1] = row_offset + np.arange(rows)[:, None]
    counter[..., 2] = step
    counter[..., 3] = purpose << 24 | layer
    return philox(counter, np.array([seed & 0xFFFFFFFF, seed >> 32], np.uint32))


def rows_and_columns(op, shape):
    """Split a shape into its first axis and the product of the others.

    Examples
    --------
    >>> from lamina.reference.random import rows_and_columns
    >>> rows_and_columns("dropout_mask", (5, 2, 3)), rows_and_columns("dropout_mask", 5)
    ((5, 6), (5, 1))
    """
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if not shape or min(shape) < 0:
        raise ValueError(f"{op}: shape is {shape}, one or more lengths of at least 0 are needed")
    return shape[0], int(np.prod(shape[1:], dtype=np.int64))


def lay_out(numbers, shape):
    """Lay (rows, groups, ...) numbers out as `shape`, dropping what the last group of each row has too many."""
    rows, columns = rows_and_columns("random", shape)
    width = int(np.prod(numbers.shape[1:]))
    return numbers.reshape(rows, width)[:, :columns].reshape(shape)


def random_uniform(shape, *, seed, layer=0, step=0, row_offset=0, dtype="float32", device="cpu", out=None):
    """Draw uniform numbers in [0, 1).

    Parameters
    ----------
    shape : int or tuple of int
    seed : int
        0 <= seed < 2^64.
    layer, step : int
        Which draw: 0 <= layer < 2^24, 0 <= step < 2^32.
    row_offset : int
        Number of the first row, so that parts of a batch get the numbers of the whole.
    dtype : {"float32", "float64"}
        Which of the two draws; the result is float64 either way.
    device : str
        Taken and not used.
    out : ndarray of `shape`, optional

    Returns
    -------
    ndarray of `shape`, float64

    Notes
    -----
    float32: four columns form a group, column c is (word_c >> 8) 2^-24. float64: two columns form a group, column c is
    (v_c >> 11) 2^-53 with v_c = word_2c + 2^32 word_(2c+1).

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.random_uniform((2, 3), seed=1).round(3)
    array([[0.622, 0.548, 0.494],
           [0.904, 0.218, 0.25 ]])
    """
    numbers = uniform_draw(
        "random_uniform", shape, UNIFORM, dtype, seed=seed, layer=layer, step=step, row_offset=row_offset
    )
    return deliver("random_uniform", numbers, out)


def uniform_draw(op, shape, purpose, dtype, **key):
    """Draw as `random_uniform` does, for any purpose.

    Examples
    --------
    >>> from lamina.reference.random import RRELU, uniform_draw
    >>> uniform_draw("rrelu", (2, 3), RRELU, "float32", seed=1, layer=0, step=0).shape
    (2, 3)
    """
    double = _is_double(op, dtype)
    rows, columns = rows_and_columns(op, shape)
    words = draw_words(op, rows, -(-columns // (2 if double else 4)), purpose, **key)
    return lay_out(_fraction(words, double), shape)


def random_normal(shape, *, seed, layer=0, step=0, row_offset=0, dtype="float32", device="cpu", out=None):
    """Draw standard normal numbers by the transform of Box and Muller.

    Parameters
    ----------
    shape : int or tuple of int
    seed, layer, step, row_offset : int
        As in `random_uniform`.
    dtype : {"float32", "float64"}
        Which of the two draws; the result is float64 either way.
    device : str
        Taken and not used.
    out : ndarray of `shape`, optional

    Returns
    -------
    ndarray of `shape`, float64

    Notes
    -----
    With u1 in (0, 1] and u2 in [0, 1): r = sqrt(-2 ln u1), and two columns are r cos(2π u2), r sin(2π u2).
    float32: four columns form a group, words (0, 1) give its first two, words (2, 3) the others, with
    u1 = ((word >> 8) + 1) 2^-24, u2 = (word >> 8) 2^-24. float64: two columns form a group, from its two 64-bit values
    with u1 = ((v >> 11) + 1) 2^-53, u2 = (v >> 11) 2^-53.

    References
    ----------
    G. Box, M. Muller, "A note on the generation of random normal deviates", 1958.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.random_normal((2, 2), seed=1).shape
    (2, 2)
    """
    key = dict(seed=seed, layer=layer, step=step, row_offset=row_offset)
    return deliver("random_normal", normal_draw("random_normal", shape, NORMAL, dtype, **key), out)


def normal_draw(op, shape, purpose, dtype, **key):
    """Draw as `random_normal` does, for any purpose.

    Examples
    --------
    >>> from lamina.reference.random import WHITEOUT, normal_draw
    >>> normal_draw("whiteout", (2, 3), WHITEOUT, "float32", seed=1, layer=0, step=0).shape
    (2, 3)
    """
    double = _is_double(op, dtype)
    rows, columns = rows_and_columns(op, shape)
    words = draw_words(op, rows, -(-columns // (2 if double else 4)), purpose, **key)
    fraction = _fraction(words, double)
    unit = 2.0**-53 if double else 2.0**-24
    radius = np.sqrt(-2.0 * np.log(fraction[..., 0::2] + unit))
    angle = 2.0 * np.pi * fraction[..., 1::2]
    return lay_out(np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1), shape)


def random_permutation(n, *, seed, layer=0, step=0, out=None):
    """Shuffle 0 … n-1.

    Parameters
    ----------
    n : int
    seed, layer, step : int
        As in `random_uniform`.
    out : ndarray of int64, (n,), optional

    Returns
    -------
    ndarray of int64, (n,)

    Notes
    -----
    Fisher and Yates: for i = n-1 … 1 swap places i and j = (v (i + 1)) div 2^64, where v is the 64-bit value of the
    first two words of counter (0, i, step, 5 << 24 | layer).

    References
    ----------
    R. Durstenfeld, "Algorithm 235: random permutation", CACM 7 (1964).

    Examples
    --------
    >>> from lamina import reference as ref
    >>> sorted(ref.random_permutation(5, seed=3).tolist())
    [0, 1, 2, 3, 4]
    """
    if n < 0:
        raise ValueError(f"random_permutation: n is {n}, at least 0 is needed")
    words = draw_words("random_permutation", n, 1, PERMUTATION, seed=seed, layer=layer, step=step)[:, 0]
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        value = int(words[i, 0]) | int(words[i, 1]) << 32
        j = value * (i + 1) >> 64
        order[i], order[j] = order[j], order[i]
    return deliver("random_permutation", np.array(order, dtype=np.int64), out)


def _is_double(op, dtype):
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"{op}: dtype is {dtype}, float32 or float64 is needed")
    return dtype == np.float64


def _fraction(words, double):
    """(..., 4) words to (..., 2) or (..., 4) numbers in [0, 1)."""
    if not double:
        return (words >> np.uint32(8)) * 2.0**-24
    values = words[..., 0::2].astype(np.uint64) | words[..., 1::2].astype(np.uint64) << _HALF
    return (values >> np.uint64(11)).astype(np.float64) * 2.0**-53
