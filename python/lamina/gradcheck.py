"""Gradient checking: a net's gradients against central differences of its loss, in float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina import ops
from lamina._arrays import copied
from lamina._checks import number, values, whole
from lamina.losses import Loss
from lamina.sequential import Sequential

__all__ = ["GradientReport", "ParameterCheck", "gradcheck"]

# The first balances truncation h² against rounding eps / h; the smaller ones step around the kink of a ReLU.
_STEPS = (6e-6, 6e-7, 6e-8)
# Gradients below this share of the loss are compared with it: the differences resolve no better.
_FLOOR = 1e-3


@dataclass(frozen=True)
class ParameterCheck:
    """How well the gradient of one parameter fits.

    Attributes
    ----------
    name : str
        As in `Sequential.parameters`.
    entries, size : int
        Entries checked, and entries there are.
    error : float
        The largest relative error found.
    index : tuple of int
        Where.
    analytic, numerical : float
        Both gradients there.
    """

    name: str
    entries: int
    size: int
    error: float
    index: tuple[int, ...]
    analytic: float
    numerical: float


@dataclass(frozen=True)
class GradientReport:
    """What `gradcheck` found; printing it shows a table.

    Attributes
    ----------
    checks : tuple of ParameterCheck
        One per parameter.
    tolerance : float
        The largest relative error allowed.
    ok : bool
        Whether every error is within it.
    worst : ParameterCheck
        The parameter with the largest error.
    """

    checks: tuple[ParameterCheck, ...]
    tolerance: float

    @property
    def ok(self) -> bool:
        return all(check.error <= self.tolerance for check in self.checks)

    @property
    def worst(self) -> ParameterCheck:
        return max(self.checks, key=lambda check: np.inf if np.isnan(check.error) else check.error)

    def __repr__(self) -> str:
        worst = self.worst
        place = f"{worst.name}[{', '.join(map(str, worst.index))}]"
        verdict = "gradients agree" if self.ok else "GRADIENTS DIFFER"
        lines = [
            f"gradcheck: {verdict}, tolerance {self.tolerance:g}",
            f"worst: {place}, relative error {worst.error:.1e}, "
            f"analytic {worst.analytic:.9g}, numerical {worst.numerical:.9g}",
            f"{'parameter':16}{'entries':>16}{'relative error':>18}",
        ]
        for check in self.checks:
            mark = "" if check.error <= self.tolerance else "  <-- wrong"
            lines.append(f"{check.name:16}{f'{check.entries} of {check.size}':>16}{check.error:18.1e}{mark}")
        return "\n".join(lines)


def gradcheck(
    net: Sequential,
    x: Any,
    targets: Any,
    loss: str | Loss = "cross_entropy",
    *,
    sample_weight: Any = None,
    training: bool = True,
    seed: int | None = None,
    step: int = 0,
    tolerance: float = 1e-6,
    most_entries: int = 100,
) -> GradientReport:
    """Compare the gradients of a net with central differences of its loss.

    Parameters
    ----------
    net : lamina.Sequential
        Left as it is: a float64 copy is checked. Parameters of frozen layers are left out.
    x : array_like of shape (batch, in)
        A small batch.
    targets : array_like
        Labels (batch,) or values (batch, out), as the loss needs them.
    loss : str or lamina.losses.Loss
        A name of `lamina.losses.NAMES`.
    sample_weight : array_like of shape (batch,), optional
        Weights of the rows.
    training : bool
        Whether batch norm takes the batch's statistics and dropout drops, by a mask that stays the same throughout.
    seed, step : int
        Which dropout masks; the net's seed unless given.
    tolerance : float
        The largest relative error that is fine.
    most_entries : int
        Entries checked of each parameter; of larger ones a sample that is always the same.

    Returns
    -------
    GradientReport
        Its `ok` says whether all is well, its `worst` which parameter is worst and where.

    Raises
    ------
    ValueError, TypeError
        As `Sequential.loss_and_gradients`.

    Notes
    -----
    The difference (L(w + h) − L(w − h)) / 2h with h = 6e-6 max(1, |w|) is compared with ∂L/∂w: |a − n| / max(|a|, |n|,
    10⁻³ max(1, |L|)). Where they differ, smaller h are tried before it counts: a kink may lie within h.

    References
    ----------
    H. Larochelle, "Neural networks", training neural networks: gradient checking.

    Examples
    --------
    >>> import lamina, numpy as np
    >>> net = lamina.Sequential(lamina.Linear(3, 4), lamina.BatchNorm(4), lamina.Tanh(), lamina.Linear(4, 2), seed=1)
    >>> report = lamina.gradcheck(net, np.arange(15.0).reshape(5, 3) % 4, [0, 1, 1, 0, 1])
    >>> report.ok, len(report.checks)
    (True, 6)
    """
    number("gradcheck", "tolerance", tolerance)
    whole("gradcheck", "most_entries", most_entries, 1)
    if not isinstance(net, Sequential):
        raise TypeError(f"gradcheck: net is {net!r}, a lamina.Sequential is needed")
    twin = Sequential(*net, seed=net.seed, dtype="float64", fuse=net.fuse, device=net.device)
    twin.load_state_dict(net.state_dict())
    twin._set_frozen("gradcheck", net.frozen)
    x = values("gradcheck", "x", x, twin.dtype)
    settings = {"sample_weight": sample_weight, "training": training, "seed": seed, "step": step}

    def loss_of_twin() -> float:
        return twin.loss_and_gradients(x, targets, loss, **settings)[0]

    value, views = twin.loss_and_gradients(x, targets, loss, **settings)
    gradients = {name: copied(view) for name, view in views.items()}
    floor = _FLOOR * max(1.0, abs(value))
    checks = []
    for place, (name, array) in enumerate(twin.parameters().items()):
        if name.rpartition(".")[0] in twin.frozen:
            continue
        worst = ParameterCheck(name, 0, array.size, -1.0, (), 0.0, 0.0)
        entries = ops.random_permutation(array.size, seed=0, layer=place)[:most_entries]
        for entry in entries:
            index = tuple(map(int, np.unravel_index(entry, array.shape)))
            analytic = float(gradients[name][index])
            for size in _STEPS:
                numerical = _difference(loss_of_twin, array, index, size)
                error = abs(analytic - numerical) / max(abs(analytic), abs(numerical), floor)
                if error <= tolerance:
                    break
            if not error <= worst.error:  # NaN is worse than any number
                worst = ParameterCheck(name, len(entries), array.size, error, index, analytic, numerical)
        checks.append(worst)
    return GradientReport(tuple(checks), tolerance)


def _difference(loss_of_twin, array: np.ndarray, index: tuple[int, ...], size: float) -> float:
    """The central difference of the loss by one entry of a parameter, which is put back."""
    value = float(array[index])
    step = size * max(1.0, abs(value))
    array[index] = value + step
    above, upper = loss_of_twin(), float(array[index])
    array[index] = value - step
    below, lower = loss_of_twin(), float(array[index])
    array[index] = value
    return float((above - below) / (upper - lower))
