"""The affine layer, forward with its activation in the epilogue and backward with all three gradients."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lamina import ops
from lamina.bench.harness import Contestant, Row, Setup
from lamina.bench.peers import by_torch

SHAPES = [(128, 784, 512), (32, 64, 64)]


def rows(setup: Setup) -> Iterator[Row]:
    """(batch, in features, out features), ReLU."""
    for batch, inputs, outputs in SHAPES:
        yield forward(setup, batch, inputs, outputs)
        yield backward(setup, batch, inputs, outputs)


def forward(setup: Setup, batch: int, inputs: int, outputs: int) -> Row:
    """linear_forward into a given output."""
    x, weight, bias = setup.normal(batch, inputs), setup.normal(outputs, inputs), setup.normal(outputs)
    out = np.empty((batch, outputs), np.float32)

    def torch_run(torch):
        tensors = [torch.from_numpy(array.copy()) for array in (x, weight, bias)]

        @torch.no_grad()
        def run():
            return torch.relu_(torch.nn.functional.linear(*tensors))

        return run

    own = Contestant("lamina", lambda: ops.linear_forward(x, weight, bias, activation="relu", out=out))
    work = 2.0 * batch * inputs * outputs
    return Row(f"forward {batch}x{inputs}->{outputs}", [own, *by_torch(setup, torch_run)], work, "GFLOP/s", "fma")


def backward(setup: Setup, batch: int, inputs: int, outputs: int) -> Row:
    """linear_backward; torch's backward through the graph of the same layer."""
    x, weight, bias = setup.normal(batch, inputs), setup.normal(outputs, inputs), setup.normal(outputs)
    dy = setup.normal(batch, outputs)
    y = ops.linear_forward(x, weight, bias, activation="relu")
    out = np.empty_like(x), np.empty_like(weight), np.empty_like(bias)

    def torch_run(torch):
        tensors = [torch.from_numpy(array.copy()).requires_grad_() for array in (x, weight, bias)]
        gradient = torch.from_numpy(dy.copy())
        output = torch.relu(torch.nn.functional.linear(*tensors))
        return lambda: torch.autograd.grad(output, tensors, gradient, retain_graph=True)

    own = Contestant("lamina", lambda: ops.linear_backward(dy, x, weight, y=y, activation="relu", out=out))
    work = 4.0 * batch * inputs * outputs
    return Row(f"backward {batch}x{inputs}->{outputs}", [own, *by_torch(setup, torch_run)], work, "GFLOP/s", "fma")
