"""The fused layer (linear, batch norm, ReLU, dropout), forward and forward + backward, beside its own GEMM."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lamina import ops
from lamina.bench.harness import Contestant, Row, Setup
from lamina.bench.peers import by_torch

SHAPES = [(128, 784, 512, "<= 1.15x", "<= 3.2x"), (32, 64, 64, "", "")]


def rows(setup: Setup) -> Iterator[Row]:
    """The yardstick "gemm" is the faster of torch's and lamina's product of the same shape, without anything else."""
    for batch, inputs, outputs, forward_goal, backward_goal in SHAPES:
        yield row(setup, batch, inputs, outputs, False, forward_goal)
        yield row(setup, batch, inputs, outputs, True, backward_goal)


def row(setup: Setup, batch: int, inputs: int, outputs: int, backward: bool, goal: str) -> Row:
    """One fused layer in training; backward gives the gradients of x, weight, bias, gamma and beta."""
    x, bias = setup.normal(batch, inputs), setup.normal(outputs)
    weight = setup.normal(outputs, inputs) / np.float32(inputs)
    gamma, beta = np.ones(outputs, np.float32), np.zeros(outputs, np.float32)
    mean, variance = np.zeros(outputs, np.float32), np.ones(outputs, np.float32)
    dy, out = setup.normal(batch, outputs), np.empty((batch, outputs), np.float32)
    norm = {"gamma": gamma, "beta": beta, "running_mean": mean, "running_var": variance}

    def own_run():
        _, saved = ops.lamina_forward(x, weight, bias, **norm, activation="relu", p=0.5, seed=1)
        if backward:
            ops.lamina_backward(dy, saved)

    def torch_run(torch):
        from torch.nn import functional

        tensors = [torch.from_numpy(array.copy()).requires_grad_(backward) for array in (x, weight, bias, gamma, beta)]
        statistics = [torch.from_numpy(array.copy()) for array in (mean, variance)]
        gradient = torch.from_numpy(dy.copy())

        def run():
            z = functional.batch_norm(functional.linear(*tensors[:3]), *statistics, *tensors[3:], training=True)
            y = functional.dropout(functional.relu(z), 0.5, training=True)
            return torch.autograd.grad(y, tensors, gradient) if backward else y

        return run

    def torch_gemm(torch):
        left, right, result = torch.from_numpy(x.copy()), torch.from_numpy(weight.copy()).T, torch.empty(batch, outputs)
        return lambda: torch.mm(left, right, out=result)

    contestants = [Contestant("lamina", own_run), *by_torch(setup, torch_run)]
    contestants += [Contestant("gemm", lambda: ops.gemm(x, weight, transpose_b=True, out=out), "lamina's")]
    contestants += by_torch(setup, torch_gemm, variant="torch's", who="gemm")
    work = (6.0 if backward else 2.0) * batch * inputs * outputs
    name = f"{'forward+backward' if backward else 'forward'} {batch}x{inputs}->{outputs}"
    return Row(name, contestants, work, "GFLOP/s", "fma", yardstick="gemm", goal=f"{goal} the gemm" if goal else "")
