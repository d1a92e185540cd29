"""What training a large net allocates in native code, beside what it cannot do without."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import lamina
from lamina.bench.harness import MemoryRow, Setup
from lamina.bench.step import LARGEST, Case, network

NEEDED = ("parameters", "gradients", "optimizer_state", "activations")


def rows(setup: Setup) -> Iterator[MemoryRow]:
    """The largest net of the training steps, with Adam."""
    yield row(setup, LARGEST)


def row(setup: Setup, case: Case) -> MemoryRow:
    """An epoch of two batches, counted by `lamina.memory` from the making of the net on."""
    count = 2 * case.batch
    x, y = setup.normal(count, case.widths[0]), setup.rng.integers(0, case.widths[-1], count)
    gc.collect()
    lamina.reset_peak_memory()
    trainer = lamina.Trainer(network(case), optimizer="adam")
    trainer.fit(x, y, epochs=1, batch_size=case.batch, progress=False)
    planned = trainer.memory(batch_size=case.batch, rows=count)
    del planned["total"]
    needed = sum(planned[purpose] for purpose in NEEDED)
    return MemoryRow(case.name, planned, lamina.memory()["peak"], needed, goal="<= 1.15x")
