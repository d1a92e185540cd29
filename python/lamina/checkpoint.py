"""A trainer in a file: what goes into it as JSON and arrays, and the way back."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from lamina import averaging, callbacks, optim, schedules, step_schedules
from lamina._arrays import copied, on_host
from lamina._checks import number, one_of
from lamina.io import load_safetensors, save_safetensors
from lamina.layers import Layer
from lamina.losses import Loss
from lamina.regularizers import Elastic
from lamina.sequential.files import net_in
from lamina.sequential.state import KEY, TRAINER

__all__ = ["read", "write"]

# What is described by the arguments that it was made with, and of which it has attributes of the same names.
_KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        *optim.NAMES.values(),
        schedules.HalveOnPlateau,
        schedules.StepDecay,
        schedules.ExponentialDecay,
        schedules.InverseTimeDecay,
        step_schedules.CosineDecay,
        step_schedules.WarmUp,
        step_schedules.OneCycle,
        averaging.EMA,
        averaging.SWA,
        callbacks.EarlyStopping,
        callbacks.UnfreezeInStages,
    )
}
_SETTINGS = ("clip_value", "clip_norm", "max_norm", "seed", "decay_all", "precision")  # numbers and names as they are


def _describe(part: Any) -> Any:
    """Return what JSON can hold of a part; of one that is not lamina's own, or has such parts, how it shows itself."""
    if part is None:
        return None
    kind = type(part)
    if _KINDS.get(kind.__name__) is not kind:
        return {"own": repr(part)}
    described = {name: getattr(part, name) for name in inspect.signature(kind).parameters}
    if "then" in described:
        described["then"] = _describe(described["then"])
        if _is_own(described["then"]):
            return {"own": repr(part)}
    return {"kind": kind.__name__, **described}


def _is_own(described: Any) -> bool:
    return isinstance(described, dict) and "own" in described


def _made(described: Any) -> Any:
    if described is None:
        return None
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in described.items()}
    kind = values.pop("kind")
    if kind not in _KINDS:
        raise ValueError(f"{kind!r} is not known to this version")
    if "then" in values:
        values["then"] = _made(values["then"])
    return _KINDS[kind](**values)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"Trainer.save: {value!r} cannot be written to a file")


def write(trainer: Any, path: str | os.PathLike[str]) -> None:
    """Write a trainer, as `Trainer.save` says."""
    optimizer = _describe(trainer.optimizer)
    if _is_own(optimizer):
        raise TypeError(
            f"Trainer.save: optimizer {trainer.optimizer!r} given, one of {', '.join(optim.NAMES)} is needed"
        )
    regularizer = trainer.regularizer and [trainer.regularizer.l1, trainer.regularizer.l2]
    described = {
        "format": 1,
        "fuse": trainer.net.fuse,
        "frozen": trainer.net.frozen,
        "loss": {name: getattr(trainer.loss, name) for name in ("name", "label_smoothing", "delta")},
        "optimizer": optimizer,
        "schedule": _describe(trainer.schedule),
        "regularizer": regularizer,
        "layer_rates": list(trainer.layer_rates.items()),
        "average": _describe(trainer.average),
        "callbacks": [_describe(callback) for callback in trainer.callbacks],
        "settings": {name: getattr(trainer, name) for name in _SETTINGS},
        "lr": trainer.lr,
        "counters": trainer._counters(),
    }
    with trainer.net._exclusive("Trainer.save"):
        tensors, metadata = trainer.net.state_dict(), {KEY: trainer.net._description()}
        arrays = {name: copied(view) for name, view in trainer._arrays().items()}
    arrays |= {f"history.{key}": np.array(column, np.float64) for key, column in trainer.history.items()}
    if trainer.loss.class_weight is not None:
        arrays["class_weight"] = np.asarray(on_host(trainer.loss.class_weight))
    tensors |= {f"{TRAINER}.{name}": array for name, array in arrays.items()}
    save_safetensors(path, tensors, trainer.net.extra | metadata | {TRAINER: json.dumps(described, default=_plain)})


def read(
    trainer_class: Callable[..., Any],
    path: str | os.PathLike[str],
    schedule: Any,
    own_callbacks: Any,
    layers: Iterable[type[Layer]],
    device: str,
) -> Any:
    """Read a trainer, as `Trainer.resume` says."""
    call, name = "Trainer.resume", os.fspath(path)
    one_of(call, "device", device, ["cpu", "cuda"])
    tensors, metadata = load_safetensors(path)
    if TRAINER not in metadata:
        raise ValueError(f"{call}: {name} holds no trainer, its metadata has no {TRAINER!r}")
    with _damage_named(call, name):
        described = json.loads(metadata[TRAINER])
        if described["format"] != 1:
            raise ValueError(f"format {described['format']!r} is not known to this version")
        parts = [described["schedule"]] if schedule is None else []
        parts += described["callbacks"] if own_callbacks is None else []
        foreign = [part["own"] for part in parts if _is_own(part)]
        fuse = described["fuse"]
    if foreign:
        raise ValueError(f"{call}: {name} holds {', '.join(foreign)} by name only, schedule= or callbacks= is needed")
    net = net_in(call, path, tensors, metadata, layers, fuse=fuse, device=device)
    arrays = {key[len(TRAINER) + 1 :]: array for key, array in tensors.items() if key.startswith(TRAINER)}
    with _damage_named(call, name):
        net._set_frozen(call, described["frozen"])
        trainer = trainer_class(
            net,
            loss=Loss(**described["loss"], class_weight=arrays.pop("class_weight", None)),
            optimizer=_made(described["optimizer"]),
            schedule=_made(described["schedule"]) if schedule is None else None,
            regularizer=described["regularizer"] and Elastic(*described["regularizer"]),
            layer_rates=dict(described["layer_rates"]),
            average=_made(described["average"]),
            callbacks=map(_made, described["callbacks"]) if own_callbacks is None else (),
            **described["settings"],
        )
        trainer.lr = number(call, "lr", described["lr"])
        trainer._set_counters(described["counters"])
        trainer.history = {key: arrays.pop(f"history.{key}").tolist() for key in trainer.history}
        if len({len(column) for column in trainer.history.values()}) != 1:
            raise ValueError("the columns of history are not equally long")
        trainer._set_arrays(arrays)
    if schedule is not None:
        trainer.schedule = schedules.schedule_in(call, "schedule", schedule)
    if own_callbacks is not None:
        trainer.callbacks = callbacks.callbacks_in(call, own_callbacks)
    return trainer


@contextmanager
def _damage_named(call: str, name: str) -> Iterator[None]:
    """Let errors say that the file is damaged."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{call}: {name} holds a damaged trainer: {reason}") from None
