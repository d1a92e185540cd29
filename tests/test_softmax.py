"""Softmax and log-softmax: against the reference, levels, extreme logits, refusals."""

import numpy as np
import pytest

import lamina
from bad_inputs import changed, check_refused, spoiled, strided, with_bad_out
from comparison import assert_levels_agree, assert_same_bits, assert_within, row_sums_as_written
from lamina import ops
from lamina import reference as ref
from tolerances import LOG_SOFTMAX_ULPS, log_softmax, row_sum_backward, softmax, ulp, underflow

SHAPES = [(1, 1), (3, 2), (5, 7), (1, 15), (31, 16), (32, 17), (33, 35), (97, 33), (0, 4), (3, 256), (2, 513)]
FORWARD = [ops.softmax_forward, ops.log_softmax_forward]
BACKWARD = [ops.softmax_backward, ops.log_softmax_backward]


def test_softmax_matches_reference(generic, rng, dtype):
    for shape in SHAPES[:-1]:
        for scale in (1.0, 30.0):
            x = (scale * rng.normal(size=shape)).astype(dtype)
            dy = rng.normal(size=shape).astype(dtype)
            y = ops.softmax_forward(x)
            assert y.dtype == dtype
            expected = ref.softmax_forward(x)
            assert_within(y, expected, softmax(x.astype(np.float64), expected, dtype))
            dx = ops.softmax_backward(dy, y)
            assert_within(dx, ref.softmax_backward(dy, y), row_sum_backward(dy, y, dtype))

            y = ops.log_softmax_forward(x)
            assert y.dtype == dtype
            expected = ref.log_softmax_forward(x)
            assert_within(y, expected, log_softmax(x.astype(np.float64), expected, dtype))
            dx = ops.log_softmax_backward(dy, y)
            assert_within(dx, ref.log_softmax_backward(dy, y), row_sum_backward(dy, np.exp(y), dtype))


@pytest.mark.parametrize("shape", SHAPES)
def test_softmax_levels_agree(isa, rng, dtype, shape):
    x, dy = (5 * rng.normal(size=shape)).astype(dtype), rng.normal(size=shape).astype(dtype)
    for forward, backward in zip(FORWARD, BACKWARD, strict=True):
        y = forward(x)
        assert y.shape == shape
        assert_levels_agree(forward, x)
        assert_levels_agree(backward, dy, y)


def test_softmax_levels_agree_on_special_values(isa, rng, dtype):
    x = rng.normal(size=(40, 19)).astype(dtype)
    x[0, 3], x[1, 3], x[2, 3], x[3], x[4] = np.nan, np.inf, -np.inf, -np.inf, np.inf
    x[5:8] *= 1e4
    for forward in FORWARD:
        y = forward(x)
        assert np.isnan(y[[0, 1, 3, 4]]).any(axis=1).all() and not np.isnan(y[5:]).any()
        assert_levels_agree(forward, x)
    assert ops.softmax_forward(x)[2, 3] == 0 and ops.log_softmax_forward(x)[2, 3] == -np.inf


@pytest.mark.parametrize("classes", [2, 10, 100, 1000, 5000])
def test_log_softmax_and_its_loss_to_the_last_digits(isa, rng, classes):
    """Logits of ±1e4 and near them: where a probability is almost 1, its logarithm has all its digits too."""
    shape, least = (300, classes), underflow(np.float32)
    near = 3 * rng.normal(size=shape)
    for logits in (1e4 * rng.choice([-1, 1], size=shape), 1e4 * rng.uniform(-1, 1, size=shape), 1e4 + near, near - 1e4):
        logits, labels = logits.astype(np.float32), rng.integers(0, classes, 300)
        y, expected = ops.log_softmax_forward(logits), ref.log_softmax_forward(logits)
        assert_within(y, expected, ulp(LOG_SOFTMAX_ULPS, np.float32, expected) + least)
        loss, gradient = ops.softmax_cross_entropy(logits, labels, reduction="none")
        at_label = -expected[np.arange(300), labels]
        assert_within(loss, at_label, ulp(LOG_SOFTMAX_ULPS, np.float32, at_label) + least)
        assert np.isfinite(gradient).all()


def test_row_sums_keep_the_order_of_the_contract(isa, rng, dtype):
    for shape in [*SHAPES, (3, 257), (2, 511), (2, 1300)]:
        dy = rng.normal(size=shape).astype(dtype)
        dx = ops.log_softmax_backward(dy, np.zeros(shape, dtype))  # dy - e^0 sum(dy)
        assert_same_bits(dx, dy - row_sums_as_written(dy)[:, None])


