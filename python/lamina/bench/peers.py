"""The peers that lamina is measured against: imported softly, and named when they are missing."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from functools import partial
from types import ModuleType
from typing import Any

from lamina.bench.harness import Contestant, Setup, thread_label

PEERS = ("torch", "sklearn", "numpy")


def parse(against: str | Iterable[str] | None) -> list[str]:
    """Names of the wanted peers; None means every known one."""
    if against is None:
        return list(PEERS)
    names = against.split(",") if isinstance(against, str) else list(against)
    names = [name.strip() for name in names if name.strip()]
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise ValueError(f"bench: unknown peer {', '.join(unknown)}; needed: any of {', '.join(PEERS)}")
    return names


def load(names: Iterable[str]) -> tuple[dict[str, ModuleType], list[str]]:
    """The installed peers as modules, and the names of those that are not installed."""
    found: dict[str, ModuleType] = {}
    missing: list[str] = []
    for name in names:
        try:
            found[name] = importlib.import_module(name)
        except ImportError:
            missing.append(name)
    return found, missing


def torch_threads(torch: ModuleType, threads: int) -> Callable[[], None]:
    """A hook that gives torch its number of threads before a sample of it is taken."""

    def prepare() -> None:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)

    return prepare


def by_torch(
    setup: Setup, make: Callable[[Any], Callable[[], Any]], *, variant: str = "", who: str = "torch", steps: int = 1
) -> list[Contestant]:
    """torch with one thread and with all, since it often loses by its own fork-join; none where it is not wanted.

    `make` gets the torch module and returns what is timed.
    """
    if "torch" not in setup.peers:
        return []
    torch = setup.peers["torch"]
    run = make(torch)
    counts = [1] if setup.threads == 1 else [1, setup.threads]
    label = f"{variant}, " if variant else ""
    return [Contestant(who, run, label + thread_label(count), torch_threads(torch, count), steps) for count in counts]


def by_numpy(setup: Setup, run: Callable[[], Any]) -> list[Contestant]:
    """NumPy's own loops, which use one thread; none where it is not wanted."""
    return [Contestant("numpy", run)] if "numpy" in setup.peers else []


def by_blas(setup: Setup, who: str, run: Callable[[], Any]) -> list[Contestant]:
    """A peer that stands on NumPy's BLAS, with one thread and with all where threadpoolctl is installed to say so."""
    if who not in setup.peers:
        return []
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return [Contestant(who, run, "threads as its BLAS likes")]
    controller = ThreadpoolController()
    counts = [1] if setup.threads == 1 else [1, setup.threads]
    hooks = [partial(controller.limit, limits=count, user_api="blas") for count in counts]
    return [Contestant(who, run, thread_label(count), hook) for count, hook in zip(counts, hooks, strict=True)]


def torch_optimizers(quick: bool) -> list[str]:
    """torch's fast optimizer paths; a quick run takes the one that wins nearly everywhere."""
    return ["fused"] if quick else ["fused", "foreach"]
