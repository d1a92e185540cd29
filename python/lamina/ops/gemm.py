"""General matrix product."""

from lamina import _core


def gemm(a, b, *, transpose_a=False, transpose_b=False, alpha=1.0, beta=0.0, out=None, precision=None):
    """Compute ``alpha * op(a) @ op(b) + beta * out``.

    Parameters
    ----------
    a : ndarray, (rows, depth), or (depth, rows) with `transpose_a`
    b : ndarray, (depth, columns), or (columns, depth) with `transpose_b`
    transpose_a, transpose_b : bool
        Whether op() transposes.
    alpha, beta : float
        Scales of the product and of the earlier content of `out`.
    out : ndarray, (rows, columns), optional
        Where the result goes; needed when `beta` is not 0.
    precision : str, optional
        Of float32 products: "highest", "high" or "medium"; that of `lamina.set_precision` unless given. What the
        machine has no faster unit for is computed at "highest".

    Returns
    -------
    ndarray, (rows, columns)
        `out` itself when that was given.

    Raises
    ------
    ValueError
        If shapes or dtypes do not fit, `beta` is not 0 without `out`, or the precision is unknown.

    Notes
    -----
    `a` and `b` are both float32, float64, or bfloat16, whose products are summed in float32; the result is bfloat16
    then, or float32 when `out` is. At "high" each float32 operand counts as the sum of two bfloat16 numbers, and three
    products of these give an error below 2⁻¹⁵ |a| |b| beside that of the sums, for zero and numbers between 2⁻¹¹⁰ and
    2¹²⁷ in magnitude; at "medium" operands are rounded to bfloat16. Small products are computed at "highest" all the
    same. NaN and infinities make NaN or infinity of the results they take part in.

    The rules of BLAS hold: ``beta = 0`` never reads `out`, ``alpha = 0`` never reads `a` and `b`, so that NaN in what
    is not read does not spread.

    References
    ----------
    J. Dongarra et al., "A set of level 3 basic linear algebra subprograms", ACM TOMS 16 (1990).

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.gemm(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    array([[11.]])
    """
    return _core.gemm(a, b, transpose_a, transpose_b, alpha, beta, out, precision)
