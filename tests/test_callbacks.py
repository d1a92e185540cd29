"""Callbacks: their order and errors, and early stopping."""

import numpy as np
import pytest

import lamina
from small_nets import clouds, make_net


@pytest.fixture
def data(rng):
    return clouds(rng)


def test_trainer_early_stopping_restores_the_best_weights(data):
    x, y = data
    stopping = lamina.EarlyStopping(patience=3)
    trainer = lamina.Trainer(make_net(), optimizer=lamina.Adam(lr=0.05), callbacks=[stopping], seed=1)
    history = trainer.fit(x, y, epochs=500, validation_data=(x, (y + 1) % 3), progress=False)
    losses = history["val_loss"]
    assert len(losses) < 500 and stopping.best_epoch == int(np.argmin(losses)) == len(losses) - 4
    assert trainer.evaluate(x, (y + 1) % 3)["loss"] == min(losses) == stopping.best
    kept = lamina.Trainer(
        make_net(), optimizer=lamina.Adam(lr=0.05), callbacks=[lamina.EarlyStopping(3, restore_best=False)], seed=1
    )
    assert kept.fit(x, y, epochs=500, validation_data=(x, (y + 1) % 3), progress=False)["val_loss"] == losses
    assert kept.evaluate(x, (y + 1) % 3)["loss"] == losses[-1]


class Scripted(lamina.Callback):
    """Writes given numbers over what was measured."""

    def __init__(self, name, values):
        self.name, self.values = name, values

    def on_epoch_end(self, trainer):
        trainer.history[self.name][-1] = self.values[len(trainer.history["loss"]) - 1]


@pytest.mark.parametrize(
    ("monitor", "values", "options", "epochs", "best"),
    [
        ("loss", [3, 2, 2, 2, 1, 1], {"patience": 2}, 4, 1),
        ("loss", [3, 2, 4, 1, 2, 2], {"patience": 2}, 6, 3),
        ("loss", [3, 2.9, 2.8, 2.7], {"patience": 2, "min_delta": 0.5}, 3, 0),
        ("val_score", [0.5, 0.7, 0.6, 0.6, 0.9], {"patience": 2}, 4, 1),
        ("loss", [np.nan, 2, np.nan, np.nan, 1], {"patience": 2}, 4, 1),
        ("loss", [np.nan, np.nan, np.nan], {"patience": 2}, 2, None),
    ],
)
def test_trainer_early_stopping_by_the_book(data, monitor, values, options, epochs, best):
    stopping = lamina.EarlyStopping(monitor=monitor, **options)
    trainer = lamina.Trainer(make_net(), callbacks=[Scripted(monitor, values), stopping])
    trainer.fit(*data, epochs=len(values), validation_data=data, progress=False)
    assert len(trainer.history["loss"]) == epochs and stopping.best_epoch == best


def test_trainer_calls_back_in_order(data):
    calls = []

    class Log(lamina.Callback):
        def on_fit_begin(self, trainer):
            calls.append("begin")

        def on_epoch_end(self, trainer):
            calls.append(len(trainer.history["seconds"]))
            trainer.should_stop = len(calls) == 3

        def on_fit_end(self, trainer):
            calls.append("end")

    trainer = lamina.Trainer(make_net(), callbacks=[Log()])
    trainer.fit(*data, epochs=9, progress=False)
    assert calls == ["begin", 1, 2, "end"]
    trainer.fit(*data, epochs=1, progress=False)
    assert calls[4:] == ["begin", 3, "end"]


def test_trainer_errors_of_callbacks_come_through_and_free_the_net(data):
    class Fail(lamina.Callback):
        def on_epoch_end(self, trainer):
            raise RuntimeError("mine")

    net = make_net()
    with pytest.raises(RuntimeError, match="mine"):
        lamina.Trainer(net, callbacks=[Fail()]).fit(*data, progress=False)
    lamina.Trainer(net).fit(*data, epochs=1, progress=False)


@pytest.mark.parametrize("options", [{"callbacks": [lamina.EarlyStopping()]}, {"schedule": lamina.HalveOnPlateau()}])
def test_trainer_what_is_monitored_has_to_be_measured(options, data):
    with pytest.raises(ValueError, match="needs validation_data"):
        lamina.Trainer(make_net(), **options).fit(*data)


def test_callbacks_end_what_they_began(data):
    """One that fails at the beginning of a fit has nothing to end, nor have those behind it."""
    told = []

    class Watch(lamina.Callback):
        def __init__(self, name, fails=False):
            self.name, self.fails = name, fails

        def on_fit_begin(self, trainer):
            told.append(f"{self.name} begins")
            if self.fails:
                raise RuntimeError("no")

        def on_fit_end(self, trainer):
            told.append(f"{self.name} ends")

    callbacks = [Watch("a"), Watch("b", fails=True), Watch("c")]
    trainer = lamina.Trainer(make_net(), callbacks=callbacks)
    with pytest.raises(ValueError, match="batch_size is 1"):
        trainer.fit(*data, batch_size=1, progress=False)
    assert told == []
    with pytest.raises(RuntimeError, match="no"):
        trainer.fit(*data, progress=False)
    assert told == ["a begins", "b begins", "a ends"]
