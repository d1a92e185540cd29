"""Periodic and piecewise-linear encodings of 4096 rows of 16 features, forward and backward."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lamina import ops
from lamina.bench.ceilings import copies
from lamina.bench.harness import Contestant, Row, Setup
from lamina.bench.peers import by_numpy, by_torch

BATCH, FEATURES, EACH = 4096, 16, 32  # EACH: frequencies, or bins


def rows(setup: Setup) -> Iterator[Row]:
    """The work is counted as the bytes of the encoded rows, which are written, or read twice."""
    x, frequencies = setup.normal(BATCH, FEATURES), setup.normal(FEATURES, EACH)
    y, dy = np.empty((BATCH, 2 * FEATURES * EACH), np.float32), setup.normal(BATCH, 2 * FEATURES * EACH)
    gradients = np.empty_like(x), np.empty_like(frequencies)

    def torch_periodic(torch):
        tensor, c = torch.from_numpy(x.copy()), torch.from_numpy(2 * np.pi * frequencies)

        def run():
            angle = tensor[:, :, None] * c
            return torch.cat([angle.sin(), angle.cos()], dim=2).flatten(1)

        return run

    def numpy_periodic():
        angle = np.float32(2 * np.pi) * (x[:, :, None] * frequencies)
        return np.concatenate([np.sin(angle), np.cos(angle)], axis=2).reshape(BATCH, -1)

    ops.periodic_forward(x, frequencies, out=y)
    forward = Contestant("lamina", lambda: ops.periodic_forward(x, frequencies, out=y))
    backward = Contestant("lamina", lambda: ops.periodic_backward(dy, x, frequencies, y, out=gradients))
    peers = [*by_torch(setup, torch_periodic), *by_numpy(setup, numpy_periodic)]
    yield line(setup, "periodic forward", [forward, *peers], y)
    yield line(setup, "periodic backward", [backward], y, passes=2)

    edges = np.sort(setup.normal(FEATURES, EACH + 1), axis=1)
    shares, dshares = np.empty((BATCH, FEATURES * EACH), np.float32), setup.normal(BATCH, FEATURES * EACH)

    def torch_bins(torch):
        tensor, low = torch.from_numpy(x.copy()), torch.from_numpy(edges[:, :-1].copy())
        width = torch.from_numpy(np.diff(edges))

        def run():
            share = (tensor[:, :, None] - low) / width
            share[:, :, :-1].clamp_(max=1)
            share[:, :, 1:].clamp_(min=0)
            return share.flatten(1)

        return run

    forward = Contestant("lamina", lambda: ops.piecewise_linear_forward(x, edges, out=shares))
    yield line(setup, "piecewise_linear forward", [forward, *by_torch(setup, torch_bins)], shares)
    backward = Contestant("lamina", lambda: ops.piecewise_linear_backward(dshares, x, edges, out=gradients[0]))
    yield line(setup, "piecewise_linear backward", [backward], shares)


def line(setup: Setup, name: str, contestants: list[Contestant], result: np.ndarray, passes: int = 1) -> Row:
    name = f"{name} {BATCH}x{FEATURES}, {EACH} each"
    return Row(name, [*contestants, *copies(setup, result.shape)], passes * result.nbytes, "GB/s", yardstick="copy")
