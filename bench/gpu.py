"""Kernels on a GPU against PyTorch's on the same machine: python bench/gpu.py ceilings | speed | why [--out FOLDER].

Every contestant of a row is timed in turns in one process: 10 calls to warm up, then 60 samples of some calls each, the
device waited for after each sample; median and tenth and ninetieth percentile. Inputs are random and rotate through
more memory than the last cache holds. `predicted` is the time that bytes or operations alone would take at the ceilings
seen on an H200 (4.3 TB/s read and written, 45 TFLOP/s of float32). A row is a line of JSON.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import time
from datetime import date
from pathlib import Path

import numpy as np

import lamina
from lamina import cuda, ops

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    torch = None

BYTES_PER_SECOND, FLOPS = 4.3e12, {"float32": 45e12, "bfloat16": 790e12}
CACHE = 64 << 20
SAMPLES, WARM_UP = 60, 10


def copies_of(make, nbytes):
    """Enough of what `make` returns that the last cache does not hold all."""
    return [make() for _ in range(max(1, min(16, -(-2 * CACHE // max(nbytes, 1)))))]


def measure(contestants, wait):
    """Seconds a call of each contestant, sampled in turns."""
    samples = {name: [] for name in contestants}
    repeats = {}
    for name, call in contestants.items():
        for _ in range(WARM_UP):
            call()
        wait()
        start = time.perf_counter()
        call()
        wait()
        repeats[name] = max(1, min(200, int(2e-3 / (time.perf_counter() - start))))
    for _ in range(SAMPLES):
        for name, call in contestants.items():
            start = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            wait()
            samples[name].append((time.perf_counter() - start) / repeats[name])
    return samples


def wait():
    cuda.synchronize()
    if torch:
        torch.cuda.synchronize()


class Turns:
    """Calls a function on one set of arguments after the other."""

    def __init__(self, function, sets):
        self.function, self.sets, self.next = function, sets, 0

    def __call__(self):
        self.next = (self.next + 1) % len(self.sets)
        return self.function(*self.sets[self.next])


def tensors(sets):
    return [tuple(torch.from_dlpack(array) for array in arrays) for arrays in sets]


def row(name, predicted, sets, ours, theirs=None):
    contestants = {"lamina": Turns(ours, sets)}
    if torch and theirs:
        contestants["torch"] = Turns(theirs, tensors(sets))
    return name, predicted, contestants


def random_array(*shape, dtype="float32"):
    return ops.random_normal(shape, seed=int(np.prod(shape)) % 1000, dtype=dtype, device="cuda")


def rows():
    """Yield name, predicted seconds and contestants."""
    for m, k, n in ((128, 784, 512), (1024, 1024, 1024), (4096, 4096, 4096), (8192, 4096, 4096), (32, 64, 64)):
        sets = copies_of(lambda m=m, k=k, n=n: (random_array(m, k), random_array(n, k)), 4 * k * (m + n))
        for precision in ("highest", "high", "medium"):
            predicted = (
                2
                * m
                * k
                * n
                / FLOPS["float32" if precision == "highest" else "bfloat16"]
                * (3 if precision == "high" else 1)
            )

            def ours(a, b, precision=precision):
                return ops.gemm(a, b, transpose_b=True, precision=precision)

            yield row(f"gemm {m}x{k}x{n} {precision}", predicted, sets, ours, lambda a, b: a @ b.T)
    rows_, columns = 8192, 4096
    size = rows_ * columns * 4
    x = copies_of(lambda: (random_array(rows_, columns),), size)
    yield row(
        "relu", 2 * size / BYTES_PER_SECOND, x, lambda a: ops.activation_forward(a, "relu"), lambda a: torch.relu(a)
    )
    yield row(
        "tanh", 2 * size / BYTES_PER_SECOND, x, lambda a: ops.activation_forward(a, "tanh"), lambda a: torch.tanh(a)
    )
    yield row(
        "dropout",
        2 * size / BYTES_PER_SECOND,
        x,
        lambda a: ops.dropout_forward(a, 0.5, seed=1),
        lambda a: F.dropout(a, 0.5),
    )
    yield row("softmax", 2 * size / BYTES_PER_SECOND, x, ops.softmax_forward, lambda a: torch.softmax(a, 1))
    norm = copies_of(lambda: (random_array(rows_, columns), cuda.zeros(columns), cuda.zeros(columns)), size)
    yield row(
        "batchnorm forward", 3 * size / BYTES_PER_SECOND, norm, lambda a, g, b: ops.batchnorm_forward(a, g, b),
        lambda a, g, b: F.batch_norm(a, None, None, g, b, True),
    )  # fmt: skip
    yield row(
        "layernorm forward", 2 * size / BYTES_PER_SECOND, norm, lambda a, g, b: ops.layernorm_forward(a, g, b),
        lambda a, g, b: F.layer_norm(a, (columns,), g, b),
    )  # fmt: skip
    count = 64 << 20
    flat = [tuple(random_array(1, count).reshape(count) for _ in range(2)) + tuple(cuda.zeros(count) for _ in range(2))]
    yield row(
        "adam 64M", 28 * count / BYTES_PER_SECOND, flat, lambda p, g, m, v: ops.adam_step(p, g, m, v, lr=1e-3, step=9)
    )
    labels = cuda.array(np.arange(rows_) % 1000)
    logits = copies_of(lambda: (random_array(rows_, 1000),), rows_ * 4000)
    yield row(
        "softmax cross-entropy",
        2 * rows_ * 4000 / BYTES_PER_SECOND,
        logits,
        lambda a: ops.softmax_cross_entropy(a, labels),
    )
    yield from steps()


def steps():
    """An epoch of training steps on data that lies on the device, in seconds a step."""
    for widths, batch in (((64, 32, 10), 32), ((784, 512, 512, 10), 128), ((784, 2048, 2048, 2048, 10), 512)):
        layers = []
        for inputs, outputs in zip(widths, widths[1:], strict=False):
            layers += [lamina.Linear(inputs, outputs), lamina.ReLU()]
        net = lamina.Sequential(*layers[:-1], device="cuda")
        trainer = lamina.Trainer(net, optimizer="adam")
        x, y = random_array(batch * 64, widths[0]), cuda.array(np.arange(batch * 64) % widths[-1])
        weights = sum(a * b for a, b in zip(widths, widths[1:], strict=False))
        name = f"64 steps {'-'.join(map(str, widths))}, batch {batch}"
        predicted = 64 * max(6 * batch * weights / FLOPS["float32"], 40 * weights / BYTES_PER_SECOND)
        yield name, predicted, {"lamina": lambda: trainer.fit(x, y, epochs=1, batch_size=batch, progress=False)}  # noqa: B023


def ceilings():
    """Bytes a second of a copy, and PyTorch's products."""
    source, target = cuda.empty(1 << 30), cuda.empty(1 << 30)

    def copy():
        target[...] = source

    yield "copy of 4 GB", (8 << 30) / BYTES_PER_SECOND, {"lamina": copy}
    if torch:
        for dtype in (torch.float32, torch.bfloat16):
            a, b = (torch.randn(8192, 8192, device="cuda", dtype=dtype) for _ in range(2))
            name = str(dtype).removeprefix("torch.")
            yield f"{name} 8192^3", 2 * 8192**3 / FLOPS[name], {"torch": lambda a=a, b=b: a @ b}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stage", choices=["ceilings", "speed", "why"])
    parser.add_argument("--out", default="bench/results", type=Path)
    options = parser.parse_args()
    commit = ""
    if shutil.which("git"):
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    device = cuda.status().lower().replace("nvidia ", "").replace(" ", "-")
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"{date.today()}-{device}-{commit or 'unknown'}-{options.stage}.jsonl"
    if options.stage == "why":
        for _, _, contestants in rows():
            contestants["lamina"]()
        return wait()
    with path.open("w") as file:
        for name, predicted, contestants in ceilings() if options.stage == "ceilings" else rows():
            entry = {"name": name, "device": cuda.status(), "commit": commit, "predicted": predicted}
            for who, seconds in measure(contestants, wait).items():
                tenth, *_, ninetieth = statistics.quantiles(seconds, n=10)
                entry[who] = {"median": statistics.median(seconds), "p10": tenth, "p90": ninetieth}
            print(
                name,
                *(f"{who} {entry[who]['median'] * 1e6:.1f} us" for who in contestants),
                f"predicted {predicted * 1e6:.1f} us",
            )
            file.write(json.dumps(entry) + "\n")
            file.flush()


if __name__ == "__main__":
    main()
