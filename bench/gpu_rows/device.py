"""What rows are made of: arrays on the device, and contestants that go through more memory than its cache holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

import lamina
from lamina import cuda, ops
from lamina.bench.harness import Contestant, Row, Timing

# Bytes (read and written) and operations a second seen on an H200; tf32 on an H100.
CEILINGS = {"copy": 4.3e12, "float32": 45e12, "tf32": 418e12, "bfloat16": 790e12}
CACHE = 64 << 20
WARM_UP, SAMPLES, FEWEST_SAMPLES = 10, 60, 5
SAMPLE_SECONDS, MOST_SECONDS = 2e-3, 1.5  # of a sample, and of all of a contestant's
PATIENCE, COMPILER_PATIENCE = 40.0, 120.0  # seconds for a row


@dataclass
class DeviceRow(Row):
    """A row whose contestants are made when its turn comes, with what they work on; `more` joins its result."""

    make: Callable[[], Iterable[Contestant]] = list
    patience: float = PATIENCE
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def predicted(self) -> float:
        """Seconds that the work alone would take at the ceiling."""
        return self.work / CEILINGS[self.ceiling or "copy"]


def least(
    name: str, *, moved: float = 0.0, operations: float = 0.0, unit: str = "float32", **options: Any
) -> DeviceRow:
    """A row that is predicted by what takes longer: the bytes, or the operations on this unit."""
    if moved / CEILINGS["copy"] > operations / CEILINGS[unit]:
        return DeviceRow(name, [], moved, "GB/s", "copy", **options)
    return DeviceRow(name, [], operations, "GFLOP/s", unit, **options)


class Turns:
    """Calls a function on one set of arguments after the other."""

    def __init__(self, function: Callable, sets: list[tuple]):
        self.function, self.sets, self.next = function, sets, 0

    def __call__(self):
        self.next = (self.next + 1) % len(self.sets)
        return self.function(*self.sets[self.next])


class Late:
    """Made at the first call, so that a failure is one of this contestant alone."""

    def __init__(self, make: Callable[[], Callable]):
        self.make, self.call = make, None

    def __call__(self):
        self.call = self.call or self.make()
        return self.call()


class Device:
    """Where arrays are made. With `small` set the sizes are such that the emulated device ends soon."""

    def __init__(self, *, small: bool = False):
        self.small, self.seed = small, 0
        try:
            import torch
        except ImportError:
            torch = None
        self.torch = torch
        self.on_gpu = torch is not None and torch.cuda.is_available() and not lamina._core.emulated()

    def size(self, count: int, most: int = 40) -> int:
        return min(count, most) if self.small else count

    def normal(self, *shape: int):
        self.seed += 1
        drawn = ops.random_normal((1, *shape), seed=self.seed, device="cuda")  # a draw's first axis is its rows
        return drawn.reshape(*shape)

    def half(self, *shape: int):
        """Normal numbers as bfloat16."""
        from ml_dtypes import bfloat16

        return cuda.array(self.normal(*shape).numpy().astype(bfloat16))

    def uniform(self, *shape: int):
        self.seed += 1
        return ops.random_uniform((1, *shape), seed=self.seed, device="cuda").reshape(*shape)

    def labels(self, count: int, classes: int):
        return cuda.array(np.random.default_rng(count).integers(0, classes, count))

    def tensor(self, array):
        """torch's view of an array; where the device is emulated, a copy on the CPU."""
        if self.on_gpu:
            return self.torch.from_dlpack(array)
        host = array.numpy()
        if host.dtype.name == "bfloat16":  # which NumPy cannot lend
            return self.torch.from_numpy(host.astype(np.float32)).bfloat16()
        return self.torch.from_numpy(host)

    def wait(self) -> None:
        cuda.synchronize()
        if self.on_gpu:
            self.torch.cuda.synchronize()

    def works(self) -> bool:
        """Whether the device is of use still: after a kernel's failure it is not, in this process."""
        try:
            self.wait()
        except Exception:
            return False
        return True

    def release(self) -> None:
        self.wait()
        cuda.release_unused()
        if self.on_gpu:
            self.torch.cuda.empty_cache()

    def peer(self, make: Callable[[Any], Callable], variant: str = "") -> list[Contestant]:
        """torch, where it is; `make` gets the module and returns what is timed."""
        return [Contestant("torch", Late(partial(make, self.torch)), variant)] if self.torch else []

    def row(
        self,
        name: str,
        arrays: Callable[[], tuple],
        ours: Callable,
        theirs: Callable | dict[str, Callable] | None = None,
        *,
        compiled: bool = False,
        beside: tuple[str, Callable] | None = None,
        **options: Any,
    ) -> DeviceRow:
        """A row of calls on the same arrays: `theirs` gets torch and tensors, or is several such by variant.

        `compiled`: the first of them through torch.compile, too. `beside`: a yardstick's name, and torch's way to it.
        """
        ways = theirs if isinstance(theirs, dict) else {"": theirs} if theirs else {}

        def make():
            first = arrays()
            count = max(1, min(16, -(-2 * CACHE // max(1, sum(array.nbytes for array in first)))))
            sets = [first, *(arrays() for _ in range(1 if self.small else count - 1))]
            contestants = [Contestant("lamina", Turns(ours, sets))]
            if not self.torch:
                return contestants
            tensors = [tuple(map(self.tensor, arrays)) for arrays in sets]
            for variant, way in ways.items():
                contestants += self.peer(lambda torch, way=way: Turns(partial(way, torch), tensors), variant)
            if compiled and self.on_gpu:
                way = next(iter(ways.values()))
                contestants += self.peer(lambda torch: Turns(compiled_by(torch, way), tensors), "compile")
            if beside:
                who, way = beside
                contestants.append(Contestant(who, Turns(partial(way, self.torch), tensors)))
            return contestants

        options["yardstick"] = beside and beside[0]
        return least(name, make=make, patience=COMPILER_PATIENCE if compiled else PATIENCE, **options)


def compiled_by(torch: Any, way: Callable) -> Callable:
    """A function of torch and tensors, as torch.compile makes it of tensors alone."""

    def call(*tensors):
        return way(torch, *tensors)

    return torch.compile(call)


def measure(contestants: Iterable[Contestant], device: Device) -> tuple[list[Timing], list[str]]:
    """Times all contestants in turns, the device waited for after each sample; those that fail are named."""
    ready, failures = [], []
    for contestant in contestants:
        try:
            ready.append((contestant, *plan_of(contestant.run, device)))
        except Exception as error:  # a failure is a result, not the end of the run
            failures.append(f"{contestant.who} {contestant.variant}: {type(error).__name__}: {error}")
            if not device.works():
                return [], failures
    samples: list[list[float]] = [[] for _ in ready]
    for turn in range(max((count for *_, count in ready), default=0)):
        for (contestant, calls, count), seconds in zip(ready, samples, strict=True):
            if turn < count:
                seconds.append(sample(contestant.run, calls, device) / contestant.steps)
    timings = []
    for (contestant, *_), seconds in zip(ready, samples, strict=True):
        p10, median, p90 = (float(q) for q in np.quantile(seconds, [0.1, 0.5, 0.9]))
        timings.append(Timing(contestant.who, contestant.variant, median, p10, p90, len(seconds)))
    return timings, failures


def plan_of(run: Callable, device: Device) -> tuple[int, int]:
    """Calls of a sample, and samples, after warm calls."""
    run()
    device.wait()
    if device.small:
        return 1, 1
    begun = time.perf_counter()
    for _ in range(WARM_UP):
        seconds = sample(run, 1, device)
        if time.perf_counter() - begun > MOST_SECONDS / 4:
            break
    calls = max(1, min(200, int(SAMPLE_SECONDS / seconds)))
    return calls, max(FEWEST_SAMPLES, min(SAMPLES, int(MOST_SECONDS / (calls * seconds))))


def seconds_needed(row: DeviceRow) -> float:
    """About what a row takes with three contestants, each four times as slow as predicted, and a compiler."""
    each = min(MOST_SECONDS, SAMPLES * max(SAMPLE_SECONDS, 4 * row.predicted)) + WARM_UP * row.predicted
    return 0.5 + 3 * max(each, FEWEST_SAMPLES * 4 * row.predicted) + 10 * (row.patience == COMPILER_PATIENCE)


def sample(run: Callable, calls: int, device: Device) -> float:
    """Seconds of a call."""
    start = time.perf_counter()
    for _ in range(calls):
        run()
    device.wait()
    return (time.perf_counter() - start) / calls
