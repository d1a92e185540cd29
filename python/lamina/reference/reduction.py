"""What the losses share: their pair of matrices, the weights of rows, and the reduction of rows to a number."""

import numpy as np

from .checks import deliver, expect_shape, to_float64


def matrices(op, **pair):
    """Return two matrices of one shape, given by name, as float64.

    Examples
    --------
    >>> from lamina.reference.reduction import matrices
    >>> matrices("squared_error", prediction=[[1]], target=[[2]])
    (array([[1.]]), array([[2.]]))
    """
    first, second = (to_float64(op, name, value, 2) for name, value in pair.items())
    expect_shape(op, list(pair)[1], second, first.shape)
    return first, second


def row_weights(op, name, weights, size):
    """Return weights as float64, ones where none are given.

    Examples
    --------
    >>> from lamina.reference.reduction import row_weights
    >>> row_weights("squared_error", "sample_weight", None, 2)
    array([1., 1.])
    """
    if weights is None:
        return np.ones(size)
    weights = to_float64(op, name, weights, 1)
    expect_shape(op, name, weights, (size,))
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(f"{op}: {name} has numbers below 0 or not finite, others are needed")
    return weights


def reduced(op, losses, gradient, weight, reduction, out=None):
    """Return the reduction of one value per row, and its gradient, which `out` is for.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina.reference.reduction import reduced
    >>> reduced("squared_error", np.array([2.0, 4.0]), np.eye(2), np.array([1.0, 3.0]), "mean")
    (3.5, array([[0.25, 0.  ],
           [0.  , 0.75]]))
    """
    if len(losses) == 0 or gradient.shape[1] == 0:
        raise ValueError(f"{op}: got shape {gradient.shape}, at least one row and one column are needed")
    weighted = weight * losses
    gradient = weight[:, None] * gradient
    if reduction == "none":
        return deliver(op, (weighted, gradient), out)
    if reduction == "sum":
        return float(np.sum(weighted)), deliver(op, gradient, out)
    if reduction != "mean":
        raise ValueError(f"{op}: unknown reduction {reduction!r}, one of mean, sum, none is needed")
    total = np.sum(weight)
    if total == 0:
        raise ValueError(f"{op}: the total weight is 0, the mean needs a positive one")
    return float(np.sum(weighted) / total), deliver(op, gradient / total, out)
