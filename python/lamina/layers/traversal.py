"""Every layer of a list, with those inside of others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lamina.layers.activations import Activation
from lamina.layers.basic import Layer, Linear

__all__ = ["activation_after", "walk"]


def walk(layers: Sequence[Layer], prefix: str = "") -> Iterator[tuple[str, Layer, Activation | None]]:
    """Yield for each layer its name, itself, and the activation between it and the next linear layer.

    Examples
    --------
    >>> import lamina
    >>> layers = [lamina.Linear(2, 2), lamina.Residual(lamina.Linear(2, 2), lamina.ReLU())]
    >>> [(name, activation) for name, layer, activation in walk(layers) if isinstance(layer, lamina.layers.Linear)]
    [('0', None), ('1.0', ReLU())]
    """
    for index, layer in enumerate(layers):
        name = f"{prefix}{index}"
        yield name, layer, activation_after(layers[index + 1 :])
        yield from walk(layer.inside, f"{name}.")


def activation_after(layers: Sequence[Layer]) -> Activation | None:
    """Return the first activation of these layers, if it comes before the next linear layer.

    Examples
    --------
    >>> import lamina
    >>> activation_after([lamina.BatchNorm(2), lamina.ReLU(), lamina.Linear(2, 1)])
    ReLU()
    """
    for layer in layers:
        if isinstance(layer, Activation):
            return layer
        if isinstance(layer, Linear) or layer.inside:
            return None
    return None
