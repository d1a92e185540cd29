"""All contestants at one instruction set: ``lamina bench --isa avx2``.

Libraries read what they may use when they are loaded, so the bench runs again in a process whose environment says it.
"""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np

ENVIRONMENTS = {
    "avx2": {
        "LAMINA_ISA": "avx2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
    },
}


def is_forced(isa: str) -> bool:
    """Whether this process was started with the environment of `isa`."""
    return all(os.environ.get(name) == value for name, value in ENVIRONMENTS[isa].items())


def rerun(isa: str, arguments: list[str]) -> int:
    """The bench with these arguments in a process forced to `isa`; its exit status."""
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    wider = [name for name in found if "512" in name or name == "X86_V4"]
    environment = {**os.environ, **ENVIRONMENTS[isa], "NPY_DISABLE_CPU_FEATURES": " ".join(wider)}
    command = [sys.executable, "-m", "lamina.bench", *arguments, "--isa", isa]
    return subprocess.run(command, env=environment).returncode
