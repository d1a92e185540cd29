"""Noise on 4096 x 1024 numbers, as inputs and as weights, into a given output, beside a copy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from lamina import ops
from lamina.bench.ceilings import copies
from lamina.bench.harness import Contestant, Row, Setup
from lamina.bench.peers import by_numpy, by_torch

SHAPE = (4096, 1024)


def rows(setup: Setup) -> Iterator[Row]:
    """Masks that replace, normal noise, and what the weights of DropConnect's kin go through."""
    x, dy, out = setup.normal(*SHAPE), setup.normal(*SHAPE), np.empty(SHAPE, np.float32)
    pair = out, np.empty(SHAPE, np.float32)
    copy, generator = copies(setup, SHAPE), np.random.default_rng(0)

    def line(name: str, call: Callable[[], object], peers: Iterable[Contestant] = (), arrays: int = 2) -> Row:
        contestants = [Contestant("lamina", call), *peers, *copy]
        return Row(f"{name} 4096x1024", contestants, 4.0 * arrays * x.size, "GB/s", yardstick="copy")

    def torch_alpha(torch):
        tensor = torch.from_numpy(x.copy())
        return lambda: torch.nn.functional.alpha_dropout(tensor, 0.5, training=True)

    yield line("salt_and_pepper", lambda: ops.salt_and_pepper(x, 0.5, seed=1, out=out))
    alpha = by_torch(setup, torch_alpha)
    yield line("alpha_dropout_forward", lambda: ops.alpha_dropout_forward(x, 0.5, seed=1, out=out), alpha)
    yield line("alpha_dropout_backward", lambda: ops.alpha_dropout_backward(dy, 0.5, seed=1, out=out))
    yield line("zoneout_forward", lambda: ops.zoneout_forward(x, dy, 0.5, seed=1, out=out), arrays=3)
    yield line("zoneout_backward", lambda: ops.zoneout_backward(dy, 0.5, seed=1, out=pair), arrays=3)
    yield line("shakeout", lambda: ops.shakeout(x, 0.5, 0.1, seed=1, out=out))

    def torch_normal(torch):
        tensor = torch.from_numpy(x.copy())
        return lambda: tensor + 0.1 * torch.randn(SHAPE)

    peers = [
        *by_torch(setup, torch_normal),
        *by_numpy(setup, lambda: x + np.float32(0.1) * generator.standard_normal(SHAPE, np.float32)),
    ]
    yield line("gaussian_noise", lambda: ops.gaussian_noise(x, 0.1, seed=1, out=out), peers)
    yield line("whiteout_forward", lambda: ops.whiteout_forward(x, 0.1, seed=1, out=out))
    yield line("whiteout_backward", lambda: ops.whiteout_backward(dy, x, 0.1, seed=1, out=out), arrays=3)
