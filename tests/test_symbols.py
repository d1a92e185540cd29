"""No instruction set leaks: kernels compiled with special flags share no symbol outside of their own namespace."""

import shutil
import subprocess
from pathlib import Path

import pytest

BUILD = Path(__file__).resolve().parents[1] / "build"
# Weak and unique symbols: the linker keeps one of several definitions, whichever instruction set it was compiled for.
SHARED = set("WVu")
HARMLESS = ("DW.ref.__gxx_personality",)  # a pointer, no code


def object_files():
    """The newest build's objects of csrc/kernels/fill_<isa>.cpp; sanitizers add symbols of their own."""
    newest = {}
    built = [path for path in BUILD.rglob("fill_*.cpp.o") if "-sanitizer" not in str(path)]
    for path in sorted(built, key=lambda path: path.stat().st_mtime):
        newest[path.name.removeprefix("fill_").removesuffix(".cpp.o")] = path
    return newest


def shared_symbols(path):
    """Mangled names of the symbols of an object that the linker may merge with others."""
    lines = subprocess.run(["nm", "--defined-only", str(path)], check=True, capture_output=True, text=True).stdout
    symbols = (line.split() for line in lines.splitlines())
    return [name for _, kind, name in symbols if kind in SHARED and not name.startswith(HARMLESS)]


def strays(names, isa):
    """Those whose name nowhere says the instruction set, as a name in its namespace or a template over one does."""
    return [name for name in names if f"{len(isa)}{isa}" not in name]  # a mangled name has each part's length before it


@pytest.mark.parametrize("isa", ["generic", "avx2", "avx512", "avx512_bf16", "amx"])
def test_kernels_define_nothing_outside_their_namespace(isa):
    if shutil.which("nm") is None:
        pytest.skip("nm (binutils) is not installed")
    path = object_files().get(isa)
    if path is None:
        pytest.skip(f"no object of fill_{isa}.cpp under build/: built elsewhere, or not for this machine")
    found = strays(shared_symbols(path), isa)
    assert not found, f"{path.name}: {len(found)} shared symbols outside of lamina::{isa}: " + "; ".join(found[:8])


def test_strays_are_seen():
    own, template, stray = (
        "_ZN6lamina4avx23addEPf",
        "_ZN6lamina3runINS_4avx24TaskEEEvv",
        "_ZNSt6vectorIfSaIfEE9push_backERKf",
    )
    assert strays([own, template, stray], "avx2") == [stray]
    assert strays([own, template, stray], "avx512") == [own, template, stray]
