"""Read a net from its file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from lamina.io import load_safetensors
from lamina.layers import BatchNorm, Category, Columns, Layer, Linear, from_description, walk
from lamina.layers.descriptions import UnknownLayer
from lamina.sequential.net import Sequential
from lamina.sequential.state import KEY, TRAINER

__all__ = ["described_net", "load"]


def load(path: str | os.PathLike[str], layers: Iterable[type[Layer]] = ()) -> Sequential:
    """Read a net that `Sequential.save` wrote, or that of a trainer that `Trainer.save` wrote.

    Parameters
    ----------
    path : path
        The file. Nothing in it is executed.
    layers : iterable of type, optional
        The classes of the layers written in Python that the net has.

    Returns
    -------
    Sequential
        Its `extra` holds the free text saved along.

    Raises
    ------
    ValueError
        If the file is damaged, is no net of lamina's, or has layers whose classes are not given.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import lamina
    >>> lamina.Sequential(lamina.Linear(3, 2)).save("net.safetensors")
    >>> lamina.load("net.safetensors")
    Sequential(
      (0): Linear(in_features=3, out_features=2, bias=True)
    )
    """
    return net_in("load", path, *load_safetensors(path), layers)


def net_in(
    call: str,
    path: str | os.PathLike[str],
    tensors: Mapping[str, np.ndarray],
    metadata: Mapping[str, str],
    layers: Iterable[type[Layer]],
    **options: Any,
) -> Sequential:
    """Return the net of a file's contents, of a trainer's file too; `options` go to `Sequential`, `call` to errors."""
    name = os.fspath(path)
    if KEY not in metadata:
        raise ValueError(f"{call}: {name} holds no net of lamina's, its metadata has no {KEY!r}")
    tensors = {key: array for key, array in tensors.items() if not key.startswith(TRAINER)}
    try:
        net = described_net(metadata[KEY], tensors, layers, **options)
    except UnknownLayer as error:
        raise ValueError(f"{call}: {name}: {error}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{call}: {name} holds a damaged net: {reason}") from None
    net.extra = {key: text for key, text in metadata.items() if key not in (KEY, TRAINER)}
    return net


def described_net(
    description: str, tensors: Mapping[str, np.ndarray], own: Iterable[type[Layer]] = (), **options: Any
) -> Sequential:
    """Return the net that a file describes, with its arrays; `own` are classes of layers written in Python."""
    described = json.loads(description)
    if described["format"] != 1:
        raise ValueError(f"format {described['format']!r} is not known to this version")
    layers = [from_description(layer, own) for layer in described["layers"]]
    for name, layer, _ in walk(layers):  # before memory is asked for
        for parameter, size in _sizes(layer).items():
            if tensors[f"{name}.{parameter}"].size != size:
                raise ValueError(f"{name}.{parameter} does not fit {layer}")
    net = Sequential(*layers, seed=described["seed"], dtype=described["dtype"], **options)
    net.load_state_dict(tensors)
    return net


def _sizes(layer: Layer) -> dict[str, int]:
    """Of the arrays that the description itself sizes."""
    if isinstance(layer, Linear):
        return {"weight": layer.in_features * layer.out_features}
    if isinstance(layer, BatchNorm):
        return {"weight": layer.num_features if layer.units is None else len(layer.units)}
    if isinstance(layer, Columns):
        tables = [part for part in layer.parts if isinstance(part, Category)]
        return {f"embedding_{table.column}": table.size * table.features for table in tables}
    return {}
