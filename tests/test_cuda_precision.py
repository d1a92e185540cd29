"""Tensor cores: the order of threads changes nothing, blocks of either size, operands wherever they lie, training."""

import numpy as np
import pytest

import lamina
from comparison import assert_same_bits, assert_within
from lamina import cuda, ops
from tolerances import product_at

pytestmark = pytest.mark.skipif(not cuda.is_available(), reason=f"no device: {cuda.status()}")
needs_emulation = pytest.mark.skipif(not lamina._core.emulated(), reason="needs the emulated device")
TRANSPOSES = [(False, False), (False, True), (True, False), (True, True)]
LARGE = (1030, 70, 1010)  # a result of many blocks, the last of them cut off


def operands(rng, shape, transposes=(False, False)):
    rows, depth, columns = shape
    a = rng.normal(size=(depth, rows) if transposes[0] else (rows, depth)).astype(np.float32)
    b = rng.normal(size=(columns, depth) if transposes[1] else (depth, columns)).astype(np.float32)
    return a, b, dict(transpose_a=transposes[0], transpose_b=transposes[1])


def on_device(*arrays):
    return [cuda.array(array) for array in arrays]


@pytest.fixture
def order():
    """Sets the order of the emulated device's threads; the usual one comes back."""
    yield lamina._core.emulation_set_order
    lamina._core.emulation_set_order(0)


@needs_emulation
@pytest.mark.parametrize("precision", ["high", "medium"])
def test_order_of_threads_changes_nothing(rng, order, precision):
    x, weight, bias = on_device(*(rng.normal(size=size).astype(np.float32) for size in ((70, 200), (90, 200), 90)))
    dy = cuda.array(rng.normal(size=(70, 90)).astype(np.float32))
    results = []
    for seed in (0, 1, 2):
        order(seed)
        options = dict(activation="elu", p=0.4, seed=5, layer=1, step=2, precision=precision)
        h, saved = ops.lamina_forward(x, weight, bias, **options)
        gradients = ops.lamina_backward(dy, saved)
        results.append([h.numpy(), *(gradients[name].numpy() for name in ("x", "weight", "bias"))])
    for result in results:
        assert_same_bits(result, results[0])


@pytest.mark.parametrize("transposes", TRANSPOSES)
def test_large_blocks(rng, transposes):
    a, b, options = operands(rng, LARGE, transposes)
    x, y = a.T if transposes[0] else a, b.T if transposes[1] else b
    result = ops.gemm(*on_device(a, b), precision="medium", **options).numpy()
    assert_within(result, x.astype(np.float64) @ y, product_at("medium", x, y))
    # The size of blocks changes nothing: an element's sum is in the order of the depth.
    part = ops.gemm(*on_device(x[:40].copy(), y), precision="medium").numpy()
    assert_same_bits(result[:40], part)


@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("precision", ["medium", "high"])
def test_the_depth_of_small_gradients_is_split(rng, precision, transpose_b):
    """dW = dzᵀ x with a batch of 1700: chunks of 512 have blocks of their own."""
    a, b, options = operands(rng, (70, 1700, 45), (True, transpose_b))
    c = rng.normal(size=(70, 45)).astype(np.float32)
    out = cuda.array(c)
    ops.gemm(*on_device(a, b), precision=precision, alpha=2.0, beta=1.0, out=out, **options)
    y = b.T if transpose_b else b
    assert_within(out.numpy(), 2 * (a.T.astype(np.float64) @ y) + c, 2 * product_at(precision, a.T, y) + 2.0**-22)
    plain = ops.gemm(*on_device(a, b), precision=precision, **options).numpy()
    assert_within(plain, a.T.astype(np.float64) @ y, product_at(precision, a.T, y))
    with lamina.precision(precision):
        text = ops.explain("gemm", (a.shape, b.shape), device="cuda", **options)
    assert "4 chunks of 512 in blocks of their own" in text


def test_large_blocks_go_on_with_the_tail(rng):
    a, b, _ = operands(rng, LARGE)
    x, weight, bias = on_device(a, b.T.copy(), rng.normal(size=LARGE[2]).astype(np.float32))
    z = ops.linear_forward(x, weight, bias, precision="high")
    assert_within(z.numpy(), a.astype(np.float64) @ b + bias.numpy(), product_at("high", a, b) + 2.0**-20)
    h, _ = ops.lamina_forward(x, weight, bias, activation="tanh", p=0.4, seed=5, layer=1, step=2, precision="high")
    expected = ops.dropout_forward(ops.activation_forward(z, "tanh"), p=0.4, seed=5, layer=1, step=2)
    assert_same_bits(h.numpy(), expected.numpy())


@pytest.mark.parametrize("transposes", TRANSPOSES)
def test_bfloat16_is_read_where_it_lies(rng, transposes):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    a, b, options = operands(rng, (50, 150, 70), transposes)
    a, b = a.astype(ml_dtypes.bfloat16), b.astype(ml_dtypes.bfloat16)
    expected = ops.gemm(*on_device(a, b), **options).numpy()
    assert expected.dtype == a.dtype
    for row, first in ((160, 0), (160, 8), (160, 3), (161, 0)):  # rows that begin at 16 bytes' multiples, and others
        views = []
        for array in (a, b):
            view = cuda.array(np.full((array.shape[0], row), np.nan, array.dtype))[:, first : first + array.shape[1]]
            view[...] = array
            views.append(view)
        out = cuda.array(np.full((50, row), np.nan, a.dtype))
        ops.gemm(*views, out=out[:, first : first + 70], **options)
        result = out.numpy()
        assert_same_bits(result[:, first : first + 70], expected)
        assert np.isnan(result[:, :first].astype(float)).all() and np.isnan(result[:, first + 70 :].astype(float)).all()
    # Numbers that are bfloat16's lose nothing at medium: the same sums.
    wide = on_device(a.astype(np.float32), b.astype(np.float32))
    assert_same_bits(ops.gemm(*wide, precision="medium", **options).numpy().astype(a.dtype), expected)


@pytest.mark.parametrize("precision", ["high", "medium"])
def test_nets_train(rng, precision):
    labels = rng.integers(0, 4, 256)
    x = (rng.random((256, 64)) + np.eye(4, 64)[labels]).astype(np.float32)

    def trained(at):
        layers = lamina.Linear(64, 48), lamina.BatchNorm(48), lamina.ReLU(), lamina.Dropout(0.2), lamina.Linear(48, 4)
        net = lamina.Sequential(*layers, seed=3, device="cuda")
        trainer = lamina.Trainer(net, optimizer=lamina.Adam(lr=0.01), precision=at)
        trainer.fit(x, labels, epochs=6, batch_size=64, progress=False)
        return net.state_dict(), trainer.evaluate(x, labels)["score"]

    weights, score = trained(precision)
    assert_same_bits(trained(precision)[0], weights)
    highest, best = trained("highest")
    assert any(not np.array_equal(weights[name], highest[name]) for name in weights)
    assert score > best - 0.02 > 0.9
