"""Optuna's pruning between the epochs of a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lamina._checks import one_of
from lamina.callbacks import Callback
from lamina.schedules import MONITORS, lower_is_better

if TYPE_CHECKING:
    from lamina.trainer import Trainer

__all__ = ["OptunaPruning"]


class OptunaPruning(Callback):
    """Report each epoch to a trial of Optuna, and end the trial where its study's pruner finds it hopeless.

    Parameters
    ----------
    trial : optuna.trial.Trial
        What the objective is given.
    monitor : {"val_loss", "val_score", "loss"}
        What is reported: the study's direction is "maximize" for val_score, else "minimize".

    Raises
    ------
    TypeError
        If `trial` is no trial.
    ValueError
        If the monitor is unknown, or the study's direction is the other one.
    optuna.TrialPruned
        Out of `Trainer.fit`, when the trial is to end; Optuna catches it.

    Notes
    -----
    The step of a report is the epoch's place in `trainer.history`, over all fits of the trainer. Callbacks that come
    later in the trainer's list do not see the epoch that ends the trial; all see the end of the fit.

    References
    ----------
    T. Akiba et al., "Optuna: a next-generation hyperparameter optimization framework", KDD 2019.

    Examples
    --------
    >>> import lamina, numpy as np, optuna
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> X, y = np.eye(4), [0, 1, 0, 1]
    >>> def objective(trial):
    ...     optimizer = lamina.Adam(lr=trial.suggest_float("lr", 1e-5, 1e-1, log=True))
    ...     net = lamina.Sequential(lamina.Linear(4, 2), seed=0)
    ...     trainer = lamina.Trainer(net, optimizer=optimizer, callbacks=[lamina.OptunaPruning(trial)])
    ...     history = trainer.fit(X, y, epochs=20, validation_data=(X, y), progress=False)
    ...     return min(history["val_loss"])
    >>> sampler, pruner = optuna.samplers.RandomSampler(seed=0), optuna.pruners.MedianPruner(n_startup_trials=2)
    >>> study = optuna.create_study(sampler=sampler, pruner=pruner)
    >>> study.optimize(objective, n_trials=8)
    >>> sorted({trial.state.name for trial in study.trials})
    ['COMPLETE', 'PRUNED']
    """

    def __init__(self, trial: Any, monitor: str = "val_loss") -> None:
        if not (hasattr(trial, "report") and hasattr(trial, "should_prune")):
            raise TypeError(f"OptunaPruning: trial is {trial!r}, a trial of Optuna is needed")
        self.trial = trial
        self.monitor = one_of("OptunaPruning", "monitor", monitor, MONITORS)
        needed = "minimize" if lower_is_better(self.monitor, [1.0]) == [1.0] else "maximize"
        study = getattr(trial, "study", None)
        if study is not None and [direction.name.lower() for direction in study.directions] != [needed]:
            order = f"a study with direction={needed!r} is needed"
            raise ValueError(f"OptunaPruning: the pruner would keep the worse {self.monitor}, {order}")

    def __repr__(self) -> str:
        return f"OptunaPruning(monitor={self.monitor!r})"

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Report, and raise if the trial is to end."""
        values = trainer.history[self.monitor]
        epoch = len(values) - 1
        self.trial.report(values[-1], epoch)
        if self.trial.should_prune():
            from optuna import TrialPruned

            raise TrialPruned(f"{self.monitor} was {values[-1]:.4g} after epoch {epoch}")
