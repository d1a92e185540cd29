"""`high` and `medium`: errors, equal bits for every number of threads, what is fused around the products, settings.

The tile unit is tested through its likeness in plain C++, with packing in plain C++ and, where the machine has it, in
AVX512_BF16; whatever unit the machine has itself, too.
"""

import contextlib
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import lamina
import on_device
from comparison import assert_same_bits, assert_threads_agree, assert_within
from lamina import _core, ops
from tolerances import OPERANDS, product_at

# (rows, depth, columns): around tiles, steps of 32, panels of 32, groups of 128 rows, the chunk of 512 and the
# blocks of columns.
SHAPES = [
    (32, 64, 32), (33, 65, 33), (47, 95, 49), (45, 512, 40), (46, 513, 35), (64, 1100, 96), (100, 64, 513),
    (35, 70, 1030), (150, 530, 530),
]  # fmt: skip
TRANSPOSES = [(False, False), (False, True), (True, False), (True, True)]


def available(*levels):
    """Those that this machine can run; hidden ones are for tests, and `available_isas` leaves them out."""
    previous, found = lamina.get_isa(), []
    for level in levels:
        with contextlib.suppress(ValueError):
            lamina.set_isa(level)
            found.append(level)
    lamina.set_isa(previous)
    return found


HIDDEN = available("emulated_amx", "emulated_tiles")
UNITS = available("avx512_bf16", "amx") + HIDDEN


@pytest.fixture(params=[*UNITS, *(["cuda"] if lamina.cuda.is_available() else [])])
def unit(request, monkeypatch):
    """Every level with a bfloat16 unit in turn; with "cuda" all ops run on the device."""
    if request.param == "cuda":
        with on_device.all_ops(monkeypatch):
            yield "cuda"
        return
    previous = lamina.get_isa()
    lamina.set_isa(request.param)
    yield request.param
    lamina.set_isa(previous)


@pytest.fixture(params=["high", "medium"])
def precision(request):
    """Both precisions below the highest."""
    return request.param


def faster(precision):
    return on_device.is_active() or bool(_core.precision_unit(precision))


def operands(rng, shape, transposes=(False, False)):
    rows, depth, columns = shape
    a = rng.normal(size=(depth, rows) if transposes[0] else (rows, depth)).astype(np.float32)
    b = rng.normal(size=(columns, depth) if transposes[1] else (depth, columns)).astype(np.float32)
    return a, b, dict(transpose_a=transposes[0], transpose_b=transposes[1])


def plain(a, b, options):
    return a.T if options["transpose_a"] else a, b.T if options["transpose_b"] else b


@pytest.mark.parametrize("transposes", TRANSPOSES)
@pytest.mark.parametrize("shape", SHAPES)
def test_error_of_a_product(unit, precision, rng, shape, transposes):
    a, b, options = operands(rng, shape, transposes)
    x, y = plain(a, b, options)
    result = ops.gemm(a, b, precision=precision, **options)
    assert_within(result, x.astype(np.float64) @ y, product_at(precision, x, y))
    highest = ops.gemm(a, b, **options)
    assert faster(precision) != np.array_equal(result, highest), "the unit computes where it is faster, and only there"


def test_high_keeps_its_promise_where_all_errors_add_up(unit, rng):
    worst = np.float32(1 + 2.0**-8 - 2.0**-17)  # both halves' errors and the product left out are as large as can be
    a, b = np.full((40, 512), worst), np.full((512, 40), worst)
    error = np.abs(ops.gemm(a, b, precision="high") - a.astype(np.float64) @ b) / (a.astype(np.float64) @ b)
    assert error.max() < 2.0**-15 and OPERANDS["high"] == 2.0**-15


@pytest.mark.parametrize("transposes", TRANSPOSES)
def test_threads_change_nothing(unit, precision, rng, transposes):
    for shape in [(64, 200, 300), (300, 100, 40), (35, 1100, 1030), (3100, 64, 33)]:
        a, b, options = operands(rng, shape, transposes)
        c = rng.normal(size=(shape[0], shape[2])).astype(np.float32)
        assert_threads_agree(ops.gemm, a, b, precision=precision, **options)
        assert_threads_agree(ops.gemm, a, b, precision=precision, alpha=0.3, beta=-1.7, out=c, **options)


def test_tiles_and_their_likenesses_give_the_same_bits(precision, rng):
    previous = lamina.get_isa()
    try:
        for transposes in TRANSPOSES:
            a, b, options = operands(rng, (45, 600, 77), transposes)
            a[3, 5], a[7, 9], b[11, 2] = 3.4e38, np.inf, np.nan
            a[20], b[:, 30] = a[20] * 1e-20, b[:, 30] * 1e-19  # whose products are subnormal
            b[:, 31] *= 1e-40
            results = []
            for level in HIDDEN + available("amx"):
                lamina.set_isa(level)
                results.append(ops.gemm(a, b, precision=precision, **options))
            for result in results:
                assert_same_bits(result, results[0])
    finally:
        lamina.set_isa(previous)


