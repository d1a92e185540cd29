"""Penalties: what they add to a step, and what they spare."""

import numpy as np
import pytest

import lamina
from comparison import assert_same_bits
from small_nets import assert_close, clouds, make_net, one_step, weights_of


@pytest.fixture
def data(rng):
    return clouds(rng)


@pytest.mark.parametrize("decay_all", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {"regularizer": lamina.L2(0.05)},
        {"optimizer": lamina.SGD(lr=0.5, weight_decay=0.1)},
        {"regularizer": lamina.L2(0.02), "optimizer": lamina.SGD(lr=0.5, weight_decay=0.06)},
    ],
    ids=str,
)
def test_trainer_decay_spares_biases_unless_told(data, decay_all, options):
    plain, before = one_step(make_net("float64"), data)
    decayed, _ = one_step(make_net("float64"), data, decay_all=decay_all, **options)
    for name, array in before.items():
        touched = decay_all or name in ("0.weight", "4.weight")  # 1.weight is the scale of batch norm
        assert_close(decayed[name], plain[name] - 0.5 * 0.1 * array * touched)


@pytest.mark.parametrize(
    "optimizer",
    [lamina.SGD(lr=0.5), lamina.Adam(lr=0.5), lamina.Adagrad(lr=0.5), lamina.RMSProp(lr=0.5, rho=0)],
    ids=str,
)
@pytest.mark.parametrize("decay_all", [False, True])
def test_trainer_l1_moves_weights_to_zero_and_no_further(data, optimizer, decay_all):
    net, plain = make_net("float64"), make_net("float64")
    one_step(plain, data, optimizer=optimizer)
    one_step(net, data, optimizer=optimizer, regularizer=lamina.L1(0.4), decay_all=decay_all)
    for name, array in weights_of(plain).items():
        shrunk = np.copysign(np.maximum(np.abs(array) - 0.2, 0), array)
        touched = decay_all or name in ("0.weight", "4.weight")
        assert_close(net.parameters()[name], shrunk if touched else array)
    assert (net.parameters()["0.weight"] == 0).any()


def test_trainer_elastic_is_both(data):
    one, two = make_net("float64"), make_net("float64")
    one_step(one, data, regularizer=lamina.Elastic(0.1, 0.2))
    one_step(two, data, optimizer=lamina.SGD(lr=0.5, l1=0.1, weight_decay=0.4))
    assert_same_bits(weights_of(one), weights_of(two))


def test_trainer_decoupled_decay(data):
    plain, before = one_step(make_net("float64"), data, optimizer=lamina.Adam(lr=0.5))
    decayed, _ = one_step(make_net("float64"), data, optimizer=lamina.AdamW(lr=0.5, weight_decay=0.1))
    assert_close(decayed["0.weight"], plain["0.weight"] - 0.05 * before["0.weight"])
    assert_close(decayed["0.bias"], plain["0.bias"])


def test_trainer_history_leaves_penalties_out(data):
    losses = [
        lamina.Trainer(make_net(), regularizer=regularizer).fit(*data, epochs=1, batch_size=90, progress=False)["loss"]
        for regularizer in (None, lamina.L2(10))
    ]
    assert losses[0] == losses[1]
