"""Matrix products: float32 against the peak, torch and NumPy; `high`, `medium` and bfloat16 against torch's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import lamina
from lamina import ops
from lamina.bench.harness import Contestant, Row, Setup
from lamina.bench.peers import by_blas, by_torch

SHAPES = [(128, 784, 512), (1024, 1024, 1024), (8, 4096, 4096), (32, 64, 64), (4096, 4096, 4096)]
HALF_SHAPES = [(128, 784, 512), (1024, 1024, 1024), (8, 4096, 4096), (4096, 4096, 4096)]
GOAL = ">= 1.0x torch, >= 1.3x NumPy"
HIGH_GOAL = ">= 2.5x torch's float32, with AMX"
MEDIUM_GOAL = ">= 1.7x torch's bfloat16, with AMX"


def rows(setup: Setup) -> Iterator[Row]:
    """(rows, depth, columns), then the transposes of a layer's backward pass at the first shape."""
    for m, k, n in SHAPES[:-1] if setup.quick else SHAPES:
        yield product(setup, m, k, n, False, False)
    m, k, n = SHAPES[0]
    yield product(setup, m, k, n, False, True)
    yield product(setup, n, m, k, True, False)
    units = lamina.config()["units"]["cpu"]
    has_unit = units["medium"] != units["highest"]  # without one torch takes minutes for the largest shape
    half_shapes = HALF_SHAPES if has_unit and not setup.quick else HALF_SHAPES[:-1]
    for precision in ("high", "medium"):
        if units[precision] != units["highest"]:
            for m, k, n in half_shapes:
                yield at_precision(setup, precision, m, k, n)
    for m, k, n in half_shapes:
        yield from of_bfloat16(setup, m, k, n)


def at_precision(setup: Setup, precision: str, m: int, k: int, n: int) -> Row:
    """float32 arrays at a lower precision: `high` beside torch's float32, `medium` beside its bfloat16 tensors."""
    a, b, out = setup.normal(m, k), setup.normal(k, n), np.empty((m, n), np.float32)
    run = Contestant("lamina", lambda: ops.gemm(a, b, out=out, precision=precision))
    peer = by_torch(setup, torch_product(a, b, half=precision == "medium"))
    goal = HIGH_GOAL if precision == "high" else MEDIUM_GOAL
    return Row(f"{precision} {m}x{k}x{n}", [run, *peer], 2.0 * m * k * n, "GFLOP/s", "bfloat16", goal=goal)


def of_bfloat16(setup: Setup, m: int, k: int, n: int) -> Iterator[Row]:
    """bfloat16 arrays to a bfloat16 result, on both sides; nothing where ml_dtypes is not installed."""
    try:
        from ml_dtypes import bfloat16
    except ImportError:
        return
    a, b = setup.normal(m, k), setup.normal(k, n)
    left, right, out = a.astype(bfloat16), b.astype(bfloat16), np.empty((m, n), bfloat16)
    run = Contestant("lamina", lambda: ops.gemm(left, right, out=out))
    contestants = [run, *by_torch(setup, torch_product(a, b, half=True))]
    yield Row(f"bfloat16 {m}x{k}x{n}", contestants, 2.0 * m * k * n, "GFLOP/s", "bfloat16", goal=MEDIUM_GOAL)


def torch_product(a: np.ndarray, b: np.ndarray, half: bool):
    """torch's product of float32 tensors, or of bfloat16 ones."""

    def make(torch):
        dtype = torch.bfloat16 if half else torch.float32
        left, right = (torch.from_numpy(array).to(dtype) for array in (a, b))
        result = torch.empty(len(a), b.shape[1], dtype=dtype)
        return lambda: torch.mm(left, right, out=result)

    return make


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
