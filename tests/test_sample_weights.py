"""Weights of rows and classes, and smoothed labels: each equals a plain loss of other data."""

import numpy as np
import pytest

import lamina
from small_nets import assert_close, clouds, make_net, one_step, weights_of


@pytest.fixture
def data(rng):
    return clouds(rng)


def test_trainer_weights_are_as_repeated_rows(data):
    (x, y), weight = data, np.arange(90) % 3
    repeated = np.repeat(np.arange(90), weight)
    one, _ = one_step(make_net("float64", modern=False), (x, y), sample_weight=weight)
    two, _ = one_step(make_net("float64", modern=False), (x[repeated], y[repeated]))
    for name, change in one.items():
        assert_close(change, two[name])


def test_trainer_batches_without_weight_do_no_harm(data):
    x, y = data
    weight = np.repeat([0.0, 1.0, 0.0], 30)
    net = make_net("float64", modern=False)
    trainer = lamina.Trainer(net, optimizer=lamina.SGD(lr=0.5))
    history = trainer.fit(x, y, epochs=2, batch_size=10, sample_weight=weight, shuffle=False, progress=False)
    assert np.isfinite(history["loss"]).all()
    twin = make_net("float64", modern=False)
    lamina.Trainer(twin, optimizer=lamina.SGD(lr=0.5)).fit(
        x[30:60], y[30:60], epochs=2, batch_size=10, shuffle=False, progress=False
    )
    for name, array in weights_of(net).items():
        assert_close(array, twin.parameters()[name])


def test_trainer_class_weights_are_sample_weights(data):
    loss = lamina.Loss("cross_entropy", class_weight=[1.0, 2.0, 0.5])
    one, _ = one_step(make_net("float64"), data, loss=loss)
    two, _ = one_step(make_net("float64"), data, sample_weight=np.array([1.0, 2.0, 0.5])[data[1]])
    for name, change in one.items():
        assert_close(change, two[name])


def test_trainer_label_smoothing_is_in_the_targets(data):
    one, _ = one_step(make_net("float64"), data, loss=lamina.Loss("cross_entropy", label_smoothing=0.3))
    two, _ = one_step(make_net("float64"), (data[0], 0.7 * np.eye(3)[data[1]] + 0.1))
    for name, change in one.items():
        assert_close(change, two[name])
