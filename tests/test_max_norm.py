"""The largest norm of a unit's weights: the op against the reference and its bits; a trainer that keeps to it."""

import numpy as np
import pytest

import lamina
from bad_inputs import changed, check_refused, spoiled, strided
from comparison import assert_levels_agree, assert_same_bits, row_sums_as_written
from lamina import ops
from lamina import reference as ref
from small_nets import clouds, make_net, steps_of_a_fit, trained_bits

SHAPES = [(0, 3), (1, 1), (3, 15), (5, 16), (17, 17), (4, 35), (70, 1030)]


@pytest.fixture
def data(rng):
    return clouds(rng)


def norms_as_written(weight):
    """math/order.h: squares of a row in float64, summed as a row is."""
    return np.sqrt(row_sums_as_written(weight.astype(np.float64) ** 2))[:, None]


@pytest.mark.parametrize("share", [0.01, 1.0, 1.5])
def test_max_norm_matches_reference(isa, rng, dtype, share):
    for shape in SHAPES:
        weight = rng.normal(size=shape).astype(dtype)
        norm = share * np.sqrt(shape[1])
        given, expected, before = weight.copy(), weight.astype(np.float64), norms_as_written(weight)
        ref.max_norm(expected, norm)
        assert ops.max_norm(weight, norm) is None
        factor = np.where(before > norm, norm / before, 1.0)
        assert_same_bits(weight, np.where(factor == 1, given, given * factor).astype(dtype))
        np.testing.assert_allclose(weight, expected, rtol=4 * np.finfo(dtype).eps)
        lengths = np.linalg.norm(weight.astype(np.float64), axis=1)
        assert (lengths <= norm * (1 + 4 * np.finfo(dtype).eps)).all()


def test_max_norm_agrees_at_all_levels(isa, rng, dtype):
    for shape in SHAPES:
        weight = (rng.normal(size=shape) * 10.0 ** rng.integers(-15, 15, size=shape)).astype(dtype)
        assert_levels_agree(ops.max_norm, weight, 0.1)
        if weight.size:
            weight[::2, 0], weight[-1, -1] = np.inf, np.nan
            assert_levels_agree(ops.max_norm, weight, 0.1)


def test_max_norm_of_a_part_leaves_the_rest(isa, rng, dtype):
    weight = rng.normal(size=(6, 40)).astype(dtype)
    part, whole = strided(weight), weight.copy()
    ops.max_norm(part, 2.0)
    ops.max_norm(whole, 2.0)
    assert_same_bits(part.copy(), whole)
    assert np.isnan(part.base[:, 40:]).all()


@pytest.mark.parametrize("limit", [ops.max_norm, ref.max_norm], ids=["ops", "reference"])
def test_max_norm_does_not_hide_what_is_not_finite(isa, dtype, limit):
    broken = np.array([[np.nan, 2.0], [np.inf, 1.0], [3.0, 4.0], [0.0, -0.0]], dtype)
    weight = broken.copy()
    limit(weight, 1.0)
    assert_same_bits(weight[[0, 1, 3]], broken[[0, 1, 3]])
    np.testing.assert_allclose(weight[2], [0.6, 0.8], rtol=1e-6)


def test_max_norm_refuses(dtype):
    arguments = {"weight": np.ones((3, 4), dtype), "norm": 1.0}
    read_only = np.ones((3, 4), dtype)
    read_only.flags.writeable = False
    cases = [changed(arguments, ValueError, norm=bad) for bad in (0.0, -1.0, np.nan, np.inf)]
    cases += [changed(arguments, ValueError, weight=read_only), changed(arguments, TypeError, norm=None)]
    if dtype == np.float32:
        cases += [changed(arguments, ValueError, norm=bad) for bad in (1e-60, 1e60)]
    check_refused(ops.max_norm, cases)
    check_refused(ops.max_norm, spoiled(arguments, "weight", mixing=False))
    with pytest.raises(ValueError, match="max_norm: norm is 0"):
        ref.max_norm(np.ones((2, 2)), 0)


def test_max_norm_follows_torch(rng):
    torch = pytest.importorskip("torch")
    weight = rng.normal(size=(9, 30))
    theirs = torch.renorm(torch.from_numpy(weight.copy()), 2, 0, 5.0)
    ops.max_norm(weight, 5.0)
    np.testing.assert_allclose(weight, theirs.numpy(), rtol=1e-6)


def test_a_trainer_bounds_linear_weights_after_every_update(isa, dtype, data):
    data = data[0].astype(dtype), data[1]
    net, twin = make_net(dtype), make_net(dtype)
    trainer = lamina.Trainer(net, optimizer=lamina.SGD(lr=0.3), seed=7, max_norm=0.7)
    trainer.fit(*data, epochs=2, batch_size=18, progress=False)
    for gradients in steps_of_a_fit(twin, data, 2, 18, seed=7):
        for name, array in twin.parameters().items():
            ops.sgd_step(array.reshape(-1), gradients[name].reshape(-1), lr=0.3)
            if array.ndim == 2:
                ops.max_norm(array, 0.7)
    assert_same_bits(net.state_dict(), twin.state_dict())
    assert np.linalg.norm(net.state_dict()["4.weight"], axis=1).max() <= 0.7 * (1 + 1e-6)


def test_max_norm_leaves_layers_that_do_not_move(data):
    net = make_net()
    before = net.state_dict()
    lamina.Trainer(net, max_norm=0.1, layer_rates={0: 0}).fit(*data, epochs=1, progress=False)
    assert_same_bits(net.state_dict()["0.weight"], before["0.weight"])
    assert np.linalg.norm(net.state_dict()["4.weight"], axis=1).max() <= 0.1 * (1 + 1e-6)


def test_max_norm_is_about_all_kinds_of_linear_layers(data):
    inside = lamina.Residual(lamina.Linear(6, 6))
    net = lamina.Sequential(lamina.DropConnect(4, 6, p=0.5), lamina.PReLU(per_unit=True), inside, lamina.Linear(6, 3))
    lamina.Trainer(net, max_norm=0.2).fit(*data, epochs=1, progress=False)
    state = net.state_dict()
    for name in ("0.weight", "2.0.weight", "3.weight"):
        assert np.linalg.norm(state[name], axis=1).max() <= 0.2 * (1 + 1e-6)
    assert np.linalg.norm(state["1.weight"]) > 0.2


def test_max_norm_is_recorded(data):
    if lamina.cuda.is_available():
        assert_same_bits(trained_bits(data, max_norm=0.5, device=True), trained_bits(data, max_norm=0.5))


@pytest.mark.parametrize(
    ("norm", "error", "message"),
    [
        (0, ValueError, "Trainer: max_norm is 0, needs a finite number > 0, or None"),
        (np.nan, ValueError, "Trainer: max_norm is nan"),
        (1e60, ValueError, "Trainer: max_norm is 1e.60.*in float32"),
        ("3", TypeError, "Trainer: max_norm"),
    ],
)
def test_trainer_refuses_norms(norm, error, message):
    with pytest.raises(error, match=message):
        lamina.Trainer(make_net(), max_norm=norm)
