"""Encodings of numeric features: periodic with learned frequencies, and piecewise linear."""

import numpy as np

from .checks import deliver, expect_shape, to_float64


def periodic_forward(x, frequencies, *, out=None):
    """Encode each feature as sines and cosines: [sin(2π c x), cos(2π c x)] for its frequencies c.

    Parameters
    ----------
    x : array_like, (batch, features)
    frequencies : array_like, (features, count)
    out : ndarray, (batch, 2 features count), optional

    Returns
    -------
    ndarray, (batch, 2 features count), float64
        Of each feature first the sines, then the cosines.

    References
    ----------
    Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep learning", 2022,
    section 3.3.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.periodic_forward([[0.25], [1.0]], [[1.0, 2.0]]).round(3) + 0.0
    array([[ 1.,  0.,  0., -1.],
           [ 0.,  0.,  1.,  1.]])
    """
    op = "periodic_forward"
    x, frequencies = _features(op, "frequencies", x, frequencies)
    turns = x[:, :, None] * frequencies
    angle = 2 * np.pi * (turns - np.rint(turns))
    return deliver(op, _flat(np.concatenate([np.sin(angle), np.cos(angle)], axis=2)), out)


def periodic_backward(dy, x, frequencies, y, *, need_dx=True, out=None):
    """Gradients of the periodic encoding.

    Parameters
    ----------
    dy : array_like, (batch, 2 features count)
        Gradient of the output.
    x : array_like, (batch, features)
    frequencies : array_like, (features, count)
    y : array_like, (batch, 2 features count)
        What `periodic_forward` returned.
    need_dx : bool
        Whether the gradient of x is wanted.
    out : tuple of ndarray (dx, dfrequencies), optional

    Returns
    -------
    dx : ndarray, (batch, features), float64, or None
    dfrequencies : ndarray, (features, count), float64

    Notes
    -----
    With g = 2π (dsin cos - dcos sin), the gradient of each product c x: dx = Σ g c over the frequencies, and
    dc = Σ g x over the rows.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> y = ref.periodic_forward([[0.5]], [[2.0]])
    >>> dx, dfrequencies = ref.periodic_backward([[1.0, 0.0]], [[0.5]], [[2.0]], y)
    >>> dx.round(3), dfrequencies.round(3)
    (array([[12.566]]), array([[3.142]]))
    """
    op = "periodic_backward"
    x, frequencies = _features(op, "frequencies", x, frequencies)
    dy, y = to_float64(op, "dy", dy, 2), to_float64(op, "y", y, 2)
    for name, array in (("dy", dy), ("y", y)):
        expect_shape(op, name, array, (len(x), 2 * frequencies.size))
    shape = len(x), x.shape[1], 2, frequencies.shape[1]
    (dsin, dcos), (sin, cos) = (np.moveaxis(array.reshape(shape), 2, 0) for array in (dy, y))
    g = 2 * np.pi * (dsin * cos - dcos * sin)
    dx = np.sum(g * frequencies, axis=2) if need_dx else None
    return deliver(op, (dx, np.sum(g * x[:, :, None], axis=0)), out)


def piecewise_linear_forward(x, edges, *, out=None):
    """Encode each feature as how much of each of its bins lies below it.

    Parameters
    ----------
    x : array_like, (batch, features)
    edges : array_like, (features, bins + 1)
        b_0 < ... < b_bins of each feature.
    out : ndarray, (batch, features bins), optional

    Returns
    -------
    ndarray, (batch, features bins), float64

    Notes
    -----
    Component t is (x - b_(t-1)) / (b_t - b_(t-1)); but 0 where x < b_(t-1), t > 1, and 1 where x >= b_t, t < bins.

    References
    ----------
    Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep learning", 2022,
    section 3.2, equation 1.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.piecewise_linear_forward([[-1.0], [1.5], [8.0]], [[0.0, 1.0, 2.0, 4.0]])
    array([[-1. ,  0. ,  0. ],
           [ 1. ,  0.5,  0. ],
           [ 1. ,  1. ,  3. ]])
    """
    op = "piecewise_linear_forward"
    x, edges, below, above = _bins(op, x, edges)
    share = (x - edges[:, :-1]) / np.diff(edges)
    return deliver(op, _flat(np.where(below, 0.0, np.where(above, 1.0, share))), out)


def piecewise_linear_backward(dy, x, edges, *, out=None):
    """Gradient of x through the piecewise-linear encoding; the edges are not learned.

    Parameters
    ----------
    dy : array_like, (batch, features bins)
        Gradient of the output.
    x : array_like, (batch, features)
    edges : array_like, (features, bins + 1)
    out : ndarray, (batch, features), optional

    Returns
    -------
    ndarray, (batch, features), float64

    Notes
    -----
    dx = dy_t / (b_t - b_(t-1)) for the bin t that x lies in: only its share moves with x. On an edge the upper one.

    Examples
    --------
    >>> from lamina import reference as ref
    >>> ref.piecewise_linear_backward([[1.0, 2.0, 3.0]], [[2.5]], [[0.0, 1.0, 2.0, 4.0]])
    array([[1.5]])
    """
    op = "piecewise_linear_backward"
    x, edges, below, above = _bins(op, x, edges)
    dy = to_float64(op, "dy", dy, 2)
    expect_shape(op, "dy", dy, (len(x), below.shape[1] * below.shape[2]))
    moving = np.where(below | above, 0.0, dy.reshape(below.shape) / np.diff(edges))
    return deliver(op, np.sum(moving, axis=2), out)


def _features(op, name, x, each):
    x, each = to_float64(op, "x", x, 2), to_float64(op, name, each, 2)
    expect_shape(op, name, each, (x.shape[1], each.shape[1]))
    return x, each


def _bins(op, x, edges):
    """x and edges with an axis for the bins, and where x lies below or above a bin that is closed there."""
    x, edges = _features(op, "edges", x, edges)
    if edges.shape[1] < 2 or not np.isfinite(edges).all() or not (np.diff(edges) > 0).all():
        raise ValueError(
            f"{op}: edges have shape {edges.shape}, at least 2 finite, ascending ones a feature are needed"
        )
    x, bins = x[:, :, None], np.arange(edges.shape[1] - 1)
    return x, edges, (x < edges[:, :-1]) & (bins > 0), (x >= edges[:, 1:]) & (bins < bins[-1])


def _flat(array):
    return array.reshape(len(array), -1) if array.size else np.zeros((len(array), array.shape[1] * array.shape[2]))
