"""Activations on 4096 x 1024 into a given output, forward and backward, beside a copy; softmax by rows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from lamina import ops
from lamina.bench.ceilings import copies
from lamina.bench.harness import Contestant, Row, Setup
from lamina.bench.peers import by_numpy, by_torch

SHAPE = (4096, 1024)


def torch_forward(torch, name, x, out):
    """torch's own kernel with an output where it has one; None where torch has no such activation."""
    aten = torch.ops.aten
    scale, alpha = 1.0507009873554805, 1.6732632423543778
    return {
        "linear": lambda: out.copy_(x),
        "sigmoid": lambda: torch.sigmoid(x, out=out),
        "tanh": lambda: torch.tanh(x, out=out),
        "relu": lambda: torch.clamp_min(x, 0, out=out),
        "leaky_relu": lambda: aten.leaky_relu.out(x, 0.01, out=out),
        "elu": lambda: aten.elu.out(x, 1.0, 1.0, 1.0, out=out),
        "selu": lambda: aten.elu.out(x, alpha, scale, 1.0, out=out),
        "softplus": lambda: aten.softplus.out(x, 1, 20, out=out),
        "gelu": lambda: aten.gelu.out(x, out=out),
        "gelu_tanh": lambda: aten.gelu.out(x, approximate="tanh", out=out),
        "silu": lambda: aten.silu.out(x, out=out),
    }.get(name)


def numpy_forward(name, x, out):
    """What a NumPy user writes, with outputs given; None where that is not one or two calls."""
    return {
        "linear": lambda: np.copyto(out, x),
        "tanh": lambda: np.tanh(x, out=out),
        "relu": lambda: np.maximum(x, 0, out=out),
    }.get(name)


def ready(run, torch):
    """For by_torch, where the work is known already."""
    return run


def rows(setup: Setup) -> Iterator[Row]:
    """Every activation of the catalogue, then softmax and log-softmax."""
    x, dy, out = setup.normal(*SHAPE), setup.normal(*SHAPE), np.empty(SHAPE, np.float32)
    for name in ops.activations(fused=True):
        peers: list[Contestant] = []
        if "torch" in setup.peers:
            tensors = [setup.peers["torch"].from_numpy(array) for array in (x.copy(), np.empty_like(x))]
            run = torch_forward(setup.peers["torch"], name, *tensors)
            peers += by_torch(setup, partial(ready, run)) if run else []
        run = numpy_forward(name, x, np.empty_like(x))
        peers += by_numpy(setup, run) if run else []
        own = Contestant("lamina", partial(ops.activation_forward, x, name, out=out))
        yield line(setup, f"{name} forward", [own, *peers], 8.0 * x.size)
    for name in ops.activations(fused=True):
        y = ops.activation_forward(x, name)
        own = Contestant("lamina", partial(ops.activation_backward, dy, x, name, y=y, out=out))
        yield line(setup, f"{name} backward", [own], 12.0 * x.size)
    for name in ops.activations(fused=False):
        settings: dict[str, Any] = {"training": True} if name == "rrelu" else {}
        forward, backward = (
            partial(ops.activation_forward, x, name, out=out, **settings),
            partial(ops.activation_backward, dy, x, name, **settings),
        )
        yield line(setup, f"{name} forward", [Contestant("lamina", forward)], 8.0 * x.size)
        yield line(setup, f"{name} backward", [Contestant("lamina", backward)], 12.0 * x.size)
    yield from softmax_rows(setup, x, dy, out)


def softmax_rows(setup: Setup, x: np.ndarray, dy: np.ndarray, out: np.ndarray) -> Iterator[Row]:
    """softmax_forward, softmax_backward, log_softmax_forward and log_softmax_backward."""
    for name in ("softmax", "log_softmax"):
        forward, backward = getattr(ops, f"{name}_forward"), getattr(ops, f"{name}_backward")

        def torch_run(torch, name=name):
            tensor, result = torch.from_numpy(x.copy()), torch.empty(SHAPE)
            call = getattr(torch.ops.aten, f"_{name}").out
            return lambda: call(tensor, 1, False, out=result)

        own = Contestant("lamina", partial(forward, x, out=out))
        yield line(setup, f"{name} forward", [own, *by_torch(setup, torch_run)], 8.0 * x.size)
        y = forward(x)
        own = Contestant("lamina", partial(backward, dy, y, out=out))
        yield line(setup, f"{name} backward", [own], 12.0 * x.size)


def line(setup: Setup, name: str, contestants: list[Contestant], work: float) -> Row:
    contestants = [*contestants, *copies(setup, SHAPE)]
    return Row(f"{name} 4096x1024", contestants, work, "GB/s", yardstick="copy", goal="<= 1.2x a copy")
