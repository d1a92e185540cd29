"""Layers of a net by index or name."""

from __future__ import annotations

from typing import Any

from lamina._checks import whole
from lamina.layers import Layer

__all__ = ["NamedLayers"]


class NamedLayers:
    """The part of `lamina.Sequential` that knows its layers by name."""

    _layers: tuple[Layer, ...]
    _core: Any

    def _arrays(self) -> dict[str, Any]:
        """Parameters and running statistics by name, live."""
        return self._core.parameters() | self._core.buffers()

    def _names_of(self, call: str, layer: Any) -> list[str]:
        """Return the names of all that has arrays in a layer, given by index (from the end if negative) or name."""
        count = len(self._layers)
        name = layer if isinstance(layer, str) else str(whole(call, "layer", layer, -count, count - 1) % count)
        owners = dict.fromkeys(array.rpartition(".")[0] for array in self._arrays())
        found = [owner for owner in owners if f"{owner}.".startswith(f"{name}.")]
        if not found and name not in map(str, range(count)):
            raise ValueError(f"{call}: layer {layer!r} given, the net's are named '0' to '{count - 1}'")
        return found
