"""The lectures' claim on real data: does pre-training help a deep net when labels are few? A table and pictures."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import lamina
from lamina import plots
from lamina.datasets import digits, split
from lamina.mlp import mlp

__all__ = ["Settings", "conclude", "run"]


@dataclass(frozen=True)
class Settings:
    """What the demo does; both arms of a comparison share every number, chosen by validation loss on other draws.

    Attributes
    ----------
    draws : int
        Repetitions, each with other labelled images and other initial weights.
    training, validation : int
        Labelled images to learn from, and to choose rate and epoch by; all other labels are for testing.
    hidden : tuple of int
        Widths of the hidden layers.
    pretraining_epochs, pretraining_rate, noise
        Greedy denoising autoencoders: epochs over all images, Adam's rate, share of the inputs set to 0.
    epochs, batch_size, rates
        Fine-tuning: epochs, of which the one with the lowest validation loss is kept, and Adam's rates tried.
    """

    draws: int = 10
    training: int = 100
    validation: int = 50
    hidden: tuple[int, ...] = (200, 200, 200)
    pretraining_epochs: int = 50
    pretraining_rate: float = 3e-3
    noise: float = 0.25
    epochs: int = 300
    batch_size: int = 20
    rates: tuple[float, ...] = (3e-4, 1e-3, 3e-3)


QUICK = Settings(draws=2, hidden=(64, 64), pretraining_epochs=10, epochs=60, rates=(3e-3,))


@dataclass
class Arm:
    """One kind of net with one kind of start, and what came of it, one entry per draw.

    Attributes
    ----------
    family : str
        A key of `FAMILIES`.
    start : str
        `PLAIN`, `PRETRAINED` or `WIDE`.
    errors, seconds : list of float
        Test error in percent; time for pre-training and all of fine-tuning.
    curves : list of list of float
        Validation loss per epoch, at the rate chosen.
    filters : dict of str to ndarray of shape (units, pixels)
        First-layer weights of the first draw, stage by stage.
    """

    family: str
    start: str
    errors: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    curves: list[list[float]] = field(default_factory=list)
    filters: dict[str, np.ndarray] = field(default_factory=dict)


# Keywords of `mlp`: the lectures' net starts from Glorot's weights, the modern one from He's.
FAMILIES: dict[str, dict[str, Any]] = {
    "sigmoid": {"activation": "sigmoid", "batchnorm": False, "dropout": 0.0},
    "modern": {"activation": "relu", "batchnorm": True, "dropout": 0.3},
}
# A sigmoid's slope at 0 is a quarter of tanh's, for which Glorot derived his weights: the control without pre-training.
PLAIN, PRETRAINED, WIDE = "plain", "pre-trained", "4x weights"
ARMS = (("sigmoid", PLAIN), ("sigmoid", PRETRAINED), ("sigmoid", WIDE), ("modern", PLAIN), ("modern", PRETRAINED))


def run(settings: Settings, folder: Path, *, say: Callable[..., None] = print) -> list[Arm]:
    """Train every arm on every draw, print the table and the conclusions, and save the pictures.

    Parameters
    ----------
    settings : Settings
        Sizes and rates.
    folder : Path
        Where the pictures go; made if it is not there.
    say : callable
        Called like `print`.

    Returns
    -------
    list of Arm
        The results, in the order of `ARMS`.

    Raises
    ------
    ImportError
        If scikit-learn (the data) or matplotlib (the pictures) is missing; before any training.
    """
    plots.require_matplotlib()
    images, labels = digits()
    folder.mkdir(parents=True, exist_ok=True)
    arms = [Arm(family, start) for family, start in ARMS]
    say(introduce(settings, len(images)) + "\n")
    start = time.perf_counter()
    for draw in range(settings.draws):
        began = time.perf_counter()
        say(f"draw {draw + 1:2d} of {settings.draws}, test error:", end="", flush=True)
        for arm in arms:
            train_arm(arm, images, labels, settings, draw)
            name = arm.family if arm.start == PLAIN else arm.start
            say(f"  {name} {arm.errors[-1]:.1f} %", end="", flush=True)
        say(f"  ({time.perf_counter() - began:.1f} s)", flush=True)
    say(f"\n{format_table(arms)}\n\n{conclude(arms)}\n")
    for path in save_pictures(arms, settings, folder):
        say(f"saved {path}")
    say(f"{time.perf_counter() - start:.0f} s in all")
    return arms


def introduce(settings: Settings, images: int) -> str:
    """Say what is compared and how, in lines for a terminal."""
    sizes = " x ".join(map(str, settings.hidden))
    rates = ", ".join(f"{rate:g}" for rate in settings.rates)
    return f"""\