def test_blas_rules(unit, precision, rng):
    a, b, _ = operands(rng, (40, 100, 50))
    c = rng.normal(size=(40, 50)).astype(np.float32)
    product = ops.gemm(a, b, precision=precision)
    out = c.copy()
    assert ops.gemm(a, b, alpha=-2.0, beta=0.5, out=out, precision=precision) is out
    assert_within(out, -2.0 * product + 0.5 * c, 4 * 2.0**-24 * (2 * np.abs(product) + np.abs(c)))
    nan = np.full((64, 64), np.nan, np.float32)
    assert_same_bits(ops.gemm(nan, nan, alpha=0.0, precision=precision), np.zeros((64, 64), np.float32))
    eye = np.eye(64, dtype=np.float32)
    assert_same_bits(ops.gemm(eye, eye, out=nan.copy(), precision=precision), eye)


def test_rows_apart_and_nothing_beyond(unit, precision, rng):
    a, b, _ = operands(rng, (40, 100, 50))
    wide_a, wide_b, wide_out = (np.full((x.shape[0], x.shape[1] + 3), np.nan, np.float32) for x in (a, b, a @ b))
    wide_a[:, :100], wide_b[:, :50] = a, b
    ops.gemm(wide_a[:, :100], wide_b[:, :50], out=wide_out[:, :50], precision=precision)
    assert_same_bits(wide_out[:, :50].copy(), ops.gemm(a, b, precision=precision))
    assert np.isnan(wide_out[:, 50:]).all()


def test_numbers_that_are_not_finite_stay_so(unit, precision):
    a, b = np.ones((40, 80), np.float32), np.ones((80, 40), np.float32)
    a[3, 5], a[7, 30], a[19, 79] = np.nan, np.inf, -np.inf
    result = ops.gemm(a, b, precision=precision)
    assert not np.isfinite(result[[3, 7, 19]]).any() and np.isnan(result[3]).all()
    assert (np.delete(result, [3, 7, 19], axis=0) == 80).all()


def test_high_takes_large_numbers(unit):
    a = np.zeros((40, 80), np.float32)
    np.fill_diagonal(a, 3.4e38)  # nearest to infinity among bfloat16's
    result = ops.gemm(a, np.eye(80, dtype=np.float32), precision="high")
    assert_within(result, a, 2.0**-15 * a)


def test_small_products_are_computed_at_highest(unit, precision, rng):
    for shape in [(1, 500, 500), (500, 500, 1), (500, 4, 500)]:
        a, b, _ = operands(rng, shape)
        assert_same_bits(ops.gemm(a, b, precision=precision), ops.gemm(a, b))


def test_float64_and_machines_without_a_unit_compute_at_highest(cpu_isa, precision, rng):
    a, b, _ = operands(rng, (50, 100, 60))
    twice = a.astype(np.float64), b.astype(np.float64)
    assert_same_bits(ops.gemm(*twice, precision=precision), ops.gemm(*twice))
    if not faster(precision):
        assert_same_bits(ops.gemm(a, b, precision=precision), ops.gemm(a, b))


def layer(rng, batch=70, inputs=100, outputs=90):
    x = rng.normal(size=(batch, inputs)).astype(np.float32)
    weight = (rng.normal(size=(outputs, inputs)) / 10).astype(np.float32)
    return x, weight, rng.normal(size=outputs).astype(np.float32)


def test_the_tail_follows_a_product_of_any_precision(unit, precision, rng):
    x, weight, bias = layer(rng)
    z = ops.linear_forward(x, weight, bias, precision=precision)
    assert_same_bits(
        ops.linear_forward(x, weight, bias, activation="tanh", precision=precision), ops.activation_forward(z, "tanh")
    )
    options = dict(activation="elu", p=0.4, seed=5, layer=1, step=2)
    h, _ = ops.lamina_forward(x, weight, bias, precision=precision, **options)
    assert_same_bits(h, ops.dropout_forward(ops.activation_forward(z, "elu"), p=0.4, seed=5, layer=1, step=2))


@pytest.mark.parametrize("outputs", [90, 1100])
def test_batch_norm_measures_a_product_of_any_precision(unit, precision, rng, outputs):
    x, weight, bias = layer(rng, outputs=outputs)
    gamma, beta = (rng.normal(size=outputs).astype(np.float32) for _ in range(2))
    h, saved = ops.lamina_forward(x, weight, bias, gamma=gamma, beta=beta, activation="tanh", precision=precision)
    z = ops.linear_forward(x, weight, bias, precision=precision)
    y, mean, rstd = ops.batchnorm_forward(z, gamma, beta, None, None)
    assert_same_bits((saved["z"], saved["mean"], saved["rstd"]), (z, mean, rstd))
    assert_same_bits(h, ops.activation_forward(y, "tanh"))


