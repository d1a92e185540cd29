"""Counter-based random numbers: Philox4x32-10 and the draws laid over its counter."""

import numpy as np

from lamina import _core

from .checks import as_dtype, as_shape, words_in


def philox(counter, key, *, out=None):
    """Ten rounds of Philox4x32: a bijection of 128-bit counters for every 64-bit key.

    Parameters
    ----------
    counter : ndarray of uint32, (..., 4)
    key : ndarray of uint32, (..., 2)
        Leading dimensions broadcast.
    out : ndarray of uint32, (..., 4), optional

    Returns
    -------
    ndarray of uint32, (..., 4)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

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
    >>> from lamina import ops
    >>> words = ops.philox(np.zeros(4, np.uint32), np.zeros(2, np.uint32))
    >>> [f"{word:08x}" for word in words]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    counter, key = (words_in("philox", name, a, n) for name, a, n in (("counter", counter, 4), ("key", key, 2)))
    try:
        shape = np.broadcast_shapes(counter.shape[:-1], key.shape[:-1])
    except ValueError:
        shapes = f"counter {counter.shape} and key {key.shape}"
        raise ValueError(f"philox: {shapes} need leading dimensions that broadcast") from None
    counter = np.broadcast_to(counter, (*shape, 4))
    if key.size != 2:
        key = np.broadcast_to(key, (*shape, 2))
    return _core.philox(np.ascontiguousarray(counter), np.ascontiguousarray(key), out)


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
        Of the result; the two types have draws of their own.
    device : {"cpu", "cuda"}
        Where the result is; the numbers are the same.
    out : ndarray of `shape`, `dtype` and `device`, optional

    Returns
    -------
    ndarray of `shape`

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    Notes
    -----
    float32: four columns form a group, column c is (word_c >> 8) 2^-24. float64: two columns form a group, column c is
    (v_c >> 11) 2^-53 with v_c = word_2c + 2^32 word_(2c+1).

    References
    ----------
    J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.random_uniform((2, 3), seed=1).round(3)
    array([[0.622, 0.548, 0.494],
           [0.904, 0.218, 0.25 ]], dtype=float32)
    """
    return _core.random_uniform(
        as_shape("random_uniform", shape), seed, layer, step, row_offset, as_dtype("random_uniform", dtype), device, out
    )


def random_normal(shape, *, seed, layer=0, step=0, row_offset=0, dtype="float32", device="cpu", out=None):
    """Draw standard normal numbers by the transform of Box and Muller.

    Parameters
    ----------
    shape : int or tuple of int
    seed, layer, step, row_offset : int
        As in `random_uniform`.
    dtype : {"float32", "float64"}
        Of the result; the two types have draws of their own.
    device : {"cpu", "cuda"}
        Where the result is; the numbers are the same.
    out : ndarray of `shape`, `dtype` and `device`, optional

    Returns
    -------
    ndarray of `shape`

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

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
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.random_normal((2, 2), seed=1).shape
    (2, 2)
    """
    return _core.random_normal(
        as_shape("random_normal", shape), seed, layer, step, row_offset, as_dtype("random_normal", dtype), device, out
    )


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

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    Notes
    -----
    Fisher and Yates: for i = n-1 … 1 swap places i and j = (v (i + 1)) div 2^64, where v is the 64-bit value of the
    first two words of counter (0, i, step, 5 << 24 | layer).

    References
    ----------
    R. Durstenfeld, "Algorithm 235: random permutation", CACM 7 (1964).

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> sorted(ops.random_permutation(5, seed=3).tolist())
    [0, 1, 2, 3, 4]
    """
    return _core.random_permutation(n, seed, layer, step, out)
