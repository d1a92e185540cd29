"""Large results are streamed past the caches; which way a result takes never shows in its bits."""

import numpy as np
import pytest

from lamina import _core, ops


@pytest.fixture
def stream_everything():
    """Every result counts as large."""
    previous = _core.get_stream_bytes()
    _core.set_stream_bytes(0)
    yield previous
    _core.set_stream_bytes(previous)


SHAPES = [(1, 1), (3, 10), (33, 17), (40, 784), (7, 2049), (65, 513)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("offset", [0, 1, 5])
def test_streamed_results_have_the_same_bits(stream_everything, cpu_isa, dtype, shape, offset, rng):
    """Activation, dropout, layer norm and batch norm, at outputs that start anywhere in a cache line."""
    x = rng.standard_normal(shape).astype(dtype)
    columns = np.ones(shape[1], dtype)

    def results():
        out = np.empty(x.size + offset, dtype)[offset:].reshape(shape)
        yield ops.activation_forward(x, "sigmoid", out=out)
        yield ops.dropout_forward(x, 0.3, seed=5, out=out)
        statistics = np.empty(shape[0], dtype), np.empty(shape[0], dtype)
        yield ops.layernorm_forward(x, columns, columns, out=(out, *statistics))[0]
        sums = np.empty(shape[1], dtype), np.empty(shape[1], dtype)
        yield ops.layernorm_backward(x, x, columns, *statistics, out=(out, *sums))[0]
        if shape[0] > 1:
            yield ops.batchnorm_forward(x, columns, columns)[0]

    streamed = [result.copy() for result in results()]
    _core.set_stream_bytes(stream_everything)
    for expected, got in zip(results(), streamed, strict=True):
        np.testing.assert_array_equal(got, expected)