Handwritten digits with few labels: {settings.training} to train on, {settings.validation} to choose by, \
{images - settings.training - settings.validation} to test on.
Nets with hidden layers of {sizes} units train for {settings.epochs} epochs at each rate of {rates};
the rate and the epoch with the lowest validation loss are kept.

  sigmoid      the lectures' deep net
  modern       ReLU, batch norm and dropout
  pre-trained  {settings.pretraining_epochs} epochs a layer of denoising autoencoders first, on all {images} images, no labels
  4x weights   a control: hidden weights start 4 times as large, for small ones alone may be what
               holds a deep sigmoid net back; pre-training has to beat this, too
"""


def train_arm(arm: Arm, images: np.ndarray, labels: np.ndarray, settings: Settings, draw: int) -> None:
    """Run one arm on one draw and note its test error, time and learning curve."""
    tested = len(images) - settings.training - settings.validation
    training, validation, test = split(len(images), settings.validation, tested, labels=labels, seed=draw)
    start = time.perf_counter()
    net = mlp(images.shape[1], settings.hidden, int(labels.max()) + 1, seed=draw, **FAMILIES[arm.family])
    filters = {"random start": net.parameters()["0.weight"].copy()}
    if arm.start == WIDE:
        linear = [place for place, layer in enumerate(net) if isinstance(layer, lamina.Linear)]
        for place in linear[:-1]:
            net.parameters()[f"{place}.weight"][...] *= 4
    if arm.start == PRETRAINED:
        lamina.pretrain.greedy(
            net,
            images,
            module="denoising",
            epochs=settings.pretraining_epochs,
            batch_size=settings.batch_size,
            lr=settings.pretraining_rate,
            corruption=settings.noise,
            seed=draw,
            progress=False,
        )
        filters["after pre-training"] = net.parameters()["0.weight"].copy()
    runs = []
    for rate in settings.rates:
        best_epoch = lamina.EarlyStopping(patience=settings.epochs)  # never stops, restores the best
        trainer = lamina.Trainer(copy.deepcopy(net), optimizer=lamina.Adam(lr=rate), callbacks=[best_epoch], seed=draw)
        history = trainer.fit(
            images[training],
            labels[training],
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            validation_data=(images[validation], labels[validation]),
            progress=False,
        )
        runs.append((trainer, list(history["val_loss"])))
    best = min(runs, key=lambda run: min(run[1]))
    arm.seconds.append(time.perf_counter() - start)
    arm.errors.append(100 * (1 - best[0].evaluate(images[test], labels[test])["score"]))
    arm.curves.append(best[1])
    if draw == 0:
        arm.filters = filters | {"after fine-tuning": best[0].net.parameters()["0.weight"].copy()}


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
        lines.append("(±: one standard error of the mean gain; clear is a gain beyond two of them)")
    return "\n".join(lines)


def _compare(errors: np.ndarray, others: np.ndarray) -> str:
    gains = others - errors
    means = f"{errors.mean():.2f} % against {others.mean():.2f} %"
    wins = f"{np.count_nonzero(gains > 0)} of {len(gains)} draws"
    if len(gains) < 3:
        return f"{means}, better in {wins}; too few draws to say more."
    error = np.std(gains, ddof=1) / np.sqrt(len(gains))
    clear = abs(gains.mean()) > 2 * error
    verdict = ("pre-training helps" if gains.mean() > 0 else "pre-training harms") if clear else "no clear difference"
    return f"{verdict}, {means}, better in {wins} (by {gains.mean():.2f} ± {error:.2f} points)."


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
