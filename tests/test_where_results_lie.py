"""Loops that run backward, where a result lies just behind what is read modulo 4096 bytes, give the same bits."""

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


OPS = {
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


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", OPS)
def test_bits_do_not_depend_on_where_the_result_lies(cpu_isa, rng, dtype, name, shape):
    op = OPS[name]
    values = rng.normal(size=shape).astype(dtype)
    size, page = values.size, 4096 // values.itemsize
    buffer = np.empty(2 * size + 4 * page, dtype)
    start = -buffer.ctypes.data % 4096 // values.itemsize
    apart = -(-size // page) * page
    expected = op(values, np.empty_like(values))
    for at, behind in [(0, 0), (0, 1), (3, 4), (4, 13), (0, 16), (1, 100), (0, page - 16)]:
        x = buffer[start + at :][:size].reshape(shape)
        x[:] = values
        out = buffer[start + at + apart + behind :][:size].reshape(shape)
        assert_same_bits(op(x, out), expected)
        assert_same_bits(x, values)
