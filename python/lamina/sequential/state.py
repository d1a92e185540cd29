"""What a net holds: parameters and running statistics, in memory, in pickles and in files."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from lamina import _core
from lamina._arrays import copied, on_host
from lamina._checks import matrix
from lamina.io import save_safetensors
from lamina.layers import Columns, describe
from lamina.sequential.freezing import Freezing

__all__ = ["KEY", "TRAINER", "NetState"]

KEY = "lamina"  # of the file's metadata
TRAINER = "lamina.trainer"  # of the metadata of a trainer's file, and what the names of its other arrays begin with


def _place(name: str) -> list[int]:
    """Where an array's layer is in the net: "1.0.weight" at [1, 0]."""
    return [int(part) for part in name.split(".")[:-1]]


def _converted(call: str, name: str, given: np.ndarray, own: Any) -> np.ndarray:
    """The array in the dtype of the net's own, or what is wrong with it."""
    if given.shape != own.shape or given.dtype.kind != own.dtype.kind:
        described, needed = (f"{a.dtype} {a.shape}" for a in (given, own))
        raise ValueError(f"{call}: {name} is {described}, {needed} is needed")
    with np.errstate(over="ignore", under="ignore"):
        array = given.astype(own.dtype, copy=False)
    if given.dtype != own.dtype and (lost := np.isfinite(given) & ~np.isfinite(array)).any():
        raise ValueError(f"{call}: {name} holds {given[lost][0]}, which is too large for {own.dtype}")
    return array


class NetState(Freezing):
    """The part of `lamina.Sequential` that keeps, copies and saves its arrays."""

    dtype: np.dtype
    seed: int
    fuse: bool
    extra: dict[str, str]
    _device: str

    def _build(self) -> None:
        try:
            layers = [layer.settings() for layer in self._layers]
            self._core = _core.Network(layers, self.dtype.name, self.fuse, self._device)
        except MemoryError:
            raise MemoryError(f"Sequential: the parameters of {self._layers} do not fit into memory") from None
        except (ValueError, TypeError, _core.BackendError) as error:
            raise type(error)(f"Sequential: {str(error).partition(': ')[2]}") from None
        self._core.freeze(set(self._frozen))
        self._training = threading.RLock()  # re-entered by callbacks of the fit that holds it
        self._held = 0  # how many times over

    def _input(self, call: str, data: Any, name: str = "X") -> Any:
        """Return data as native code takes it, or say what is wrong with it."""
        x = matrix(call, data, self._core.in_features, self.dtype, name)
        if isinstance(self._layers[0], Columns):
            self._layers[0].check(call, name, x)
        return x

    @contextmanager
    def _exclusive(self, call: str) -> Iterator[None]:
        """Hold the net for training, or say that it is being trained already."""
        if not self._training.acquire(blocking=False):
            raise _core.BackendError(f"{call}: this net is being trained already, train a copy (copy.deepcopy) or wait")
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            self._training.release()

    def __getstate__(self) -> dict[str, Any]:
        hidden = ("_core", "_training", "_held")
        return {key: value for key, value in vars(self).items() if key not in hidden} | {"state": self.state_dict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        weights = state.pop("state")
        vars(self).update(state)
        self._build()
        self.load_state_dict(weights)

    def parameters(self) -> dict[str, np.ndarray]:
        """Return every trained array by its name, "0.weight" …, as a live writable view, where the net is."""
        return self._core.parameters()

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return copies of all parameters and running statistics, named and ordered as torch does.

        Raises
        ------
        lamina.BackendError
            If another thread trains the net: copies could be half updated. Callbacks may take them between epochs.
        """
        with self._exclusive("Sequential.state_dict"):
            state = self._arrays()
            return {name: copied(state[name]) for name in sorted(state, key=_place)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over parameters and running statistics: all of them, or none.

        Parameters
        ----------
        state : mapping of str to array_like
            Exactly the names and shapes of `state_dict`; floats of any width are converted.

        Raises
        ------
        ValueError
            If a name is missing or unknown, an array has another shape or kind, or a number is too large for the net's
            dtype; the net is then as it was.
        TypeError
            If `state` is no mapping.
        lamina.BackendError
            If another thread trains the net.
        """
        call = "Sequential.load_state_dict"
        if not isinstance(state, Mapping):
            raise TypeError(f"{call}: state is {state!r}, a mapping of names to arrays is needed")
        own = self._arrays()
        missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
        if missing or unknown:
            wrong = [
                f"{what} {', '.join(names)}" for what, names in (("missing:", missing), ("unknown:", unknown)) if names
            ]
            raise ValueError(f"{call}: {'; '.join(wrong)}; exactly the net's own names are needed")
        arrays = {name: _converted(call, name, np.asarray(on_host(state[name])), own[name]) for name in own}
        with self._exclusive(call):
            for name, array in arrays.items():
                own[name][...] = array

    def save(self, path: str | os.PathLike[str], extra: Mapping[str, str] | None = None) -> None:
        """Write the net to a safetensors file, replacing an older one in a single step.

        Parameters
        ----------
        path : path
            The file; its folder must exist.
        extra : mapping of str to str, optional
            Free text for the file's metadata, `lamina.load` gives it back as `extra`; the net's own `extra` unless
            given. The key "lamina" is taken: it holds the layers as JSON.

        Raises
        ------
        ValueError
            If `extra` has the key "lamina".
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import lamina
        >>> net = lamina.Sequential(lamina.Linear(3, 2), lamina.Tanh(), seed=5)
        >>> net.save("net.safetensors", extra={"note": "small"})
        >>> again = lamina.load("net.safetensors")
        >>> again.extra, bool((again([[1, 2, 3]]) == net([[1, 2, 3]])).all())
        ({'note': 'small'}, True)
        """
        extra = dict(self.extra if extra is None else extra)
        for key in {KEY, TRAINER} & extra.keys():
            raise ValueError(f"Sequential.save: extra has the key {key!r}, which files of lamina's own need")
        save_safetensors(path, self.state_dict(), {KEY: self._description(), **extra})

    def _description(self) -> str:
        """The net without its arrays, as JSON."""
        described = [describe(layer) for layer in self._layers]
        return json.dumps({"format": 1, "dtype": self.dtype.name, "seed": self.seed, "layers": described})
