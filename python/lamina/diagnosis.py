"""Diagnosis of a net that does not learn: activations, gradients and loss, with a verdict in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina import ops
from lamina._arrays import on_device_of, on_host
from lamina._checks import errors_of, finite, flag
from lamina.layers import (
    Activation,
    Layer,
    LeakyReLU,
    Linear,
    PythonLayer,
    Residual,
    RReLU,
    Zoneout,
    activation_layer,
)  # fmt: skip
from lamina.layers.traversal import walk
from lamina.losses import Loss
from lamina.sequential import Sequential

__all__ = ["Diagnosis", "Finding", "LayerDiagnosis", "diagnose", "without_randomness"]

_FLAT = 0.1  # of its largest derivative: a unit with less is saturated
_SATURATED = 1 / 3  # share of values from which a layer's saturation is a finding
_NONE = 1e-3  # derivative: a unit with less for all rows is dead
_DEAD = 1 / 2  # share of units
_FLOW = 100.0  # how far the gradient's norm may change from the last linear layer to the first
_BOUNCE = 0.05  # of the mean loss, what the loss rises by in an epoch on average

# Activations that are flat at both ends, with their largest derivative; and those that are flat below.
_LARGEST = {"sigmoid": 0.25, "tanh": 1.0, "softsign": 1.0}
_RECTIFIERS = ("relu", "leaky_relu", "elu", "selu", "softplus")
# Of the table: field, caption, format.
_COLUMNS = (
    ("mean", "mean", ".3g"), ("deviation", "deviation", ".3g"), ("saturated", "saturated", ".0%"),
    ("dead", "dead", ".0%"), ("gradient", "d output", ".3g"), ("weight_norm", "weights", ".3g"),
    ("weight_gradient_norm", "d weights", ".3g"), ("ratio", "ratio", ".2g"),
)  # fmt: skip


@dataclass(frozen=True)
class LayerDiagnosis:
    """What one layer does with a batch.

    Attributes
    ----------
    place : str
        As in the names of parameters: "2", or "2.0" for the first layer inside of a `Residual`.
    layer : lamina.layers.Layer
    mean, deviation : float
        Of the outputs, over rows and units.
    saturated : float
        Share of outputs of a sigmoid, tanh or softsign, also inside of a `Zoneout`, where the derivative is below a
        tenth of its largest; NaN for other layers.
    dead : float
        Share of units of a ReLU, LeakyReLU, ELU, SELU or softplus, also inside of a `Zoneout`, whose derivative is
        below a 1000th for all rows; NaN for other layers.
    gradient : float
        Norm of the loss's gradient by the outputs; NaN below the first layer with parameters.
    weight_norm, weight_gradient_norm : float
        Of all parameters of the layer; NaN without any. `ratio` is the latter over the former.
    """

    place: str
    layer: Layer
    mean: float
    deviation: float
    saturated: float
    dead: float
    gradient: float
    weight_norm: float
    weight_gradient_norm: float

    @property
    def name(self) -> str:
        return f"layer {self.place} ({type(self.layer).__name__})"

    @property
    def ratio(self) -> float:
        return self.weight_gradient_norm / self.weight_norm if self.weight_norm else np.nan


@dataclass(frozen=True)
class Finding:
    """One trouble: which, where, and what to try."""

    problem: str
    where: str
    advice: str

    def __str__(self) -> str:
        return f"{self.problem}: {self.where}. Try: {self.advice}."


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found; printing it shows a table and the verdict.

    Attributes
    ----------
    loss : float
        Of the batch.
    layers : tuple of LayerDiagnosis
    findings : tuple of Finding
        Their `problem` is "not finite", "saturated units", "dead units", "vanishing gradients", "exploding gradients"
        or "bouncing loss".
    ok : bool
        Whether there are none.
    """

    loss: float
    layers: tuple[LayerDiagnosis, ...]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return not self.findings

    def __repr__(self) -> str:
        names = [at.name.removeprefix("layer ") for at in self.layers]
        width = max(8, *map(len, names)) + 2
        lines = [
            f"diagnose: {'no trouble found' if self.ok else 'TROUBLE FOUND'}, loss {self.loss:.4g}",
            "layer".ljust(width) + "".join(f"{caption:>11}" for _, caption, _ in _COLUMNS),
        ]
        for at, name in zip(self.layers, names, strict=True):
            numbers = [(getattr(at, field), form) for field, _, form in _COLUMNS]
            cells = ["" if np.isnan(number) else format(number, form) for number, form in numbers]
            lines.append((name.ljust(width) + "".join(f"{cell:>11}" for cell in cells)).rstrip())
        return "\n".join([*lines, *map(str, self.findings)])

    def plot(self) -> Any:
        """Draw outputs, saturation and gradients layer by layer; return the matplotlib.figure.Figure.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        from lamina.plots import plot_diagnosis

        return plot_diagnosis(self)


def without_randomness(net: Sequential, **options: Any) -> Sequential:
    """Return a copy of a net whose noise is none and whose RReLU has its mean slope; layers in Python stay.

    Examples
    --------
    >>> import lamina
    >>> net = lamina.Sequential(lamina.Linear(2, 3), lamina.RReLU(0.1, 0.3), lamina.Dropout(0.5))
    >>> list(without_randomness(net))[1:]
    [LeakyReLU(negative_slope=0.2), Dropout(p=0.0, scaling='inverted')]
    """
    own: dict[str, Any] = {"seed": net.seed, "dtype": net.dtype, "fuse": net.fuse, "device": net.device}
    twin = Sequential(*map(_still, net), **own | options)
    twin.load_state_dict(net.state_dict())
    twin._set_frozen("without_randomness", net.frozen)
    return twin


def _still(layer: Layer) -> Any:
    if isinstance(layer, RReLU):
        return LeakyReLU((layer.lower + layer.upper) / 2)
    if isinstance(layer, Residual):
        return Residual(*map(_still, layer.layers))
    if isinstance(layer, PythonLayer) or not dataclasses.is_dataclass(layer):
        return layer
    amounts = {"p", "std", "lam"} & {field.name for field in dataclasses.fields(layer)}
    return dataclasses.replace(layer, **dict.fromkeys(amounts, 0.0)) if amounts else layer


def diagnose(
    net: Sequential,
    x: Any,
    targets: Any,
    loss: str | Loss = "cross_entropy",
    *,
    history: Mapping[str, Sequence[float]] | None = None,
    training: bool = True,
) -> Diagnosis:
    """Look for what keeps a net from learning: on a batch, before the first update or later.

    Parameters
    ----------
    net : lamina.Sequential
        Left as it is: a float64 copy without noise is looked at, also inside of a `Residual`.
    x : array_like of shape (batch, in)
        Some 50 rows or more.
    targets : array_like
        Labels (batch,) or values (batch, out), as the loss needs them.
    loss : str or lamina.losses.Loss
        A name of `lamina.losses.NAMES`.
    history : dict of lists, optional
        `Trainer.history`, whose "loss" is looked at.
    training : bool
        Whether batch norm takes the batch's statistics.

    Returns
    -------
    Diagnosis
        Its `findings` say what is wrong and what to try, its `layers` have the numbers, its `plot()` draws them.

    Raises
    ------
    TypeError
        If net is no `Sequential`, or data is not made of numbers.
    ValueError
        As `Sequential.loss_and_gradients`; if x holds NaN or infinities; if history has no "loss".

    Notes
    -----
    Findings are rules of thumb, with these limits:

    - saturated units: a third of a layer's outputs lie where the derivative is below a tenth of its largest (sigmoid
      below .026 or above .974, tanh beyond ±.949, softsign beyond ±.684);
    - dead units: more than half of the units of a layer let nothing through for all rows: their derivative is 0 (ReLU)
      or below a 1000th (LeakyReLU, ELU, SELU, softplus). GELU, SiLU and PReLU are not looked at;
    - vanishing or exploding gradients: the norm of ∂L/∂a at the first linear layer's output a is less than a 100th, or
      more than 100 times, that at the last one's;
    - bouncing loss: over at least five epochs it rises by more than a quarter of what it falls, and by 5 % of its mean
      in an epoch on average; or it ends higher than it began. Losses that end below 1 % of the first are left alone;
    - not finite: some output, gradient or loss is NaN or infinite.

    References
    ----------
    H. Larochelle, "Neural networks", training neural networks: debugging on small dataset. X. Glorot, Y. Bengio,
    "Understanding the difficulty of training deep feedforward neural networks", 2010.

    Examples
    --------
    >>> import lamina, numpy as np
    >>> net = lamina.Sequential(lamina.Linear(3, 8), lamina.Tanh(), lamina.Linear(8, 2), seed=1)
    >>> x, y = np.arange(30.0).reshape(10, 3) % 4, [0, 1] * 5
    >>> lamina.diagnose(net, x - 1.5, y).ok
    True
    >>> print(lamina.diagnose(net, 1000 * x, y).findings[0])
    saturated units: near their ends are 100% of the outputs of layer 1 (Tanh). Try: a smaller initialisation...
    """
    call = "diagnose"
    if not isinstance(net, Sequential):
        raise TypeError(f"{call}: net is {net!r}, a lamina.Sequential is needed")
    if history is not None and "loss" not in history:
        raise ValueError(f"{call}: history has no 'loss', a trainer's history is needed")
    chosen = loss if isinstance(loss, Loss) else Loss(loss)
    twin = without_randomness(net, dtype="float64", fuse=False)
    x = finite(call, twin._input(call, on_host(x), "x"), "x")
    targets = chosen.targets(call, on_host(targets), rows=len(x), outputs=twin.out_features, dtype=twin.dtype)
    settings = chosen.settings(call, twin.out_features, twin.dtype, twin[-1])
    chosen.row_weights(call, None, targets, twin.dtype)
    core = twin._core
    with errors_of(call):
        arrays = on_device_of(core, x), on_device_of(core, targets)
        value, outputs, gradients = core.layer_gradients(
            *arrays, settings, flag(call, "training", training), twin.seed, 0
        )
    layers = []
    with np.errstate(all="ignore"):  # what is not finite is a finding
        for (place, layer, _), (_, own, _) in zip(walk([*twin]), walk([*net]), strict=True):
            h, d = on_host(outputs[place]), gradients[place]
            norms = (_norm(core.parameters(), place), _norm(core.gradients(), place))
            gradient = np.nan if d is None else float(np.linalg.norm(on_host(d)))
            moments = float(h.mean()), float(h.std())
            layers.append(LayerDiagnosis(place, own, *moments, *_shares(layer, h), gradient, *norms))
        findings = (*_findings(value, layers), *([] if history is None else _bouncing(history["loss"])))
    return Diagnosis(value, tuple(layers), findings)


def _norm(arrays: Mapping[str, Any], place: str) -> float:
    """Of all arrays of a layer; NaN where there are none."""
    own = [on_host(array).ravel() for name, array in arrays.items() if name.startswith(f"{place}.")]
    return float(np.linalg.norm(np.concatenate(own))) if own else np.nan


def _shares(layer: Layer, h: np.ndarray) -> tuple[float, float]:
    """How much of a layer's outputs is saturated, and how many of its units are dead."""
    own = activation_layer("diagnose", layer.activation) if isinstance(layer, Zoneout) else layer
    if not isinstance(own, Activation) or own.name not in (*_LARGEST, *_RECTIFIERS):
        return np.nan, np.nan
    slope = ops.activation_backward(np.ones_like(h), h, own.name, y=h, **own.parameters())
    if own.name in _LARGEST:
        return float(np.mean(slope < _FLAT * _LARGEST[own.name])), np.nan
    return np.nan, float(np.mean((slope < _NONE).all(axis=0)))


