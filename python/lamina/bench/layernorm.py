"""Layer normalisation of 4096 x 1024, forward and backward, beside a copy of its input."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lamina import ops
from lamina.bench.ceilings import copies
from lamina.bench.harness import Contestant, Row, Setup
from lamina.bench.peers import by_torch

SHAPE = (4096, 1024)


def rows(setup: Setup) -> Iterator[Row]:
    """Forward, then backward with all three gradients; the work is counted as the bytes that must move at least."""
    count, features = SHAPE
    x, dy = setup.normal(*SHAPE), setup.normal(*SHAPE)
    gamma, beta = np.ones(features, np.float32), np.zeros(features, np.float32)
    y, mean, rstd = np.empty_like(x), np.empty(count, np.float32), np.empty(count, np.float32)
    gradients = np.empty_like(x), np.empty_like(gamma), np.empty_like(beta)

    def forward():
        ops.layernorm_forward(x, gamma, beta, out=(y, mean, rstd))

    def backward():
        ops.layernorm_backward(dy, x, gamma, mean, rstd, out=gradients)

    def torch_forward(torch):
        tensors = [torch.from_numpy(array.copy()) for array in (x, gamma, beta)]
        return lambda: torch.nn.functional.layer_norm(tensors[0], (features,), *tensors[1:])

    def torch_backward(torch):
        tensors = [torch.from_numpy(array.copy()) for array in (x, gamma, beta)]
        _, *statistics = torch.native_layer_norm(tensors[0], (features,), *tensors[1:], 1e-5)
        gradient, backward = torch.from_numpy(dy.copy()), torch.ops.aten.native_layer_norm_backward
        wanted = [True] * 3
        return lambda: backward(gradient, tensors[0], (features,), *statistics, *tensors[1:], wanted)

    forward()
    for name, run, torch_run, passes, goal in (
        ("forward", forward, torch_forward, 2.0, "<= 1.2x a copy"),
        ("backward", backward, torch_backward, 3.0, "<= 2x a copy"),
    ):
        contestants = [Contestant("lamina", run), *by_torch(setup, torch_run), *copies(setup, SHAPE)]
        yield Row(f"{name} {count}x{features}", contestants, passes * x.nbytes, "GB/s", yardstick="copy", goal=goal)
