"""What the demo tells: its opening, its table, the conclusions that the numbers allow, and its pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lamina import plots
from lamina.demo.experiment import ARMS, FAMILIES, PRETRAINED, Arm, Settings

__all__ = ["conclude", "format_table", "introduce", "save_pictures"]


def introduce(settings: Settings, images: int) -> str:
    """Say what is compared and how, in lines for a terminal."""
    sizes = " x ".join(map(str, settings.hidden))
    rates = ", ".join(f"{rate:g}" for rate in settings.rates)
    before = f"{settings.pretraining_epochs} epochs a layer of denoising autoencoders first"
    return f"""\
Handwritten digits with few labels: {settings.training} to train on, {settings.validation} to choose by, \
{images - settings.training - settings.validation} to test on.
Nets with hidden layers of {sizes} units train for {settings.epochs} epochs at each rate
of {rates}; the rate and the epoch with the lowest validation loss are kept.

  sigmoid      the lectures' deep net
  modern       ReLU, batch norm and dropout
  pre-trained  {before}, on all {images} images, no labels
  4x weights   a control: hidden weights start 4 times as large, for small ones alone may be what
               holds a deep sigmoid net back; pre-training has to beat this, too"""


def format_table(arms: list[Arm]) -> str:
    """Return the results as text: mean, deviation and range of the test errors over the draws, and the mean time."""
    lines = [f"{'net':10}{'start':14}{'test error':>12}{'deviation':>12}{'best':>9}{'worst':>9}{'time':>10}"]
    for arm in arms:
        deviation = np.std(arm.errors, ddof=1) if len(arm.errors) > 1 else float("nan")
        lines.append(
            f"{arm.family:10}{arm.start:14}{np.mean(arm.errors):10.2f} %{deviation:10.2f} %{min(arm.errors):7.2f} %"
            f"{max(arm.errors):7.2f} %{np.mean(arm.seconds):8.2f} s"
        )
    lines.append("deviation, best, worst: over the draws; time: mean of pre-training and training at all rates")
    return "\n".join(lines)


def conclude(arms: list[Arm]) -> str:
    """Say in words what the numbers show: a mean difference within two standard errors of 0 is not clear."""
    errors = {(arm.family, arm.start): np.array(arm.errors) for arm in arms}
    lines = [
        f"{family.capitalize()} net, {PRETRAINED} against {other}: "
        + _compare(errors[family, PRETRAINED], errors[family, other])
        for family, other in ARMS
        if other != PRETRAINED
    ]
    if len(arms[0].errors) > 2:
        lines.append("(±: one standard error of the mean gain; only a gain beyond two of them counts as help or harm)")
    return "\n".join(lines)


def _compare(errors: np.ndarray, others: np.ndarray) -> str:
    gains = others - errors
    means = f"{errors.mean():.2f} % against {others.mean():.2f} %"
    wins = f"{np.count_nonzero(gains > 0)} of {len(gains)} draws"
    if len(gains) < 3:
        return f"too few draws to say more than\n  {means}, better in {wins}"
    error = np.std(gains, ddof=1) / np.sqrt(len(gains))
    clear = abs(gains.mean()) > 2 * error
    verdict = ("pre-training helps" if gains.mean() > 0 else "pre-training harms") if clear else "no clear difference"
    return f"{verdict}\n  {means}, better in {wins}, by {gains.mean():.2f} ± {error:.2f} points"


def save_pictures(arms: list[Arm], settings: Settings, folder: Path) -> list[Path]:
    """Save errors, learning curves and first-layer filters as PNG and return their paths."""
    groups = {family: [arm for arm in arms if arm.family == family] for family in FAMILIES}
    subject = f"{settings.training} labelled digits, {len(arms[0].errors)} draws"
    first = next(arm for arm in arms if arm.start == PRETRAINED)
    units = slice(0, min(64, settings.hidden[0]))
    figures = {
        "errors.png": plots.plot_errors(
            {f"{family} net": {arm.start: arm.errors for arm in group} for family, group in groups.items()},
            ylabel="test error (%)",
            title=f"Test error, {subject}",
        ),
        "curves.png": plots.plot_learning_curves(
            {f"{family} net": {arm.start: np.array(arm.curves) for arm in group} for family, group in groups.items()},
            ylabel="validation loss",
            title=f"Fine-tuning, {subject}: mean and its standard error",
        ),
        "filters.png": plots.plot_filters(
            {caption: weight[units] for caption, weight in first.filters.items()},
            (8, 8),
            title=f"First-layer filters of the {first.family} net, first draw",
        ),
    }
    for name, figure in figures.items():
        plots.save_figure(figure, folder / name)
    return [folder / name for name in figures]
