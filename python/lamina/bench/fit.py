"""Whole fits on data of usual sizes: construction, shuffling and all epochs, scikit-learn and torch beside."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import lamina
from lamina.bench.harness import Contestant, Row, Setup
from lamina.bench.peers import by_blas, by_torch
from lamina.bench.step import Case, network, torch_network

BATCH = 200  # scikit-learn's default


def rows(setup: Setup) -> Iterator[Row]:
    """1797 x 64 is the shape of the digits; the values are random, since only the time counts."""
    yield row(setup, 1797, Case((64, 100, 10), BATCH, False, ">= 8x sklearn"), 50)
    if not setup.quick:
        yield row(setup, 20_000, Case((784, 512, 512, 10), BATCH, False, ">= 4x sklearn"), 2)
        units = lamina.config()["units"]["cpu"]
        if units["medium"] != units["highest"]:
            yield row(setup, 20_000, Case((784, 512, 512, 10), BATCH, False, ">= 12x sklearn, with AMX", "medium"), 2)


def row(setup: Setup, count: int, case: Case, epochs: int) -> Row:
    """A fit from nothing with Adam at 1e-3 and batches of 200."""
    x, y = setup.normal(count, case.widths[0]), setup.rng.integers(0, case.widths[-1], count)

    def own_run():
        adam = lamina.Adam(lr=1e-3)
        trainer = lamina.Trainer(network(case), loss="cross_entropy", optimizer=adam, seed=0, precision=case.precision)
        trainer.fit(x, y, epochs=epochs, batch_size=BATCH, progress=False)

    contestants = [Contestant("lamina", own_run), *by_torch(setup, lambda torch: torch_fit(torch, x, y, case, epochs))]
    if "sklearn" in setup.peers:
        contestants += by_blas(setup, "sklearn", sklearn_fit(x, y, case, epochs))
    medium = case.precision == "medium"
    name = f"{count}x{case.layers} {epochs} epochs" + " medium" * medium
    batches = count / BATCH * epochs
    return Row(name, contestants, case.operations * batches, "GFLOP/s", "bfloat16" if medium else "fma", goal=case.goal)


def torch_fit(torch, x: np.ndarray, y: np.ndarray, case: Case, epochs: int):
    """A plain training loop over shuffled index batches."""
    data, labels = torch.from_numpy(x), torch.from_numpy(y)

    def run():
        net = torch_network(torch, case)
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
        criterion = torch.nn.CrossEntropyLoss()
        for _ in range(epochs):
            for index in torch.randperm(len(data)).split(BATCH):
                optimizer.zero_grad(set_to_none=True)
                with torch.autocast("cpu", torch.bfloat16, enabled=case.precision == "medium"):
                    loss = criterion(net(data[index]), labels[index])
                loss.backward()
                optimizer.step()

    return run


def sklearn_fit(x: np.ndarray, y: np.ndarray, case: Case, epochs: int):
    """MLPClassifier with the same rule, rate and batches, without weight decay or early end."""
    from sklearn.neural_network import MLPClassifier

    settings = {"activation": "relu", "solver": "adam", "learning_rate_init": 1e-3, "alpha": 0.0, "batch_size": BATCH}
    settings |= {"max_iter": epochs, "tol": 0.0, "n_iter_no_change": epochs + 1}
    return lambda: MLPClassifier(case.widths[1:-1], random_state=0, **settings).fit(x, y)
