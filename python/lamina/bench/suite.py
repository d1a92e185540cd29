"""Runs the chosen benches one after the other: prints their tables, writes their JSON."""

from __future__ import annotations

import datetime
import gc
import importlib
import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import lamina
from lamina.bench import forced, machine, peers, report
from lamina.bench.ceilings import ceilings, refresh
from lamina.bench.harness import MemoryRow, Row, Setup, measure, summarise

LAYERS = ("gemm", "linear", "lamina", "batchnorm", "layernorm", "dropout", "noise", "activation", "loss")
BENCHES = (*LAYERS, "embedding", "encodings", "optimizer", "random", "step", "predict", "fit", "rbm", "memory")


def chosen(names: str | Iterable[str] | None) -> list[str]:
    """The benches to run, in the suite's order; none given means all."""
    wanted = [names] if isinstance(names, str) else list(names or [])
    unknown = [name for name in wanted if name not in BENCHES]
    if unknown:
        raise ValueError(f"bench: unknown name {', '.join(unknown)}; needed: any of {', '.join(BENCHES)}")
    return [name for name in BENCHES if not wanted or name in wanted]


def result_of(row: Row | MemoryRow, quick: bool, rates: dict[str, float]) -> dict[str, Any]:
    """A row of the results as plain data."""
    if isinstance(row, MemoryRow):
        return row.as_dict()
    timings, failures = measure(row.contestants, quick=quick)
    return summarise(row, timings, failures, rates)


def run(
    names: str | Iterable[str] | None = None,
    against: str | Iterable[str] | None = None,
    json_path: str | Path | None = None,
    quick: bool = False,
    isa: str | None = None,
) -> int:
    """Measure lamina beside its peers and print the tables.

    Parameters
    ----------
    names : str or iterable of str, optional
        Of `BENCHES`; all of them unless given.
    against : str or iterable of str, optional
        Peers, comma-separated when a string; every known one unless given. One that is not installed is named.
    json_path : path, optional
        Where the results are written, too.
    quick : bool
        Fewer repeats, and without the largest shapes.
    isa : {"avx2"}, optional
        Lamina and all peers at this instruction set, in a process of its own; else everybody at the best.

    Returns
    -------
    int
        0, or 1 when lamina itself failed in a row.

    Examples
    --------
    >>> from lamina.bench import run
    >>> run("nothing")
    Traceback (most recent call last):
    ...
    ValueError: bench: unknown name nothing; needed: any of gemm, linear, lamina, ...
    """
    selected, wanted = chosen(names), peers.parse(against)
    if json_path is not None and not Path(json_path).resolve().parent.is_dir():
        raise ValueError(f"bench: no folder {Path(json_path).resolve().parent} for the JSON file; make it first")
    if isa is not None and isa not in forced.ENVIRONMENTS:
        raise ValueError(f"bench: isa is {isa!r}, needs one of {', '.join(forced.ENVIRONMENTS)}")
    options = [*selected] if len(selected) < len(BENCHES) else []
    options += ["--against", ",".join(wanted)] if wanted != list(peers.PEERS) else []
    options += ["--quick"] if quick else []
    if isa is not None and not forced.is_forced(isa):
        return forced.rerun(isa, options + (["--json", str(json_path)] if json_path is not None else []))
    found, missing = peers.load(wanted)
    threads = lamina.get_num_threads()
    rates, source = ceilings(Setup(quick=quick, threads=threads, peers=found))
    document: dict[str, Any] = {
        "command": " ".join(["lamina bench", *options, *(["--isa", isa] if isa else [])]),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": machine.commit(),
        "machine": machine.describe(threads),
        "versions": machine.versions(list(found)),
        "ceilings": rates,
        "fma_source": source,
        "against": list(found),
        "missing": missing,
        "results": {},
    }
    report.print_heading(document)
    failed = False
    for name in selected:
        refresh(rates, threads)
        setup = Setup(quick=quick, threads=threads, peers=found)
        results: list[dict[str, Any]] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peers' advice (convergence, deprecation) is no result
            for row in importlib.import_module(f"lamina.bench.{name}").rows(setup):
                results.append(result_of(row, quick, rates))
                del row
                gc.collect()
        report.print_table(name, results, list(found))
        document["results"][name] = results
        failed = failed or any(report.failed(result) for result in results)
        if json_path is not None:
            Path(json_path).write_text(json.dumps(document, indent=1) + "\n")
    return int(failed)
