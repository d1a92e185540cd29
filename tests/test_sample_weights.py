"""Weights of rows and classes, and smoothed labels: each equals a plain loss of other data."""

import numpy as np
import pytest

import lamina
from comparison import assert_same_bits
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


def test_trainer_batches_of_classes_without_weight_are_left_out(isa, data):
    """Shuffled and not, with sample weights that leave nothing of a batch, and whole batches that a device repeats."""
    x, y = data
    y = np.sort(y)
    x, of_class = x + y[:, None], [0.0, 0.0, 1.5]
    for shuffle, sample_weight in ((False, None), (True, None), (True, np.arange(90) % 5.0)):
        of_row = np.array(of_class)[y] * (1 if sample_weight is None else sample_weight)
        fits = []
        for class_weight, weight in ((of_class, sample_weight), (None, of_row)):
            net = make_net("float64")
            trainer = lamina.Trainer(net, lamina.Loss("cross_entropy", class_weight), lamina.SGD(lr=0.1), seed=4)
            options = {"batch_size": 2, "shuffle": shuffle, "sample_weight": weight, "progress": False}
            fits.append((net, trainer.fit(x, y, epochs=2, **options)["loss"], trainer._core.step))
        assert fits[0][2] == fits[1][2] < 90
        np.testing.assert_allclose(fits[0][1], fits[1][1], rtol=1e-12)
        for name, array in fits[0][0].state_dict().items():
            assert_close(array, fits[1][0].state_dict()[name])


def test_class_weights_that_leave_nothing_are_refused(isa, data):
    x, y = data
    loss = lamina.Loss("cross_entropy", class_weight=[0.0, 1.0, 0.0])
    net = make_net()
    trainer = lamina.Trainer(net, loss)
    before = net.state_dict()
    nothing = x, 2 * (y // 2)
    for call in (
        lambda: trainer.fit(*nothing, progress=False),
        lambda: trainer.fit(x, y, sample_weight=(y != 1).astype(float), progress=False),
        lambda: trainer.fit(x, y, validation_data=nothing, progress=False),
        lambda: trainer.evaluate(*nothing),
        lambda: net.loss_and_gradients(*nothing, loss),
        lambda: lamina.diagnose(net, *nothing, loss),
    ):
        with pytest.raises(ValueError, match="class_weight is 0 for every row that counts"):
            call()
    assert_same_bits(net.state_dict(), before)
    assert (trainer._core.step, trainer._core.epoch, trainer.history["loss"]) == (0, 0, [])


def test_trainer_label_smoothing_is_in_the_targets(data):
    one, _ = one_step(make_net("float64"), data, loss=lamina.Loss("cross_entropy", label_smoothing=0.3))
    two, _ = one_step(make_net("float64"), (data[0], 0.7 * np.eye(3)[data[1]] + 0.1))
    for name, change in one.items():
        assert_close(change, two[name])
