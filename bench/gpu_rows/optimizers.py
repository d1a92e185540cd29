"""What walks over the flat buffer of parameters: optimizers, clipping, averages; and bounds on the norms of rows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from gpu_rows.device import Device, DeviceRow
from lamina import cuda, ops

PARAMETERS = 64 << 20
ROW = 4096
GOAL = ">= 90% of copy"


def rows(device: Device) -> Iterator[DeviceRow]:
    """adam_step reads four arrays and writes three; those with one array of state read three and write two."""
    count = device.size(PARAMETERS)
    for name, each, states, ours, theirs in (
        ("sgd_step", 12, 0, lambda p, g: ops.sgd_step(p, g, lr=1e-5), ("SGD", {})),
        (
            "sgd_step, momentum",
            20,
            1,
            lambda p, g, m: ops.sgd_step(p, g, m, lr=1e-5, momentum=0.9),
            ("SGD", {"momentum": 0.9}),
        ),
        (
            "sgd_step, nesterov",
            20,
            1,
            lambda p, g, m: ops.sgd_step(p, g, m, lr=1e-5, momentum=0.9, nesterov=True),
            ("SGD", {"momentum": 0.9, "nesterov": True}),
        ),
        ("adagrad_step", 20, 1, lambda p, g, v: ops.adagrad_step(p, g, v, lr=1e-5), ("Adagrad", {})),
        ("rmsprop_step", 20, 1, lambda p, g, v: ops.rmsprop_step(p, g, v, lr=1e-5), ("RMSprop", {})),
        (
            "rmsprop_step, momentum",
            28,
            2,
            lambda p, g, v, m: ops.rmsprop_step(p, g, v, m, lr=1e-5, momentum=0.9),
            ("RMSprop", {"momentum": 0.9}),
        ),
        ("adam_step", 28, 2, lambda p, g, m, v: ops.adam_step(p, g, m, v, lr=1e-5, step=9), ("Adam", {})),
        (
            "adam_step, decoupled",
            28,
            2,
            lambda p, g, m, v: ops.adam_step(p, g, m, v, lr=1e-5, step=9, weight_decay=0.01, decoupled=True),
            ("AdamW", {}),
        ),
    ):
        yield step(device, f"{name} {count}", count, each * count, states, ours, *theirs)
    yield from clipping(device, count)


def step(
    device: Device, name: str, count: int, moved: float, states: int, ours: Any, peer: str, options: dict
) -> DeviceRow:
    """torch's optimizer on one flat parameter, by each of its fast paths; RMSprop has no fused one."""
    row = device.row(
        name,
        lambda: (device.normal(count), device.normal(count), *(cuda.zeros(count) for _ in range(states))),
        ours,
        moved=float(moved),
        goal=GOAL,
    )
    own = row.make

    def their_step(torch, path):
        parameter = torch.nn.Parameter(device.tensor(device.normal(count)))
        parameter.grad = device.tensor(device.normal(count))
        return getattr(torch.optim, peer)([parameter], lr=1e-5, **options, **{path: True}).step

    def make():
        paths = ["foreach"] if peer == "RMSprop" else ["fused", "foreach"]
        peers = [device.peer(lambda torch, path=path: their_step(torch, path), path) for path in paths]
        return [*own(), *itertools.chain.from_iterable(peers)]

    row.make = make
    return row


def shrinking(first: float) -> Iterator[float]:
    """A little less every time, so that each call scales everything."""
    return (first * 0.9999**i for i in itertools.count())


def clipping(device: Device, count: int) -> Iterator[DeviceRow]:
    """Gradients are read once or twice and written once; rows are still in cache when they are scaled."""
    limits = shrinking(count**0.5 / 2)  # for both, who work on the same memory

    def torch_clip(torch, g):
        norm = torch.linalg.vector_norm(g)
        return g.mul_(torch.clamp(next(limits) / norm, max=1))

    yield device.row(
        f"clip_by_value {count}",
        lambda: (device.normal(count),),
        lambda g: ops.clip_by_value(g, 0.5),
        lambda torch, g: g.clamp_(-0.5, 0.5),
        moved=8.0 * count,
        goal=GOAL,
    )
    yield device.row(
        f"clip_by_norm {count}",
        lambda: (device.normal(count),),
        lambda g: ops.clip_by_norm(g, next(limits)),
        torch_clip,
        moved=12.0 * count,
        goal=GOAL,
    )
    yield device.row(
        f"average_step {count}",
        lambda: (device.normal(count), device.normal(count)),
        lambda average, params: ops.average_step(average, params, 0.01),
        lambda torch, average, params: average.lerp_(params, 0.01),
        moved=12.0 * count,
        goal=GOAL,
    )
    columns = device.size(ROW)
    rows_ = max(1, count // columns)
    bounds = shrinking(columns**0.5 / 2)
    yield device.row(
        f"max_norm {rows_}x{columns}",
        lambda: (device.normal(rows_, columns),),
        lambda w: ops.max_norm(w, next(bounds)),
        lambda torch, w: w.renorm_(2, 0, next(bounds)),
        moved=8.0 * rows_ * columns,
        goal=GOAL,
    )
