"""Between a table and a network: what `lamina train` learns about the columns and `lamina predict` applies again."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np

from lamina.datasets import LabelEncoder, Standardizer, Table

__all__ = ["TableCodec", "choose_task"]

_MOST_CLASSES = 20  # whole numbers with more distinct values are taken for a quantity


def choose_task(target: np.ndarray, task: str = "auto") -> str:
    """Return "classification" or "regression" for a target column.

    Parameters
    ----------
    target : ndarray of shape (rows,), float64 or str
        The column.
    task : {"auto", "classification", "regression"}
        What the user asked for. "auto" takes text for classes, and whole numbers too if they have at most 20 different
        values, each met twice on average.

    Returns
    -------
    str
        "classification" or "regression".

    Raises
    ------
    ValueError
        If regression is asked for on text, or all values are the same.

    Examples
    --------
    >>> import numpy as np
    >>> choose_task(np.array(["cat", "dog"])), choose_task(np.array([0.5, 1.5, 2.0]))
    ('classification', 'regression')
    """
    text = target.dtype.kind == "U"
    values = np.unique(target)
    if task == "regression" and text:
        raise ValueError(f"choose_task: the target holds text ({str(target[0])!r}), regression needs numbers")
    if len(values) < 2:
        raise ValueError(f"choose_task: every target is {values[0].item()!r}, at least two different values are needed")
    if task != "auto":
        return task
    few = len(values) <= min(_MOST_CLASSES, len(target) // 2)
    return "classification" if text or (few and np.array_equal(values, np.round(values))) else "regression"


@dataclass(frozen=True)
class TableCodec:
    """How a table's columns become a network's numbers, and its outputs the target's values.

    Attributes
    ----------
    target : str
        Name of the target column.
    columns : list of str
        The features, in the network's order.
    scaler : Standardizer
        Of the features.
    encoder : LabelEncoder or None
        Of the classes; None for regression.
    target_scaler : Standardizer or None
        Of the target of a regression; None for classification.
    """

    target: str
    columns: list[str]
    scaler: Standardizer
    encoder: LabelEncoder | None = None
    target_scaler: Standardizer | None = None

    @classmethod
    def fit(cls, table: Table, target: str, encoder: LabelEncoder | None, training: np.ndarray) -> TableCodec:
        """Return the codec with the statistics of the rows `training` of `table`."""
        if table.target is None:
            raise ValueError("TableCodec.fit: the table has no target, read it with one")
        scaler = Standardizer.fit(table.features[training], table.columns)
        target_scaler = None if encoder is not None else Standardizer.fit(table.target[training, None], [target])
        return cls(target, table.columns, scaler, encoder, target_scaler)

    @property
    def outputs(self) -> int:
        """Outputs the network needs: one per class, or one."""
        return 1 if self.encoder is None else len(self.encoder.classes)

    @property
    def loss(self) -> str:
        """Name of the loss to train with."""
        return "mean_squared_error" if self.encoder is None else "cross_entropy"

    def features(self, table: Table) -> np.ndarray:
        """Return the standardised features, (rows, columns) float32, infinite where float32 ends."""
        with np.errstate(over="ignore"):
            return self.scaler.transform(table.features).astype(np.float32)

    def targets(self, target: np.ndarray) -> np.ndarray:
        """Return the network's targets, (rows,) int64 labels or (rows, 1) float32, standardised."""
        if self.encoder is not None:
            return self.encoder.transform(target)
        assert self.target_scaler is not None
        return self.target_scaler.transform(target[:, None]).astype(np.float32)

    def error_in_units(self, loss: float) -> float:
        """Return the root of a regression's mean squared error, in the units of the target."""
        assert self.target_scaler is not None
        return math.sqrt(loss) * float(self.target_scaler.deviation[0])

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return the classes, or the values in their units, that outputs of shape (rows, outputs) stand for."""
        if self.encoder is not None:
            return self.encoder.inverse_transform(outputs.argmax(axis=1))
        assert self.target_scaler is not None
        return self.target_scaler.inverse_transform(outputs)[:, 0]

    def to_json(self) -> str:
        """Return all of it as JSON text, numbers exact to the bit."""
        regression = self.target_scaler
        return json.dumps(
            {
                "target": self.target,
                "columns": self.columns,
                "mean": self.scaler.mean.tolist(),
                "deviation": self.scaler.deviation.tolist(),
                "classes": None if self.encoder is None else self.encoder.classes.tolist(),
                "target_mean": None if regression is None else regression.mean.tolist(),
                "target_deviation": None if regression is None else regression.deviation.tolist(),
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str) -> TableCodec:
        """Return the codec that `to_json` described; a ValueError says so if it is damaged."""
        try:
            fields = json.loads(text)
            target, columns = fields["target"], fields["columns"]
            if not isinstance(target, str) or not all(isinstance(name, str) for name in columns):
                raise ValueError("column names must be texts")
            scaler = Standardizer(fields["mean"], fields["deviation"])
            if len(scaler.mean) != len(columns):
                raise ValueError(f"{len(columns)} columns, but statistics of {len(scaler.mean)}")
            if fields["classes"] is not None:
                return cls(target, columns, scaler, LabelEncoder(fields["classes"]))
            return cls(target, columns, scaler, None, Standardizer(fields["target_mean"], fields["target_deviation"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"TableCodec.from_json: the model's account of its table is damaged: {error!r}") from None
