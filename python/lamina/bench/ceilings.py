"""What the machine can do at best, measured in the same run as the rows that are compared with it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import lamina
from lamina.bench.harness import Contestant, Setup, measure, thread_label
from lamina.bench.peers import by_torch

WARM_BYTES = 2 << 20  # each of the two buffers: past L2 on one core, well within L3
MEMORY_BYTES = 256 << 20  # past any cache


def copier(out: np.ndarray, x: np.ndarray, threads: int) -> Callable[[], None]:
    """A copy of x into out by NumPy's own loop, split over threads (NumPy releases the GIL)."""
    if threads == 1:
        return lambda: np.copyto(out, x)
    pool = ThreadPoolExecutor(threads - 1)
    parts = list(zip(np.array_split(out.reshape(-1), threads), np.array_split(x.reshape(-1), threads), strict=True))

    def run() -> None:
        others = [pool.submit(np.copyto, target, source) for target, source in parts[1:]]
        np.copyto(*parts[0])
        for other in others:
            other.result()

    return run


def copies(setup: Setup, shape: tuple[int, ...]) -> list[Contestant]:
    """The yardstick of memory-bound rows: a plain copy of the same shape by NumPy and torch, one thread and all."""
    x, out = np.ones(shape, np.float32), np.empty(shape, np.float32)
    counts = [1] if setup.threads == 1 else [1, setup.threads]
    numpy_copies = [Contestant("copy", copier(out, x, count), f"NumPy's, {thread_label(count)}") for count in counts]

    def torch_copy(torch):
        source, target = torch.from_numpy(x), torch.from_numpy(out)
        return lambda: target.copy_(source)

    return [*numpy_copies, *by_torch(setup, torch_copy, variant="torch's", who="copy")]


def copy_rate(setup: Setup, size: int) -> float:
    """Bytes read and written each second by the fastest plain copy of `size` bytes."""
    timings, _ = measure(copies(setup, (size // 4,)), quick=setup.quick)
    return 2 * size / min(timing.median for timing in timings)


def peak_rates(threads: int) -> dict[str, float]:
    """Operations each second of the "fma" units and, where the machine has some, of the "bfloat16" units.

    Nothing where no compiler is at hand.
    """
    compiler = next(filter(None, map(shutil.which, ("g++", "c++", "clang++"))), None)
    if compiler is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "peak"
        level = "haswell" if lamina.get_isa() == "avx2" else "native"
        flags = ["-O3", f"-march={level}", "-std=c++17", "-ffp-contract=fast", "-pthread"]
        build = [compiler, *flags, str(Path(__file__).with_name("peak.cpp")), "-o", str(program)]
        try:
            subprocess.run(build, check=True, capture_output=True, timeout=60)
            answer = subprocess.run([str(program), str(threads)], check=True, capture_output=True, timeout=60)
            rates = map(float, answer.stdout.split())
            return {unit: rate for unit, rate in zip(("fma", "bfloat16"), rates, strict=True) if rate > 0}
        except (OSError, subprocess.SubprocessError, ValueError):
            return {}


def refresh(rates: dict[str, float], threads: int) -> None:
    """Measures the units again and keeps the higher rates: on a busy machine a single look falls short."""
    for unit, rate in peak_rates(threads).items():
        rates[unit] = max(rates.get(unit, 0.0), rate)


def multiply_add_by_gemm() -> float:
    """The stand-in without a compiler: NumPy's rate on a large product, a lower bound of the peak."""
    size = 1024
    a = np.ones((size, size), np.float32)
    out = np.empty_like(a)
    timings, _ = measure([Contestant("numpy", lambda: np.matmul(a, a, out=out))], quick=True)
    return 2 * size**3 / timings[0].median


def ceilings(setup: Setup) -> tuple[dict[str, float], str]:
    """Rates per second by name ("fma" and, with a unit for it, "bfloat16" operations, "copy L3" and "copy memory"
    bytes), and where fma is from."""
    peaks, source = peak_rates(setup.threads), "register loop"
    if not peaks:
        peaks, source = {"fma": multiply_add_by_gemm()}, "NumPy's 1024x1024x1024 product (no compiler found)"
    return {**peaks, "copy L3": copy_rate(setup, WARM_BYTES), "copy memory": copy_rate(setup, MEMORY_BYTES)}, source
