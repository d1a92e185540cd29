"""Training: epochs in native code, and between them validation, schedule, callbacks and a progress bar."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from lamina import _core, optim
from lamina._arrays import copied, on_device_of, on_host
from lamina._checks import errors_of, finite, matrix, number, weights, whole
from lamina.callbacks import Callback
from lamina.losses import Loss
from lamina.progress import progress_bar
from lamina.regularizers import Elastic
from lamina.sequential import Sequential

__all__ = ["Trainer"]

Arrays = tuple[Any, Any, Any]  # X, targets, sample weights as native code takes them, the last optional
_KEYS = ("loss", "val_loss", "val_score", "lr", "seconds")


class Trainer:
    """Trains a net by gradient descent on batches.

    Parameters
    ----------
    net : lamina.Sequential
        Trained in place.
    loss : str or lamina.losses.Loss
        A name of `lamina.losses.NAMES`, or a `Loss` with class weights, label smoothing or huber's delta.
    optimizer : str, or SGD, Adagrad, RMSProp, Adam or AdamW
        "sgd", "adagrad", "rmsprop", "adam" and "adamw" mean the defaults.
    schedule : callable, optional
        `schedule(lr, history)` gives the next epoch's learning rate after each epoch: `HalveOnPlateau` and its like.
    regularizer : L1, L2 or Elastic, optional
        Joins the optimizer's own `weight_decay` and `l1`.
    callbacks : iterable of Callback
        Called in their order.
    seed : int in [0, 2**64)
        Settles shuffles and dropout masks; the net's seed settled the initial weights.
    decay_all : bool
        Whether decay and penalties also touch biases and batch-norm parameters.
    precision : {"highest", "high", "medium"}, optional
        Of the float32 products of `fit` and `evaluate`; `lamina.set_precision`'s unless given. Weights, sums and
        everything else stay float32.

    Attributes
    ----------
    net : lamina.Sequential
    history : dict of str to list of float
        "loss", "val_loss", "val_score", "lr", "seconds": one entry per epoch over all fits; NaN where an epoch had no
        validation data.
    lr : float
        The learning rate of the next epoch; may be set at any time.
    should_stop : bool
        Set by callbacks to end a fit.

    Raises
    ------
    ValueError
        If a name is unknown, a number out of range, or parts don't go together.
    TypeError
        If a part is of the wrong kind.

    Notes
    -----
    "loss" is the row-weighted mean of the batches' losses before their updates, penalties excluded. One seed gives one
    result: the same bits with every number of threads and, at precision "highest", with every instruction set.

    References
    ----------
    H. Larochelle, "Neural networks", training neural networks.

    Examples
    --------
    >>> import lamina, numpy as np
    >>> X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    >>> net = lamina.Sequential(lamina.Linear(2, 16), lamina.Tanh(), lamina.Linear(16, 2), seed=0)
    >>> trainer = lamina.Trainer(net, optimizer=lamina.Adam(lr=0.05), seed=0)
    >>> history = trainer.fit(X, y, epochs=200, progress=False)
    >>> trainer.evaluate(X, y)["score"], len(history["loss"])
    (1.0, 200)
    """

    def __init__(
        self,
        net: Sequential,
        loss: str | Loss = "cross_entropy",
        optimizer: str | optim.Optimizer = "adam",
        *,
        schedule: Callable[[float, dict[str, list[float]]], float] | None = None,
        regularizer: Elastic | None = None,
        callbacks: Iterable[Callback] = (),
        seed: int = 0,
        decay_all: bool = False,
        precision: str | None = None,
    ) -> None:
        if not isinstance(net, Sequential):
            raise TypeError(f"Trainer: net is {net!r}, a lamina.Sequential is needed")
        if schedule is not None and (not callable(schedule) or isinstance(schedule, type)):
            raise TypeError(f"Trainer: schedule is {schedule!r}, a callable (lr, history) -> lr is needed")
        if regularizer is not None and not isinstance(regularizer, Elastic):
            raise TypeError(f"Trainer: regularizer is {regularizer!r}, L1, L2 or Elastic is needed")
        if not isinstance(callbacks, Iterable):
            raise TypeError(f"Trainer: callbacks is {callbacks!r}, a list of callbacks is needed")
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(f"Trainer: callback {callback!r} given, an instance of lamina.Callback is needed")
        self.net = net
        self.loss = loss if isinstance(loss, Loss) else Loss(loss)
        self.optimizer = optim.optimizer("Trainer", optimizer)
        self.schedule = schedule
        self.regularizer = regularizer
        self.seed = whole("Trainer", "seed", seed, 0, 2**64 - 1)
        self.decay_all = bool(decay_all)
        self.precision = precision
        self.lr = float(self.optimizer.lr)
        self.history: dict[str, list[float]] = {key: [] for key in _KEYS}
        self.should_stop = False
        self._build()

    def _build(self) -> None:
        settings = self.optimizer.settings()
        if self.regularizer is not None:
            if settings.get("decoupled") and self.regularizer.l2:
                raise ValueError("Trainer: AdamW with an L2 penalty given; take Adam, or AdamW's weight_decay alone")
            settings["weight_decay"] += self.regularizer.weight_decay
            settings["l1"] += self.regularizer.l1
        loss = self.loss.settings("Trainer", self.net.out_features, self.net.dtype)
        with errors_of("Trainer"):
            self._trained = self.net._core
            self._core = _core.Trainer(self._trained, settings, loss, self.seed, self.decay_all, self.precision)

    def __repr__(self) -> str:
        return f"Trainer({self.loss.name}, {self.optimizer}, {len(self.history['loss'])} epochs trained)"

    def __getstate__(self) -> dict[str, Any]:
        slots = {name: copied(view) for name, view in self._core.state().items()}
        counters = {"step": self._core.step, "epoch": self._core.epoch}
        return {key: value for key, value in vars(self).items() if key not in ("_core", "_trained")} | {
            "native": (slots, counters)
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        slots, counters = state.pop("native")
        vars(self).update(state)
        self._build()
        for name, view in self._core.state().items():
            view[...] = slots[name]
        for name, count in counters.items():
            setattr(self._core, name, count)

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        epochs: int = 10,
        batch_size: int = 128,
        validation_data: tuple | None = None,
        sample_weight: Any = None,
        shuffle: bool = True,
        progress: bool = True,
    ) -> dict[str, list[float]]:
        """Train for some more epochs.

        Parameters
        ----------
        X : array_like of shape (rows, in)
            Converted once to the net's dtype.
        y : array_like
            Labels (rows,) or values (rows, out) as the loss needs them; one output takes (rows,) or (rows, 1).
        epochs : int
            At least 0; later calls go on with the optimizer's state.
        batch_size : int
            Rows in a step. The smaller last batch is trained on too; a lone last row joins the batch before it when the
            net has batch norm.
        validation_data : (Xv, yv) or (Xv, yv, sample_weight), optional
            Evaluated after every epoch.
        sample_weight : array_like of shape (rows,), optional
            Finite, at least 0, not all 0.
        shuffle : bool
            Whether each epoch takes the rows in a new order.
        progress : bool
            Whether a progress bar is shown on standard error.

        Returns
        -------
        dict of str to list of float
            `history`, over all fits.

        Raises
        ------
        ValueError
            If shapes do not fit, X is empty or holds NaN or infinities, targets or weights are out of range, batch_size
            is 1 or there is a single row for a net with batch norm, or something monitored is not measured. Nothing has
            changed then.
        TypeError
            If data is not made of numbers.
        lamina.BackendError
            If the net is being trained in another thread.
        KeyboardInterrupt
            On Ctrl-C, within a second or one step; the net stays usable and `history` keeps what was reached.

        Notes
        -----
        For each epoch: the rows are permuted by (seed, number of the epoch) and walked through in batches, each giving
        loss, gradients and one update; then come validation, schedule, and the callbacks' `on_epoch_end`.
        """
        call = "Trainer.fit"
        epochs, batch_size = whole(call, "epochs", epochs, 0), whole(call, "batch_size", batch_size, 1)
        data = self._data(call, X, y, sample_weight)
        validation = None
        if validation_data is not None:
            if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
                raise ValueError(f"{call}: validation_data must be (X, y) or (X, y, sample_weight)")
            validation = self._data(f"{call}, validation_data", *validation_data)
        for watcher in (self.schedule, *self.callbacks):
            if validation is None and str(getattr(watcher, "monitor", "")).startswith("val_"):
                raise ValueError(f"{call}: {watcher} needs validation_data, or monitor='loss'")
        with self.net._exclusive(call), progress_bar(epochs, "epochs", progress) as advance:
            self.should_stop = False
            for callback in self.callbacks:
                callback.on_fit_begin(self)
            try:
                for _ in range(epochs):
                    advance(self._epoch(data, validation, batch_size, bool(shuffle)))
                    if self.should_stop:
                        break
            finally:
                complete = min(len(column) for column in self.history.values())
                for column in self.history.values():  # Ctrl-C may come between two entries
                    del column[complete:]
                for callback in self.callbacks:
                    callback.on_fit_end(self)
        return self.history

    def memory(self, *, batch_size: int = 128, rows: int | None = None) -> dict[str, int]:
        """Return what native code holds during a fit, in bytes by purpose.

        Parameters
        ----------
        batch_size : int
            As of `fit`.
        rows : int, optional
            Of the data: shuffling keeps 8 bytes for each. As many as a batch unless given.

        Returns
        -------
        dict of str to int
            "parameters", "gradients", "optimizer_state"; "statistics", the running ones of batch norm; "activations",
            what the forward pass keeps for the backward pass and the gradients in flight; "batch", the rows gathered
            for a step, their losses and the order of all rows; "scratch", of the threads; and "total".

        Raises
        ------
        ValueError
            If a number is less than 1, or 1 for a net with batch norm.

        Notes
        -----
        The numbers come from the plan that allocates; `lamina.memory` counts what was allocated. Sample weights add one
        number a row of a batch, and class probabilities take the place of labels. Apart from it are NumPy's arrays: the
        data, and the best weights that `EarlyStopping` keeps. Validation adds the outputs of two laminae for 1024 rows,
        and those of the net for all its rows.

        Examples
        --------
        >>> import lamina
        >>> trainer = lamina.Trainer(lamina.Sequential(lamina.Linear(16, 16)), optimizer="adam")
        >>> plan = trainer.memory(batch_size=32)
        >>> plan["parameters"], plan["gradients"], plan["optimizer_state"], plan["activations"]
        (1088, 1088, 2176, 6144)
        """
        batch_size = whole("Trainer.memory", "batch_size", batch_size, 1)
        rows = batch_size if rows is None else whole("Trainer.memory", "rows", rows, 1)
        with errors_of("Trainer.memory"):
            plan = self._core.memory(rows, batch_size)
        return {**plan, "total": sum(plan.values())}

    def _epoch(self, data: Arrays, validation: Arrays | None, batch_size: int, shuffle: bool) -> str:
        """Train one epoch, measure, let others have their say; return a line for the progress bar."""
        start = time.perf_counter()
        lr = number("Trainer", "lr", self.lr)
        with errors_of("Trainer.fit"):
            loss = self._core.run_epoch(*data, batch_size, shuffle, lr)
            val_loss, val_score = self._core.evaluate(*validation, 1024) if validation else (np.nan, np.nan)
        entries = (loss, val_loss, val_score, lr, time.perf_counter() - start)
        for key, entry in zip(_KEYS, entries, strict=True):
            self.history[key].append(float(entry))
        if self.schedule is not None:
            self.lr = float(self.schedule(self.lr, self.history))
        for callback in self.callbacks:
            callback.on_epoch_end(self)
        return f"loss {loss:.4g}" + (f", val_loss {val_loss:.4g}, val_score {val_score:.4g}" if validation else "")

    def _data(self, call: str, X: Any, y: Any, sample_weight: Any = None) -> Arrays:
        """Return the data ready for native code, or say what is wrong with it."""
        net = self.net
        if net._core is not self._trained:
            raise ValueError(f"{call}: the net has moved to {net.device} since the trainer was made, make a new one")
        y, sample_weight = on_host(y), on_host(sample_weight)
        x = finite(call, matrix(call, X, net.in_features, net.dtype))
        targets = self.loss.targets(call, y, rows=len(x), outputs=net.out_features, dtype=net.dtype)
        sample_weight = weights(call, "sample_weight", sample_weight, len(x), net.dtype)
        core = net._core
        return on_device_of(core, x), on_device_of(core, targets), on_device_of(core, sample_weight)

    def evaluate(self, X: Any, y: Any, sample_weight: Any = None, *, batch_size: int = 1024) -> dict[str, float]:
        """Return loss and score of the net on a data set, in inference.

        Parameters
        ----------
        X, y, sample_weight : array_like
            As of `fit`.
        batch_size : int
            Rows computed at a time.

        Returns
        -------
        dict
            "loss", the mean over rows, and "score": the accuracy for cross-entropies and kl_divergence (the largest
            logit against the largest probability), else R², the mean over outputs of 1 − Σ(y − ŷ)² / Σ(y − ȳ)²; for
            poisson_nll of the rates ŷ = exp(output).

        Raises
        ------
        ValueError, TypeError
            As `fit`.
        """
        call = "Trainer.evaluate"
        data, batch_size = self._data(call, X, y, sample_weight), whole(call, "batch_size", batch_size, 1)
        with errors_of(call):
            loss, score = self._core.evaluate(*data, batch_size)
        return {"loss": float(loss), "score": float(score)}
