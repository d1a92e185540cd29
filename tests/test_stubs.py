"""The committed stubs of the compiled module are those that its present state gives."""

import difflib
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

STUB = Path(__file__).resolve().parents[1] / "python" / "lamina" / "_core.pyi"
GENERATOR = "3.0.0"  # of pybind11-stubgen, as pinned in pyproject.toml


def test_stubs_are_current(tmp_path):
    pytest.importorskip("pybind11_stubgen", reason="pybind11-stubgen is not installed (pip install 'lamina[test]')")
    if metadata.version("pybind11-stubgen") != GENERATOR:
        pytest.skip(f"stubs are written by pybind11-stubgen {GENERATOR}, installed is another")
    command = [sys.executable, "-m", "pybind11_stubgen", "lamina._core", "-o", str(tmp_path), "--exit-code"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    current = (tmp_path / "lamina" / "_core.pyi").read_text()
    committed = STUB.read_text() if STUB.exists() else ""
    difference = list(
        difflib.unified_diff(committed.splitlines(), current.splitlines(), "committed", "current", lineterm="")
    )
    assert not difference, "python/lamina/_core.pyi is not current; run `make stubs`\n" + "\n".join(difference[:60])


def test_package_says_it_is_typed():
    import lamina

    installed = Path(lamina.__file__).parent
    assert (installed / "py.typed").exists() and (installed / "_core.pyi").exists()