def test_softmax_does_not_depend_on_a_shift(isa, dtype):
    x = np.arange(21, dtype=dtype).reshape(3, 7)  # integers, so that the shift is exact
    for forward in FORWARD:
        assert_same_bits(forward(x + dtype.type(1024)), forward(x))


def test_softmax_takes_any_row_stride_and_out(isa, rng, dtype):
    x, dy = rng.normal(size=(6, 19)).astype(dtype), rng.normal(size=(6, 19)).astype(dtype)
    for forward, backward in zip(FORWARD, BACKWARD, strict=True):
        y = forward(x)
        out = strided(np.zeros_like(x))
        assert forward(strided(x), out=out) is out
        assert_same_bits(out, y)
        assert np.isnan(out.base[:, 19:]).all()
        out = strided(np.zeros_like(x))
        assert backward(strided(dy), strided(y), out=out) is out
        assert_same_bits(out, backward(dy, y))


@pytest.mark.parametrize("forward", FORWARD)
def test_softmax_forward_refuses(dtype, forward):
    x = np.ones((4, 5), dtype)
    arguments = dict(x=x)
    check_refused(forward, spoiled(arguments, "x", mixing=False))
    check_refused(forward, with_bad_out(arguments, x.copy()))
    buffer = np.ones(50, dtype)
    overlapping = dict(x=buffer[:20].reshape(4, 5), out=buffer[3:23].reshape(4, 5))
    cases = [("out overlaps x", ValueError, overlapping), changed(arguments, TypeError, axis=1)]
    check_refused(forward, [*cases, changed(arguments, ValueError, x=x[:, :0])])


@pytest.mark.parametrize("backward", BACKWARD)
def test_softmax_backward_refuses(dtype, backward):
    y = np.full((4, 5), 0.2, dtype)
    arguments = dict(dy=np.ones((4, 5), dtype), y=y)
    check_refused(backward, spoiled(arguments, "dy", "y"))
    check_refused(backward, with_bad_out(arguments, y.copy()))
    check_refused(backward, [changed(arguments, ValueError, y=np.ones((5, 5), dtype))])


@pytest.mark.parametrize(
    ("layer", "forward"),
    [(lamina.Softmax(), lamina.ops.softmax_forward), (lamina.LogSoftmax(), lamina.ops.log_softmax_forward)],
)
def test_as_a_layer(layer, forward, rng, isa):
    x = rng.standard_normal((9, 5)).astype(np.float32)
    net = lamina.Sequential(lamina.Linear(5, 4), seed=1)
    behind = lamina.Sequential(lamina.Linear(5, 4), layer, seed=1, device="cuda" if isa == "cuda" else "cpu")
    np.testing.assert_array_equal(behind(x), forward(net(x)))
    assert type(layer).__name__.lower() in behind.explain(batch_size=8).replace(" ", "")
    inside = lamina.Sequential(lamina.Linear(5, 4), layer, lamina.Linear(4, 3), seed=1, dtype="float64")
    assert lamina.gradcheck(inside, x, rng.integers(0, 3, 9)).ok


@pytest.mark.parametrize("last", [lamina.Softmax(), lamina.LogSoftmax()], ids=str)
def test_probabilities_of_a_net_with_a_softmax_at_its_end(last, rng):
    x, y = rng.standard_normal((9, 5)), rng.integers(0, 4, 9)
    net = lamina.Sequential(lamina.Linear(5, 4), seed=1, dtype="float64")
    behind = lamina.Sequential(lamina.Linear(5, 4), last, seed=1, dtype="float64")
    np.testing.assert_allclose(behind.predict_proba(x), net.predict_proba(x), rtol=1e-12)
    if isinstance(last, lamina.LogSoftmax):  # of itself it is itself
        assert behind.loss_and_gradients(x, y)[0] == pytest.approx(net.loss_and_gradients(x, y)[0], rel=1e-12)


def test_probabilities_of_a_net_with_a_sigmoid_at_its_end(rng):
    x = rng.standard_normal((9, 5))
    for outputs, options in ((1, {}), (1, {"multi_label": True}), (3, {"multi_label": True})):
        net = lamina.Sequential(lamina.Linear(5, outputs), seed=1, dtype="float64")
        behind = lamina.Sequential(lamina.Linear(5, outputs), lamina.Sigmoid(), seed=1, dtype="float64")
        np.testing.assert_allclose(behind.predict_proba(x, **options), net.predict_proba(x, **options), rtol=1e-12)
