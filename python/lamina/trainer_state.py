"""What a trainer goes on from: copied, pickled, saved to a file; and the average of the weights."""

from __future__ import annotations

import copy
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import checkpoint
from lamina._arrays import copied
from lamina.averaging import Average
from lamina.callbacks import Callback
from lamina.evaluation import Evaluator
from lamina.layers import Layer
from lamina.schedules import Schedule
from lamina.sequential import Sequential

if TYPE_CHECKING:
    from lamina.trainer import Trainer

__all__ = ["TrainerState"]

_COUNTERS = ("step", "epoch", "averaged", "missed")  # of native code


class TrainerState(Evaluator, ABC):
    """The part of `lamina.Trainer` that keeps, copies and saves what training goes on from."""

    average: Average | None

    @abstractmethod
    def _build(self) -> None:
        """Make the native trainer anew from the settings: `Trainer` has them."""

    def __getstate__(self) -> dict[str, Any]:
        native = {name: copied(view) for name, view in self._arrays().items()}, self._counters()
        own = {key: value for key, value in vars(self).items() if key not in ("_core", "_trained")}
        return own | {"native": native}

    def __setstate__(self, state: dict[str, Any]) -> None:
        arrays, counters = state.pop("native")
        vars(self).update(state)
        self._build()
        self._set_arrays(arrays)
        self._set_counters(counters)

    def _counters(self) -> dict[str, Any]:
        return {name: getattr(self._core, name) for name in _COUNTERS}

    def _set_counters(self, counters: Mapping[str, Any]) -> None:
        for name in _COUNTERS:
            setattr(self._core, name, counters[name])

    def _arrays(self) -> dict[str, Any]:
        """What native code keeps from step to step beside the net: live views."""
        average = {f"average.{name}": view for name, view in self._core.average().items()}
        return {f"optimizer.{name}": view for name, view in self._core.state().items()} | average

    def _set_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        views = self._arrays()
        if views.keys() != arrays.keys():
            raise ValueError(f"arrays {', '.join(arrays)} given, {', '.join(views)} are needed")
        for name, view in views.items():
            if (view.shape, view.dtype) != (arrays[name].shape, arrays[name].dtype):
                raise ValueError(f"{name} is {arrays[name].dtype} {arrays[name].shape}, not {view.dtype} {view.shape}")
            view[...] = arrays[name]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything that training goes on from to a file, replacing an older one in a single step.

        Parameters
        ----------
        path : path
            The file, in the format safetensors; its folder must exist. `lamina.load` reads the net alone from it.

        Raises
        ------
        TypeError
            If the optimizer is none of lamina's.
        lamina.BackendError
            If another thread trains the net. A callback may save between epochs.
        OSError
            If the file cannot be written; an older file of that name is then still whole.

        Notes
        -----
        The file holds the net and which of its layers are frozen, the optimizer with its state, the average of the
        weights, loss, schedule, callbacks, all other settings, counters, `lr` and `history`. Schedules and callbacks
        that are not lamina's own are named there and given to `resume` again. As a fit begins anew with callbacks,
        what they remember of the last one (`EarlyStopping.best`) stays behind.

        Examples
        --------
        >>> import lamina
        >>> X, y = [[0.0], [1.0]], [0, 1]
        >>> trainer = lamina.Trainer(lamina.Sequential(lamina.Linear(1, 2)), schedule=lamina.StepDecay(2))
        >>> history = trainer.fit(X, y, epochs=3, progress=False)
        >>> trainer.save("trainer.safetensors")
        >>> again = lamina.Trainer.resume("trainer.safetensors")
        >>> losses = [each.fit(X, y, epochs=2, progress=False)["loss"] for each in (trainer, again)]
        >>> len(losses[0]), losses[0] == losses[1]
        (5, True)
        """
        checkpoint.write(self, path)

    @classmethod
    def resume(
        cls,
        path: str | os.PathLike[str],
        *,
        schedule: Schedule | None = None,
        callbacks: Iterable[Callback] | None = None,
        layers: Iterable[type[Layer]] = (),
        device: str = "cpu",
    ) -> Trainer:
        """Read a trainer from a file of `save`; training goes on bit for bit.

        Parameters
        ----------
        path : path
            The file. Nothing in it is executed.
        schedule : callable, optional
            Instead of the file's; needed where that is not lamina's own.
        callbacks : iterable of Callback, optional
            Instead of all of the file's; needed where one of those is not lamina's own.
        layers : iterable of type, optional
            The classes of the layers written in Python that the net has.
        device : {"cpu", "cuda"}
            Where the net is, whatever it was on before.

        Returns
        -------
        Trainer
            With the net as its `net`. Data is given to `fit` again.

        Raises
        ------
        ValueError
            If the file is damaged or holds no trainer, or needs a schedule or callbacks.
        OSError
            If it cannot be read.
        lamina.BackendError
            If the device is cuda, and there is none.
        """
        return checkpoint.read(cls, path, schedule, callbacks, layers, device)

    def averaged(self) -> Sequential:
        """Return a new net with the average of the weights.

        Returns
        -------
        Sequential
            Batch norm's running statistics in it are the net's own at present; see `lamina.SWA`.

        Raises
        ------
        ValueError
            If the trainer was given no `average`, or nothing has been averaged yet.
        lamina.BackendError
            If another thread trains the net.
        """
        call = "Trainer.averaged"
        if self.average is None:
            raise ValueError(f"{call}: no average is kept, the trainer needs average=lamina.EMA() or lamina.SWA(…)")
        if self._core.averaged == 0:
            raise ValueError(f"{call}: nothing has been averaged by {self.average} yet, a fit comes first")
        net = copy.deepcopy(self.net)
        weights = {name: copied(view) for name, view in self._core.average().items()}
        net.load_state_dict(net.state_dict() | weights)
        return net
