"""Restricted Boltzmann machines: conditionals, free energy, and the gradient of contrastive divergence."""

import numpy as np

from .activation import activation_forward
from .checks import deliver, expect_shape, to_float64
from .random import RBM_HIDDEN, RBM_VISIBLE, normal_draw, uniform_draw


def rbm_hidden(
    v, weight, hidden_bias, *, unit="bernoulli", sample=False, seed=0, layer=0, step=0, row_offset=0, out=None
):
    """Hidden units given the visible ones: their means, or a draw.

    Parameters
    ----------
    v : array_like (batch, visible)
    weight : array_like (hidden, visible)
    hidden_bias : array_like (hidden,)
    unit : {"bernoulli", "relu"}
        What the hidden units are.
    sample : bool
        Whether to draw.
    seed, layer, step, row_offset : int
        As in `random_uniform`; the draw has a purpose of its own.
    out : array_like (batch, hidden), optional

    Returns
    -------
    ndarray (batch, hidden)

    Notes
    -----
    With a = v Wᵀ + b: a Bernoulli unit is 1 with probability σ(a), drawn as u < σ(a) with u as of `random_uniform`. A
    ReLU has max(0, a), drawn as max(0, a + n √σ(a)) with n as of `random_normal` (a noisy rectified linear unit).

    References
    ----------
    H. Larochelle, "Neural networks", restricted Boltzmann machine: inference. V. Nair, G. Hinton, "Rectified linear
    units improve restricted Boltzmann machines", ICML 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> v, weight, bias = np.array([[1.0, 0.0]]), np.array([[2.0, 1.0], [-2.0, 0.0]]), np.zeros(2)
    >>> ref.rbm_hidden(v, weight, bias).round(3)
    array([[0.881, 0.119]])
    >>> ref.rbm_hidden(v, weight, bias, sample=True, seed=1)
    array([[1., 0.]])
    """
    op, key = "rbm_hidden", dict(seed=seed, layer=layer, step=step, row_offset=row_offset)
    a, dtype = _inputs(op, "v", v, weight, "hidden_bias", hidden_bias), _dtype_of(v)
    probability = activation_forward(a, "sigmoid")
    _known(op, "unit", unit, ("bernoulli", "relu"))
    if unit == "bernoulli":
        h = uniform_draw(op, a.shape, RBM_HIDDEN, dtype, **key) < probability if sample else probability
    else:
        noise = normal_draw(op, a.shape, RBM_HIDDEN, dtype, **key) if sample else 0.0
        h = np.maximum(a + np.sqrt(probability) * noise, 0.0)
    return deliver(op, h.astype(np.float64), out)


def rbm_visible(
    h, weight, visible_bias, *, unit="bernoulli", sample=False, seed=0, layer=0, step=0, row_offset=0, out=None
):
    """Visible units given the hidden ones: their means, or a draw.

    Parameters
    ----------
    h : array_like (batch, hidden)
    weight : array_like (hidden, visible)
    visible_bias : array_like (visible,)
    unit : {"bernoulli", "gaussian"}
        What the visible units are.
    sample : bool
        Whether to draw.
    seed, layer, step, row_offset : int
        As in `random_uniform`; the draw has a purpose of its own.
    out : array_like (batch, visible), optional

    Returns
    -------
    ndarray (batch, visible)

    Notes
    -----
    With a = h W + c: a Bernoulli unit is 1 with probability σ(a), drawn as u < σ(a) with u as of `random_uniform`. A
    Gaussian one has mean a and variance 1, drawn as a + n with n as of `random_normal`.

    References
    ----------
    H. Larochelle, "Neural networks", restricted Boltzmann machine: inference, extensions.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> h, weight, bias = np.array([[1.0, 0.0]]), np.array([[2.0, 1.0], [-2.0, 0.0]]), np.zeros(2)
    >>> ref.rbm_visible(h, weight, bias).round(3)
    array([[0.881, 0.731]])
    >>> ref.rbm_visible(h, weight, bias, unit="gaussian")
    array([[2., 1.]])
    """
    op, key = "rbm_visible", dict(seed=seed, layer=layer, step=step, row_offset=row_offset)
    a, dtype = _inputs(op, "h", h, np.transpose(weight), "visible_bias", visible_bias), _dtype_of(h)
    _known(op, "unit", unit, ("bernoulli", "gaussian"))
    if unit == "gaussian":
        v = a + normal_draw(op, a.shape, RBM_VISIBLE, dtype, **key) if sample else a
    else:
        probability = activation_forward(a, "sigmoid")
        v = uniform_draw(op, a.shape, RBM_VISIBLE, dtype, **key) < probability if sample else probability
    return deliver(op, v.astype(np.float64), out)


