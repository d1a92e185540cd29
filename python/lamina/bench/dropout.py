"""Dropout of 4096 x 1024 with p = 0.5 into a given output, beside a copy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lamina import ops
from lamina.bench.ceilings import copies
from lamina.bench.harness import Contestant, Row, Setup
from lamina.bench.peers import by_numpy, by_torch

SHAPE = (4096, 1024)


def rows(setup: Setup) -> Iterator[Row]:
    """Forward, backward (the mask is computed again), the mask alone, and masking noise."""
    x, out = setup.normal(*SHAPE), np.empty(SHAPE, np.float32)
    work = 8.0 * x.size

    def torch_run(torch):
        tensor = torch.from_numpy(x.copy())
        return lambda: torch.nn.functional.dropout(tensor, 0.5, training=True)

    def torch_backward(torch):
        gradient, mask, result = torch.from_numpy(x.copy()), torch.rand(SHAPE) < 0.5, torch.empty(SHAPE)
        return lambda: torch.ops.aten.native_dropout_backward.out(gradient, mask, 2.0, out=result)

    generator = np.random.default_rng(0)

    def numpy_run():
        return x * ((generator.random(SHAPE, np.float32) >= 0.5) * np.float32(2))

    own = Contestant("lamina", lambda: ops.dropout_forward(x, 0.5, seed=1, out=out))
    peers = [*by_torch(setup, torch_run), *by_numpy(setup, numpy_run)]
    yield line("forward 4096x1024", [own, *peers, *copies(setup, SHAPE)], work)
    own = Contestant("lamina", lambda: ops.dropout_backward(x, 0.5, seed=1, out=out))
    yield line("backward 4096x1024", [own, *by_torch(setup, torch_backward), *copies(setup, SHAPE)], work)
    own = Contestant("lamina", lambda: ops.dropout_mask(SHAPE, 0.5, seed=1))
    peers = by_numpy(setup, lambda: generator.random(SHAPE, np.float32) >= 0.5)
    yield line("mask 4096x1024", [own, *peers, *copies(setup, SHAPE)], 1.0 * x.size)
    own = Contestant("lamina", lambda: ops.masking_noise(x, 0.5, seed=1, out=out))
    yield line("masking_noise 4096x1024", [own, *copies(setup, SHAPE)], work)


def line(name: str, contestants: list[Contestant], work: float) -> Row:
    return Row(name, contestants, work, "GB/s", yardstick="copy", goal="<= 1.2x a copy")
