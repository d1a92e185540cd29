"""Gradient checking: a net's gradients against central differences of its loss, in float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina import ops
from lamina._arrays import copied
from lamina._checks import errors_of, number, values, whole
from lamina.losses import Loss
from lamina.sequential import Sequential

__all__ = ["GradientReport", "ParameterCheck", "gradcheck"]

# The first balances truncation h² against rounding eps / h; the smaller ones step around the kink of a ReLU.
_STEPS = (6e-6, 6e-7, 6e-8)
# Gradients below this share of the loss are compared with it: the differences resolve no better.
_FLOOR = 1e-3
# Parameters that are 0 are moved by up to half of it.
_OFF_ZERO = 0.1


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
    worst : ParameterCheck or None
        The parameter with the largest error; None where there is none to check.
    """

    checks: tuple[ParameterCheck, ...]
    tolerance: float

    @property
    def ok(self) -> bool:
        return all(check.error <= self.tolerance for check in self.checks)

    @property
    def worst(self) -> ParameterCheck | None:
        return max(self.checks, key=lambda check: np.inf if np.isnan(check.error) else check.error, default=None)

    def __repr__(self) -> str:
        worst = self.worst
        if worst is None:
            return "gradcheck: the net has no parameter that is trained, there is nothing to check"
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
        Left as it is: a float64 copy is checked, moved off 0, see the notes. Parameters of frozen layers are left out.
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

    No h steps around a kink on which a unit lies, as that of a ReLU does whose bias is 0 when the row before it is 0
    throughout: dropped, dead, or so in x. There the difference is the mean of both slopes, and a gradient one of them.
    So every parameter of the copy that is 0, of frozen layers too, gets a number between -0.05 and 0.05 first, the same
    in every call; analytic and numerical gradients are both taken behind that. All others stay as they are.

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
    for place, array in enumerate(twin.parameters().values()):
        _move_off_zero(array, place)
    x = values("gradcheck", "x", x, twin.dtype)
    settings = {"sample_weight": sample_weight, "training": training, "seed": seed, "step": step}

    def compute() -> tuple[float, dict[str, np.ndarray]]:
        with errors_of("gradcheck"):
            return twin.loss_and_gradients(x, targets, loss, **settings)

    value, views = compute()
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
                numerical = _difference(lambda: compute()[0], array, index, size)
                error = abs(analytic - numerical) / max(abs(analytic), abs(numerical), floor)
                if error <= tolerance:
                    break
            if not error <= worst.error:  # NaN is worse than any number
                worst = ParameterCheck(name, len(entries), array.size, error, index, analytic, numerical)
        checks.append(worst)
    return GradientReport(tuple(checks), tolerance)


def _move_off_zero(array: np.ndarray, place: int) -> None:
    """Put other numbers in the place of zeros: of each parameter, by its place in the net, the same ones always."""
    drawn = ops.random_uniform(array.shape, seed=0, layer=place, dtype=array.dtype)
    at = copied(array)
    array[...] = np.where(at == 0, _OFF_ZERO * (drawn - 0.5), at)


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
