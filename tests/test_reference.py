"""The reference's surface: its examples run, and it mirrors `lamina.ops` name by name and argument by argument."""

import doctest
import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import lamina.ops
from lamina import reference
from tolerances import IDENTITY

MODULES = sorted(module.name for module in pkgutil.iter_modules(reference.__path__))


@pytest.mark.parametrize("module", MODULES)
def test_reference_examples_run(module):
    result = doctest.testmod(importlib.import_module(f"lamina.reference.{module}"))
    assert result.failed == 0 and result.attempted > 0


@pytest.mark.parametrize("name", reference.__all__)
def test_reference_functions_are_documented(name):
    text = inspect.getdoc(getattr(reference, name))
    assert ">>>" in text and ("Returns" in text or "in place" in text)


@pytest.mark.parametrize("name", sorted(set(reference.__all__) & set(dir(lamina.ops))))
def test_reference_takes_what_the_op_takes(name):
    op = inspect.signature(getattr(lamina.ops, name)).parameters
    own = inspect.signature(getattr(reference, name)).parameters
    assert [p for p in op if p not in own] == []
    for parameter in op.values():
        assert own[parameter.name].kind == parameter.kind, parameter.name
        if parameter.default is not parameter.empty:
            assert own[parameter.name].default == parameter.default, parameter.name


def test_reference_has_every_op():
    missing = {name for name in lamina.ops.__all__ if not hasattr(reference, name)}
    assert missing <= {"explain"}


def test_reference_names_the_same_activations():
    assert reference.activations() == lamina.ops.activations()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_reference_outputs_are_float64(dtype):
    x = np.arange(6, dtype=dtype).reshape(2, 3)
    assert reference.gemm(x, x, transpose_b=True, precision="medium").dtype == np.float64
    assert reference.linear_forward(x, x).dtype == np.float64
    assert reference.dropout_forward(x, 0.5, seed=1).dtype == np.float64
    assert reference.random_uniform((2, 3), seed=1, dtype=dtype).dtype == np.float64


def test_reference_gemm_is_the_triple_sum(rng):
    a, b, c = rng.normal(size=(3, 4)), rng.normal(size=(4, 5)), rng.normal(size=(3, 5))
    expected = np.array([[0.5 * sum(a[i, k] * b[k, j] for k in range(4)) + 2.0 * c[i, j] for j in range(5)]
                         for i in range(3)])  # fmt: skip
    for transpose_a in (False, True):
        for transpose_b in (False, True):
            out = c.copy()
            result = reference.gemm(
                a.T if transpose_a else a, b.T if transpose_b else b, transpose_a=transpose_a, transpose_b=transpose_b,
                alpha=0.5, beta=2.0, out=out,
            )  # fmt: skip
            assert result is out
            np.testing.assert_allclose(out, expected, rtol=0, atol=IDENTITY)


def test_reference_gemm_does_not_read_what_blas_does_not():
    nan = np.full((2, 2), np.nan)
    np.testing.assert_array_equal(reference.gemm(nan, nan, alpha=0.0), np.zeros((2, 2)))
    np.testing.assert_array_equal(reference.gemm(np.eye(2), np.eye(2), out=nan.copy()), np.eye(2))


@pytest.mark.parametrize(
    "call",
    [
        lambda: reference.gemm(np.ones((2, 3)), np.ones((2, 3))),
        lambda: reference.gemm(np.ones((2, 3)), np.ones((3, 2)), beta=1.0),
        lambda: reference.linear_forward(np.ones((2, 3)), np.ones((4, 3)), np.ones(3)),
        lambda: reference.linear_forward(np.ones((2, 3)), np.ones((4, 3)), activation="unknown"),
        lambda: reference.linear_backward(np.ones((2, 4)), np.ones((2, 3)), np.ones((4, 3)), activation="tanh"),
        lambda: reference.activation_forward(np.ones(3), "elu", alpha=-1.0),
        lambda: reference.batchnorm_forward(np.ones((1, 3)), np.ones(3), np.ones(3)),
        lambda: reference.batchnorm_forward(np.ones((2, 3)), np.ones(3), np.ones(3), training=False),
        lambda: reference.dropout_mask((2, 3), 1.0, seed=0),
        lambda: reference.dropout_mask((2, 3), 0.5, seed=2**64),
        lambda: reference.dropout_mask((2, 3), 0.5, seed=0, row_offset=2**32 - 1),
        lambda: reference.layernorm_forward(np.ones((2, 3)), np.ones(3)),
        lambda: reference.layernorm_forward(np.ones((2, 3)), eps=-1.0),
        lambda: reference.layernorm_forward(np.ones((2, 0))),
        lambda: reference.softmax_cross_entropy(np.ones((2, 3)), [0, 3]),
        lambda: reference.softmax_cross_entropy(np.ones((0, 3)), np.ones((0, 3))),
        lambda: reference.squared_error(np.ones((2, 3)), np.ones((2, 1))),
        lambda: reference.squared_error(np.ones((2, 3)), np.ones((2, 3)), sample_weight=np.zeros(2)),
        lambda: reference.sgd_step(np.ones(2), np.ones(2), lr=np.nan),
        lambda: reference.sgd_step(np.ones(2), np.ones(2), lr=0.1, nesterov=True),
        lambda: reference.adam_step(np.ones(2), np.ones(2), np.zeros(2), np.zeros(2), lr=0.1, step=0),
        lambda: reference.adagrad_step(np.ones(2), np.ones(2), np.zeros(3), lr=0.1),
        lambda: reference.rmsprop_step(np.ones(2), np.ones(2), np.zeros(2), lr=0.1, rho=1.0),
        lambda: reference.rmsprop_step(np.ones(2), np.ones(2), np.zeros(2), lr=0.1, momentum=0.5),
    ],
)
def test_reference_refuses_mistakes(call):
    with pytest.raises(ValueError, match=r"^[a-z_]+: .*need"):
        call()


def test_reference_refuses_unknown_parameters():
    with pytest.raises(TypeError, match="^activation_forward: .*negative_slope"):
        reference.activation_forward(np.ones(3), "relu", negative_slope=0.1)
