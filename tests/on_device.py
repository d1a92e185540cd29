"""The ops of lamina on the CUDA device under the tests written for NumPy arrays: there and back around every call."""

import functools
import inspect
from contextlib import contextmanager

import numpy as np

import lamina
from lamina import ops

# Ops that take no arrays, or draw what only the host needs.
CPU_ONLY = {"activations", "explain", "philox", "random_permutation"}

_active = False


def is_active():
    """Whether ops compute on the device at present."""
    return _active


@contextmanager
def active(on):
    """Let wrapped ops compute on the device or on the CPU, and let models that do not say where they are be there."""
    global _active
    defaults = [model.__init__.__kwdefaults__ for model in (lamina.Sequential, lamina.Autoencoder)]
    outer, devices = _active, [default["device"] for default in defaults]
    _active = on
    for default in defaults:
        default["device"] = "cuda" if on else "cpu"
    try:
        yield
    finally:
        _active = outer
        for default, device in zip(defaults, devices, strict=True):
            default["device"] = device


@contextmanager
def all_ops(monkeypatch):
    """Let the functions of `lamina.ops` compute on the device."""
    for name in set(ops.__all__) - CPU_ONLY:
        monkeypatch.setattr(ops, name, through_device(getattr(ops, name)))
    with active(True):
        yield
    lamina.cuda.release_unused()


def level():
    """What ops compute with: "cuda" on the device, else the instruction set."""
    return "cuda" if _active else lamina.get_isa()


def to_device(array):
    """Return a copy with the array's row stride."""
    apart = array.ndim == 2 and array.size and array.strides[1] == array.itemsize
    if not apart or array.strides[0] <= array.shape[1] * array.itemsize or array.strides[0] % array.itemsize:
        return lamina.cuda.array(array)
    wide = lamina.cuda.empty((array.shape[0], array.strides[0] // array.itemsize), array.dtype)
    view = wide[:, : array.shape[1]]
    view[...] = array
    return view


def through_device(op):
    """Return the op for NumPy arrays, computed on the device; what it changes in place or in `out` comes back."""

    @functools.wraps(op)
    def call(*arguments, **options):
        if not _active:
            return op(*arguments, **options)
        there = {}  # of every array: itself and its twin

        def move(value):
            if isinstance(value, np.ndarray):
                if id(value) not in there:
                    there[id(value)] = (value, to_device(value))
                return there[id(value)][1]
            if isinstance(value, tuple):
                return tuple(move(item) for item in value)
            if isinstance(value, dict):
                return {key: move(item) for key, item in value.items()}
            return value

        def bring(value):
            if isinstance(value, lamina.cuda.Array):
                for here, twin in there.values():
                    if twin is value:
                        return here
                return value.numpy() if value.shape else value.numpy().item()
            if isinstance(value, (tuple, list)):
                return type(value)(bring(item) for item in value)
            if isinstance(value, dict):
                return {key: bring(item) for key, item in value.items()}
            return value

        if "device" in inspect.signature(op).parameters:  # a draw, which has no arrays to tell
            options["device"] = "cuda"
        result = op(*(move(value) for value in arguments), **{key: move(value) for key, value in options.items()})
        for here, twin in there.values():
            if here.flags.writeable:
                here[...] = twin.numpy()
        return bring(result)

    return call
