"""Residual connections: layers around which their input goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lamina.layers.basic import Layer

__all__ = ["Residual"]


@dataclass(frozen=True, init=False, repr=False)
class Residual(Layer):
    """Layers whose output is added to their input: h = x + f(x).

    Parameters
    ----------
    *layers : Layer
        What f is made of, one after the other and fused as in a net; as wide in the end as in the beginning.

    Raises
    ------
    TypeError
        If something else than layers is given.
    ValueError
        If there are none; and in a net, if the widths do not fit.

    Notes
    -----
    dx = dh + (∂f/∂x)ᵀ dh. The k-th layer inside of layer i of a net is called "i.k", so are its parameters. Residuals
    may hold residuals.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", 2015.

    Examples
    --------
    >>> import lamina
    >>> block = lamina.Residual(lamina.LayerNorm(8), lamina.Linear(8, 16), lamina.ReLU(), lamina.Linear(16, 8))
    >>> net = lamina.Sequential(lamina.Linear(2, 8), block, lamina.Linear(8, 1))
    >>> [name for name in net.parameters() if name.startswith("1.1")]
    ['1.1.weight', '1.1.bias']
    """

    layers: tuple[Layer, ...]

    def __init__(self, *layers: Layer) -> None:
        if not layers:
            raise ValueError("Residual: no layers are given, at least one is needed")
        for index, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                raise TypeError(f"Residual: argument {index} is {layer!r}, a layer is needed")
        self._set(layers=layers)

    def __repr__(self) -> str:
        return f"Residual({', '.join(map(repr, self.layers))})"

    @property
    def inside(self) -> tuple[Layer, ...]:
        return self.layers

    def settings(self) -> dict[str, Any]:
        return {"kind": "residual", "layers": [layer.settings() for layer in self.layers]}

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Residual:
        return cls(*fields["layers"])
