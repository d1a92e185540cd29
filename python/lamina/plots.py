"""Pictures for training: first-layer filters, learning curves with their spread, test errors, diagnoses by layer."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = [
    "PALETTE", "plot_diagnosis", "plot_errors", "plot_filters", "plot_learning_curves", "require_matplotlib",
    "save_figure",
]  # fmt: skip

# Okabe and Ito's colours, told apart by everyone.
PALETTE = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_INK, _QUIET = "#333333", "#8C8C8C"
_STYLE: dict[Any, Any] = {
    "font.size": 10.0,
    "axes.titlesize": 11.0,
    "axes.edgecolor": _QUIET,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
    "figure.facecolor": "white",
}


def require_matplotlib() -> None:
    """Raise an ImportError that names the extra to install if matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "plots: matplotlib is not installed, run: pip install 'lamina[demo]' (in a clone: pip install '.[demo]')"
        ) from error


def _styled(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Have `draw` run under the style of this module, leaving matplotlib's own settings as they are."""

    @functools.wraps(draw)
    def styled(*arguments: Any, **keywords: Any) -> Any:
        require_matplotlib()
        from matplotlib import rc_context

        with rc_context(_STYLE):
            return draw(*arguments, **keywords)

    return styled


def _subplots(columns: int, size: tuple[float, float], **keywords: Any) -> tuple[Any, Any]:
    """Return a figure, drawn without a display and unknown to pyplot, and its axes, side by side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns, squeeze=False, **keywords)[0]


def save_figure(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write a figure of this module to a picture file, its kind told by the suffix of `path`."""
    figure.savefig(path, dpi=150)


def filter_mosaic(weight: np.ndarray, shape: tuple[int, int], columns: int) -> np.ndarray:
    """Tile rows of `weight`, each scaled to [-1, 1] and one pixel apart, into one image.

    Parameters
    ----------
    weight : ndarray of shape (units, pixels)
    shape : (int, int)
        Height and width of one filter; their product is the number of pixels.
    columns : int
        Filters side by side.

    Returns
    -------
    ndarray of shape (rows * (height + 1) - 1, columns * (width + 1) - 1), float64
        NaN between the filters.
    """
    height, width = shape
    if weight.ndim != 2 or weight.shape[1] != height * width:
        raise ValueError(f"filter_mosaic: weight {weight.shape} given for filters of {height} x {width} pixels")
    rows = -(-len(weight) // columns)
    mosaic = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for unit, row in enumerate(weight.astype(np.float64)):
        top, left = (unit // columns) * (height + 1), (unit % columns) * (width + 1)
        scale = np.abs(row).max()
        mosaic[top : top + height, left : left + width] = row.reshape(shape) / (scale if scale > 0 else 1.0)
    return mosaic


@_styled
def plot_filters(
    weights: Mapping[str, np.ndarray], shape: tuple[int, int], *, columns: int = 8, title: str = ""
) -> Any:
    """Draw sets of first-layer filters side by side, the same unit at the same place.

    Parameters
    ----------
    weights : mapping of str to ndarray of shape (units, pixels)
        A caption and the weights of each panel.
    shape : (int, int)
        Height and width of the images the filters look at.
    columns : int
        Filters in a row of a panel.
    title : str
        Heading of the figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = _subplots(len(weights), (3.6 * len(weights), 4.3))
    for axis, (caption, weight) in zip(axes, weights.items(), strict=True):
        image = axis.imshow(
            filter_mosaic(weight, shape, columns), cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest"
        )
        axis.set_title(caption)
        axis.set_axis_off()
    bar = figure.colorbar(image, ax=list(axes), orientation="horizontal", fraction=0.04, pad=0.03, aspect=50)
    bar.set_ticks([-1, 0, 1], labels=["inhibits", "0", "excites"])
    bar.outline.set_visible(False)
    bar.set_label("weight, relative to the largest of its filter")
    if title:
        figure.suptitle(title)
    return figure


@_styled
def plot_learning_curves(
    panels: Mapping[str, Mapping[str, np.ndarray]], *, ylabel: str = "loss", title: str = "", log: bool = False
) -> Any:
    """Draw the mean over runs of curves, with a band of one standard error of that mean.

    Parameters
    ----------
    panels : mapping of str to (mapping of str to ndarray of shape (runs, epochs))
        For each panel its caption and its curves by name; a name has the same colour in all panels.
    ylabel, title : str
        What the curves show; heading of the figure.
    log : bool
        Whether the vertical axis is logarithmic.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = _subplots(len(panels), (5.0 * len(panels), 4.0), sharey=True)
    colours = _colours(name for curves in panels.values() for name in curves)
    for axis, (caption, curves) in zip(axes, panels.items(), strict=True):
        for name, runs in curves.items():
            epochs = np.arange(1, runs.shape[1] + 1)
            mean = runs.mean(axis=0)
            error = runs.std(axis=0, ddof=1) / np.sqrt(len(runs)) if len(runs) > 1 else 0 * mean
            axis.fill_between(epochs, mean - error, mean + error, color=colours[name], alpha=0.18, linewidth=0)
            axis.plot(epochs, mean, color=colours[name], linewidth=1.8, label=name)
        if log:
            axis.set_yscale("log")
        axis.set_title(caption)
        axis.set_xlabel("epoch")
        axis.set_xlim(1, None)
        axis.legend()
    axes[0].set_ylabel(ylabel)
    if title:
        figure.suptitle(title)
    return figure


@_styled
def plot_errors(groups: Mapping[str, Mapping[str, Sequence[float]]], *, ylabel: str, title: str = "") -> Any:
    """Draw every run's error as a dot, runs of one draw joined by a line, a bar at each mean, and the mean below.

    Parameters
    ----------
    groups : mapping of str to (mapping of str to sequence of float)
        For each group its arms by name, and each arm's errors in the order of the draws.
    ylabel, title : str
        What the numbers are; heading of the figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    counts = [len(arms) for arms in groups.values()]
    figure, axes = _subplots(len(groups), (1.6 * sum(counts) + 1, 4.2), sharey=True, width_ratios=counts)
    colours = _colours(name for arms in groups.values() for name in arms)
    for axis, (caption, arms) in zip(axes, groups.items(), strict=True):
        table = np.array([list(errors) for errors in arms.values()])  # (arms, draws)
        places = np.arange(len(table))
        axis.plot(places, table, color="#D0D0D0", linewidth=0.8, zorder=1)
        for place, (name, errors) in enumerate(arms.items()):
            axis.scatter(
                np.full(len(errors), place), errors, s=26, color=colours[name], alpha=0.75, linewidth=0, zorder=2
            )
            axis.hlines(np.mean(errors), place - 0.2, place + 0.2, color=colours[name], linewidth=2.5, zorder=3)
        axis.set_title(caption)
        axis.set_xticks(places, labels=[f"{name}\n{np.mean(errors):.2f}" for name, errors in arms.items()])
        axis.set_xlim(-0.5, len(table) - 0.5)
        axis.grid(axis="x", visible=False)
    axes[0].set_ylim(0, None)
    axes[0].set_ylabel(ylabel)
    if title:
        figure.suptitle(title)
    return figure


@_styled
def plot_diagnosis(diagnosis: Any, *, title: str = "") -> Any:
    """Draw what `lamina.diagnose` found, from the first layer to the last.

    Parameters
    ----------
    diagnosis : lamina.diagnosis.Diagnosis
    title : str
        Heading of the figure; the problems found unless given.

    Returns
    -------
    matplotlib.figure.Figure
        Mean and deviation of the outputs; shares of saturated values and dead units; norms of the gradients.
    """
    layers = diagnosis.layers
    places = np.arange(len(layers))
    figure, axes = _subplots(3, (12.6, 0.8 + 0.34 * max(len(layers), 6)), sharey=True)
    names = [f"{layer.place}  {type(layer.layer).__name__}" for layer in layers]
    means, deviations = (np.array([getattr(layer, what) for layer in layers]) for what in ("mean", "deviation"))
    axes[0].errorbar(means, places, xerr=deviations, fmt="o", color=PALETTE[1], markersize=5, elinewidth=1.8)
    axes[0].set_xlabel("outputs: mean and deviation")
    axes[0].set_yticks(places, labels=names)
    axes[0].invert_yaxis()
    for what, caption, colour in (("saturated", "saturated values", PALETTE[4]), ("dead", "dead units", PALETTE[0])):
        shares = np.array([getattr(layer, what) for layer in layers])
        axes[1].barh(places, np.nan_to_num(shares), height=0.6, color=colour, label=caption)
    axes[1].set_xlim(0, 1)
    axes[1].set_xlabel("share")
    axes[1].legend()
    kinds = (("gradient", "by outputs", "o", PALETTE[1]), ("weight_gradient_norm", "by parameters", "s", PALETTE[2]))
    for what, caption, marker, colour in kinds:
        norms = np.array([getattr(layer, what) for layer in layers])
        shown = norms > 0  # neither 0 nor NaN
        axes[2].plot(norms[shown], places[shown], marker, color=colour, markersize=5, label=caption)
    axes[2].set_xscale("log")
    axes[2].set_xlabel("norm of the loss's gradient")
    axes[2].legend()
    problems = ", ".join(dict.fromkeys(finding.problem for finding in diagnosis.findings))
    figure.suptitle(title or problems or "no trouble found")
    return figure


def _colours(names: Any) -> dict[str, str]:
    return {name: PALETTE[place % len(PALETTE)] for place, name in enumerate(dict.fromkeys(names))}
