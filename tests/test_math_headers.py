"""The formulas of csrc/math compile alone, as host C++ and, where nvcc exists, for the device."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
CSRC = TESTS.parent / "csrc"
HEADERS = sorted((CSRC / "math").glob("*.h"))
USE_ALL = TESTS / "math_headers.h"

HOST = f"""
#include "{USE_ALL}"
float use(float x) {{ return lamina_test::everything(x); }}
double use(double x) {{ return lamina_test::everything(x); }}
"""
DEVICE = f"""
#include "{USE_ALL}"
template <class T>
__global__ void use(T* x) {{ x[threadIdx.x] = lamina_test::everything(x[threadIdx.x]); }}
template __global__ void use<float>(float*);
template __global__ void use<double>(double*);
"""


def compile_text(command, text, path):
    path.write_text(text)
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, cwd=path.parent)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr[-4000:]}"


def host_compiler():
    found = shutil.which("g++") or shutil.which("c++")
    if found is None:
        pytest.skip("no C++ compiler on this machine")
    return [found, "-std=c++20", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", f"-I{CSRC}", "-fsyntax-only"]


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.name)
def test_header_includes_what_it_uses(header, tmp_path):
    compile_text(host_compiler(), f'#include "math/{header.name}"\n', tmp_path / "alone.cpp")


def test_formulas_compile_on_the_host(tmp_path):
    compile_text(host_compiler(), HOST, tmp_path / "host.cpp")


def test_all_headers_are_used():
    used = set(re.findall(r'#include "math/([^"]+)"', USE_ALL.read_text()))
    assert used == {header.name for header in HEADERS}, "tests/math_headers.h uses every header of csrc/math"


def test_formulas_compile_for_the_device(tmp_path):
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("nvcc is not installed; the formulas were compiled for the host only")
    flags = ["-std=c++20", "-fmad=false", "-arch=sm_80", f"-I{CSRC}", "-c", "-o", str(tmp_path / "device.o")]
    compile_text([nvcc, *flags], DEVICE, tmp_path / "device.cu")
