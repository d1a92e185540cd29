"""Measures rows in processes of their own: neither a kernel that never ends nor a device that fails ends the run."""

from __future__ import annotations

import gc
import multiprocessing
import re
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import gpu_rows
from gpu_rows.device import CEILINGS, Device, DeviceRow, measure
from lamina.bench.harness import summarise

BEGIN = 180.0  # seconds for imports, and for what a bare machine loads first


def chosen(options: Any, device: Device) -> Iterator[tuple[str, DeviceRow]]:
    """Group and row of what was asked for."""
    groups = ("ceilings",) if options.stage == "ceilings" else gpu_rows.GROUPS
    return (found for found in gpu_rows.rows(device, groups) if re.search(options.only, f"{found[0]} {found[1].name}"))


def result_of(group: str, row: DeviceRow, device: Device) -> dict[str, Any]:
    """The row's line of the results."""
    try:
        timings, failures = measure(row.make(), device)
    except Exception as error:  # what the contestants work on could not be made, or the device has failed
        timings, failures = [], [f"{type(error).__name__}: {error}"]
    result = {"bench": group, **summarise(row, timings, failures, CEILINGS), "predicted_s": row.predicted, **row.more}
    if "lamina" in result:
        median = result["lamina"]["median_s"]
        result["times_predicted"] = median / row.predicted
        if "nodes" in row.more:
            result["s_per_node"] = median / row.more["nodes"]
    return result


def work(options: Any, connection: Connection, first: int) -> None:
    """Measures rows from the `first` on: sends group, name and patience of each, then its result; None at the end."""
    device = Device(small=options.small)
    for number, (group, row) in enumerate(chosen(options, device)):
        if number < first:
            continue
        connection.send((group, row.name, row.patience))
        connection.send(result_of(group, row, device))
        del row  # and its arrays
        gc.collect()
        device.release()  # fails where the device is of no use any more: so is this process
    connection.send(None)


def lost(group: str, name: str, why: str) -> dict[str, Any]:
    """The line of a row that was not measured to its end."""
    return {"bench": group, "row": name, "failures": [why]}


def results(options: Any) -> Iterator[dict[str, Any]]:
    """Every row's result, by as many processes as it takes, until time is up."""
    end, first, done = time.monotonic() + options.limit, 0, False
    while not done:
        before = first
        for result in of_process(options, first, end):
            if result is None:
                done = True
            else:
                first += 1
                yield result
        if first == before and not done:
            raise SystemExit("gpu: the process that measures does not begin")


def of_process(options: Any, first: int, end: float) -> Iterator[dict[str, Any] | None]:
    """The results of one process, until it or a row ends badly; None where there is nothing more to do."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(options, theirs, first))
    process.start()
    theirs.close()
    current, patience = None, BEGIN
    try:
        while True:
            left = end - time.monotonic()
            if not ours.poll(max(0.0, min(patience, left))):
                if current:
                    yield lost(*current, f"took longer than {patience:.0f} s" if patience < left else "time was up")
                if patience >= left:
                    yield None
                return
            message = ours.recv()
            if isinstance(message, tuple):
                *current, patience = message
                patience = options.patience or patience
            else:
                current, patience = None, BEGIN
                yield message
                if message is None:
                    return
    except EOFError:
        process.join()
        if current:
            yield lost(*current, f"the process ended with {process.exitcode}")
    finally:
        process.kill()
        process.join(timeout=10)


def profile(options: Any, names: list[str]) -> None:
    """Calls lamina's side of these rows, once to warm up and once for a profiler that waits to be started."""
    device = Device(small=options.small)
    for _, row in chosen(options, device):
        if row.name in names:
            own = next(contestant for contestant in row.make() if contestant.who == "lamina")
            own.run()
            device.wait()
            if device.on_gpu:
                device.torch.cuda.profiler.start()
            own.run()
            device.wait()
            if device.on_gpu:
                device.torch.cuda.profiler.stop()
            print("profiled", row.name, flush=True)
