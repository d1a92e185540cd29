"""The deep autoencoder that a pre-trained stack becomes."""

from __future__ import annotations

import numpy as np

from lamina._arrays import on_host
from lamina.layers import Activation, Dropout, Layer, Linear, activation_after
from lamina.pretrain.dbn import DBN
from lamina.sequential import Sequential

__all__ = ["unroll"]


def unroll(model: DBN | Sequential) -> Sequential:
    """Return a stack followed by its mirror image, with the transposed weights: a deep autoencoder to be fine-tuned.

    Parameters
    ----------
    model : lamina.DBN or lamina.Sequential
        Of a net the hidden layers count: each `Linear` but the last one with the activation that follows it.

    Returns
    -------
    lamina.Sequential
        As many outputs as inputs, linear ones: train them with "sigmoid_cross_entropy" on data in [0, 1], or with
        "squared_error". Its weights are copies.

    Raises
    ------
    TypeError
        If it is something else.
    ValueError
        If a net has no hidden layer, or others than Linear, activations and Dropout.

    Notes
    -----
    The decoder's l-th layer has the weight of the encoder's transposed and the activation of the layer below it. Of a
    `DBN` it has the machine's visible biases; of a net, which has none, 0.

    References
    ----------
    G. Hinton, R. Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science 313 (2006).

    Examples
    --------
    >>> import lamina
    >>> coder = lamina.pretrain.unroll(lamina.DBN([6, 4, 2]))
    >>> [layer.out_features for layer in coder if isinstance(layer, lamina.Linear)]
    [4, 2, 4, 6]
    """
    if isinstance(model, DBN):
        net = model.network(1)
        biases = [machine.parameters()["visible_bias"] for machine in model.machines]
    elif isinstance(model, Sequential):
        net, biases = model, None
    else:
        raise TypeError(f"unroll: model is {model!r}, a lamina.DBN or lamina.Sequential is needed")
    for place, layer in enumerate(net):
        if not isinstance(layer, (Activation, Dropout)) and type(layer) is not Linear:
            raise ValueError(f"unroll: layer {place} is {layer}, Linear, activations and Dropout are needed")
    hidden = [place for place, layer in enumerate(net) if isinstance(layer, Linear)][:-1]
    if not hidden:
        raise ValueError("unroll: the net has no hidden layer, a Linear below the last one is needed")

    encoder: list[Layer] = []
    decoder: list[Layer] = []
    for count, place in enumerate(hidden):
        linear, activation = net[place], activation_after(net._layers[place + 1 :])
        following = [] if activation is None else [activation]
        encoder += [linear, *following]
        mirrored = Linear(linear.out_features, linear.in_features)
        below = activation_after(net._layers[hidden[count - 1] + 1 :]) if count else None
        decoder = [mirrored, *([] if below is None else [below]), *decoder]
    coder = Sequential(*encoder, *decoder, seed=net.seed, dtype=net.dtype, device=net.device)
    given, parameters = net.parameters(), coder.parameters()
    places = [place for place, layer in enumerate(coder) if isinstance(layer, Linear)]
    for count, place in enumerate(hidden):
        up, down = places[count], places[-1 - count]
        weight = on_host(given[f"{place}.weight"])
        parameters[f"{up}.weight"][...] = weight
        if f"{place}.bias" in given:
            parameters[f"{up}.bias"][...] = on_host(given[f"{place}.bias"])
        parameters[f"{down}.weight"][...] = np.ascontiguousarray(weight.T)
        if biases is not None:
            parameters[f"{down}.bias"][...] = on_host(biases[count])
    return coder
