"""Small tables to train on, and ways to run the command line on them."""

import csv
import subprocess
import sys

import numpy as np

from lamina.cli import main

QUICK = ["--hidden", "16", "--epochs", "60", "--batch-size", "32", "--lr", "0.01", "--no-progress"]


def write_flowers(path, rows=240, seed=0):
    """Three separable kinds, told by text; a constant column; columns of very different scale."""
    generator = np.random.default_rng(seed)
    kind = generator.integers(0, 3, rows)
    length, width = kind * 1000 + generator.normal(0, 100, rows), 0.001 * (kind == 1) + generator.normal(0, 1e-4, rows)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["length", "kind", "width", "constant"])
        writer.writerows(zip(length, np.array(["äster", "beech", "clover"])[kind], width, [0.1] * rows, strict=True))


def write_line(path, rows=300):
    """A regression far from zero: y = 1000 + 50 a - 20 b."""
    X = np.random.default_rng(1).normal(size=(rows, 2))
    np.savez(path, X=X, y=1000 + X @ [50.0, -20.0])


def read_rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def assert_one_line_error(capfd, arguments, message, command="train"):
    assert main([command, *map(str, arguments)]) == 2
    error = capfd.readouterr().err
    assert error.startswith(f"lamina {command}: ") and error.count("\n") == 1, error
    assert message in error


def start(arguments, folder):
    return subprocess.Popen(
        [sys.executable, "-m", "lamina", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
