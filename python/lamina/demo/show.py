"""Runs the demo from beginning to end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from lamina import plots
from lamina.datasets import digits
from lamina.demo.experiment import ARMS, PLAIN, Arm, Settings, train_arm
from lamina.demo.report import conclude, format_table, introduce, save_pictures

__all__ = ["run"]


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
    say("Test errors in %:")
    for draw in range(settings.draws):
        began = time.perf_counter()
        say(f"draw {draw + 1:2}/{settings.draws}:", end="", flush=True)
        for arm in arms:
            train_arm(arm, images, labels, settings, draw)
            name = arm.family if arm.start == PLAIN else arm.start
            say(f"  {name} {arm.errors[-1]:4.1f}", end="", flush=True)
        say(f"  {time.perf_counter() - began:.1f} s", flush=True)
    say(f"\n{format_table(arms)}\n\n{conclude(arms)}\n")
    for path in save_pictures(arms, settings, folder):
        say(f"saved {path}")
    say(f"{time.perf_counter() - start:.0f} s in all")
    return arms
