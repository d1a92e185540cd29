"""Layers of a net that training leaves as they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

from lamina._checks import errors_of, whole
from lamina.layers import Layer

__all__ = ["Freezing"]


class Freezing(ABC):
    """The part of `lamina.Sequential` that freezes layers."""

    _layers: tuple[Layer, ...]
    _core: Any
    _frozen: tuple[str, ...]

    @abstractmethod
    def _exclusive(self, call: str) -> AbstractContextManager[None]:
        """Hold the net while it changes: `NetState`, which is made of this part, has the lock."""

    @property
    def frozen(self) -> tuple[str, ...]:
        """The names of the layers with parameters that training leaves as they are."""
        return self._frozen

    def freeze(self, *layers: int | str) -> None:
        """Let training leave layers as they are, till `unfreeze`.

        Parameters
        ----------
        *layers : int or str
            By index, from the end if negative, or by name as in `parameters`; one without parameters has nothing to
            freeze. A trainer that exists looks at it at the beginning of an epoch, so that callbacks may freeze.

        Raises
        ------
        ValueError
            If there is no such layer, or none is given.
        TypeError
            If one is neither a whole number nor a string.
        lamina.BackendError
            If another thread trains the net.

        Notes
        -----
        Parameters of a frozen layer do not move, by decay either; their gradients are 0 and not computed, so that
        `clip_norm` is about those of the others. Batch norm keeps its running statistics and uses them in training too.
        Dropout goes on. Backward passes end at the lowest layer that is trained.

        References
        ----------
        J. Yosinski et al., "How transferable are features in deep neural networks?", 2014.

        Examples
        --------
        >>> import lamina
        >>> net = lamina.Sequential(lamina.Linear(2, 4), lamina.ReLU(), lamina.Linear(4, 2))
        >>> net.freeze(0)
        >>> before = net.state_dict()
        >>> history = lamina.Trainer(net).fit([[1.0, 2.0]], [1], epochs=1, progress=False)
        >>> [name for name, array in net.parameters().items() if (array != before[name]).any()]
        ['2.weight', '2.bias']
        """
        call = "Sequential.freeze"
        if not layers:
            raise ValueError(f"{call}: no layer given, at least one is needed")
        self._set_frozen(call, {*self._frozen, *self._names_of(call, *layers)})

    def unfreeze(self, *layers: int | str) -> None:
        """Let training move layers again.

        Parameters
        ----------
        *layers : int or str
            As of `freeze`; all unless given.

        Raises
        ------
        ValueError, TypeError, lamina.BackendError
            As `freeze`.

        Examples
        --------
        >>> import lamina
        >>> net = lamina.Sequential(lamina.Linear(2, 4), lamina.ReLU(), lamina.Linear(4, 2))
        >>> net.freeze(0, -1)
        >>> net.unfreeze("2")
        >>> net.frozen
        ('0',)
        >>> net.unfreeze()
        >>> net.frozen
        ()
        """
        call = "Sequential.unfreeze"
        freed = self._names_of(call, *layers) if layers else self._frozen
        self._set_frozen(call, {*self._frozen} - {*freed})

    def _set_frozen(self, call: str, names: Iterable[str]) -> None:
        """Freeze exactly the layers of these names."""
        chosen = set(names)
        before, frozen = self._frozen, tuple(name for name in self._owners() if name in chosen)
        with self._exclusive(call), errors_of(call):
            try:
                self._frozen = frozen
                self._core.freeze(chosen)
            except BaseException:  # Ctrl-C may have come behind
                self._frozen = before
                self._core.freeze(set(before))
                raise

    def _arrays(self) -> dict[str, Any]:
        """Parameters and running statistics by name, live."""
        return self._core.parameters() | self._core.buffers()

    def _owners(self) -> list[str]:
        """The names of all layers with parameters."""
        return list(dict.fromkeys(name.rpartition(".")[0] for name in self._core.parameters()))

    def _names_of(self, call: str, *layers: Any) -> list[str]:
        """Return the names of all that has parameters in some layers, given by index or name."""
        owners, count, found = self._owners(), len(self._layers), list[str]()
        for layer in layers:
            name = layer if isinstance(layer, str) else str(whole(call, "layer", layer, -count, count - 1) % count)
            inside = [owner for owner in owners if f"{owner}.".startswith(f"{name}.")]
            if not inside and name not in map(str, range(count)):
                raise ValueError(f"{call}: layer {layer!r} given, the net's are named '0' to '{count - 1}'")
            found += inside
        return found
