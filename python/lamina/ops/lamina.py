"""One fused layer, as the composition of its parts: affine, batch normalisation, activation, dropout."""

from lamina import _core


def lamina_forward(
    x,
    weight,
    bias=None,
    *,
    gamma=None,
    beta=None,
    running_mean=None,
    running_var=None,
    activation="relu",
    p=0.0,
    seed=0,
    layer=0,
    step=0,
    row_offset=0,
    training=True,
    momentum=0.1,
    eps=1e-5,
    unbiased_running_var=True,
    out=None,
    precision=None,
    **params,
):
    """Compute h = dropout(g(batchnorm(x Wᵀ + b))).

    Parameters
    ----------
    x : ndarray, (batch, in)
    weight : ndarray, (out, in)
    bias : ndarray, (out,), optional
    gamma, beta : ndarray, (out,), optional
        Given together, they turn batch normalisation on.
    running_mean, running_var, momentum, eps, unbiased_running_var
        As in `batchnorm_forward`.
    activation : str
        A name of `activations(fused=True)`. prelu and rrelu are calls of `activation_forward` by themselves.
    p : float
        The share that dropout drops in training; 0 turns it off.
    seed, layer, step, row_offset : int
        Which dropout mask; see `random_uniform`.
    training : bool
        Batch statistics and dropout; otherwise running statistics and no dropout.
    out : ndarray, (batch, out), optional
        For h, which `saved` holds: it has to stay as it is until the backward pass.
    precision : str, optional
        Of float32 products: "highest", "high" or "medium"; that of `lamina.set_precision` unless given. What the
        machine has no faster unit for is computed at "highest".
    **params
        The activation's own constants.

    Returns
    -------
    h : ndarray, (batch, out)
    saved : dict
        What `lamina_backward` reads.

    Raises
    ------
    ValueError
        If the shapes do not fit or only one of gamma and beta is given.

    References
    ----------
    S. Ioffe, C. Szegedy, "Batch normalization", 2015, section 3.2: normalise between the affine part and g.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> h, saved = ops.lamina_forward(np.array([[1.0, 2.0]]), np.array([[1.0, 1.0], [0.0, -1.0]]), activation="relu")
    >>> h
    array([[3., 0.]])
    """
    return _core.lamina_forward(
        x, weight, bias, gamma, beta, running_mean, running_var, activation, params, p, seed, layer, step, row_offset,
        training, momentum, eps, unbiased_running_var, precision, out,
    )  # fmt: skip


def lamina_backward(dy, saved, *, need_dx=True, out=None):
    """Gradients of a lamina: its parts backwards.

    Parameters
    ----------
    dy : ndarray, (batch, out)
        Gradient of the lamina's output.
    saved : dict
        The second result of `lamina_forward`.
    need_dx : bool
        Whether the gradient of x is computed.
    out : dict of ndarray, optional
        For the gradients, or some of them, by the names below.

    Returns
    -------
    dict of ndarray
        "weight" (out, in), and where they exist "x" (batch, in), "bias", "gamma" and "beta" (out,).

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

    References
    ----------
    S. Ioffe, C. Szegedy, "Batch normalization", 2015; D. Rumelhart, G. Hinton, R. Williams,
    "Learning representations by back-propagating errors", 1986.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import ops
    >>> h, saved = ops.lamina_forward(np.array([[1.0, 2.0]]), np.array([[1.0, 1.0], [0.0, -1.0]]), activation="relu")
    >>> ops.lamina_backward(np.array([[1.0, 1.0]]), saved)["weight"]
    array([[1., 2.],
           [0., 0.]])
    """
    return _core.lamina_backward(dy, saved, need_dx, out)
