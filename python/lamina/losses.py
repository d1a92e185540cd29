"""The losses a net is trained with, and the check of their targets."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina import _core
from lamina._checks import number, one_of, values, weights
from lamina.layers import Layer, Sigmoid, Softmax

__all__ = ["NAMES", "Loss"]

# "cross_entropy" is the usual short name; all others are those of lamina.ops.
NAMES = ("cross_entropy", *_core.losses())

_PROBABILITIES = (0.0, 1.0, "numbers in [0, 1]")
# Least and largest target of the losses that do not take every finite number, and how to say so.
_RANGES = {
    "softmax_cross_entropy": _PROBABILITIES,
    "kl_divergence": _PROBABILITIES,
    "sigmoid_cross_entropy": _PROBABILITIES,
    "poisson_nll": (0.0, math.inf, "finite numbers >= 0"),
}
_SUM_ERROR = 1e-3  # by which a row of probabilities may miss 1: what rounding to few digits leaves
_EVERY_NUMBER = (-math.inf, math.inf, "finite numbers")
# The layer that a loss of logits has in itself.
_WITHIN: dict[str, type[Layer]] = {
    "softmax_cross_entropy": Softmax,
    "kl_divergence": Softmax,
    "sigmoid_cross_entropy": Sigmoid,
}


@dataclass(frozen=True, eq=False)
class Loss:
    """A loss on the outputs of a net, with what goes along with it.

    Parameters
    ----------
    name : str
        One of `lamina.losses.NAMES`. "cross_entropy" is softmax_cross_entropy. The cross-entropies and kl_divergence
        take logits, poisson_nll takes the logarithms of rates, so that a net ends in a linear layer.
    class_weight : array_like of shape (classes,), optional
        Multiplies the sample weights by the class of each row; of softmax cross-entropy with labels only. Batches whose
        weights are all 0 are left out of training.
    label_smoothing : float in [0, 1)
        Share of the target spread evenly over the classes; of softmax cross-entropy only.
    delta : float > 0
        The distance from which huber grows linearly; of huber only.

    Raises
    ------
    ValueError
        If the name is unknown, or what goes along does not suit the loss.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina.losses import Loss
    >>> Loss("cross_entropy").targets("fit", [0, 2, 1], rows=3, outputs=3, dtype=np.dtype("float32"))
    array([0, 2, 1])
    >>> Loss("squared_error").targets("fit", [0, 2, 1], rows=3, outputs=1, dtype=np.dtype("float32")).shape
    (3, 1)
    >>> Loss("huber", delta=0.5).settings("fit", outputs=1, dtype=np.dtype("float32"))["delta"]
    0.5
    """

    name: str
    class_weight: Any = None
    label_smoothing: float = 0.0
    delta: float = 1.0

    def __post_init__(self) -> None:
        one_of("Loss", "loss", self.name, NAMES)
        if self.name == "cross_entropy":
            object.__setattr__(self, "name", "softmax_cross_entropy")
        number("Loss", "label_smoothing", self.label_smoothing, below=1)
        if not self._classifies and (self.class_weight is not None or self.label_smoothing):
            raise ValueError(f"Loss: {self.name} has no classes to weigh or to smooth, softmax_cross_entropy has")
        if isinstance(self.delta, numbers.Real) and not 0 < self.delta < math.inf:
            raise ValueError(f"Loss: delta is {self.delta}, a finite number above 0 is needed")
        object.__setattr__(self, "delta", number("Loss", "delta", self.delta))
        if self.name != "huber" and self.delta != 1:
            raise ValueError(f"Loss: {self.name} has no delta, huber has")

    @property
    def _classifies(self) -> bool:
        return self.name == "softmax_cross_entropy"

    @property
    def _over_classes(self) -> bool:
        return self._classifies or self.name == "kl_divergence"

    def settings(self, call: str, outputs: int, dtype: np.dtype, last: Layer | None = None) -> dict[str, Any]:
        """Return what `lamina._core` takes, after checking that the loss suits a net of that many outputs.

        `last` is the net's last layer.
        """
        within = _WITHIN.get(self.name)
        if within is not None and isinstance(last, within):
            raise ValueError(f"{call}: the net ends in {last}, which {self.name} applies itself; leave that layer out, "
                             "so that the net ends in a linear layer, or take squared_error")  # fmt: skip
        if self._over_classes and outputs == 1:
            raise ValueError(f"{call}: {self.name} needs an output per class, the net has 1 output; "
                             "two classes can have one output with sigmoid_cross_entropy")  # fmt: skip
        constants = {"delta": float(self.delta)} if self.name == "huber" else {}
        return constants | {
            "name": self.name,
            "class_weight": weights(call, "class_weight", self.class_weight, outputs, dtype),
            "label_smoothing": float(self.label_smoothing),
        }

    def targets(self, call: str, y: Any, *, rows: int, outputs: int, dtype: np.dtype) -> np.ndarray:
        """Return targets as the net's code takes them.

        Parameters
        ----------
        call : str
            Named in errors.
        y : array_like
            Softmax cross-entropy: labels (rows,), whole numbers from 0 to outputs - 1, or probabilities
            (rows, outputs). KL divergence: probabilities (rows, outputs). Rows of probabilities sum to 1. All others:
            numbers (rows, outputs), in [0, 1] for sigmoid cross-entropy and at least 0 for poisson_nll; one output
            takes (rows,) as well.
        rows, outputs : int
            The shape of the net's output.
        dtype : numpy.dtype
            The net's.

        Returns
        -------
        ndarray
            (rows,) int64 labels, or (rows, outputs) of `dtype`.

        Raises
        ------
        ValueError
            If the shape is another, a value NaN, infinite or out of range, or probabilities do not sum to 1.
        TypeError
            If y is not made of numbers.
        """
        given = values(call, "y", y, None)
        if self._classifies and given.ndim == 1:
            return self._labels(call, given, rows, outputs)
        array = values(call, "y", given, dtype)
        if outputs == 1 and array.ndim == 1:
            array = array[:, None]
        if array.shape != (rows, outputs):
            needed = f"({rows}, {outputs})"
            if self._classifies:
                needed = f"labels ({rows},) or probabilities {needed}"
            elif outputs == 1:
                needed = f"({rows},) or {needed}"
            raise ValueError(f"{call}: y has shape {given.shape}, {self.name} needs {needed}")
        if self._classifies and self.class_weight is not None:
            raise ValueError(f"{call}: class_weight goes with labels, y holds probabilities")
        least, most, allowed = _RANGES.get(self.name, _EVERY_NUMBER)
        wrong = ~(np.isfinite(array) & (array >= least) & (array <= most))
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise ValueError(f"{call}: y is {array[row, column]} in row {row}, {self.name} needs {allowed}")
        if self._over_classes:
            sums = array.sum(axis=1)
            wrong = np.abs(sums - 1) > _SUM_ERROR
            if wrong.any():
                row = int(np.argmax(wrong))
                raise ValueError(f"{call}: y sums to {sums[row]:g} in row {row}, {self.name} needs "
                                 "probabilities, which sum to 1")  # fmt: skip
        return array

    def row_weights(self, call: str, data: Any, targets: np.ndarray, dtype: np.dtype) -> np.ndarray | None:
        """Return sample weights, one for each target or None, after a look at what the class weights leave of them.

        Raises
        ------
        ValueError
            If one is negative or not finite, or no row has a weight above 0, its class's counted in.

        Examples
        --------
        >>> import numpy as np
        >>> from lamina.losses import Loss
        >>> Loss("cross_entropy", class_weight=[0, 1]).row_weights("fit", None, np.array([0, 0]), np.dtype("float32"))
        Traceback (most recent call last):
        ...
        ValueError: fit: class_weight is 0 for every row that counts, a mean needs some weight above 0
        """
        given = weights(call, "sample_weight", data, len(targets), dtype)
        if self.class_weight is not None:
            of_rows = values(call, "class_weight", self.class_weight, dtype)[targets].astype(np.float64)
            if not (of_rows if given is None else of_rows * given).any():
                raise ValueError(
                    f"{call}: class_weight is 0 for every row that counts, a mean needs some weight above 0"
                )
        return given

    def _labels(self, call: str, labels: np.ndarray, rows: int, outputs: int) -> np.ndarray:
        if labels.dtype.kind == "O":
            labels = values(call, "y", labels, np.dtype("float64"))
        if labels.shape != (rows,):
            raise ValueError(f"{call}: y has {len(labels)} labels, X has {rows} rows")
        with np.errstate(invalid="ignore"):
            wrong = ~((labels >= 0) & (labels < outputs) & (labels == np.floor(labels)))
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(f"{call}: y is {labels[row]} in row {row}, labels are whole numbers from 0 to "
                             f"{outputs - 1} for a net of {outputs} outputs")  # fmt: skip
        return np.require(labels, np.int64, ["C", "A"])
