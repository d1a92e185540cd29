"""General matrix product."""

import numpy as np

from .checks import deliver, expect_shape, to_float64


def gemm(a, b, *, transpose_a=False, transpose_b=False, alpha=1.0, beta=0.0, out=None, precision=None):
    """Compute ``alpha * op(a) @ op(b) + beta * out``.

    Parameters
    ----------
    a : array_like, (rows, depth), or (depth, rows) with `transpose_a`
    b : array_like, (depth, columns), or (columns, depth) with `transpose_b`
    transpose_a, transpose_b : bool
        Whether op() transposes.
    alpha, beta : float
        Scales of the product and of the earlier content of `out`.
    out : ndarray, (rows, columns), optional
        Where the result goes; needed when `beta` is not 0.
    precision : str, optional
        Accepted and ignored: the reference computes in float64.

    Returns
    -------
    ndarray, (rows, columns), float64
        `out` itself when that was given.

    Raises
    ------
    ValueError
        If the shapes do not fit, or `beta` is not 0 without `out`.

    Notes
    -----
    The rules of BLAS hold: ``beta = 0`` never reads `out`, ``alpha = 0`` never reads `a` and `b`, so that NaN in what
    is not read does not spread.

    References
    ----------
    J. Dongarra et al., "A set of level 3 basic linear algebra subprograms", ACM TOMS 16 (1990).

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.gemm([[1.0, 2.0]], [[3.0], [4.0]])
    array([[11.]])
    """
    a = to_float64("gemm", "a", a, 2)
    b = to_float64("gemm", "b", b, 2)
    a = a.T if transpose_a else a
    b = b.T if transpose_b else b
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"gemm: depths {a.shape[1]} of op(a) and {b.shape[0]} of op(b) differ, equal ones are needed")
    if beta != 0 and out is None:
        raise ValueError("gemm: beta is not 0, which needs out")
    shape = (a.shape[0], b.shape[1])
    result = alpha * (a @ b) if alpha != 0 else np.zeros(shape)
    if beta != 0:
        expect_shape("gemm", "out", out, shape)
        result = result + beta * to_float64("gemm", "out", out, 2)
    return deliver("gemm", result, out)
