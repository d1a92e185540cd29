"""Training: epochs in native code, and between them validation, schedule, callbacks and a progress bar."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from lamina import _core, optim
from lamina._arrays import on_device_of
from lamina._checks import errors_of, flag, number, whole
from lamina.augment import Augmentation, augmented
from lamina.averaging import Average
from lamina.callbacks import Callback, callbacks_in
from lamina.evaluation import Arrays
from lamina.losses import Loss
from lamina.progress import progress_bar
from lamina.regularizers import Elastic
from lamina.schedules import Schedule, next_rate, rates_of, schedule_in
from lamina.sequential import Sequential
from lamina.trainer_state import TrainerState

__all__ = ["Trainer"]

_KEYS = ("loss", "val_loss", "val_score", "lr", "seconds")


class Trainer(TrainerState):
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
        One with a method `rates` gives a rate for each step: `CosineDecay` and its like, see `StepSchedule`.
    regularizer : L1, L2 or Elastic, optional
        Joins the optimizer's own `weight_decay` and `l1`.
    clip_value, clip_norm : float, optional
        What gradients are clipped to before each update, finite and > 0: each by its value, then all by their norm over
        the net; see `lamina.ops.clip_by_value` and `lamina.ops.clip_by_norm`. Penalties and decay are not in them yet.
    layer_rates : mapping of int or str to float, optional
        What the learning rate is multiplied by for single layers, given by index or name: finite and >= 0. The
        parameters of a layer with 0 do not move, by decay either.
    max_norm : float, optional
        The largest norm of a linear layer's row of weights, finite and > 0: behind each update longer ones are scaled
        back; see `lamina.ops.max_norm`.
    average : EMA or SWA, optional
        Which average of the weights is kept beside them; `averaged` returns it.
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
        validation data. "lr" is the rate of the epoch's last step.
    lr : float
        The learning rate of the next epoch, or that by which a schedule measures the rates of its steps; may be set at
        any time.
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
        schedule: Schedule | None = None,
        regularizer: Elastic | None = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        layer_rates: Mapping[int | str, float] | None = None,
        max_norm: float | None = None,
        average: Average | None = None,
        callbacks: Iterable[Callback] = (),
        seed: int = 0,
        decay_all: bool = False,
        precision: str | None = None,
    ) -> None:
        if not isinstance(net, Sequential):
            raise TypeError(f"Trainer: net is {net!r}, a lamina.Sequential is needed")
        if regularizer is not None and not isinstance(regularizer, Elastic):
            raise TypeError(f"Trainer: regularizer is {regularizer!r}, L1, L2 or Elastic is needed")
        if layer_rates is not None and not isinstance(layer_rates, Mapping):
            raise TypeError(f"Trainer: layer_rates is {layer_rates!r}, a mapping of layers to factors is needed")
        if average is not None and not isinstance(average, Average):
            raise TypeError(f"Trainer: average is {average!r}, an instance of EMA or SWA is needed")
        self.callbacks = callbacks_in("Trainer", callbacks)
        self.net = net
        self.loss = loss if isinstance(loss, Loss) else Loss(loss)
        self.optimizer = optim.optimizer("Trainer", optimizer)
        self.schedule = schedule_in("Trainer", "schedule", schedule)
        self.regularizer = regularizer
        self.clip_value, self.clip_norm = clip_value, clip_norm
        self.layer_rates = dict(layer_rates or {})
        self.max_norm = max_norm
        self.average = average
        self.seed = whole("Trainer", "seed", seed, 0, 2**64 - 1)
        self.decay_all = flag("Trainer", "decay_all", decay_all)
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
        training = {
            "optimizer": settings,
            "rates": self._rates(),
            "decay_all": self.decay_all,
            "clip_value": self.clip_value,
            "clip_norm": self.clip_norm,
            "max_norm": self.max_norm,
            "average": None if self.average is None else self.average.settings(),
        }
        loss = self.loss.settings("Trainer", self.net.out_features, self.net.dtype, self.net[-1])
        with errors_of("Trainer"):
            self._trained = self.net._core
            self._core = _core.Trainer(self._trained, training, loss, self.seed, self.precision)

    def _rates(self) -> list[float]:
        """What the rate of each parameter is multiplied by."""
        call, factors = "Trainer, layer_rates", dict[str, float]()
        for layer, factor in self.layer_rates.items():
            names = self.net._names_of(call, layer)
            for name in factors.keys() & set(names):
                raise ValueError(f"{call}: layer {name} is given more than once, one factor is needed")
            factors |= dict.fromkeys(names, number(call, "the factor", factor))
        return [factors.get(name.rpartition(".")[0], 1.0) for name in self.net.parameters()]

    def __repr__(self) -> str:
        return f"Trainer({self.loss.name}, {self.optimizer}, {len(self.history['loss'])} epochs trained)"

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
        augment: Augmentation | None = None,
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
        augment : callable, optional
            `augment(X, seed, epoch)` is called before each epoch with X as the net takes it (not writable), the
            trainer's seed and the number of epochs trained before, and returns what the epoch trains on instead: an
            array of the same shape, row i still going with target i. `lamina.augment` has some.
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
            changed then. Or if the schedule gives no rate: its epoch stands in the history, and `lr` is what it was.
        TypeError
            If data is not made of numbers, a flag is no bool, or the schedule's rate is no number.
        lamina.BackendError
            If the net is being trained in another thread.
        KeyboardInterrupt
            On Ctrl-C, within a second or one step; the net stays usable and `history` keeps what was reached. An epoch
            whose entries stand has had its schedule; a callback that Ctrl-C kept from seeing them can in `on_fit_end`.

        Warns
        -----
        RuntimeWarning
            When an epoch's loss is no finite number.

        Notes
        -----
        For each epoch: the rows are permuted by (seed, number of the epoch) and walked through in batches, each giving
        loss, gradients and one update, behind which come `max_norm` and an exponential average; then come an equal
        average, validation, schedule, and the callbacks' `on_epoch_end`.
        """
        call = "Trainer.fit"
        shuffle, progress = flag(call, "shuffle", shuffle), flag(call, "progress", progress)
        epochs, batch_size = whole(call, "epochs", epochs, 0), whole(call, "batch_size", batch_size, 1)
        data = self._data(call, X, y, sample_weight)
        if augment is not None and not callable(augment):
            raise TypeError(f"{call}: augment is {augment!r}, a callable (X, seed, epoch) is needed")
        validation = None
        if validation_data is not None:
            if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
                raise ValueError(f"{call}: validation_data must be (X, y) or (X, y, sample_weight)")
            validation = self._data(f"{call}, validation_data", *validation_data)
        for watcher in (self.schedule, *self.callbacks):
            if validation is None and str(getattr(watcher, "monitor", "")).startswith("val_"):
                raise ValueError(f"{call}: {watcher} needs validation_data, or monitor='loss'")
        if epochs > 0:
            with errors_of(call):
                self._core.steps(data[0].shape[0], batch_size)
        with self.net._exclusive(call), progress_bar(epochs, "epochs", progress) as advance:
            self.should_stop = False
            begun = list[Callback]()
            try:
                for callback in self.callbacks:
                    callback.on_fit_begin(self)
                    begun.append(callback)
                seen = data
                for _ in range(epochs):
                    if augment is not None:
                        x = augmented(call, augment, data[0], self.seed, self._core.epoch)
                        x = self.net._input(call, x, "what augment returned")
                        seen = (on_device_of(self.net._core, x), *data[1:])
                    advance(self._epoch(seen, validation, batch_size, shuffle))
                    if self.should_stop:
                        break
            finally:
                for callback in begun:
                    callback.on_fit_end(self)
        return self.history

    def _epoch(self, data: Arrays, validation: Arrays | None, batch_size: int, shuffle: bool) -> str:
        """Train one epoch, measure, let others have their say; return a line for the progress bar."""
        start = time.perf_counter()
        lr = number("Trainer", "lr", self.lr)
        with errors_of("Trainer.fit"):
            steps = self._core.steps(data[0].shape[0], batch_size)
        rates = rates_of("Trainer", self.schedule, lr, self.history, steps)
        counted, entered = self._core.epoch, len(self.history["loss"])
        try:
            with errors_of("Trainer.fit"):
                loss = self._core.run_epoch(*data, batch_size, shuffle, rates)
                val_loss, val_score = self._core.evaluate(*validation, 1024) if validation else (np.nan, np.nan)
            last_rate = rates if isinstance(rates, float) else rates[-1]
            self._enter(loss, val_loss, val_score, last_rate, time.perf_counter() - start)
        finally:  # only what was entered counts
            self._core.epoch = counted + len(self.history["loss"]) - entered
        if not np.isfinite(loss):
            after = f"Trainer.fit: the loss is {loss} after {len(self.history['loss'])} epochs"
            advice = "a lower learning rate or clip_norm may help, lamina.diagnose looks for reasons"
            warnings.warn(f"{after}; {advice}", RuntimeWarning, stacklevel=3)
        for callback in self.callbacks:
            callback.on_epoch_end(self)
        return f"loss {loss:.4g}" + (f", val_loss {val_loss:.4g}, val_score {val_score:.4g}" if validation else "")

    def _enter(self, *entries: float) -> None:
        """Enter an epoch into the history and settle the next one's rate: both, or neither if Ctrl-C comes between.

        Where the schedule fails, the epoch has been trained nevertheless, and stands; the rate stays.
        """
        epochs, lr = len(self.history["loss"]), self.lr
        try:
            for key, entry in zip(_KEYS, entries, strict=True):
                self.history[key].append(float(entry))
            self.lr = next_rate("Trainer", self.schedule, lr, self.history)
        except Exception:
            raise
        except BaseException:
            for column in self.history.values():
                del column[epochs:]
            self.lr = lr
            raise
