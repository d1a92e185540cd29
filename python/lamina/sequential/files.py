"""Read a net from its file."""

from __future__ import annotations

import json
import os

from lamina.io import load_safetensors
from lamina.layers import BatchNorm, Category, Columns, Layer, Linear, from_description
from lamina.sequential.net import Sequential
from lamina.sequential.state import KEY

__all__ = ["load"]


def load(path: str | os.PathLike[str]) -> Sequential:
    """Read a net that `Sequential.save` wrote.

    Parameters
    ----------
    path : path
        The file. Nothing in it is executed.

    Returns
    -------
    Sequential
        Its `extra` holds the free text saved along.

    Raises
    ------
    ValueError
        If the file is damaged, or is no net of lamina's.
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
    tensors, metadata = load_safetensors(path)
    if KEY not in metadata:
        raise ValueError(f"load: {os.fspath(path)} holds no net of lamina's, its metadata has no {KEY!r}")
    try:
        described = json.loads(metadata.pop(KEY))
        if described["format"] != 1:
            raise ValueError(f"format {described['format']!r} is not known to this version")
        layers = [from_description(layer) for layer in described["layers"]]
        for index, layer in enumerate(layers):  # before memory is asked for
            for name, size in _sizes(layer).items():
                if tensors[f"{index}.{name}"].size != size:
                    raise ValueError(f"{index}.{name} does not fit {layer}")
        net = Sequential(*layers, seed=described["seed"], dtype=described["dtype"])
        net.load_state_dict(tensors)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"load: {os.fspath(path)} holds a damaged net: {reason}") from None
    net.extra = metadata
    return net


def _sizes(layer: Layer) -> dict[str, int]:
    """Of the parameters that the description itself sizes."""
    if isinstance(layer, Linear):
        return {"weight": layer.in_features * layer.out_features}
    if isinstance(layer, BatchNorm):
        return {"weight": layer.num_features}
    if isinstance(layer, Columns):
        tables = [part for part in layer.parts if isinstance(part, Category)]
        return {f"embedding_{table.column}": table.size * table.features for table in tables}
    return {}
