"""What the examples share: the command line, the picture and a data set."""

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


def noisy_prototypes(rng, *sizes):
    """Return sets of rows (rows, 64) and labels: each class is three of 30 random patterns, seen through noise."""
    patterns = rng.standard_normal((30, 64))
    sets = []
    for rows in sizes:
        which = rng.integers(30, size=rows)
        noise = 1.5 * rng.standard_normal((rows, 64))
        sets.append(((patterns[which] + noise).astype(np.float32), which % 10))
    return sets
