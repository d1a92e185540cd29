"""Which layer of a net is meant."""

from __future__ import annotations

from typing import Any

from lamina._checks import whole

__all__ = ["place_of"]


def place_of(call: str, layer: Any, count: int) -> int:
    """Return the index of one of `count` layers, given by index (from the end if negative) or name.

    Raises
    ------
    ValueError
        If there is no such layer.
    TypeError
        If it is neither a whole number nor a string.

    Examples
    --------
    >>> place_of("freeze", -1, 3), place_of("freeze", "0", 3)
    (2, 0)
    """
    if isinstance(layer, str):
        if layer not in map(str, range(count)):
            raise ValueError(f"{call}: layer {layer!r} given, the net's are named '0' to '{count - 1}'")
        return int(layer)
    return whole(call, "layer", layer, -count, count - 1) % count
