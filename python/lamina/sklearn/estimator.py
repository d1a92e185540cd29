"""What the estimators share: their settings, the net and trainer that these describe, and its data."""

from __future__ import annotations

import dataclasses
import functools
import numbers
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

import lamina
from lamina import optim
from lamina._checks import one_of, weights, whole
from lamina.callbacks import Callback, callbacks_in
from lamina.datasets import Standardizer, split
from lamina.losses import Loss
from lamina.mlp import mlp
from lamina.schedules import Schedule

__all__ = ["FLOATS", "NetEstimator", "all_or_nothing", "seed_of"]

Data = tuple[np.ndarray, np.ndarray, np.ndarray | None]  # X, targets, sample weights
Scalers = tuple[Standardizer | None, Standardizer | None]  # of X, of targets that are values

FLOATS = [np.float64, np.float32]
_OTHER_NAMES = {"identity": "linear", "logistic": "sigmoid"}  # scikit-learn's, of activations

Fit = TypeVar("Fit", bound=Callable[..., Any])


def all_or_nothing(fit: Fit) -> Fit:
    """Let an estimator be what it was before a method that fails."""

    @functools.wraps(fit)
    def safe(self: Any, *arguments: Any, **keywords: Any) -> Any:
        before = dict(vars(self))
        try:
            return fit(self, *arguments, **keywords)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return safe  # type: ignore[return-value]


