"""Optimizer steps, clipping and averages over ten million parameters, in place: bytes a second beside the copy rate."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from lamina import ops
from lamina.bench.harness import Contestant, Row, Setup
from lamina.bench.peers import by_torch

PARAMETERS = 10_000_000
GOAL = ">= 1.2x torch or >= 95% of copy"


def rows(setup: Setup) -> Iterator[Row]:
    """adam_step reads four arrays and writes three; those with one array of state read three and write two."""
    params, grads = setup.normal(PARAMETERS), setup.normal(PARAMETERS)
    m, v = np.zeros(PARAMETERS, np.float32), np.zeros(PARAMETERS, np.float32)
    own = Contestant("lamina", lambda: ops.adam_step(params, grads, m, v, lr=1e-3, step=10))
    yield line("adam_step", 28, [own, *torch_steps(setup, "Adam", lr=1e-3)])
    own = Contestant("lamina", lambda: ops.sgd_step(params, grads, m, lr=1e-5, momentum=0.9))
    yield line("sgd_step, momentum", 20, [own, *torch_steps(setup, "SGD", lr=1e-5, momentum=0.9)])
    own = Contestant("lamina", lambda: ops.sgd_step(params, grads, lr=1e-5))
    yield line("sgd_step", 12, [own, *torch_steps(setup, "SGD", lr=1e-5)])
    own = Contestant("lamina", lambda: ops.adagrad_step(params, grads, v, lr=1e-5))
    yield line("adagrad_step", 20, [own, *torch_steps(setup, "Adagrad", lr=1e-5)])
    own = Contestant("lamina", lambda: ops.rmsprop_step(params, grads, v, lr=1e-5))
    yield line("rmsprop_step", 20, [own, *torch_steps(setup, "RMSprop", lr=1e-5)], ">= 4x torch")
    own = Contestant("lamina", lambda: ops.clip_by_value(grads, 5.0))
    yield line("clip_by_value", 8, [own, *torch_clips(setup, "clip_grad_value_", 5.0)])
    # A little less every time, so that each scales all gradients: they are read twice and written once.
    norms, theirs = ((3000.0 * 0.9999**i for i in itertools.count()) for _ in range(2))
    own = Contestant("lamina", lambda: ops.clip_by_norm(grads, next(norms)))
    yield line("clip_by_norm", 12, [own, *torch_clips(setup, "clip_grad_norm_", lambda: next(theirs))])
    own = Contestant("lamina", lambda: ops.average_step(v, params, 0.01))
    yield line("average_step", 12, [own, *by_torch(setup, torch_average)])
    # As of clip_by_norm: every row is scaled every time. It is still in cache when it is read again.
    weight = setup.normal(PARAMETERS).reshape(-1, 1000)
    norms, theirs = ((20.0 * 0.9999**i for i in itertools.count()) for _ in range(2))
    own = Contestant("lamina", lambda: ops.max_norm(weight, next(norms)))
    yield line("max_norm", 8, [own, *by_torch(setup, lambda torch: torch_max_norm(torch, theirs))])


def torch_average(torch):
    """As its AveragedModel with multi_avg_fn=get_ema_multi_avg_fn(0.99) does."""
    average, params = torch.zeros(PARAMETERS), torch.randn(PARAMETERS)
    return lambda: torch._foreach_lerp_([average], [params], 0.01)


def torch_max_norm(torch, norms: Iterator[float]):
    weight = torch.randn(PARAMETERS // 1000, 1000)
    return lambda: weight.renorm_(2, 0, next(norms))


def torch_steps(setup: Setup, name: str, **options: float) -> list[Contestant]:
    """torch's optimizer on one flat parameter, by each of its fast paths; RMSprop has no fused one."""
    paths: dict[str, dict[str, bool]] = {"fused": {"fused": True}, "foreach": {"foreach": True}}
    if name == "RMSprop":
        paths = {"foreach": {"foreach": True}, "single": {"foreach": False}}
    elif setup.quick:
        del paths["foreach"]
    contestants: list[Contestant] = []
    for path, choice in paths.items():

        def make(torch, choice=choice):
            parameter = torch.nn.Parameter(torch.randn(PARAMETERS))
            parameter.grad = torch.randn(PARAMETERS)
            return getattr(torch.optim, name)([parameter], **options, **choice).step

        contestants += by_torch(setup, make, variant=path)
    return contestants


def torch_clips(setup: Setup, name: str, limit: Any) -> list[Contestant]:
    """torch's clipping of one flat parameter's gradient; `limit` may be a function that gives another each time."""

    def make(torch):
        parameter = torch.nn.Parameter(torch.zeros(PARAMETERS))
        parameter.grad = torch.randn(PARAMETERS)
        clip = getattr(torch.nn.utils, name)
        return lambda: clip([parameter], limit() if callable(limit) else limit)

    return by_torch(setup, make)


def line(name: str, bytes_each: int, contestants: list[Contestant], goal: str = GOAL) -> Row:
    work = float(bytes_each * PARAMETERS)
    return Row(f"{name} 10M", contestants, work, "GB/s", "copy memory", goal=goal)
