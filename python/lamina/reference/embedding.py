"""Embedding: a learned row of a table for each category."""

import numpy as np

from .checks import deliver, expect_shape, to_float64


def embedding_forward(codes, table, *, out=None):
    """Take from a table the row of each code: y_i = table[codes_i].

    Parameters
    ----------
    codes : array_like of int, (batch,)
        From 0 to rows - 1.
    table : array_like, (rows, features)
    out : ndarray, (batch, features), optional

    Returns
    -------
    ndarray, (batch, features), float64

    References
    ----------
    Y. Bengio, R. Ducharme, P. Vincent, C. Jauvin, "A neural probabilistic language model", 2003.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.embedding_forward([2, 0], [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    array([[4., 5.],
           [0., 1.]])
    """
    op = "embedding_forward"
    table = to_float64(op, "table", table, 2)
    return deliver(op, _one_hot(op, codes, len(table)) @ table, out)


def embedding_backward(dy, codes, rows, *, out=None):
    """Gradient of the table: of each of its rows the sum of dy where it was taken.

    Parameters
    ----------
    dy : array_like, (batch, features)
        Gradient of the output.
    codes : array_like of int, (batch,)
    rows : int
        Of the table.
    out : ndarray, (rows, features), optional

    Returns
    -------
    ndarray, (rows, features), float64

    Notes
    -----
    The forward pass is a product with the codes as unit vectors; so is this, with them transposed.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.embedding_backward([[1.0], [2.0], [4.0]], [1, 0, 1], 3)
    array([[2.],
           [5.],
           [0.]])
    """
    op = "embedding_backward"
    dy = to_float64(op, "dy", dy, 2)
    expect_shape(op, "codes", np.asarray(codes), dy.shape[:1])
    return deliver(op, _one_hot(op, codes, rows).T @ dy, out)


def _one_hot(op, codes, rows):
    codes = np.asarray(codes)
    for row, code in enumerate(codes):
        if not 0 <= code < rows:
            raise ValueError(f"{op}: code {code} at row {row}, 0 to {rows - 1} needed")
    return np.asarray(codes[:, None] == np.arange(rows), np.float64)
