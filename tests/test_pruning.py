"""Optuna's pruning: what a trial is told, and how it ends a fit."""

import numpy as np
import optuna
import pytest

import lamina
from comparison import assert_same_bits
from small_nets import clouds, make_net


class Trial:
    """Prunes at a given step."""

    def __init__(self, until):
        self.until, self.reports = until, []

    def report(self, value, step):
        self.reports.append((step, value))

    def should_prune(self):
        return self.reports[-1][0] == self.until


@pytest.fixture
def data(rng):
    return clouds(rng)


@pytest.mark.parametrize("monitor", ["loss", "val_loss", "val_score"])
def test_optuna_pruning_reports_every_epoch_and_ends_the_fit(data, monitor):
    trial = Trial(until=4)
    trainer = lamina.Trainer(make_net(), callbacks=[lamina.OptunaPruning(trial, monitor)])
    trainer.fit(*data, epochs=2, validation_data=data, progress=False)
    with pytest.raises(optuna.TrialPruned, match=rf"{monitor} was .* after epoch 4"):
        trainer.fit(*data, epochs=9, validation_data=data, progress=False)
    assert trial.reports == list(enumerate(trainer.history[monitor])) and len(trial.reports) == 5
    trainer.net.state_dict()  # the net is free again


def test_optuna_pruning_leaves_the_best_weights_to_early_stopping(data):
    stopping = lamina.EarlyStopping(patience=50, monitor="loss")
    pruned = lamina.Trainer(make_net(), callbacks=[stopping, lamina.OptunaPruning(Trial(until=6), "loss")], seed=1)
    with pytest.raises(optuna.TrialPruned):
        pruned.fit(*data, epochs=20, progress=False)
    whole = lamina.Trainer(make_net(), seed=1)
    whole.fit(*data, epochs=stopping.best_epoch + 1, progress=False)
    assert_same_bits(pruned.net.state_dict(), whole.net.state_dict())


def test_optuna_prunes_the_worse_half(data):
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial):
        optimizer = lamina.Adam(lr=trial.suggest_float("lr", 1e-6, 1e-1, log=True))
        trainer = lamina.Trainer(make_net(), optimizer=optimizer, callbacks=[lamina.OptunaPruning(trial)])
        return min(trainer.fit(*data, epochs=15, validation_data=data, progress=False)["val_loss"])

    study = optuna.create_study(
        sampler=optuna.samplers.RandomSampler(seed=1), pruner=optuna.pruners.MedianPruner(n_startup_trials=3)
    )
    study.optimize(objective, n_trials=12)
    complete, pruned = (
        [trial for trial in study.trials if trial.state.name == state] for state in ("COMPLETE", "PRUNED")
    )
    assert len(complete) + len(pruned) == 12 and len(pruned) >= 2
    assert all(len(trial.intermediate_values) < 15 for trial in pruned)
    assert study.best_value < np.median([trial.value for trial in study.trials])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: lamina.OptunaPruning(3), TypeError, "OptunaPruning: trial is 3"),
        (lambda: lamina.OptunaPruning(Trial(0), "accuracy"), ValueError, "OptunaPruning: monitor is 'accuracy'"),
    ],
)
def test_optuna_pruning_mistakes_are_told(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("monitor", "direction"), [("val_loss", "minimize"), ("loss", "minimize"), ("val_score", "maximize")]
)
def test_optuna_pruning_goes_with_the_direction_of_the_study(monitor, direction):
    other = {"minimize": "maximize", "maximize": "minimize"}[direction]
    lamina.OptunaPruning(optuna.create_study(direction=direction).ask(), monitor)
    for directions in ([other], [direction, other]):
        trial = optuna.create_study(directions=directions).ask()
        with pytest.raises(ValueError, match=f"the worse {monitor}, a study with direction='{direction}' is needed"):
            lamina.OptunaPruning(trial, monitor)


def test_optuna_pruning_asks_for_what_it_monitors(data):
    with pytest.raises(ValueError, match="OptunaPruning.*needs validation_data"):
        lamina.Trainer(make_net(), callbacks=[lamina.OptunaPruning(Trial(0))]).fit(*data, progress=False)
