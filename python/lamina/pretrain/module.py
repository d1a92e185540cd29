"""What autoencoders and Boltzmann machines share: settings, arrays, pickling, and the loop over epochs."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from lamina import optim
from lamina._arrays import copied
from lamina._checks import errors_of, one_of, whole
from lamina.progress import progress_bar

__all__ = ["Module"]


class Module(ABC):
    """A visible and a hidden layer that learn without labels; `_core` is its native half.

    Attributes
    ----------
    history : dict of str to list of float
        "loss" and "seconds", one entry per epoch over all fits.
    """

    _counters: tuple[str, ...] = ("step", "epoch")  # of the native half

    def __init__(
        self,
        n_visible: int,
        n_hidden: int,
        optimizer: str | optim.Optimizer,
        seed: int,
        layer: int,
        dtype: Any,
        device: str,
    ) -> None:
        call = type(self).__name__
        self.n_visible = whole(call, "n_visible", n_visible, 1, 2**31 - 1)
        self.n_hidden = whole(call, "n_hidden", n_hidden, 1, 2**31 - 1)
        self.optimizer = optim.optimizer(call, optimizer)
        self.seed = whole(call, "seed", seed, 0, 2**64 - 1)
        self.layer = whole(call, "layer", layer, 0, 2**24 - 1)
        self.dtype = np.dtype(one_of(call, "dtype", np.dtype(dtype).name, ["float32", "float64"]))
        self.device = one_of(call, "device", str(device), ["cpu", "cuda"])
        self.history: dict[str, list[float]] = {"loss": [], "seconds": []}

    @abstractmethod
    def _new_core(self) -> Any:
        """Make the native half from the settings."""

    def parameters(self) -> dict[str, np.ndarray]:
        """Return live views: "weight" (hidden, visible), "hidden_bias", "visible_bias", "decoder_weight" if untied."""
        return self._core.parameters()

    def __getstate__(self) -> dict[str, Any]:
        core = self._core
        arrays = {"parameters": core.parameters(), "state": core.state()}
        saved = {what: {name: copied(view) for name, view in views.items()} for what, views in arrays.items()}
        own = {key: value for key, value in vars(self).items() if key != "_core"}
        own["history"] = {key: list(column) for key, column in self.history.items()}
        return own | {"_saved": saved, "_counted": {name: getattr(core, name) for name in self._counters}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        saved, counted = state.pop("_saved"), state.pop("_counted")
        vars(self).update(state)
        self._core = self._new_core()
        for what, views in (("parameters", self._core.parameters()), ("state", self._core.state())):
            for name, view in views.items():
                view[...] = saved[what][name]
        for name, count in counted.items():
            setattr(self._core, name, count)

    def _epochs(
        self, call: str, epochs: int, progress: bool, description: str, run: Callable[[], float]
    ) -> dict[str, list[float]]:
        """Call run() for each epoch and note what it returns, its loss."""
        with progress_bar(epochs, description, progress) as advance:
            for _ in range(epochs):
                start, counted, noted = time.perf_counter(), self._core.epoch, len(self.history["loss"])
                try:
                    with errors_of(call):
                        loss = run()
                    self._enter(loss, time.perf_counter() - start)
                finally:  # only what was noted counts
                    self._core.epoch = counted + len(self.history["loss"]) - noted
                advance("" if np.isnan(loss) else f"loss {loss:.4g}")
        return self.history

    def _enter(self, loss: float, seconds: float) -> None:
        """Enter an epoch into the history: both numbers, or neither if Ctrl-C comes between."""
        epochs = len(self.history["loss"])
        try:
            self.history["loss"].append(loss)
            self.history["seconds"].append(seconds)
        except BaseException:
            for column in self.history.values():
                del column[epochs:]
            raise
