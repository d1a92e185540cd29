"""What a trainer tells without training: loss and score of a data set, and the memory that a fit holds."""

from __future__ import annotations

from typing import Any

from lamina._arrays import on_device_of, on_host
from lamina._checks import errors_of, finite, whole
from lamina.losses import Loss
from lamina.sequential import Sequential

__all__ = ["Arrays", "Evaluator"]

Arrays = tuple[Any, Any, Any]  # X, targets, sample weights as native code takes them, the last optional


class Evaluator:
    """A net with a loss in native code: the part of `lamina.Trainer` that changes nothing."""

    net: Sequential
    loss: Loss
    _core: Any  # lamina._core.Trainer
    _trained: Any  # what of the net it holds

    def _data(self, call: str, X: Any, y: Any, sample_weight: Any = None) -> Arrays:
        """Return the data ready for native code, or say what is wrong with it."""
        net = self.net
        if net._core is not self._trained:
            raise ValueError(f"{call}: the net has moved to {net.device} since the trainer was made, make a new one")
        y, sample_weight = on_host(y), on_host(sample_weight)
        x = finite(call, net._input(call, X))
        targets = self.loss.targets(call, y, rows=len(x), outputs=net.out_features, dtype=net.dtype)
        sample_weight = self.loss.row_weights(call, sample_weight, targets, net.dtype)
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
            "parameters", "gradients" with what `clip_norm` sums in, "optimizer_state", the weights' "average";
            "statistics", the running ones of batch norm; "activations", what the forward pass keeps for the backward
            and the gradients in flight; "batch", the rows gathered for a step, their losses and the order of all rows;
            "scratch", of the threads; and "total".

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
