"""Layers that a user writes in Python."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.layers.basic import Layer

__all__ = ["Mode", "PythonLayer"]


@dataclass(frozen=True)
class Mode:
    """How a pass runs, for layers that draw or that differ in training.

    Attributes
    ----------
    training : bool
    seed, layer, step : int
        What `lamina.ops.random_uniform` and its kin take: forward and backward of one step see the same.
    """

    training: bool
    seed: int
    layer: int
    step: int


class PythonLayer(Layer, ABC):
    """A box of the flow graph written in Python: derive from it, say forward and backward, put it into a net.

    Attributes
    ----------
    in_features, out_features : int or None
        Columns of input and output; None takes what comes, and gives as many.

    Notes
    -----
    A class must have `forward`, without which it has no objects, and `backward` where something is learned at or below
    the layer: a layer for inference alone does without. For teaching and for trying things out: a net calls it once a
    batch and copies what it sees, on the CPU alone.

    Make the class a dataclass whose fields are plain values, and nets that hold it can be saved; `lamina.load` is then
    given the class. `lamina.gradcheck` checks backward against forward, as for every layer.

    References
    ----------
    H. Larochelle, "Neural networks", training neural networks: flow graph.

    Examples
    --------
    >>> import lamina, numpy as np
    >>> class Scale(lamina.PythonLayer):
    ...     def initial(self, features):
    ...         return {"scale": np.ones(features)}
    ...     def forward(self, x, parameters, mode):
    ...         return x * parameters["scale"]
    ...     def backward(self, dy, x, y, parameters, mode):
    ...         return dy * parameters["scale"], {"scale": (dy * x).sum(axis=0)}
    >>> net = lamina.Sequential(lamina.Linear(3, 4), lamina.Tanh(), Scale(), lamina.Linear(4, 2))
    >>> lamina.gradcheck(net, np.arange(12.0).reshape(4, 3) / 7, [0, 1, 1, 0]).ok
    True
    """

    in_features: int | None = None
    out_features: int | None = None

    def initial(self, features: int) -> Mapping[str, Any]:
        """Return what is learned, by name, as arrays with their initial values; nothing unless overridden.

        Parameters
        ----------
        features : int
            Columns of the input.

        Notes
        -----
        Weight decay and penalties touch arrays of two and more dimensions.
        """
        return {}

    @abstractmethod
    def forward(self, x: np.ndarray, parameters: dict[str, np.ndarray], mode: Mode) -> np.ndarray:
        """Return y (batch, out) for x (batch, in)."""

    def backward(
        self, dy: np.ndarray, x: np.ndarray, y: np.ndarray, parameters: dict[str, np.ndarray], mode: Mode
    ) -> np.ndarray | tuple[np.ndarray, Mapping[str, np.ndarray]]:
        """Return dx, the gradient of x; with parameters (dx, gradients of the parameters by name).

        Raises
        ------
        TypeError
            Unless overridden: nothing can be learned at or below the layer.
        """
        raise TypeError("the class has none, it is needed where something is learned at or below the layer")

    def settings(self) -> dict[str, Any]:
        return {"kind": "python", "layer": self}

    def initialise(self, parameters: Mapping[str, Any], *, in_features: int, **_: Any) -> None:
        for name, array in self._initial(in_features).items():
            parameters[name][...] = array

    # The three that native code calls. What it lends is gone after the call, so users see copies.

    def _initial(self, features: int) -> dict[str, np.ndarray]:
        with self._named("initial"):
            arrays = {name: np.asarray(array, np.float64) for name, array in dict(self.initial(features)).items()}
            for name, array in arrays.items():
                if not isinstance(name, str) or not name.isidentifier():
                    raise ValueError(f"a parameter is named {name!r}, an identifier is needed")
                if array.size == 0:
                    raise ValueError(f"{name} has shape {array.shape}, at least one element is needed")
        return arrays

    def _forward(self, x: Any, h: Any, dh: Any, dx: Any, values: Any, gradients: Any, mode: Any) -> None:
        with self._named("forward"):
            h[...] = self._fitting("y", self.forward(x.copy(), _copies(values), Mode(*mode)), h)

    def _backward(self, x: Any, h: Any, dh: Any, dx: Any, values: Any, gradients: Any, mode: Any) -> None:
        with self._named("backward"):
            result = self.backward(dh.copy(), x.copy(), h.copy(), _copies(values), Mode(*mode))
            found, of_parameters = result if isinstance(result, tuple) else (result, {})
            if set(of_parameters) != set(gradients):
                raise ValueError(f"gradients of {sorted(of_parameters)} are given, of {sorted(gradients)} are needed")
            if dx is not None:
                dx[...] = self._fitting("dx", found, dx)
            for name, gradient in gradients.items():
                gradient[...] = self._fitting(f"the gradient of {name}", of_parameters[name], gradient)

    @staticmethod
    def _fitting(what: str, array: Any, place: np.ndarray) -> np.ndarray:
        array = np.asarray(array)
        if array.shape != place.shape:
            raise ValueError(f"{what} has shape {array.shape}, {place.shape} is needed")
        return array

    @contextmanager
    def _named(self, method: str) -> Iterator[None]:
        """Say in errors whose they are."""
        try:
            yield
        except (ValueError, TypeError) as error:
            if type(error) not in (ValueError, TypeError):  # others are not made of a text alone
                raise
            raise type(error)(f"layer: {type(self).__name__}.{method}: {error}") from error


def _copies(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in arrays.items()}
