"""What the emulated device allows while a stream records, as the CUDA runtime does: errors spoil the recording."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EMULATED = ROOT / "cuda" / "emulated"
UNSUPPORTED, INVALIDATED, ISOLATION = 900, 901, 905


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")
    sources = [ROOT / "tests/emulated_recording.cpp", ROOT / "csrc/base/fp_environment.cpp", *EMULATED.glob("*.cpp")]
    built = tmp_path_factory.mktemp("recording") / "recording"
    includes = [f"-I{ROOT / place}" for place in ("csrc", ".", "cuda/emulated")]
    command = [compiler, "-std=c++20", "-O0", "-DLAMINA_CUDA_EMULATED", "-pthread", *includes, *sources, "-o", built]
    subprocess.run(command, check=True, timeout=300)
    return built


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("nothing", 0),
        ("pinned_memory", 0),
        ("work_elsewhere", 0),
        ("synchronize_all", UNSUPPORTED),
        ("synchronize", UNSUPPORTED),
        ("ordinary_memory", UNSUPPORTED),
        ("ask", UNSUPPORTED),
        ("wait_for_another", ISOLATION),
        ("another_waits", ISOLATION),
    ],
)
def test_what_a_recording_allows(program, what, error):
    done = subprocess.run([program, what], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == [str(error), *(["0", "graph"] if error == 0 else [str(INVALIDATED), "none"])]