def _findings(loss: float, layers: list[LayerDiagnosis]) -> Iterator[Finding]:
    strange = [at for at in layers if _is_strange(at)]
    if strange or not np.isfinite(loss):
        where = f"outputs or gradients of {strange[0].name}" if strange else "the loss"
        yield Finding("not finite", where, "a smaller initialisation, a lower learning rate, clip_norm in the trainer")
        return
    saturated = [f"{at.saturated:.0%} of the outputs of {at.name}" for at in layers if at.saturated > _SATURATED]
    if saturated:
        advice = "a smaller initialisation of the layers below, inputs of mean 0 and deviation 1, batch norm"
        yield Finding("saturated units", f"near their ends are {', '.join(saturated)}", advice)
    dead = [f"{at.dead:.0%} of the units of {at.name}" for at in layers if at.dead > _DEAD]
    if dead:
        advice = "a lower learning rate, He initialisation with biases 0, inputs of mean 0, LeakyReLU or ELU"
        yield Finding("dead units", f"whatever the row, no gradient passes {', '.join(dead)}", advice)
    flow = [at for at in layers if isinstance(at.layer, Linear) and np.isfinite(at.gradient)]
    if not flow or not flow[-1].gradient:
        return
    ratio = flow[0].gradient / flow[-1].gradient
    where = f"from {flow[-1].name} down to {flow[0].name} the gradient's norm changes by the factor {ratio:.1e}"
    if ratio < 1 / _FLOW:
        advice = "Glorot or He initialisation, ReLU or SELU instead of sigmoids, batch norm, fewer layers"
        yield Finding("vanishing gradients", where, advice)
    if ratio > _FLOW:
        yield Finding("exploding gradients", where, "Glorot or He initialisation, batch norm, clip_norm in the trainer")


def _is_strange(at: LayerDiagnosis) -> bool:
    norms = [value for value in (at.gradient, at.weight_gradient_norm) if not np.isnan(value)]
    return not np.isfinite([at.mean, at.deviation, *norms]).all()


def _bouncing(losses: Sequence[float]) -> Iterator[Finding]:
    values = np.asarray(losses, np.float64)
    if len(values) < 5 or abs(values[-1]) < 0.01 * abs(values[0]):
        return
    changes = np.diff(values)
    rises, falls = changes[changes > 0].sum(), -changes[changes < 0].sum()
    where = f"over {len(values)} epochs it rises by {rises:.3g} and falls by {falls:.3g}"
    if not np.isfinite(values).all():
        where = f"after {np.argmin(np.isfinite(values))} epochs it is no finite number"
    elif values[-1] <= values[0] and (rises <= falls / 4 or rises <= _BOUNCE * len(changes) * abs(values.mean())):
        return
    yield Finding("bouncing loss", where, "a lower learning rate, larger batches, clip_norm in the trainer")
