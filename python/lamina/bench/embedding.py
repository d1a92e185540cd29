"""Embedding of 16384 codes in tables of 16 features, a small and a large one, forward and backward."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lamina import ops
from lamina.bench.ceilings import copies
from lamina.bench.harness import Contestant, Row, Setup
from lamina.bench.peers import by_numpy, by_torch

BATCH, FEATURES, TABLES = 16384, 16, (20, 10000)


def rows(setup: Setup) -> Iterator[Row]:
    """Forward, then backward; the work is counted as the bytes of the rows that must move at least."""
    dy, y = setup.normal(BATCH, FEATURES), np.empty((BATCH, FEATURES), np.float32)
    for size in TABLES:
        codes, table = setup.rng.integers(0, size, BATCH), setup.normal(size, FEATURES)
        gradient = np.empty_like(table)

        def torch_forward(torch, codes=codes, table=table):
            index, weight = torch.from_numpy(codes.copy()), torch.from_numpy(table.copy())
            return lambda: torch.nn.functional.embedding(index, weight)

        def torch_backward(torch, codes=codes, size=size):
            index, given = torch.from_numpy(codes.copy()), torch.from_numpy(dy.copy())
            backward = torch.ops.aten.embedding_dense_backward
            return lambda: backward(given, index, size, -1, False)

        def forward(codes=codes, table=table):
            ops.embedding_forward(codes, table, out=y)

        def backward(codes=codes, size=size, gradient=gradient):
            ops.embedding_backward(dy, codes, size, out=gradient)

        def numpy_forward(codes=codes, table=table):
            np.take(table, codes, axis=0, out=y)

        shape = f"{BATCH} codes of {size}x{FEATURES}"
        contestants = [Contestant("lamina", forward), *by_torch(setup, torch_forward), *by_numpy(setup, numpy_forward)]
        yield line(setup, f"forward {shape}", contestants, 2.0 * y.nbytes)
        contestants = [Contestant("lamina", backward), *by_torch(setup, torch_backward)]
        yield line(setup, f"backward {shape}", contestants, 2.0 * y.nbytes + table.nbytes)


def line(setup: Setup, name: str, contestants: list[Contestant], work: float) -> Row:
    return Row(name, [*contestants, *copies(setup, (BATCH, FEATURES))], work, "GB/s", yardstick="copy")
