"""Counter-based random numbers: raw Philox blocks, uniforms, normals and permutations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lamina import ops
from lamina.bench.harness import Contestant, Row, Setup
from lamina.bench.peers import by_numpy, by_torch

SHAPE = (1024, 1024)


def rows(setup: Setup) -> Iterator[Row]:
    """philox, random_uniform, random_normal, random_permutation; the work is the bytes that are made."""
    generator = np.random.default_rng(0)
    counter, key = np.zeros((1 << 16, 4), np.uint32), np.zeros(2, np.uint32)
    counter[:, 0] = np.arange(1 << 16)
    own = Contestant("lamina", lambda: ops.philox(counter, key))
    numpy_words = by_numpy(setup, lambda: generator.integers(0, 1 << 32, (1 << 16, 4), np.uint32))
    yield Row("philox 65536 blocks", [own, *numpy_words], float(counter.nbytes), "GB/s")
    own = Contestant("lamina", lambda: ops.random_uniform(SHAPE, seed=1))
    peers = by_torch(setup, lambda torch: lambda: torch.rand(SHAPE))
    peers += by_numpy(setup, lambda: generator.random(SHAPE, np.float32))
    yield Row("random_uniform 1024x1024", [own, *peers], 4.0 * SHAPE[0] * SHAPE[1], "GB/s")
    own = Contestant("lamina", lambda: ops.random_normal(SHAPE, seed=1))
    peers = by_torch(setup, lambda torch: lambda: torch.randn(SHAPE))
    peers += by_numpy(setup, lambda: generator.standard_normal(SHAPE, np.float32))
    yield Row("random_normal 1024x1024", [own, *peers], 4.0 * SHAPE[0] * SHAPE[1], "GB/s")
    count = 1 << 16
    own = Contestant("lamina", lambda: ops.random_permutation(count, seed=1))
    peers = by_torch(setup, lambda torch: lambda: torch.randperm(count))
    peers += by_numpy(setup, lambda: generator.permutation(count))
    yield Row(f"random_permutation {count}", [own, *peers], 8.0 * count, "GB/s")
