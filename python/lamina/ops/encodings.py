"""Encodings of numeric features: periodic with learned frequencies, and piecewise linear."""

from lamina import _core


def periodic_forward(x, frequencies, *, out=None):
    """Encode each feature as sines and cosines: [sin(2π c x), cos(2π c x)] for its frequencies c.

    Parameters
    ----------
    x : ndarray, (batch, features)
    frequencies : ndarray, (features, count)
    out : ndarray, (batch, 2 features count), optional

    Returns
    -------
    ndarray, (batch, 2 features count)
        Of each feature first the sines, then the cosines.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape or layout; nothing is written then.

    Notes
    -----
    Whole turns are taken off c x and off what its rounding lost, exactly; only the rest is multiplied by 2π. So the
    error does not grow with c x: 2.7 ulp at most in float32, as measured. NaN where c x is not finite.

    References
    ----------
    Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep learning", 2022,
    section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.periodic_forward(np.array([[0.25], [1.0]]), np.array([[1.0, 2.0]])).round(3) + 0.0
    array([[ 1.,  0.,  0., -1.],
           [ 0.,  0.,  1.,  1.]])
    """
    return _core.periodic_forward(x, frequencies, out)


def periodic_backward(dy, x, frequencies, y, *, need_dx=True, out=None):
    """Gradients of the periodic encoding.

    Parameters
    ----------
    dy : ndarray, (batch, 2 features count)
        Gradient of the output.
    x : ndarray, (batch, features)
    frequencies : ndarray, (features, count)
    y : ndarray, (batch, 2 features count)
        What `periodic_forward` returned.
    need_dx : bool
        Whether the gradient of x is wanted.
    out : tuple of ndarray (dx, dfrequencies), optional

    Returns
    -------
    dx : ndarray, (batch, features), or None
    dfrequencies : ndarray, (features, count)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape or layout; nothing is written then.

    Notes
    -----
    With g = 2π (dsin cos - dcos sin), the gradient of each product c x: dx = Σ g c over the frequencies, and
    dc = Σ g x over the rows.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> x, frequencies = np.array([[0.5]]), np.array([[2.0]])
    >>> y = ops.periodic_forward(x, frequencies)
    >>> dx, dfrequencies = ops.periodic_backward(np.array([[1.0, 0.0]]), x, frequencies, y)
    >>> bool(np.isclose(dx, 4 * np.pi)[0, 0]), bool(np.isclose(dfrequencies, np.pi)[0, 0])
    (True, True)
    """
    return _core.periodic_backward(dy, x, frequencies, y, need_dx, out)


def piecewise_linear_forward(x, edges, *, out=None):
    """Encode each feature as how much of each of its bins lies below it.

    Parameters
    ----------
    x : ndarray, (batch, features)
    edges : ndarray, (features, bins + 1)
        b_0 < ... < b_bins of each feature, as `lamina.quantile_edges` finds them.
    out : ndarray, (batch, features bins), optional

    Returns
    -------
    ndarray, (batch, features bins)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape or layout, or if edges are not finite and ascending (on a device
        these are not looked at); nothing is written then.

    Notes
    -----
    Component t is (x - b_(t-1)) / (b_t - b_(t-1)), at least 0 but for the first bin and at most 1 but for the last:
    these two go on beyond the edges.

    References
    ----------
    Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep learning", 2022,
    section 3.2, equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> ops.piecewise_linear_forward(np.array([[-1.0], [1.5], [8.0]]), np.array([[0.0, 1.0, 2.0, 4.0]]))
    array([[-1. ,  0. ,  0. ],
           [ 1. ,  0.5,  0. ],
           [ 1. ,  1. ,  3. ]])
    """
    return _core.piecewise_linear_forward(x, edges, out)


def piecewise_linear_backward(dy, x, edges, *, out=None):
    """Gradient of x through the piecewise-linear encoding; the edges are not learned.

    Parameters
    ----------
    dy : ndarray, (batch, features bins)
        Gradient of the output.
    x : ndarray, (batch, features)
    edges : ndarray, (features, bins + 1)
    out : ndarray, (batch, features), optional

    Returns
    -------
    ndarray, (batch, features)

    Raises
    ------
    TypeError, ValueError
        As `piecewise_linear_forward`.

    Notes
    -----
    dx = dy_t / (b_t - b_(t-1)) for the bin t that x lies in: only its share moves with x. On an edge the upper one.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> edges = np.array([[0.0, 1.0, 2.0, 4.0]])
    >>> ops.piecewise_linear_backward(np.array([[1.0, 2.0, 3.0]]), np.array([[2.5]]), edges)
    array([[1.5]])
    """
    return _core.piecewise_linear_backward(dy, x, edges, out)