def seed_of(random_state: Any) -> int:
    """The number itself, or one drawn from the generator."""
    if isinstance(random_state, numbers.Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


class NetEstimator(BaseEstimator):
    """A net of laminae with the conventions of scikit-learn; the parameters are told at `MLPClassifier`."""

    _loss: str  # unless given
    _losses: tuple[str, ...]  # that may be given
    _values: bool  # whether targets are values
    _scales_values: bool  # ... which are standardised as X is
    trainer_: lamina.Trainer
    scalers_: Scalers

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        *,
        batch_norm: bool = False,
        dropout: float = 0.0,
        loss: str | Loss | None = None,
        solver: str | optim.Optimizer = "adam",
        learning_rate_init: float | None = None,
        momentum: float | None = None,
        weight_decay: float | None = None,
        l1: float | None = None,
        clip_norm: float | None = None,
        schedule: Schedule | None = None,
        batch_size: int = 128,
        max_iter: int = 200,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        callbacks: Iterable[Callback] = (),
        standardize: bool = True,
        dtype: str | None = None,
        precision: str | None = None,
        device: str = "cpu",
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.loss = loss
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.l1 = l1
        self.clip_norm = clip_norm
        self.schedule = schedule
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.callbacks = callbacks
        self.standardize = standardize
        self.dtype = dtype
        self.precision = precision
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _loss_given(self) -> Loss:
        name = self.loss.name if isinstance(self.loss, Loss) else self.loss
        if name is not None:
            one_of(self._name, "loss", name, self._losses)
        return self.loss if isinstance(self.loss, Loss) else Loss(self._loss if name is None else name)

    def _checked(self, X: Any, y: Any, sample_weight: Any, *, reset: bool = True, **checks: Any) -> Data:
        """The data as arrays; rows of weight 0 are left out, as if they had not been given."""
        X, y = validate_data(self, X, y, dtype=FLOATS, reset=reset, **checks)
        weight = weights(self._name, "sample_weight", sample_weight, len(X), np.dtype("float64"))
        if weight is not None and not weight.all():
            X, y, weight = (array[weight > 0] for array in (X, y, weight))
        return X, y, weight

    def _trainer(self, inputs: int, outputs: int, loss: Loss, dtype: np.dtype, seed: int) -> lamina.Trainer:
        """A new net with its trainer."""
        net = mlp(
            inputs,
            np.atleast_1d(self.hidden_layer_sizes).tolist(),
            outputs,
            activation=_OTHER_NAMES.get(self.activation, self.activation),
            batchnorm=self.batch_norm,
            dropout=self.dropout,
            seed=seed,
            dtype=dtype.name if self.dtype is None else self.dtype,
        )
        callbacks = callbacks_in(self._name, self.callbacks)
        if self.early_stopping:
            callbacks.append(lamina.EarlyStopping(patience=self.n_iter_no_change))
        return lamina.Trainer(
            net.to(self.device),
            loss=loss,
            optimizer=self._optimizer(),
            schedule=self.schedule,
            clip_norm=self.clip_norm,
            callbacks=callbacks,
            seed=seed,
            precision=self.precision,
        )

    def _optimizer(self) -> optim.Optimizer:
        solver: Any = optim.optimizer(self._name, self.solver)
        own = {
            "lr": self.learning_rate_init,
            "momentum": self.momentum,
            "weight_decay": self.weight_decay,
            "l1": self.l1,
        }
        given = {key: value for key, value in own.items() if value is not None}
        if "momentum" in given and not hasattr(solver, "momentum"):
            raise ValueError(f"{self._name}: momentum is {self.momentum}, {solver} has none; sgd and rmsprop have")
        return dataclasses.replace(solver, **given)

    def _train(self, data: Data, outputs: int, loss: Loss) -> None:
        """Fit a new net to all rows but those that early stopping watches."""
        X, targets, weight = data
        max_iter, seed = whole(self._name, "max_iter", self.max_iter, 1), self._seed()
        parts = [data]
        if self.early_stopping:
            labels = None if self._values else targets
            rows = split(len(X), self.validation_fraction, 0, labels=labels, seed=seed)[:2]
            parts = [(X[part], targets[part], None if weight is None else weight[part]) for part in rows]
        trainer, scalers = self._trainer(X.shape[1], outputs, loss, X.dtype, seed), self._scalers(parts[0])
        training, *validation = (_scaled(part, scalers) for part in parts)
        self._run(trainer, training, max_iter, *validation)
        self.trainer_, self.scalers_ = trainer, scalers

    def _train_further(self, data: Data, outputs: int, loss: Loss) -> None:
        """One epoch more; the first data settles what all data is standardised by."""
        call = f"{self._name}.partial_fit"
        if self.early_stopping:
            raise ValueError(f"{call}: there is nothing to stop early, early_stopping=False is needed")
        if self._is_new:
            trainer = self._trainer(data[0].shape[1], outputs, loss, data[0].dtype, self._seed())
            scalers = self._scalers(data)
        else:
            trainer, scalers = self.trainer_, self.scalers_
        if outputs != (had := trainer.net.out_features):
            raise ValueError(f"{call}: y has {outputs} columns, the first call had {had}")
        self._run(trainer, _scaled(data, scalers), 1)
        self.trainer_, self.scalers_ = trainer, scalers

    @property
    def _is_new(self) -> bool:
        return not hasattr(self, "trainer_")

    def _seed(self) -> int:
        return seed_of(self.random_state)

    def _scalers(self, data: Data) -> Scalers:
        X, targets, weight = data
        if not self.standardize:
            return None, None
        names = getattr(self, "feature_names_in_", None)
        of_targets = Standardizer.fit(targets, sample_weight=weight) if self._scales_values else None
        return Standardizer.fit(X, names, sample_weight=weight), of_targets

    def _run(self, trainer: lamina.Trainer, training: Data, epochs: int, validation: Data | None = None) -> None:
        X, targets, weight = training
        trainer.fit(
            X,
            targets,
            sample_weight=weight,
            epochs=epochs,
            batch_size=self.batch_size,
            validation_data=validation,
            shuffle=self.shuffle,
            progress=bool(self.verbose),
        )

    @property
    def net_(self) -> lamina.Sequential:
        """The fitted net, whose inputs are standardised columns."""
        return self.trainer_.net

    @property
    def history_(self) -> dict[str, list[float]]:
        """What `lamina.Trainer.history` holds."""
        return self.trainer_.history

    @property
    def n_iter_(self) -> int:
        """Epochs trained."""
        return len(self.history_["loss"])

    def _outputs(self, X: Any) -> np.ndarray:
        """The net's outputs for rows as the user has them."""
        check_is_fitted(self, "trainer_")
        X = validate_data(self, X, dtype=FLOATS, reset=False)
        scaler = self.scalers_[0]
        return self.net_.predict(X if scaler is None else scaler.transform(X))


def _scaled(data: Data, scalers: Scalers) -> Data:
    X, targets, weight = data
    inputs, values = scalers
    X = X if inputs is None else inputs.transform(X)
    return X, targets if values is None else values.transform(targets), weight
