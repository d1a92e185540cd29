"""Embedding: a learned row of a table for each category."""

from lamina import _core


def embedding_forward(codes, table, *, out=None):
    """Take from a table the row of each code: y_i = table[codes_i].

    Parameters
    ----------
    codes : ndarray of int32 or int64, (batch,)
        From 0 to rows - 1.
    table : ndarray, (rows, features)
    out : ndarray, (batch, features), optional

    Returns
    -------
    ndarray, (batch, features)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape or layout, or if a code is outside of the table, which is named
        with its row. Nothing is written then.

    Notes
    -----
    On a device codes are not checked: the row of one that is outside of the table is NaN, and it has no gradient.

    References
    ----------
    Y. Bengio, R. Ducharme, P. Vincent, C. Jauvin, "A neural probabilistic language model", 2003; C. Guo, F. Berkhahn,
    "Entity embeddings of categorical variables", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.embedding_forward(np.array([2, 0]), np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]))
    array([[4., 5.],
           [0., 1.]])
    """
    return _core.embedding_forward(codes, table, out)


def embedding_backward(dy, codes, rows, *, out=None):
    """Gradient of the table: of each of its rows the sum of dy where it was taken.

    Parameters
    ----------
    dy : ndarray, (batch, features)
        Gradient of the output.
    codes : ndarray of int32 or int64, (batch,)
        As of `embedding_forward`.
    rows : int
        Of the table.
    out : ndarray, (rows, features), optional

    Returns
    -------
    ndarray, (rows, features)
        0 where no code took a row.

    Raises
    ------
    TypeError, ValueError
        As `embedding_forward`.

    Notes
    -----
    dtable_r = Σ dy_i over the i with codes_i = r, in the order of a column sum in which all other rows are 0: a chain
    in every 32 rows of the batch, then these sums in order. So the bits are the same on every table and device.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.embedding_backward(np.array([[1.0], [2.0], [4.0]]), np.array([1, 0, 1]), 3)
    array([[2.],
           [5.],
           [0.]])
    """
    return _core.embedding_backward(dy, codes, rows, out)
