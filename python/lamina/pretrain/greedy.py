"""Greedy layer-wise pre-training: each hidden layer learns from the outputs of those below, without labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import optim
from lamina._arrays import on_device_of, on_host
from lamina._checks import finite, number, one_of, whole
from lamina.layers import Activation, BatchNorm, Linear, PReLU, ReLU, RReLU, Sigmoid, Zoneout, activation_after
from lamina.pretrain.autoencoder import LOSSES, Autoencoder
from lamina.pretrain.rbm import RBM
from lamina.sequential import Sequential

__all__ = ["MODULES", "greedy"]

MODULES = ("autoencoder", "denoising", "rbm")
_DENOISING = 0.25
_HIDDEN_UNITS: dict[Any, str] = {
    Sigmoid: "bernoulli",
    ReLU: "relu",
}  # of a Boltzmann machine, by the layer's activation


def greedy(
    net: Sequential,
    X: Any,
    module: str = "autoencoder",
    *,
    epochs: int = 10,
    batch_size: int = 128,
    optimizer: str | optim.Optimizer = "adam",
    lr: float | None = None,
    loss: str = "auto",
    tied: bool = True,
    corruption: float | None = None,
    k: int = 1,
    persistent: bool = False,
    seed: int = 0,
    progress: bool = True,
) -> list[dict[str, Any]]:
    """Initialise the hidden layers of a net in place, from first to last, without labels.

    Parameters
    ----------
    net : lamina.Sequential
        Every Linear but the last, which is the output layer, is pre-trained, starting from the weights it has.
    X : array_like of shape (rows, in)
        The data, labelled or not; all finite.
    module : {"autoencoder", "denoising", "rbm"}
        What each layer is trained as. A restricted Boltzmann machine has Bernoulli hidden units where a sigmoid follows
        the layer, ReLUs where a ReLU does, and Bernoulli visible units where its data lies in [0, 1], else Gaussian
        ones, which need data of variance 1.
    epochs : int
        Of each layer, at least 0.
    batch_size : int
        Rows in a step.
    optimizer : str, or SGD, Adagrad, RMSProp, Adam or AdamW
        "sgd", "adagrad", "rmsprop", "adam" and "adamw" mean the defaults.
    lr : float, optional
        Replaces the optimizer's learning rate.
    loss : {"auto", "sigmoid_cross_entropy", "squared_error"}
        "auto" is the first, Bernoulli, for a layer whose data lies in [0, 1], as a sigmoid layer's does, and the second
        otherwise.
    tied : bool
        Whether decoders use their encoders' weights transposed.
    corruption : float in [0, 1), optional
        Of "denoising": the probability with which each input is set to 0; 0.25 unless given.
    k : int
        Of "rbm": steps of Gibbs sampling for each update.
    persistent : bool
        Of "rbm": whether chains go on from update to update.
    seed : int in [0, 2**64)
        Settles shuffles and corruption; the net's seed settled the weights to start from.
    progress : bool
        Whether a progress bar is shown on standard error for each layer.

    Returns
    -------
    list of dict
        One per hidden layer: "layer", its number in the net; "criterion", the loss used, or "contrastive_divergence";
        "loss" and "seconds", lists with an entry per epoch.

    Raises
    ------
    ValueError
        If there is no hidden layer, one can take no bias, X has a wrong shape, no rows, or values that the loss does
        not take, or a name or number is not one of those above: nothing has changed then. If a loss that is asked for
        does not suit the outputs of a layer, or one's weights grow beyond all numbers: those below are trained then.
    lamina.BackendError
        If the net is being trained in another thread.
    KeyboardInterrupt
        On Ctrl-C; layers finished before keep their result, the one at work stays as it was.

    Notes
    -----
    For l = 1 … L: the data set is D = {h⁽ˡ⁻¹⁾(x)}, the output of the layers below in inference, without dropout; a
    module with the layer's activation is trained on D; its weight and hidden bias initialise the layer.

    A batch norm between a layer and its activation gets the exact statistics of its input over X, and the scale and
    shift that undo them, so that the net computes the very features its modules learned. Any other batch norm gets the
    statistics alone, and so hands standardised data on.

    References
    ----------
    .. [1] H. Larochelle, "Neural networks", deep learning: unsupervised pre-training (pseudocode).
    .. [2] Y. Bengio et al., "Greedy layer-wise training of deep networks", 2007.
    .. [3] P. Vincent et al., "Stacked denoising autoencoders", 2010.

    Examples
    --------
    >>> import lamina, numpy as np
    >>> X = np.repeat(np.eye(6), 10, axis=0)
    >>> net = lamina.Sequential(lamina.Linear(6, 4), lamina.Sigmoid(), lamina.Linear(4, 4), lamina.Sigmoid(),
    ...                         lamina.Linear(4, 2))
    >>> stages = lamina.pretrain.greedy(net, X, "denoising", epochs=30, lr=0.05, progress=False)
    >>> [(stage["layer"], stage["criterion"], stage["loss"][-1] < stage["loss"][0]) for stage in stages]
    [(0, 'sigmoid_cross_entropy', True), (2, 'sigmoid_cross_entropy', True)]
    """
    call = "greedy"
    if not isinstance(net, Sequential):
        raise TypeError(f"{call}: net is {net!r}, a lamina.Sequential is needed")
    one_of(call, "module", module, MODULES)
    one_of(call, "loss", loss, ("auto", *LOSSES))
    whole(call, "epochs", epochs, 0)
    whole(call, "batch_size", batch_size, 1)
    seed = whole(call, "seed", seed, 0, 2**64 - 1)
    optimizer = optim.optimizer(call, optimizer)
    if lr is not None:
        optimizer = dataclasses.replace(optimizer, lr=number(call, "lr", lr))
    if corruption is None:
        corruption = _DENOISING if module == "denoising" else 0.0
    elif module != "denoising":
        raise ValueError(f"{call}: corruption={corruption!r} given with module={module!r}, it needs module='denoising'")
    number(call, "corruption", corruption, below=1)
    k = whole(call, "k", k, 1)
    if module == "rbm" and loss != "auto":
        raise ValueError(f"{call}: loss={loss!r} given with module='rbm', which has its own")
    if module != "rbm" and (k > 1 or persistent):
        raise ValueError(f"{call}: k={k}, persistent={persistent} given with module={module!r}, they need module='rbm'")
    x = on_host(finite(call, net._input(call, X)))
    groups = _groups(net, module)
    if len(x) == 1 and any(isinstance(layer, BatchNorm) for layer in net):
        raise ValueError(f"{call}: X has 1 row, batch norm needs at least 2")
    if loss == "sigmoid_cross_entropy" and not _in_unit_interval(x):
        raise ValueError(f"{call}: X holds numbers from {x.min():g} to {x.max():g}, sigmoid_cross_entropy needs [0, 1]")

    stages = []
    with net._exclusive(call):
        x = on_device_of(net._core, x)
        _set_statistics(net, range(groups[0].start), x)
        for count, group in enumerate(groups, 1):
            place = group.start
            linear, parameters = net[place], net.parameters()
            weight, bias = parameters[f"{place}.weight"], parameters.get(f"{place}.bias")
            data = net._core.forward_to(x, place)
            activation = activation_after(net._layers[place + 1 :])
            binary = _in_unit_interval(on_host(data))
            inputs, outputs, start = linear.in_features, linear.out_features, 0.0 if bias is None else bias
            shared: dict[str, Any] = {
                "optimizer": optimizer,
                "seed": seed,
                "layer": place,
                "dtype": net.dtype,
                "device": net.device,
            }
            schedule = epochs, batch_size, True, progress, f"layer {count} of {len(groups)}"
            learner: Autoencoder | RBM
            if module == "rbm":
                units: dict[str, Any] = {
                    "visible": "bernoulli" if binary else "gaussian",
                    "hidden": _HIDDEN_UNITS[type(activation)],
                }
                learner, criterion = RBM(inputs, outputs, **units, **shared), "contrastive_divergence"
                learner.set_weights(weight, hidden_bias=start)
                history = learner._fit(call, data, k, persistent, *schedule)
            else:
                criterion = LOSSES[0 if binary else 1] if loss == "auto" else loss
                kind: dict[str, Any] = {"loss": criterion, "tied": tied, "corruption": corruption}
                learner = Autoencoder(inputs, outputs, activation=activation or "linear", **kind, **shared)
                learner.set_weights(_start(on_host(weight), learner), start)
                history = learner._fit(call, data, *schedule)
            learned = learner.parameters()
            if not np.isfinite(on_host(learned["weight"])).all():
                raise ValueError(
                    f"{call}: the weights of layer {place} are no finite numbers any more, a lower lr is needed"
                )
            weight[...] = learned["weight"]
            if bias is not None:
                bias[...] = learned["hidden_bias"]
            rest = group[1:]
            _set_statistics(
                net, rest, x, _inner_norms(net, rest), on_host(learned["hidden_bias"]) if bias is None else None
            )
            stages.append({"layer": place, "criterion": criterion, **history})
    return stages


def _start(weight: np.ndarray, learner: Autoencoder) -> np.ndarray:
    """The weights to start from, small enough that a tied decoder does not answer with a multiple of its input.

    Where the activation does not saturate, the decoder of n hidden units with weights of variance v answers about n v x
    (half of that behind a rectifier): with a hidden layer much wider than its input, many times too much.
    """
    activation = "linear" if learner.activation is None else learner.activation.name
    if not learner.tied or activation in ("sigmoid", "tanh"):
        return weight
    gain = len(weight) * np.square(weight, dtype=np.float64).mean() / (1 if activation == "linear" else 2)
    return weight if gain <= 1 else weight / weight.dtype.type(np.sqrt(gain))


def _groups(net: Sequential, module: str) -> list[range]:
    """The places of each hidden Linear and of all that follows it up to the next one."""
    if net.frozen:
        raise ValueError(
            f"greedy: frozen are the layers {', '.join(net.frozen)}, a net that may change is needed: unfreeze()"
        )
    for place, layer in enumerate(net):
        if layer.inside:
            raise ValueError(f"greedy: layer {place} is a {type(layer).__name__}, whose layers have no module; "
                             "a net without is needed")  # fmt: skip
    places = [place for place, layer in enumerate(net) if isinstance(layer, Linear)]
    if len(places) < 2:
        raise ValueError(f"greedy: the net has {len(places)} Linear layers, a hidden one and the output are needed")
    groups = [range(first, after) for first, after in zip(places, places[1:], strict=False)]
    for group in groups:
        if isinstance(net[group.start], Zoneout):
            raise ValueError(f"greedy: layer {group.start} is {net[group.start]}, a Linear whose activation follows "
                             "it is needed")  # fmt: skip
        activation = activation_after(net._layers[group.start + 1 :])
        if module == "rbm" and type(activation) not in _HIDDEN_UNITS:
            raise ValueError(f"greedy: layer {group.start} is followed by {activation or 'no activation'}, a Boltzmann "
                             "machine needs Sigmoid or ReLU")  # fmt: skip
        if isinstance(activation, (PReLU, RReLU)):
            raise ValueError(f"greedy: layer {group.start} is followed by {activation}, an activation that neither "
                             "learns nor draws its slope is needed")  # fmt: skip
        if not net[group.start].bias and not _inner_norms(net, group[1:]):
            raise ValueError(f"greedy: layer {group.start} has bias=False and no batch norm before its activation, "
                             "the bias that its module learns needs a place")  # fmt: skip
    return groups


def _inner_norms(net: Sequential, places: range) -> list[int]:
    """The batch norms that stand before the activation."""
    norms = []
    for place in places:
        if isinstance(net[place], Activation):
            break
        if isinstance(net[place], BatchNorm):
            norms.append(place)
    return norms


def _set_statistics(
    net: Sequential, places: range, x: Any, inner: Sequence[int] = (), bias: np.ndarray | None = None
) -> None:
    """Give batch norms the statistics of their inputs; the inner ones scale and shift back, and add `bias` if given."""
    for place in places:
        if not isinstance(net[place], BatchNorm):
            continue
        net._core.set_batchnorm_statistics(str(place), x)
        if place in inner:
            parameters, statistics = net._core.parameters(), net._core.buffers()
            mean, var = (on_host(statistics[f"{place}.running_{what}"]) for what in ("mean", "var"))
            parameters[f"{place}.weight"][...] = np.sqrt(var + net.dtype.type(net[place].eps))
            parameters[f"{place}.bias"][...] = mean + bias if bias is not None and place == inner[0] else mean


def _in_unit_interval(data: np.ndarray) -> bool:
    return bool(data.min() >= 0 and data.max() <= 1)
