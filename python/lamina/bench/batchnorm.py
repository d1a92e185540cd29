"""Batch normalisation of 4096 x 1024 in training, forward and forward + backward, beside a copy of its input."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lamina import ops
from lamina.bench.ceilings import copies
from lamina.bench.harness import Contestant, Row, Setup
from lamina.bench.peers import by_torch

SHAPE = (4096, 1024)


def rows(setup: Setup) -> Iterator[Row]:
    """Forward, then forward + backward with all three gradients."""
    yield row(setup, False, "<= 1.6x a copy")
    yield row(setup, True, "<= 4x a copy")


def row(setup: Setup, backward: bool, goal: str) -> Row:
    """The work is counted as the bytes that must move at least: x, y and, backward, x, dy, dx."""
    count, features = SHAPE
    x, dy = setup.normal(*SHAPE), setup.normal(*SHAPE)
    gamma, beta = np.ones(features, np.float32), np.zeros(features, np.float32)
    mean, variance = np.zeros(features, np.float32), np.ones(features, np.float32)

    y, batch_mean, rstd = np.empty_like(x), np.empty(features, np.float32), np.empty(features, np.float32)
    gradients = np.empty_like(x), np.empty(features, np.float32), np.empty(features, np.float32)

    def own_run():
        ops.batchnorm_forward(x, gamma, beta, mean, variance, out=(y, batch_mean, rstd))
        if backward:
            ops.batchnorm_backward(dy, x, gamma, batch_mean, rstd, out=gradients)

    def torch_run(torch):
        tensors = [torch.from_numpy(array.copy()).requires_grad_(backward) for array in (x, gamma, beta)]
        statistics = [torch.from_numpy(array.copy()) for array in (mean, variance)]
        gradient = torch.from_numpy(dy.copy())

        def run():
            y = torch.nn.functional.batch_norm(tensors[0], *statistics, *tensors[1:], training=True)
            return torch.autograd.grad(y, tensors, gradient) if backward else y

        return run

    contestants = [Contestant("lamina", own_run), *by_torch(setup, torch_run), *copies(setup, SHAPE)]
    work = (5.0 if backward else 2.0) * 4 * count * features
    name = f"{'forward+backward' if backward else 'forward'} {count}x{features}"
    return Row(name, contestants, work, "GB/s", yardstick="copy", goal=goal)
