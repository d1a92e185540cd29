"""Whole fits on data of usual sizes: construction, shuffling and all epochs, scikit-learn and torch beside."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import lamina
from lamina.bench.harness import Contestant, Row, Setup
from lamina.bench.peers import by_blas, by_torch
from lamina.bench.step import Case, network, torch_network, torch_step

BATCH = 200  # scikit-learn's default


# Rows, net and epochs. 1797 x 64 is the shape of the digits; the values are random, since only the time counts.
FITS = (
    (1797, Case((64, 100, 10), BATCH, False, ">= 8x sklearn"), 50),
    (20_000, Case((784, 512, 512, 10), BATCH, False, ">= 4x sklearn"), 2),
    (20_000, Case((784, 512, 512, 10), BATCH, False, ">= 12x sklearn, with AMX", "medium"), 2),
)


def rows(setup: Setup) -> Iterator[Row]:
    """A quick run takes the first; `medium` where there is a unit for it."""
    units = lamina.config()["units"]["cpu"]
    for count, case, epochs in FITS[:1] if setup.quick else FITS:
        if case.precision == "highest" or units["medium"] != units["highest"]:
            yield row(setup, count, case, epochs)


def row(setup: Setup, count: int, case: Case, epochs: int) -> Row:
    """A fit from nothing with Adam at 1e-3 and batches of 200."""
    x, y = setup.normal(count, case.widths[0]), setup.rng.integers(0, case.widths[-1], count)

    def own_run():
        adam = lamina.Adam(lr=1e-3)
        trainer = lamina.Trainer(network(case), loss="cross_entropy", optimizer=adam, seed=0, precision=case.precision)
        trainer.fit(x, y, epochs=epochs, batch_size=BATCH, progress=False)

    def torch_run(torch):
        return torch_fit(torch, torch.from_numpy(x), torch.from_numpy(y), case, epochs)

    contestants = [Contestant("lamina", own_run), *by_torch(setup, torch_run)]
    if "sklearn" in setup.peers:
        contestants += by_blas(setup, "sklearn", sklearn_fit(x, y, case, epochs))
    medium = case.precision == "medium"
    name = f"{count}x{case.layers} {epochs} epochs" + " medium" * medium
    batches = count / BATCH * epochs
    return Row(name, contestants, case.operations * batches, "GFLOP/s", "bfloat16" if medium else "fma", goal=case.goal)


def torch_fit(torch, data, labels, case: Case, epochs: int):
    """A plain training loop over shuffled index batches, where the data lie."""

    def run():
        step = torch_step(torch, case, torch_network(torch, case).to(data.device), fused=True)
        for _ in range(epochs):
            for index in torch.randperm(len(data), device=data.device).split(BATCH):
                step(data[index], labels[index])

    return run


def sklearn_fit(x: np.ndarray, y: np.ndarray, case: Case, epochs: int):
    """MLPClassifier with the same rule, rate and batches, without weight decay or early end."""
    from sklearn.neural_network import MLPClassifier

    settings = {"activation": "relu", "solver": "adam", "learning_rate_init": 1e-3, "alpha": 0.0, "batch_size": BATCH}
    settings |= {"max_iter": epochs, "tol": 0.0, "n_iter_no_change": epochs + 1}
    return lambda: MLPClassifier(case.widths[1:-1], random_state=0, **settings).fit(x, y)
