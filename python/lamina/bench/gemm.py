"""Matrix products in float32: rates in GFLOP/s against the multiply-add peak, torch and NumPy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lamina import ops
from lamina.bench.harness import Contestant, Row, Setup
from lamina.bench.peers import by_blas, by_torch

SHAPES = [(128, 784, 512), (1024, 1024, 1024), (8, 4096, 4096), (32, 64, 64), (4096, 4096, 4096)]
GOAL = ">= 1.0x torch, >= 1.3x NumPy"


def rows(setup: Setup) -> Iterator[Row]:
    """(rows, depth, columns), then the transposes of a layer's backward pass at the first shape."""
    for m, k, n in SHAPES[:-1] if setup.quick else SHAPES:
        yield product(setup, m, k, n, False, False)
    m, k, n = SHAPES[0]
    yield product(setup, m, k, n, False, True)
    yield product(setup, n, m, k, True, False)


def product(setup: Setup, m: int, k: int, n: int, transpose_a: bool, transpose_b: bool) -> Row:
    """out (m, n) = op(a) op(b), over a depth of k."""
    a = setup.normal(*((k, m) if transpose_a else (m, k)))
    b = setup.normal(*((n, k) if transpose_b else (k, n)))
    out = np.empty((m, n), np.float32)
    options = {"transpose_a": transpose_a, "transpose_b": transpose_b, "out": out}

    def torch_run(torch):
        left, right = (torch.from_numpy(array.copy()) for array in (a, b))
        left, right = left.T if transpose_a else left, right.T if transpose_b else right
        result = torch.empty(m, n)
        return lambda: torch.mm(left, right, out=result)

    left, right, result = a.T if transpose_a else a, b.T if transpose_b else b, np.empty((m, n), np.float32)
    contestants = [Contestant("lamina", lambda: ops.gemm(a, b, **options))]
    contestants += by_torch(setup, torch_run)
    contestants += by_blas(setup, "numpy", lambda: np.matmul(left, right, out=result))
    layout = ("T" if transpose_a else "N") + ("T" if transpose_b else "N")
    return Row(f"{m}x{k}x{n} {layout}", contestants, 2.0 * m * k * n, "GFLOP/s", "fma", goal=GOAL)
