"""What the examples share: the command line, the picture and three data sets."""

import argparse
import textwrap
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure


def read_arguments(description, arguments):
    """Return the options of the command line, or of the list given."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--out", type=Path, default=Path("."), help="folder of the picture (default: this one)")
    parser.add_argument("--seed", type=int, default=0, help="settles data, weights and shuffles (default: 0)")
    return parser.parse_args(arguments)


def new_figure(columns, width=4.6, height=4.0, **keywords):
    """Return a figure that needs no display, and its axes from left to right."""
    figure = Figure(figsize=(width * columns, height), layout="constrained")
    return figure, figure.subplots(1, columns, squeeze=False, **keywords)[0]


def finish(figure, options, script, sentence):
    """Save the picture under the script's name, and say what is to be seen in it."""
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"{Path(script).stem}.png"
    figure.savefig(path, dpi=120)
    print(textwrap.fill(sentence, 100), f"The picture: {path}", sep="\n")


def spirals(rows, noise, rng, turns=1.0):
    """Return points (rows, 2) on two arms that wind about the origin, and which arm each is on."""
    arm = rng.integers(2, size=rows)
    distance = np.sqrt(rng.uniform(0.02, 1, rows))
    angle = 2 * np.pi * turns * distance + np.pi * arm
    points = distance[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (points + noise * rng.standard_normal((rows, 2))).astype(np.float32), arm


def rectangles(rows, rng, side=28):
    """Return white outlines of rectangles on black (rows, side²), and whether each is taller than wide.

    The recipe is that of H. Larochelle et al., "An empirical evaluation of deep architectures on problems with many
    factors of variation", 2007.
    """
    images, tall = np.zeros((rows, side, side), np.float32), np.zeros(rows, np.int64)
    for image, row in zip(images, range(rows), strict=True):
        height = width = 0
        while abs(height - width) < 3:
            height, width = rng.integers(3, side + 1, 2)
        top, left = rng.integers(side - height + 1), rng.integers(side - width + 1)
        image[top : top + height, [left, left + width - 1]] = 1
        image[[top, top + height - 1], left : left + width] = 1
        tall[row] = height > width
    return images.reshape(rows, -1), tall


def noisy_prototypes(rng, *sizes):
    """Return sets of rows (rows, 64) and labels: each class is three of 30 random patterns, seen through noise."""
    patterns = rng.standard_normal((30, 64))
    sets = []
    for rows in sizes:
        which = rng.integers(30, size=rows)
        noise = 1.5 * rng.standard_normal((rows, 64))
        sets.append(((patterns[which] + noise).astype(np.float32), which % 10))
    return sets
