"""Layers to and from what JSON can hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from lamina._checks import one_of
from lamina.init import Initializer
from lamina.layers.activations import ACTIVATIONS
from lamina.layers.basic import BatchNorm, Dropout, Layer, LayerNorm, Linear
from lamina.layers.noise import AlphaDropout, GaussianNoise, MaskingNoise, SaltAndPepper
from lamina.layers.weight_noise import DropConnect, Shakeout, Whiteout, Zoneout

__all__ = ["LAYERS", "describe", "from_description"]

LAYERS: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        Linear, BatchNorm, LayerNorm, Dropout, *ACTIVATIONS.values(), GaussianNoise, MaskingNoise, SaltAndPepper,
        AlphaDropout, DropConnect, Shakeout, Whiteout, Zoneout,
    )
}  # fmt: skip


def describe(layer: Layer) -> dict[str, Any]:
    """Return a layer as what JSON can hold; `from_description` is the way back.

    Examples
    --------
    >>> import lamina
    >>> describe(lamina.Dropout(0.5))
    {'kind': 'Dropout', 'p': 0.5, 'scaling': 'inverted'}
    """
    return {"kind": type(layer).__name__, **dataclasses.asdict(layer)}  # type: ignore[call-overload]


def from_description(description: Mapping[str, Any]) -> Layer:
    """Return the layer that `describe` described.

    Raises
    ------
    ValueError or TypeError
        If it describes none.

    Examples
    --------
    >>> from_description({"kind": "BatchNorm", "num_features": 3})
    BatchNorm(num_features=3, momentum=0.1, eps=1e-05)
    """
    values = dict(description)
    kind = LAYERS[one_of("from_description", "kind", values.pop("kind", None), LAYERS)]
    if issubclass(kind, Linear) and isinstance(values.get("init"), dict):
        values["init"] = Initializer(**values["init"])
    return kind(**values)