def rbm_free_energy(v, weight, visible_bias, hidden_bias, *, visible="bernoulli", out=None):
    """Free energy of each row, of a machine whose hidden units are Bernoulli.

    Parameters
    ----------
    v : array_like (batch, visible)
    weight : array_like (hidden, visible)
    visible_bias : array_like (visible,)
    hidden_bias : array_like (hidden,)
    visible : {"bernoulli", "gaussian"}
        What the visible units are.
    out : array_like (batch,), optional

    Returns
    -------
    ndarray (batch,)

    Notes
    -----
    F(v) = −cᵀv − Σⱼ log(1 + e^(Wv + b)ⱼ), and ½ vᵀv more where the visible units are Gaussian: the energy
    E(v, h) = −hᵀWv − cᵀv − bᵀh (+ ½ vᵀv) with h summed out, p(v) = e^−F(v) / Z.

    References
    ----------
    H. Larochelle, "Neural networks", restricted Boltzmann machine: free energy.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> v, weight = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[2.0, -2.0]])
    >>> ref.rbm_free_energy(v, weight, np.array([1.0, 0.5]), np.zeros(1)).round(3)
    array([-0.693, -2.193])
    """
    op = "rbm_free_energy"
    _known(op, "visible", visible, ("bernoulli", "gaussian"))
    a, v, c = _inputs(op, "v", v, weight, "hidden_bias", hidden_bias), to_float64(op, "v", v), np.asarray(visible_bias)
    expect_shape(op, "visible_bias", c, v.shape[1:])
    own = 0.5 * np.sum(v * v, axis=1) if visible == "gaussian" else 0.0
    return deliver(op, own - v @ c.astype(np.float64) - activation_forward(a, "softplus").sum(axis=1), out)


def rbm_gradient(
    v, weight, visible_bias, hidden_bias, *, visible="bernoulli", hidden="bernoulli", k=1, chains=None, seed=0,
    layer=0, step=0, row_offset=0, out=None,
):  # fmt: skip
    """Gradient of the negative log-likelihood by contrastive divergence (CD-k), plain or persistent.

    Parameters
    ----------
    v : array_like (batch, visible)
    weight : array_like (hidden, visible)
    visible_bias : array_like (visible,)
    hidden_bias : array_like (hidden,)
    visible : {"bernoulli", "gaussian"}
    hidden : {"bernoulli", "relu"}
        What the units are.
    k : int
        Steps of Gibbs sampling, at least 1.
    chains : array_like (chains, hidden), optional
        Hidden states from which the sampling goes on; without them a chain starts at each row of v.
    seed, layer, step, row_offset : int
        As in `random_uniform`; the k steps draw as `rbm_visible` and `rbm_hidden` do at step, …, step + k. Chains that
        go on take step + k next.
    out : tuple of four ndarray, optional

    Returns
    -------
    dweight : ndarray (hidden, visible)
    dvisible_bias : ndarray (visible,)
    dhidden_bias : ndarray (hidden,)
    chains : ndarray (chains, hidden)
        Hidden states in which the sampling ends.

    Notes
    -----
    h is drawn given v, or is `chains`; then k times ṽ is drawn given h, and h given ṽ. With h(v) the means of
    `rbm_hidden` and ⟨·⟩ the mean over rows: ∂W = ⟨h(ṽ) ṽᵀ⟩ − ⟨h(v) vᵀ⟩, ∂c = ⟨ṽ⟩ − ⟨v⟩, ∂b = ⟨h(ṽ)⟩ − ⟨h(v)⟩. Of
    Bernoulli hidden units that is the gradient of ⟨F(v)⟩ − ⟨F(ṽ)⟩ with ṽ held fast.

    References
    ----------
    H. Larochelle, "Neural networks", restricted Boltzmann machine: contrastive divergence, persistent CD. G. Hinton,
    "Training products of experts by minimizing contrastive divergence", 2002. T. Tieleman, "Training restricted
    Boltzmann machines using approximations to the likelihood gradient", ICML 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> v, weight = np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([[2.0, -1.0]])
    >>> dweight, dvisible_bias, dhidden_bias, chains = ref.rbm_gradient(v, weight, np.zeros(2), np.zeros(1), seed=4)
    >>> dweight.round(3), dvisible_bias
    (array([[ 0.515, -0.366]]), array([ 0.5, -0.5]))
    """
    op, key = "rbm_gradient", dict(seed=seed, layer=layer, row_offset=row_offset)
    if k < 1 or len(v) < 1 or (chains is not None and len(chains) < 1):
        raise ValueError(f"{op}: k is {k}, v has {len(v)} rows; k >= 1 and rows of v and chains are needed")
    dtype, v64 = _dtype_of(v), to_float64(op, "v", v, 2)

    def given(visible_units, **draw):
        units = np.asarray(visible_units, dtype)
        return rbm_hidden(units, weight, hidden_bias, unit=hidden, **key, **draw)

    h = given(v64, sample=True, step=step) if chains is None else to_float64(op, "chains", chains, 2)
    for j in range(k):
        states = np.asarray(h, dtype)
        end = rbm_visible(states, weight, visible_bias, unit=visible, sample=True, step=step + j, **key)
        h = given(end, sample=True, step=step + j + 1)
    of_data, of_end = given(v64), given(end)
    dweight = of_end.T @ end / len(end) - of_data.T @ v64 / len(v64)
    biases = end.mean(axis=0) - v64.mean(axis=0), of_end.mean(axis=0) - of_data.mean(axis=0)
    return deliver(op, (dweight, *biases, h), out)


def _dtype_of(array):
    """In which dtype numbers are drawn."""
    return "float32" if getattr(array, "dtype", None) == np.float32 else "float64"


def _known(op, name, value, known):
    if value not in known:
        raise ValueError(f"{op}: {name} is {value!r}, one of {known} is needed")


def _inputs(op, name, given, weight, bias_name, bias):
    """What the units of one layer take in from the other."""
    given, weight = to_float64(op, name, given, 2), to_float64(op, "weight", weight, 2)
    bias = to_float64(op, bias_name, bias, 1)
    expect_shape(op, name, given, (len(given), weight.shape[1]))
    expect_shape(op, bias_name, bias, weight.shape[:1])
    return given @ weight.T + bias
