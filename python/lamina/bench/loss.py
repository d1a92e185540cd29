"""Losses with their gradient in the same pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from lamina import ops
from lamina.bench.ceilings import copies
from lamina.bench.harness import Contestant, Row, Setup
from lamina.bench.peers import by_torch

SHAPE = (4096, 512)
ELEMENTWISE = (  # lamina's names and torch's
    ("sigmoid_cross_entropy", "binary_cross_entropy_with_logits"),
    ("squared_error", "mse_loss"),
    ("mean_squared_error", "mse_loss"),
    ("absolute_error", "l1_loss"),
    ("huber", "huber_loss"),
    ("poisson_nll", "poisson_nll_loss"),
)


def rows(setup: Setup) -> Iterator[Row]:
    """softmax_cross_entropy on labels, kl_divergence on probabilities, then the element-wise losses on values."""
    x = setup.normal(*SHAPE)
    labels = setup.rng.integers(0, SHAPE[1], SHAPE[0])
    values = setup.rng.random(SHAPE, np.float32)
    small, few = setup.normal(128, 10), setup.rng.integers(0, 10, 128)
    own = Contestant("lamina", lambda: ops.softmax_cross_entropy(x, labels))
    yield line(setup, "softmax_cross_entropy", SHAPE, [own, *torch_loss(setup, "cross_entropy", x, labels)])
    own = Contestant("lamina", lambda: ops.softmax_cross_entropy(small, few))
    yield line(setup, "softmax_cross_entropy", (128, 10), [own, *torch_loss(setup, "cross_entropy", small, few)])
    shares = values / values.sum(axis=1, keepdims=True)
    own = Contestant("lamina", lambda: ops.kl_divergence(x, shares))
    yield line(setup, "kl_divergence", SHAPE, [own, *torch_loss(setup, divergence, x, shares)])
    for name, peer in ELEMENTWISE:
        own = Contestant("lamina", partial(getattr(ops, name), x, values))
        yield line(setup, name, SHAPE, [own, *torch_loss(setup, peer, x, values)])


def divergence(functional, logits, probabilities):
    """torch's kl_div takes what a softmax has made of the logits."""
    return functional.kl_div(functional.log_softmax(logits, dim=1), probabilities, reduction="batchmean")


def torch_loss(setup: Setup, peer: str | Callable, prediction: np.ndarray, target: np.ndarray) -> list[Contestant]:
    """torch's loss, by name or as a function of torch.nn.functional, and its gradient through autograd."""

    def make(torch):
        functional = torch.nn.functional
        call = getattr(functional, peer) if isinstance(peer, str) else partial(peer, functional)
        leaf, goal = torch.from_numpy(prediction.copy()).requires_grad_(), torch.from_numpy(target.copy())
        return lambda: torch.autograd.grad(call(leaf, goal), leaf)

    return by_torch(setup, make)


def line(setup: Setup, name: str, shape: tuple[int, int], contestants: list[Contestant]) -> Row:
    """The bytes that must move at least: logits in, gradient out."""
    contestants = contestants + (copies(setup, shape) if shape == SHAPE else [])  # a small copy is all overhead
    return Row(f"{name} {shape[0]}x{shape[1]}", contestants, 8.0 * shape[0] * shape[1], "GB/s", yardstick="copy")
