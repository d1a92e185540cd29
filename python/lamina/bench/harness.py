"""Timing: every contestant of a row is sampled in turn in one run, warm, and reported as median with its spread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

SEED = 20260920
SLOW_CALL = 0.25  # seconds from which a call is a sample by itself, without others to warm it
QUIET_SECONDS, MOST_QUIET_SECONDS = 0.005, 0.3  # Linux counts a running thread's time at ticks, often 4 ms apart


@dataclass
class Contestant:
    """One way to do a row's work. `who` is lamina, a peer's name, or a yardstick (copy, gemm)."""

    who: str
    run: Callable[[], Any]
    variant: str = ""
    prepare: Callable[[], object] | None = None
    steps: int = 1  # a call does this many units of the row's work


@dataclass
class Row:
    """One line of the table: the same work done by everybody."""

    name: str
    contestants: list[Contestant]
    work: float = 0.0  # operations or bytes of one unit
    unit: str = ""  # "GFLOP/s", "GB/s", "Mparam/s": work / time / 1e9 or 1e6
    ceiling: str | None = None  # key of the ceilings that bounds `work`
    yardstick: str | None = None  # `who` of the contestants that are the row's measure
    goal: str = ""


@dataclass
class MemoryRow:
    """One line of the table of memory, which is counted rather than timed."""

    name: str
    planned: dict[str, int]  # bytes by purpose
    allocated: int  # bytes at most
    needed: int  # those of the planned bytes that no implementation can do without
    goal: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "row": self.name,
            "goal": self.goal,
            "failures": [],
            "planned_bytes": self.planned,
            "allocated_bytes": self.allocated,
            "times_needed": self.allocated / self.needed,
        }


@dataclass
class Timing:
    """Seconds for one unit of work."""

    who: str
    variant: str
    median: float
    p10: float
    p90: float
    repeats: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "variant": self.variant,
            "median_s": self.median,
            "p10_s": self.p10,
            "p90_s": self.p90,
            "repeats": self.repeats,
        }


@dataclass
class Setup:
    """What the rows are built from."""

    quick: bool
    threads: int
    peers: dict[str, ModuleType]
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(SEED))

    def normal(self, *shape: int) -> np.ndarray:
        return self.rng.standard_normal(shape, dtype=np.float32)


def thread_label(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


class Failure(Exception):
    """A contestant could not do its work; the row says so and the run goes on."""


def _switch_to(contestant: Contestant) -> None:
    """Prepares, and waits until worker threads stop spinning: OpenBLAS's do so for 0.1 s and would hold a core."""
    if contestant.prepare:
        contestant.prepare()
    give_up = time.perf_counter() + MOST_QUIET_SECONDS
    while (start := time.perf_counter()) < give_up:
        used = time.process_time()
        time.sleep(QUIET_SECONDS)
        if time.process_time() - used < 0.1 * (time.perf_counter() - start):
            return


def _loops(contestant: Contestant, sample_seconds: float) -> tuple[int, float]:
    """Number of calls that fill one sample, and the seconds of a call, after a warm-up."""
    _switch_to(contestant)
    start = time.perf_counter()
    try:
        contestant.run()
    except Exception as error:  # a peer's or lamina's failure is a result, not the end of the run
        raise Failure(f"{contestant.who} {contestant.variant}: {type(error).__name__}: {error}") from error
    first = time.perf_counter() - start
    if first > SLOW_CALL:
        return 1, first
    best, calls, spent = first, 0, 0.0
    while calls < 3 or (spent < sample_seconds and calls < 1000):
        start = time.perf_counter()
        contestant.run()
        seconds = time.perf_counter() - start
        best, calls, spent = min(best, seconds), calls + 1, spent + seconds
    return max(1, int(sample_seconds / best)), best


def _sample(contestant: Contestant, loops: int, warm_calls: int) -> float:
    """Seconds of one unit of work, over `loops` calls that follow warm ones."""
    _switch_to(contestant)
    for _ in range(warm_calls):
        contestant.run()
    run = contestant.run
    start = time.perf_counter()
    for _ in range(loops):
        run()
    return (time.perf_counter() - start) / (loops * contestant.steps)


def measure(contestants: list[Contestant], *, quick: bool) -> tuple[list[Timing], list[str]]:
    """Times all contestants, interleaved so that the machine's moods fall on everybody alike.

    Parameters
    ----------
    contestants : list of Contestant
    quick : bool
        Fewer and shorter samples.

    Returns
    -------
    timings : list of Timing
        In the contestants' order, failures left out.
    failures : list of str
        What could not be run, and why.
    """
    sample_seconds, budget = (0.01, 0.25) if quick else (0.02, 1.0)
    most, fewest = (7, 3) if quick else (21, 5)
    ready: list[tuple[Contestant, int, int, int]] = []
    failures: list[str] = []
    for contestant in contestants:
        try:
            loops, call = _loops(contestant, sample_seconds)
        except Failure as failure:
            failures.append(str(failure))
            continue
        repeats = int(np.clip(budget / (loops * call), fewest if call < SLOW_CALL else 3, most))
        warm_calls = int(np.clip(0.002 / call, 1, 200)) if call < SLOW_CALL else 0
        ready.append((contestant, loops, warm_calls, repeats))
    samples: list[list[float]] = [[] for _ in ready]
    for turn in range(max((repeats for *_, repeats in ready), default=0)):
        for position in range(len(ready)):
            index = (position + turn) % len(ready)
            contestant, loops, warm_calls, repeats = ready[index]
            if turn < repeats:
                samples[index].append(_sample(contestant, loops, warm_calls))
    timings = []
    for (contestant, *_), seconds in zip(ready, samples, strict=True):
        p10, median, p90 = (float(q) for q in np.quantile(seconds, [0.1, 0.5, 0.9]))
        timings.append(Timing(contestant.who, contestant.variant, median, p10, p90, len(seconds)))
    return timings, failures


def summarise(row: Row, timings: list[Timing], failures: list[str], ceilings: dict[str, float]) -> dict[str, Any]:
    """One row of the results as plain data: times, rate, fraction of the ceiling, ratio to each peer."""
    result: dict[str, Any] = {"row": row.name, "work": row.work, "unit": row.unit, "goal": row.goal}
    result["failures"] = failures
    measured: dict[str, list[dict[str, Any]]] = {}
    for timing in timings:
        measured.setdefault(timing.who, []).append(timing.as_dict())
    result["measured"] = measured
    fastest = {who: min(variants, key=lambda variant: variant["median_s"]) for who, variants in measured.items()}
    if "lamina" not in fastest:
        return result
    own = result["lamina"] = fastest.pop("lamina")
    result["best"] = fastest
    if row.unit:
        result["rate"] = row.work / own["median_s"] / (1e6 if row.unit.startswith("M") else 1e9)
    if row.ceiling and ceilings.get(row.ceiling):
        result["ceiling"] = row.ceiling
        result["of_ceiling"] = row.work / own["median_s"] / ceilings[row.ceiling]
    peers = [who for who in result["best"] if who != row.yardstick]
    result["ratio"] = {who: result["best"][who]["median_s"] / own["median_s"] for who in peers}
    if row.yardstick and row.yardstick in result["best"]:
        result["yardstick"] = row.yardstick
        result["times_yardstick"] = own["median_s"] / result["best"][row.yardstick]["median_s"]
    return result
