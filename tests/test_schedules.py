"""Learning rates: what each schedule makes of a history, and that a fit follows."""

import numpy as np
import pytest

import lamina
from comparison import assert_same_bits
from small_nets import clouds, make_net, weights_of


@pytest.fixture
def data(rng):
    return clouds(rng)


@pytest.mark.parametrize(
    ("values", "rates"),
    [
        ([5, 4, 3, 2, 1], [1, 1, 1, 1, 1]),
        ([5, 5, 5, 5, 5, 5], [1, 1, 1, 0.5, 0.5, 0.25]),
        ([5, 6, 4, 6, 6, 3, 9, 9], [1, 1, 1, 1, 1, 0.5, 0.5, 0.5]),
        ([5, 6, np.nan, 5], [1, 1, 1, 0.5]),
    ],
)
def test_trainer_halves_the_rate_on_a_plateau(values, rates):
    halve, history = lamina.HalveOnPlateau(patience=2), {"lr": [], "val_loss": []}
    rate = 1.0
    for value in values:
        history["lr"].append(rate)
        history["val_loss"].append(value)
        rate = halve(rate, history)
    assert history["lr"] == rates


def test_trainer_rate_goes_no_lower_than_asked(data):
    schedule = lamina.HalveOnPlateau(patience=1, min_lr=0.3, monitor="loss")
    trainer = lamina.Trainer(make_net(), optimizer=lamina.SGD(lr=1.0), schedule=schedule)
    assert schedule(1.0, {"lr": [1.0, 1.0], "loss": [1.0, 1.0]}) == 0.5
    assert schedule(0.5, {"lr": [0.5, 0.5], "loss": [1.0, 1.0]}) == 0.3
    assert schedule(0.1, {"lr": [0.1, 0.1], "loss": [1.0, 1.0]}) == 0.1
    trainer.schedule = lamina.StepDecay(2, 0.5)
    assert trainer.fit(*data, epochs=5, progress=False)["lr"] == [1.0, 1.0, 0.5, 0.5, 0.25]
    trainer.schedule, trainer.lr = lamina.ExponentialDecay(0.25), 1.0
    assert trainer.fit(*data, epochs=3, progress=False)["lr"][5:] == [1.0, 0.25, 0.0625]
    trainer.schedule = lambda lr, history: lr + len(history["lr"])
    trainer.lr = 1.0
    assert trainer.fit(*data, epochs=2, progress=False)["lr"][8:] == [1.0, 10.0]


def test_trainer_rate_of_zero_changes_no_parameter(data):
    net = make_net()
    before = weights_of(net)
    lamina.Trainer(net, optimizer=lamina.Adam(lr=0)).fit(*data, epochs=1, progress=False)
    assert_same_bits(weights_of(net), before)


def test_trainer_bad_rates_of_schedules_are_told(data):
    trainer = lamina.Trainer(make_net(), schedule=lambda lr, history: -1.0)
    with pytest.raises(ValueError, match="Trainer: lr is -1"):
        trainer.fit(*data, epochs=2, progress=False)
    assert len(trainer.history["loss"]) == 1