def test_the_backward_products_have_the_precision_of_the_forward_one(unit, precision, rng):
    x, weight, bias = layer(rng)
    h, saved = ops.lamina_forward(x, weight, bias, activation="tanh", precision=precision)
    dy = rng.normal(size=h.shape).astype(np.float32)
    gradients = ops.lamina_backward(dy, saved)
    dz = ops.activation_backward(dy, h, "tanh", y=h)
    assert_same_bits(gradients["weight"], ops.gemm(dz, x, transpose_a=True, precision=precision))
    assert_same_bits(gradients["x"], ops.gemm(dz, weight, precision=precision))
    results = ops.linear_backward(dy, x, weight, y=h, activation="tanh", precision=precision)
    assert_same_bits(results, (gradients["x"], gradients["weight"], gradients["bias"]))


def test_settings(unit, rng):
    a, b, _ = operands(rng, (40, 100, 50))
    highest, medium = ops.gemm(a, b), ops.gemm(a, b, precision="medium")
    assert lamina.get_precision() == "highest" and not np.array_equal(highest, medium)
    with lamina.precision("medium"):
        assert lamina.get_precision() == "medium"
        assert_same_bits(ops.gemm(a, b), medium)
        assert_same_bits(ops.gemm(a, b, precision="highest"), highest)
        if unit != "cuda":  # the plan is the processor's
            assert "float32 at medium" in ops.explain("gemm", ((40, 100), (100, 50)))
    assert_same_bits(ops.gemm(a, b), highest)
    if unit != "cuda":
        assert lamina.config()["units"]["cpu"]["medium"] == _core.precision_unit("medium") != ""


def test_unknown_precisions_are_refused():
    for wrong, error in (("low", ValueError), ("", ValueError), (3, TypeError), (b"high", TypeError)):
        with pytest.raises(error, match="^set_precision"):
            lamina.set_precision(wrong)
        with pytest.raises(error, match="^Trainer"):
            lamina.Trainer(lamina.Sequential(lamina.Linear(2, 2)), precision=wrong)
        with pytest.raises(error, match="^gemm"):
            ops.gemm(np.eye(2), np.eye(2), precision=wrong)
    assert lamina.get_precision() == "highest"


def train(precision, threads):
    generator = np.random.default_rng(5)
    y = generator.integers(0, 5, 400)
    x = generator.random((400, 70)) + np.eye(5, 70)[y]
    net = lamina.Sequential(
        lamina.Linear(70, 64), lamina.BatchNorm(64), lamina.ReLU(), lamina.Dropout(0.3), lamina.Linear(64, 5), seed=3
    )
    if on_device.is_active():
        net.to("cuda")
    previous = lamina.get_num_threads()
    lamina.set_num_threads(threads)
    try:
        trainer = lamina.Trainer(net, optimizer=lamina.Adam(lr=0.01), precision=precision)
        trainer.fit(x, y, epochs=12, batch_size=64, progress=False)
        return net.state_dict(), trainer.evaluate(x, y)["score"]
    finally:
        lamina.set_num_threads(previous)


def test_nets_train_at_any_precision_with_any_number_of_threads(unit, precision):
    weights, score = train(precision, 1)
    assert_same_bits(train(precision, 3)[0], weights)
    highest, best = train("highest", 1)
    assert faster(precision) != all(np.array_equal(weights[name], highest[name]) for name in weights)
    assert score > best - 0.02 > 0.9


@pytest.mark.skipif("amx" not in lamina.available_isas(), reason="this machine has no AMX to lack")
def test_without_its_tiles_an_intel_processor_starts_at_avx512():
    """Its VDPBF16PS has half the rate of an fma. Linux refuses tiles where a signal stack has no room for them."""
    program = """
        import ctypes
        class Stack(ctypes.Structure):
            _fields_ = [("pointer", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]
        memory = ctypes.create_string_buffer(8192)
        stack = Stack(ctypes.cast(memory, ctypes.c_void_p), 0, len(memory))
        assert ctypes.CDLL(None).sigaltstack(ctypes.byref(stack), None) == 0
        import lamina
        print(lamina.get_isa(), *lamina.available_isas())
    """
    environment = {name: value for name, value in os.environ.items() if name != "LAMINA_ISA"}
    command = [sys.executable, "-c", textwrap.dedent(program)]
    answer = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.split()
    assert answer == ["avx512", "generic", "avx2", "avx512", "avx512_bf16"]
