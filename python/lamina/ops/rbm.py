"""Restricted Boltzmann machines: conditionals, free energy, and the gradient of contrastive divergence."""

from lamina import _core


def rbm_hidden(
    v, weight, hidden_bias, *, unit="bernoulli", sample=False, seed=0, layer=0, step=0, row_offset=0, out=None
):
    """Hidden units given the visible ones: their means, or a draw.

    Parameters
    ----------
    v : ndarray (batch, visible)
    weight : ndarray (hidden, visible)
    hidden_bias : ndarray (hidden,)
    unit : {"bernoulli", "relu"}
        What the hidden units are.
    sample : bool
        Whether to draw.
    seed, layer, step, row_offset : int
        As in `random_uniform`; the draw has a purpose of its own.
    out : ndarray (batch, hidden), optional

    Returns
    -------
    ndarray (batch, hidden)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

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
    >>> from lamina import ops
    >>> v, weight, bias = np.array([[1.0, 0.0]]), np.array([[2.0, 1.0], [-2.0, 0.0]]), np.zeros(2)
    >>> ops.rbm_hidden(v, weight, bias).round(3)
    array([[0.881, 0.119]])
    >>> ops.rbm_hidden(v, weight, bias, sample=True, seed=1)
    array([[1., 0.]])
    """
    return _core.rbm_hidden(v, weight, hidden_bias, unit, sample, seed, layer, step, row_offset, out)


def rbm_visible(
    h, weight, visible_bias, *, unit="bernoulli", sample=False, seed=0, layer=0, step=0, row_offset=0, out=None
):
    """Visible units given the hidden ones: their means, or a draw.

    Parameters
    ----------
    h : ndarray (batch, hidden)
    weight : ndarray (hidden, visible)
    visible_bias : ndarray (visible,)
    unit : {"bernoulli", "gaussian"}
        What the visible units are.
    sample : bool
        Whether to draw.
    seed, layer, step, row_offset : int
        As in `random_uniform`; the draw has a purpose of its own.
    out : ndarray (batch, visible), optional

    Returns
    -------
    ndarray (batch, visible)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

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
    >>> from lamina import ops
    >>> h, weight, bias = np.array([[1.0, 0.0]]), np.array([[2.0, 1.0], [-2.0, 0.0]]), np.zeros(2)
    >>> ops.rbm_visible(h, weight, bias).round(3)
    array([[0.881, 0.731]])
    >>> ops.rbm_visible(h, weight, bias, unit="gaussian")
    array([[2., 1.]])
    """
    return _core.rbm_visible(h, weight, visible_bias, unit, sample, seed, layer, step, row_offset, out)


def rbm_free_energy(v, weight, visible_bias, hidden_bias, *, visible="bernoulli", out=None):
    """Free energy of each row, of a machine whose hidden units are Bernoulli.

    Parameters
    ----------
    v : ndarray (batch, visible)
    weight : ndarray (hidden, visible)
    visible_bias : ndarray (visible,)
    hidden_bias : ndarray (hidden,)
    visible : {"bernoulli", "gaussian"}
        What the visible units are.
    out : ndarray (batch,), optional

    Returns
    -------
    ndarray (batch,)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value; nothing is written then.

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
    >>> from lamina import ops
    >>> v, weight = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[2.0, -2.0]])
    >>> ops.rbm_free_energy(v, weight, np.array([1.0, 0.5]), np.zeros(1)).round(3)
    array([-0.693, -2.193])
    """
    return _core.rbm_free_energy(v, weight, visible_bias, hidden_bias, visible, out)


def rbm_gradient(
    v, weight, visible_bias, hidden_bias, *, visible="bernoulli", hidden="bernoulli", k=1, chains=None, seed=0,
    layer=0, step=0, row_offset=0, out=None,
):  # fmt: skip
    """Gradient of the negative log-likelihood by contrastive divergence (CD-k), plain or persistent.

    Parameters
    ----------
    v : ndarray (batch, visible)
    weight : ndarray (hidden, visible)
    visible_bias : ndarray (visible,)
    hidden_bias : ndarray (hidden,)
    visible : {"bernoulli", "gaussian"}
    hidden : {"bernoulli", "relu"}
        What the units are.
    k : int
        Steps of Gibbs sampling, at least 1.
    chains : ndarray (chains, hidden), optional
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

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, dtype, shape, layout or value, v or chains has no rows; nothing is written
        then.

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
    >>> from lamina import ops
    >>> v, weight = np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([[2.0, -1.0]])
    >>> dweight, dvisible_bias, dhidden_bias, chains = ops.rbm_gradient(v, weight, np.zeros(2), np.zeros(1), seed=4)
    >>> dweight.round(3), dvisible_bias
    (array([[ 0.515, -0.366]]), array([ 0.5, -0.5]))
    """
    return _core.rbm_gradient(
        v, weight, visible_bias, hidden_bias, visible, hidden, k, chains, seed, layer, step, row_offset, out
    )
