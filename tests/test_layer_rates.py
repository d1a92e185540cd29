"""Learning rates of single layers: by hand, left out, recorded, and mistaken."""

import pickle

import numpy as np
import pytest

import lamina
from comparison import assert_same_bits
from lamina import ops
from lamina._arrays import copied
from small_nets import clouds, make_net, steps_of_a_fit, trained_bits

DECAYING = lamina.SGD(lr=0.3, momentum=0.9, weight_decay=0.01, l1=0.001)


@pytest.fixture
def data(rng):
    return clouds(rng)


@pytest.mark.parametrize("decay_all", [False, True])
@pytest.mark.parametrize("rates", [{}, {0: 0.1}, {"0": 0.25, 1: 0, -1: 2.0}, {4: 0.0}, {0: 0.5, 4: 0.5}], ids=str)
def test_layer_rates_multiply_the_rate(isa, dtype, data, rates, decay_all):
    data = data[0].astype(dtype), data[1]
    net, twin = make_net(dtype), make_net(dtype)
    trainer = lamina.Trainer(net, optimizer=DECAYING, seed=7, layer_rates=rates, decay_all=decay_all)
    trainer.fit(*data, epochs=2, batch_size=18, progress=False)
    factors = {0: 1.0, 1: 1.0, 4: 1.0} | {int(layer) % 5: factor for layer, factor in rates.items()}
    velocities = {name: np.zeros(array.size, dtype) for name, array in twin.parameters().items()}
    for gradients in steps_of_a_fit(twin, data, 2, 18, seed=7):
        for name, array in twin.parameters().items():
            decays = {"weight_decay": 0.01, "l1": 0.001} if decay_all or array.ndim == 2 else {}
            if factor := factors[int(name[0])]:
                params = copied(array).reshape(-1)
                gradient = copied(gradients[name]).reshape(-1)
                ops.sgd_step(params, gradient, velocities[name], lr=0.3 * factor, momentum=0.9, **decays)
                array[...] = params.reshape(array.shape)
    assert_same_bits(net.state_dict(), twin.state_dict())


@pytest.mark.parametrize("optimizer", [DECAYING, lamina.AdamW(lr=0.01), lamina.RMSProp(momentum=0.5)], ids=str)
def test_rate_zero_is_no_update_at_all(isa, data, optimizer):
    net = make_net()
    before = net.state_dict()
    trainer = lamina.Trainer(net, optimizer=optimizer, layer_rates={0: 0, 1: 0}, decay_all=True)
    trainer.fit(*data, epochs=2, batch_size=16, progress=False)
    for name, array in net.parameters().items():
        assert np.array_equal(copied(array), before[name]) == (name[0] in "01"), name


def test_one_rate_for_all_is_a_rate(data):
    """0.25 is a power of two: the products with the rate are exact."""
    expected = trained_bits(data, optimizer=lamina.Adam(lr=0.01))
    for rates in ({layer: 0.25 for layer in range(5)}, {layer: 0.25 for layer in (0, 1, 4)}):
        assert_same_bits(trained_bits(data, optimizer=lamina.Adam(lr=0.04), layer_rates=rates), expected)


def test_layer_rates_with_padding_left_out(isa, data):
    """Adam with eps = 0 divides 0 by 0 where nothing is to be updated."""
    net, quarter = make_net(modern=False), lamina.Adam(lr=0.04, eps=0.0)
    lamina.Trainer(net, optimizer=quarter, layer_rates={0: 0.25, 2: 0.25}).fit(*data, epochs=2, progress=False)
    twin = make_net(modern=False)
    lamina.Trainer(twin, optimizer=lamina.Adam(lr=0.01, eps=0.0)).fit(*data, epochs=2, progress=False)
    assert_same_bits(net.state_dict(), twin.state_dict())
    assert np.isfinite(net.state_dict()["0.weight"]).all()


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_layer_rates_are_recorded_and_survive_a_pickle(data, optimizer):
    options = {"optimizer": optimizer, "schedule": lamina.CosineDecay(4), "layer_rates": {0: 0.1, 4: 3, 1: 0}}
    expected = trained_bits(data, **options)
    options["again"] = lambda trainer: pickle.loads(pickle.dumps(trainer))
    assert_same_bits(trained_bits(data, **options), expected)
    if lamina.cuda.is_available():
        assert_same_bits(trained_bits(data, device=True, **options), expected)


@pytest.mark.parametrize(
    ("rates", "error", "message"),
    [
        ({5: 1.0}, ValueError, "Trainer, layer_rates: layer is 5, a whole number from -5 to 4 is needed"),
        ({-6: 1.0}, ValueError, "Trainer, layer_rates: layer is -6"),
        ({"fc": 1.0}, ValueError, "Trainer, layer_rates: layer 'fc' given, the net's are named '0' to '4'"),
        ({0: -1.0}, ValueError, "Trainer, layer_rates: the factor is -1.0, a finite number from 0 on is needed"),
        ({0: np.inf}, ValueError, "Trainer, layer_rates: the factor is inf"),
        ({0: "0.1"}, TypeError, "Trainer, layer_rates: the factor is '0.1', a number is needed"),
        ({0.5: 1.0}, TypeError, "Trainer, layer_rates: layer is 0.5, a whole number is needed"),
        ([0.1, 1.0], TypeError, r"Trainer: layer_rates is \[0.1, 1.0\], a mapping"),
    ],
)
def test_trainer_refuses_layer_rates(rates, error, message):
    with pytest.raises(error, match=message):
        lamina.Trainer(make_net(), layer_rates=rates)
