"""The first check of a model: can it learn some 50 examples by heart?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina import ops, optim
from lamina._arrays import on_host
from lamina._checks import number, whole
from lamina.diagnosis import Diagnosis, diagnose, without_randomness
from lamina.losses import Loss
from lamina.sequential import Sequential
from lamina.trainer import Trainer

__all__ = ["OverfitReport", "overfit_check"]


@dataclass(frozen=True)
class OverfitReport:
    """What `overfit_check` found.

    Attributes
    ----------
    rows, epochs : int
        Trained on, trained for.
    ok : bool
        Whether the net learned them.
    first_loss, loss : float
        Before the first update, and of the last epoch.
    score : float
        Accuracy or R² on these rows in the end.
    history : dict of str to list of float
        The trainer's.
    diagnosis : lamina.diagnosis.Diagnosis
        Of the net on these rows before the first update, and of that history.
    """

    rows: int
    epochs: int
    ok: bool
    first_loss: float
    loss: float
    score: float
    history: dict[str, list[float]]
    diagnosis: Diagnosis

    def __repr__(self) -> str:
        verdict = "the net can learn" if self.ok else "THE NET DOES NOT LEARN"
        text = (
            f"overfit_check: {verdict} {self.rows} rows by heart: loss {self.first_loss:.4g} -> {self.loss:.4g}, "
            f"score {self.score:.4g} after {self.epochs} epochs"
        )
        if self.ok:
            return text
        found = [str(finding) for finding in self.diagnosis.findings]
        return "\n".join(
            [text, *(found or ["Try: more units, more epochs, another learning rate; check the targets."])]
        )


def overfit_check(
    net: Sequential,
    x: Any,
    y: Any,
    loss: str | Loss = "cross_entropy",
    *,
    optimizer: str | optim.Optimizer = "adam",
    rows: int = 50,
    epochs: int = 300,
    batch_size: int = 10,
    tolerance: float = 0.01,
    seed: int = 0,
) -> OverfitReport:
    """Train a copy of a net on a handful of rows, which any net that works can learn by heart.

    Parameters
    ----------
    net : lamina.Sequential
        Left as it is; the copy starts with its weights and has no dropout or other noise.
    x : array_like of shape (n, in)
    y : array_like
        Labels (n,) or values (n, out), as the loss needs them.
    loss : str or lamina.losses.Loss
    optimizer : str, or SGD, Adagrad, RMSProp, Adam or AdamW
    rows : int
        How many, drawn from x by `seed`.
    epochs, batch_size : int
        Of the training, each at least 1.
    tolerance : float
        How near to 0 the loss has to come, relative to what it was.
    seed : int
        Of the rows and of the trainer.

    Returns
    -------
    OverfitReport
        Its `ok` says whether the net learned them, its `diagnosis` what may have kept it from that.

    Raises
    ------
    ValueError, TypeError
        As `Trainer.fit`.

    Notes
    -----
    Where a loss's least value is not 0 (poisson_nll, smoothed labels, targets between 0 and 1 of a cross-entropy), the
    score has to come as near to 1 instead. This is no gradient check: a net can learn with some gradients wrong.

    References
    ----------
    H. Larochelle, "Neural networks", training neural networks: debugging on small dataset.

    Examples
    --------
    >>> import lamina, numpy as np
    >>> net = lamina.Sequential(lamina.Linear(2, 16), lamina.Tanh(), lamina.Linear(16, 2), seed=0)
    >>> x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    >>> lamina.overfit_check(net, x, y, optimizer=lamina.Adam(lr=0.05)).ok
    True
    """
    call = "overfit_check"
    if not isinstance(net, Sequential):
        raise TypeError(f"{call}: net is {net!r}, a lamina.Sequential is needed")
    rows, epochs = whole(call, "rows", rows, 1), whole(call, "epochs", epochs, 1)
    tolerance = number(call, "tolerance", tolerance, below=1)
    chosen = loss if isinstance(loss, Loss) else Loss(loss)
    x = net._input(call, on_host(x), "x")
    targets = chosen.targets(call, on_host(y), rows=len(x), outputs=net.out_features, dtype=net.dtype)
    picked = np.sort(ops.random_permutation(len(x), seed=seed)[:rows])
    x, targets = x[picked], targets[picked]
    twin = without_randomness(net)
    trainer = Trainer(twin, chosen, optimizer, seed=seed)
    history = trainer.fit(x, targets, epochs=epochs, batch_size=batch_size, progress=False)
    value, score = history["loss"][-1], trainer.evaluate(x, targets)["score"]
    diagnosis = diagnose(net, x, targets, chosen, history=history)  # the net is as it was
    ok = score >= 1 - tolerance if _has_floor(chosen, targets) else value <= tolerance * diagnosis.loss
    return OverfitReport(len(x), epochs, ok, diagnosis.loss, value, score, history, diagnosis)


def _has_floor(loss: Loss, targets: np.ndarray) -> bool:
    """Whether the least value of the loss is not 0."""
    between = targets.dtype.kind == "f" and bool(((targets > 0) & (targets < 1)).any())
    return loss.name == "poisson_nll" or loss.label_smoothing > 0 or ("cross_entropy" in loss.name and between)
