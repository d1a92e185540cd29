"""Fixtures of the whole suite: instruction sets, dtypes, a seeded generator."""

import numpy as np
import pytest

import lamina
import on_device


@pytest.fixture(params=[*lamina.available_isas(), *(["cuda"] if lamina.cuda.is_available() else [])])
def isa(request, monkeypatch):
    """Every level of this machine in turn, restored after the test; with "cuda" all ops run on the device."""
    if request.param == "cuda":
        with on_device.all_ops(monkeypatch):
            yield "cuda"
    else:
        previous = lamina.get_isa()
        lamina.set_isa(request.param)
        yield request.param
        lamina.set_isa(previous)


@pytest.fixture(params=lamina.available_isas())
def cpu_isa(request):
    """The levels of the processor alone, for what has no counterpart on the device."""
    previous = lamina.get_isa()
    lamina.set_isa(request.param)
    yield request.param
    lamina.set_isa(previous)


@pytest.fixture
def generic():
    """The generic level, the one compared with the reference."""
    previous = lamina.get_isa()
    lamina.set_isa("generic")
    yield
    lamina.set_isa(previous)


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    """Both dtypes in turn."""
    return np.dtype(request.param)


@pytest.fixture
def rng():
    """The same numbers at every run."""
    return np.random.default_rng(20260101)
