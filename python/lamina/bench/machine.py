"""Where and with what a benchmark ran: processor, instruction set, threads, versions, commit."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import lamina


def processor() -> str:
    """The processor's name, as the kernel gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def commit() -> str | None:
    """The commit of the clone that the command is run from, marked where files differ; None outside of a clone."""
    try:
        if 'name = "lamina"' not in Path("pyproject.toml").read_text():
            return None
        head = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], check=True, capture_output=True, text=True)
        changes = subprocess.run(["git", "status", "--porcelain", "-uno"], check=True, capture_output=True, text=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return head.stdout.strip() + ("+changes" if changes.stdout.strip() else "")


def versions(peers: list[str]) -> dict[str, str]:
    """Installed versions of lamina, NumPy and the peers."""
    found = {}
    for name in ["lamina", "numpy", *peers]:
        try:
            found[name] = metadata.version({"sklearn": "scikit-learn"}.get(name, name))
        except metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found


def describe(threads: int) -> dict[str, Any]:
    """The machine as plain data."""
    return {
        "cpu": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": threads,
        "isa": lamina.get_isa(),
        "system": platform.system(),
        "python": platform.python_version(),
    }
