"""Layers to and from what JSON can hold."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

from lamina._checks import one_of
from lamina.init import Initializer
from lamina.layers.basic import BatchNorm, Dropout, Layer, LayerNorm, Linear
from lamina.layers.columns import Column, Columns
from lamina.layers.lone_activations import ACTIVATIONS, LogSoftmax, Softmax
from lamina.layers.noise import AlphaDropout, GaussianNoise, MaskingNoise, SaltAndPepper
from lamina.layers.python_layer import PythonLayer
from lamina.layers.residual import Residual
from lamina.layers.weight_noise import DropConnect, Shakeout, Whiteout, Zoneout

__all__ = ["LAYERS", "describe", "from_description"]

LAYERS: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        Linear, BatchNorm, LayerNorm, Dropout, Columns, Residual, Softmax, LogSoftmax, *ACTIVATIONS.values(),
        GaussianNoise, MaskingNoise, SaltAndPepper, AlphaDropout, DropConnect, Shakeout, Whiteout, Zoneout,
    )
}  # fmt: skip


OWN = "python."  # before the names of layers written in Python


class UnknownLayer(ValueError):
    """A file needs a class that was not given."""


def describe(layer: Layer | Column) -> dict[str, Any]:
    """Return a layer as what JSON can hold; `from_description` is the way back.

    Raises
    ------
    TypeError
        If a layer written in Python is no dataclass.

    Examples
    --------
    >>> import lamina
    >>> describe(lamina.Dropout(0.5))
    {'kind': 'Dropout', 'p': 0.5, 'scaling': 'inverted'}
    """
    name = type(layer).__name__
    if not dataclasses.is_dataclass(layer):
        raise TypeError(f"describe: {name} is no dataclass, so its fields are not known; make it one")
    fields = {field.name: _plain(getattr(layer, field.name)) for field in dataclasses.fields(layer)}
    if not isinstance(layer, PythonLayer):
        return {"kind": name, **fields}
    try:
        json.dumps(fields)
    except TypeError as error:
        raise TypeError(f"describe: {layer} has a field that no file can hold: {error}") from None
    return {"kind": OWN + name, **fields}


def _plain(value: Any) -> Any:
    if isinstance(value, (Layer, Column)):
        return describe(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dataclasses.asdict(value) if isinstance(value, Initializer) else value


def from_description(description: Mapping[str, Any], own: Iterable[type[Layer]] = ()) -> Layer:
    """Return the layer that `describe` described.

    Parameters
    ----------
    description : mapping
        What `describe` returned.
    own : iterable of type, optional
        Classes of layers written in Python that may occur.

    Raises
    ------
    ValueError or TypeError
        If it describes none.
    UnknownLayer
        If it describes a layer written in Python that is not among `own`.

    Examples
    --------
    >>> from_description({"kind": "BatchNorm", "num_features": 3})
    BatchNorm(num_features=3, momentum=0.1, eps=1e-05)
    """
    fields = dict(description)
    given = {OWN + kind.__name__: kind for kind in own}
    name = fields.pop("kind", None)
    if isinstance(name, str) and name.startswith(OWN) and name not in given:
        name = name.removeprefix(OWN)
        raise UnknownLayer(f"it has layers of the class {name}, written in Python: give it with layers=[{name}]")
    known = LAYERS | given
    kind = known[one_of("from_description", "kind", name, known)]
    if isinstance(fields.get("layers"), list):
        fields["layers"] = [from_description(layer, own) for layer in fields["layers"]]
    return kind.from_fields(fields)
