"""Hopper's wgmma, where the device has it: all orientations, cut-off blocks, tails, and each missing wait is seen.

On a GPU these are products on whatever unit it has; the emulated device is made one of capability 9.0.
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lamina
from comparison import assert_same_bits, assert_within
from lamina import _core, cuda, ops
from tolerances import product_at

pytestmark = pytest.mark.skipif(not cuda.is_available(), reason=f"no device: {cuda.status()}")
needs_emulation = pytest.mark.skipif(not _core.emulated(), reason="needs the emulated device")
TRANSPOSES = [(False, False), (False, True), (True, False), (True, True)]
NARROW = (500, 450)  # rows and columns: blocks of 128 x 128, the last ones cut off
WIDE = (1030, 1990)  # of 128 x 256
SOURCE = Path(__file__).resolve().parents[1] / "cuda" / "gemm_wgmma.cu"


@pytest.fixture(autouse=True)
def hopper():
    """Make the emulated device a Hopper; what it was and the order of its threads come back."""
    if _core.emulated():
        _core.emulation_set_capability(9, 0)
    yield
    if _core.emulated():
        _core.emulation_set_capability(8, 0)
        _core.emulation_set_order(0)


def operands(rng, size, depth, transposes=(False, False)):
    """Return a and b as they lie in memory, as they are multiplied, and the options of a product of them."""
    (rows, columns), (of_a, of_b) = size, transposes
    a = rng.normal(size=(depth, rows) if of_a else (rows, depth)).astype(np.float32)
    b = rng.normal(size=(columns, depth) if of_b else (depth, columns)).astype(np.float32)
    return (a, b), (a.T if of_a else a, b.T if of_b else b), dict(transpose_a=of_a, transpose_b=of_b)


def on_device(*arrays):
    return [cuda.array(array) for array in arrays]


# Depths that need each stage more than once, the last one in part.
@pytest.mark.parametrize(("precision", "depth"), [("medium", 330), ("high", 130)])
@pytest.mark.parametrize("transposes", TRANSPOSES)
def test_products(rng, transposes, precision, depth):
    stored, (x, y), options = operands(rng, NARROW, depth, transposes)
    result = ops.gemm(*on_device(*stored), precision=precision, **options).numpy()
    assert_within(result, x.astype(np.float64) @ y, product_at(precision, x, y))


@pytest.mark.parametrize("transposes", TRANSPOSES)
def test_wide_blocks(rng, transposes):
    stored, (x, y), options = operands(rng, WIDE, 130, transposes)
    result = ops.gemm(*on_device(*stored), precision="medium", **options).numpy()
    assert_within(result, x.astype(np.float64) @ y, product_at("medium", x, y))
    # The width of blocks changes nothing: an element's sum is in the order of the depth.
    part = ops.gemm(*on_device(x[:400].copy(), y[:, :512].copy()), precision="medium").numpy()
    assert_same_bits(result[:400, :512], part)


@pytest.mark.parametrize("transposes", TRANSPOSES)
def test_bfloat16_arrays(rng, transposes):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    (a, b), _, options = operands(rng, (400, 424), 200, transposes)
    a, b = a.astype(ml_dtypes.bfloat16), b.astype(ml_dtypes.bfloat16)
    wide = on_device(a.astype(np.float32), b.astype(np.float32))
    expected = ops.gemm(*wide, precision="medium", **options).numpy().astype(a.dtype)
    for first in (0, 8, 3):  # rows that begin at multiples of 16 bytes, read in place, and others
        views = []
        for array in (a, b):
            view = cuda.array(np.full((array.shape[0], 440), np.nan, array.dtype))[:, first : first + array.shape[1]]
            view[...] = array
            views.append(view)
        assert_same_bits(ops.gemm(*views, **options).numpy(), expected)


@pytest.mark.parametrize("precision", ["high", "medium"])
def test_what_follows_the_sums(rng, precision):
    (a, b), _, _ = operands(rng, NARROW, 130)
    x, weight, bias, gamma, beta = on_device(a, b.T.copy(), *rng.normal(size=(3, NARROW[1])).astype(np.float32))
    z = ops.linear_forward(x, weight, bias, precision=precision)
    assert_within(z.numpy(), a.astype(np.float64) @ b + bias.numpy(), product_at(precision, a, b) + 2.0**-20)
    dropout = dict(p=0.4, seed=5, layer=1, step=2)
    h, _ = ops.lamina_forward(x, weight, bias, activation="tanh", precision=precision, **dropout)
    assert_same_bits(h.numpy(), ops.dropout_forward(ops.activation_forward(z, "tanh"), **dropout).numpy())
    h, _ = ops.lamina_forward(x, weight, bias, gamma=gamma, beta=beta, activation="elu", precision=precision, **dropout)
    normal = ops.batchnorm_forward(z, gamma, beta, None, None)[0]
    assert_same_bits(h.numpy(), ops.dropout_forward(ops.activation_forward(normal, "elu"), **dropout).numpy())
    out = cuda.array(np.ones(NARROW, np.float32))
    ops.gemm(x, weight, transpose_b=True, alpha=2, beta=3, out=out, precision=precision)
    assert_within(out.numpy(), 2 * (a.astype(np.float64) @ b) + 3, 2 * product_at(precision, a, b) + 2.0**-18)


@needs_emulation
@pytest.mark.parametrize(("precision", "seeds"), [("high", (0, 1)), ("medium", (0, 0, 2**63))])
def test_order_of_threads_changes_nothing(rng, precision, seeds):
    x, weight, bias, dy = on_device(
        *(rng.normal(size=s).astype(np.float32) for s in ((400, 390), (420, 390), 420, (400, 420)))
    )
    results = []
    for seed in seeds:
        _core.emulation_set_order(seed)
        h, saved = ops.lamina_forward(
            x, weight, bias, activation="elu", p=0.4, seed=5, layer=1, step=2, precision=precision
        )
        gradients = ops.lamina_backward(dy, saved)
        results.append([h.numpy(), *(gradients[name].numpy() for name in ("x", "weight", "bias"))])
    for result in results[1:]:
        assert_same_bits(result, results[0])


@pytest.mark.slow
def test_training(rng):
    """Steps that are recorded and played again, forward and backward products on wgmma."""
    labels = rng.integers(0, 4, 1024)
    x = (rng.normal(scale=0.1, size=(1024, 460)) + np.eye(4, 460)[labels]).astype(np.float32)

    def trained(precision):
        layers = lamina.Linear(460, 450), lamina.ReLU(), lamina.Dropout(0.2), lamina.Linear(450, 4)
        net = lamina.Sequential(*layers, seed=3, device="cuda")
        trainer = lamina.Trainer(net, optimizer=lamina.Adam(lr=0.01), precision=precision)
        trainer.fit(x, labels, epochs=4, batch_size=512, progress=False)
        return net.state_dict(), trainer.evaluate(x, labels)["score"]

    weights, score = trained("medium")
    assert_same_bits(trained("medium")[0], weights)
    assert score > trained("highest")[1] - 0.02 > 0.9


@needs_emulation
def test_device_and_shape_decide():
    def unit(batch, wide=450, precision="medium"):
        with lamina.precision(precision):
            text = lamina.Sequential(lamina.Linear(330, wide), seed=1, device="cuda").explain(batch)
        return re.search(r"unit +([\w.]+)", text)

    assert unit(500)[1] == "wgmma" and unit(500, precision="high")[1] == "wgmma"
    assert unit(40)[1] == "mma.sync" and not unit(500, precision="highest")
    for capability in ((8, 0), (8, 9), (10, 0), (12, 0)):
        _core.emulation_set_capability(*capability)
        assert unit(500)[1] == "mma.sync"


# The places of all waits and barriers of the pipeline.
SITES = [
    f"{SOURCE.name}:{number}"
    for number, line in enumerate(SOURCE.read_text().splitlines(), 1)
    if re.search(r"__syncthreads\(\)|wait_for_\w+(<\d>)?\(", line)
]


@needs_emulation
def test_all_waits_are_met(rng):
    (a, b), _, _ = operands(rng, NARROW, 130)
    ops.gemm(*on_device(a, b), precision="medium").numpy()
    assert len(SITES) == 5 and set(SITES) <= set(_core.emulation_barriers())


WITHOUT = """
import sys
import numpy as np
from lamina import _core, cuda, ops
rng = np.random.default_rng(1)
a, b = (cuda.array(rng.normal(size=size).astype(np.float32)) for size in ((400, 600), (600, 400)))
_core.emulation_set_capability(9, 0)
expected = ops.gemm(a, b, precision="medium").numpy()
for seed in (0, 1, 2):
    _core.emulation_set_order(seed)
    _core.emulation_skip_barrier(sys.argv[1])
    print(np.array_equal(ops.gemm(a, b, precision="medium").numpy(), expected))
"""


# In a process of its own: what goes wrong may end the device.
@needs_emulation
@pytest.mark.slow
@pytest.mark.parametrize("site", SITES)
def test_a_missing_wait_is_seen(site):
    done = subprocess.run([sys.executable, "-c", WITHOUT, site], capture_output=True, text=True, timeout=300)
    assert "False" in done.stdout or "gemm_wgmma: " in done.stderr, done.stdout + done.stderr


@needs_emulation
@pytest.mark.slow
def test_no_missing_wait_no_difference():
    done = subprocess.run([sys.executable, "-c", WITHOUT, ""], capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["True"] * 3, done.stderr
