"""Inference through the public API: a data set, and one row, whose time is all overhead."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lamina.bench.harness import Contestant, Row, Setup
from lamina.bench.peers import by_blas, by_torch
from lamina.bench.step import Case, network, torch_network

PLAIN = Case((784, 512, 512, 10), 0, False, "")
MODERN = Case((64, 128, 128, 10), 0, True, "")
CASES = ((PLAIN, 20_000), (PLAIN, 1), (MODERN, 1))  # and rows of the data
BLOCK = 1024  # rows that lamina computes at a time unless told


def rows(setup: Setup) -> Iterator[Row]:
    """The second net has batch norm, which scikit-learn lacks."""
    for case, count in CASES:
        yield row(setup, case, count)


def row(setup: Setup, case: Case, count: int) -> Row:
    """The outputs of untrained nets for the same rows."""
    x, net = setup.normal(count, case.widths[0]), network(case)
    contestants = [Contestant("lamina", lambda: net.predict(x))]
    blocks = {"at once": count, f"by {BLOCK} rows": BLOCK} if count > BLOCK else {"at once": count}
    for variant, block in blocks.items():

        def make(torch, block=block):
            return torch_predict(torch, case, torch.from_numpy(x), block)

        contestants += by_torch(setup, make, variant=variant)
    if "sklearn" in setup.peers and not case.modern:
        contestants += by_blas(setup, "sklearn", sklearn_predict(setup, case, x))
    work = sum(2.0 * count * i * o for i, o in zip(case.widths, case.widths[1:], strict=False))
    name = f"{case.layers}{' BN' * case.modern} {count} {'row' if count == 1 else 'rows'}"
    return Row(name, contestants, work, "GFLOP/s", "fma")


def torch_predict(torch, case: Case, data, block: int):
    """The net in evaluation, without a graph, where the data lie."""
    net = torch_network(torch, case).eval().to(data.device)

    @torch.inference_mode()
    def run():
        return net(data) if block >= len(data) else torch.cat([net(part) for part in data.split(block)])

    return run


def sklearn_predict(setup: Setup, case: Case, x: np.ndarray):
    """MLPRegressor, since its prediction is the outputs alone, as those of the others are; one step made it."""
    from sklearn.neural_network import MLPRegressor

    net = MLPRegressor(hidden_layer_sizes=case.widths[1:-1], max_iter=1)
    net.fit(setup.normal(32, case.widths[0]), setup.normal(32, case.widths[-1]))
    return lambda: net.predict(x)
