"""Fixtures of the whole suite: instruction sets, dtypes, a seeded generator."""

import numpy as np
import pytest

import lamina


@pytest.fixture(params=lamina.available_isas())
def isa(request):
    """Every level of this machine in turn, set for the test and restored after it."""
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
