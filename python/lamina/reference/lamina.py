"""One fused layer, as the composition of its parts: affine, batch normalisation, activation, dropout."""

from .activation import activation_backward, activation_forward, resolve
from .batchnorm import batchnorm_backward, batchnorm_forward
from .checks import deliver, to_float64
from .dropout import dropout_backward, dropout_forward
from .linear import linear_backward, linear_forward


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
    x : array_like, (batch, in)
    weight : array_like, (out, in)
    bias : array_like, (out,), optional
    gamma, beta : array_like, (out,), optional
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
        For h.
    precision : str, optional
        Accepted and ignored: the reference computes in float64.
    **params
        The activation's own constants.

    Returns
    -------
    h : ndarray, (batch, out), float64
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
    >>> from lamina import reference as ref
    >>> h, saved = ref.lamina_forward([[1.0, 2.0]], [[1.0, 1.0], [0.0, -1.0]], activation="relu")
    >>> h
    array([[3., 0.]])
    """
    op = "lamina_forward"
    if (gamma is None) != (beta is None):
        raise ValueError(f"{op}: gamma and beta are needed both or not at all")
    resolve(op, activation, params)
    z = normalised = linear_forward(x, weight, bias)
    mean = rstd = None
    if gamma is not None:
        normalised, mean, rstd = batchnorm_forward(
            z, gamma, beta, running_mean, running_var, training=training, momentum=momentum, eps=eps,
            unbiased_running_var=unbiased_running_var,
        )  # fmt: skip
    h = y = activation_forward(normalised, activation, **params)
    draw = dict(seed=seed, layer=layer, step=step, row_offset=row_offset)
    dropped = training and p != 0
    if dropped:
        h = dropout_forward(y, p, **draw)
    saved = dict(
        x=to_float64(op, "x", x, 2), weight=to_float64(op, "weight", weight, 2), has_bias=bias is not None,
        gamma=gamma, z=z, normalised=normalised, mean=mean, rstd=rstd, y=y, activation=activation, params=params,
        p=p if dropped else 0.0, draw=draw, training=training,
    )  # fmt: skip
    return deliver(op, h, out), saved


def lamina_backward(dy, saved, *, need_dx=True, out=None):
    """Gradients of a lamina: its parts backwards.

    Parameters
    ----------
    dy : array_like, (batch, out)
        Gradient of the lamina's output.
    saved : dict
        The second result of `lamina_forward`.
    need_dx : bool
        Whether the gradient of x is computed.
    out : dict of ndarray, optional
        For the gradients, or some of them, by the names below.

    Returns
    -------
    dict of ndarray, float64
        "weight" (out, in), and where they exist "x" (batch, in), "bias", "gamma" and "beta" (out,).

    Examples
    --------
    >>> from lamina import reference as ref
    >>> h, saved = ref.lamina_forward([[1.0, 2.0]], [[1.0, 1.0], [0.0, -1.0]], activation="relu")
    >>> ref.lamina_backward([[1.0, 1.0]], saved)["weight"]
    array([[1., 2.],
           [0., 0.]])
    """
    gradients = {}
    dy = to_float64("lamina_backward", "dy", dy, 2)
    if saved["p"] != 0:
        dy = dropout_backward(dy, saved["p"], **saved["draw"])
    dz = activation_backward(dy, saved["normalised"], saved["activation"], y=saved["y"], **saved["params"])
    if saved["gamma"] is not None:
        dz, gradients["gamma"], gradients["beta"] = batchnorm_backward(
            dz, saved["z"], saved["gamma"], saved["mean"], saved["rstd"], training=saved["training"]
        )
    dx, gradients["weight"], dbias = linear_backward(dz, saved["x"], saved["weight"], need_dx=need_dx)
    if saved["has_bias"]:
        gradients["bias"] = dbias
    if need_dx:
        gradients["x"] = dx
    for name, array in (out or {}).items():
        gradients[name] = deliver("lamina_backward", gradients[name], array)
    return gradients
