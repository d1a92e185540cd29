"""The demo's experiment: nets of two families, each started in several ways, trained on few labelled digits."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import lamina
from lamina.datasets import split
from lamina.mlp import mlp

__all__ = ["ARMS", "FAMILIES", "PLAIN", "PRETRAINED", "QUICK", "WIDE", "Arm", "Settings", "train_arm"]


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
