"""The (denoising) autoencoder with one hidden layer, tied or untied: loss and gradients."""

from .activation import activation_backward, activation_forward
from .checks import expect_shape, to_float64
from .dropout import masking_noise
from .loss import sigmoid_cross_entropy
from .value_loss import squared_error

_LOSSES = {"sigmoid_cross_entropy": sigmoid_cross_entropy, "squared_error": squared_error}


def autoencoder_loss_and_gradients(
    x, weight, hidden_bias, visible_bias, *, decoder_weight=None, activation="sigmoid", loss="sigmoid_cross_entropy",
    p=0.0, seed=0, layer=0, step=0, **params,
):  # fmt: skip
    """Reconstruction loss of an autoencoder, and the gradient of each of its parameters.

    Parameters
    ----------
    x : array_like, (batch, visible)
        The input, and the target of the reconstruction.
    weight : array_like, (hidden, visible)
    hidden_bias : array_like, (hidden,)
    visible_bias : array_like, (visible,)
    decoder_weight : array_like, (visible, hidden), optional
        Untied weights of the decoder; otherwise the decoder uses `weight` transposed.
    activation : str
        The hidden layer's, a name of `activations()`.
    loss : {"sigmoid_cross_entropy", "squared_error"}
        Also settles the output: sigmoid of the logits r, or r itself.
    p : float
        Share of the input set to zero by `masking_noise`; the target stays the uncorrupted x.
    seed, layer, step : int
        Which corruption.
    **params
        The activation's own constants.

    Returns
    -------
    loss : float
        Mean over rows of the loss summed over units.
    gradients : dict of ndarray, float64
        "weight", "hidden_bias", "visible_bias", and "decoder_weight" when untied.

    Notes
    -----
    x̃ = masking_noise(x), h = g(x̃ Wᵀ + b), r = h Vᵀ + c with V = Wᵀ when tied, in which case
    dW = daᵀ x̃ + hᵀ dr is the sum of the encoder's and the decoder's part.

    References
    ----------
    P. Vincent et al., "Stacked denoising autoencoders", JMLR 11 (2010), sections 2.2 and 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina import reference as ref
    >>> loss, gradients = ref.autoencoder_loss_and_gradients(np.eye(2), np.zeros((3, 2)), np.zeros(3), np.zeros(2))
    >>> round(loss, 6), gradients["visible_bias"]
    (1.386294, array([0., 0.]))
    """
    op = "autoencoder_loss_and_gradients"
    if loss not in _LOSSES:
        raise ValueError(f"{op}: unknown loss {loss!r}, one of {', '.join(_LOSSES)} is needed")
    x, weight = to_float64(op, "x", x, 2), to_float64(op, "weight", weight, 2)
    hidden, visible = weight.shape
    expect_shape(op, "x", x, (len(x), visible))
    hidden_bias, visible_bias = to_float64(op, "hidden_bias", hidden_bias), to_float64(op, "visible_bias", visible_bias)
    expect_shape(op, "hidden_bias", hidden_bias, (hidden,))
    expect_shape(op, "visible_bias", visible_bias, (visible,))
    decoder = weight.T
    if decoder_weight is not None:
        decoder = to_float64(op, "decoder_weight", decoder_weight, 2)
        expect_shape(op, "decoder_weight", decoder, (visible, hidden))

    corrupted = masking_noise(x, p, seed=seed, layer=layer, step=step)
    pre_activation = corrupted @ weight.T + hidden_bias
    h = activation_forward(pre_activation, activation, **params)
    value, dr = _LOSSES[loss](h @ decoder.T + visible_bias, x)

    da = activation_backward(dr @ decoder, pre_activation, activation, y=h, **params)
    gradients = {"weight": da.T @ corrupted, "hidden_bias": da.sum(axis=0), "visible_bias": dr.sum(axis=0)}
    if decoder_weight is None:
        gradients["weight"] += h.T @ dr
    else:
        gradients["decoder_weight"] = dr.T @ h
    return value, gradients
