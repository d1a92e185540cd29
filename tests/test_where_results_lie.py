"""Loops that go out of order, where a result lies just behind what is read modulo 4096 bytes, give the same bits."""

import numpy as np
import pytest

from comparison import assert_same_bits
from lamina import ops

SHAPES = [(3, 5), (2, 77), (5, 1000), (40, 64)]


def layernorm(x, out):
    scale = np.cos(x[0])
    statistics = np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)
    ops.layernorm_forward(x, scale, scale, out=(out, *statistics))
    return out


def batchnorm(x, out):
    columns = x.shape[1]
    scale, mean, var = np.cos(x[0]), np.zeros(columns, x.dtype), np.ones(columns, x.dtype)
    ops.batchnorm_forward(x, scale, scale, mean, var, out=(out, np.empty_like(mean), np.empty_like(mean)))
    return out


def batchnorm_backward(x, out):
    scale, zero = np.cos(x[0]), np.zeros(x.shape[1], x.dtype)
    gradients = np.empty_like(zero), np.empty_like(zero)
    ops.batchnorm_backward(np.cos(x), x, scale, zero, scale, out=(out, *gradients))
    return out


OPS = {
    "batchnorm": batchnorm,
    "batchnorm backward": batchnorm_backward,
    "shakeout": lambda x, out: ops.shakeout(x, 0.5, 0.1, seed=3, out=out),
    "whiteout": lambda x, out: ops.whiteout_forward(x, 0.1, seed=3, out=out),
    "zoneout": lambda x, out: ops.zoneout_forward(x, np.cos(x), 0.5, seed=3, out=out),
    "tanh": lambda x, out: ops.activation_forward(x, "tanh", out=out),
    "gelu backward": lambda x, out: ops.activation_backward(np.cos(x), x, "gelu", out=out),
    "prelu": lambda x, out: ops.activation_forward(x, "prelu", out=out),
    "rrelu": lambda x, out: ops.activation_forward(x, "rrelu", training=True, seed=3, out=out),
    "softmax": lambda x, out: ops.softmax_forward(x, out=out),
    "log_softmax": lambda x, out: ops.log_softmax_forward(x, out=out),
    "softmax backward": lambda x, out: ops.softmax_backward(x, np.cos(x), out=out),
    "dropout": lambda x, out: ops.dropout_forward(x, 0.5, seed=3, out=out),
    "gaussian_noise": lambda x, out: ops.gaussian_noise(x, 0.1, seed=3, out=out),
    "log_softmax backward": lambda x, out: ops.log_softmax_backward(x, -np.abs(x), out=out),
    "layernorm": layernorm,
    "salt_and_pepper": lambda x, out: ops.salt_and_pepper(x, 0.5, seed=3, out=out),
}


def pages(count, size, dtype):
    """Memory for so many arrays with a page between, and for each where a page begins in it."""
    page = 4096 // dtype.itemsize
    apart = (-(-size // page) + 1) * page
    buffer = np.empty((count + 1) * apart, dtype)
    start = -buffer.ctypes.data % 4096 // dtype.itemsize
    return buffer, [start + k * apart for k in range(count)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", OPS)
def test_bits_do_not_depend_on_where_the_result_lies(cpu_isa, rng, dtype, name, shape):
    op = OPS[name]
    values = rng.normal(size=shape).astype(dtype)
    size, page = values.size, 4096 // values.itemsize
    buffer, starts = pages(2, size, values.dtype)
    expected = op(values, np.empty_like(values))
    for at, behind in [(0, 0), (0, 1), (3, 4), (4, 13), (0, 16), (1, 100), (0, page - 16)]:
        x = buffer[starts[0] + at :][:size].reshape(shape)
        x[:] = values
        out = buffer[starts[1] + at + behind :][:size].reshape(shape)
        assert_same_bits(op(x, out), expected)
        assert_same_bits(x, values)


STEPS = {
    "momentum": lambda p, g, m, _: ops.sgd_step(p, g, m, lr=0.1, momentum=0.9),
    "adagrad": lambda p, g, m, _: ops.adagrad_step(p, g, m, lr=0.1),
    "rmsprop": lambda p, g, m, v: ops.rmsprop_step(p, g, m, v, lr=0.1, momentum=0.9),
    "adam": lambda p, g, m, v: ops.adam_step(p, g, m, v, lr=0.1, step=3),
    "average": lambda p, g, *_: ops.average_step(p, g, 0.1),
}


@pytest.mark.parametrize("name", STEPS)
def test_bits_of_a_step_do_not_depend_on_where_its_arrays_lie(cpu_isa, rng, dtype, name):
    size = 1237
    values = np.abs(rng.normal(size=(4, size))).astype(dtype)
    expected = values.copy()
    STEPS[name](*expected)
    buffer, starts = pages(4, size, values.dtype)
    for apart in [0, 1, 4, 16, 17, 100]:
        arrays = [buffer[start + k * apart :][:size] for k, start in enumerate(starts)]
        for array, value in zip(arrays, values, strict=True):
            array[:] = value
        STEPS[name](*arrays)
        for array, value in zip(arrays, expected, strict=True):
            assert_same_bits(array, value)
