"""Training steps through the public API: an epoch of `Trainer.fit` over some batches, divided by their number.

The rows are taken in order, as torch gets a batch that lies ready; the fits (fit.py) shuffle on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

import lamina
from lamina.bench.harness import Contestant, Row, Setup
from lamina.bench.peers import by_torch, torch_optimizers

DATA_BYTES = 4 << 20  # of an epoch's rows: in cache, as torch's one batch is


@dataclass
class Case:
    widths: tuple[int, ...]
    batch: int
    modern: bool  # batch norm and dropout 0.5 in the hidden layers
    goal: str
    precision: str = "highest"  # at "medium" torch runs under autocast to bfloat16

    @property
    def layers(self) -> str:
        return "-".join(map(str, self.widths))

    @property
    def name(self) -> str:
        words = (
            f"{self.layers} batch {self.batch}",
            "BN dropout" * self.modern,
            "medium" * (self.precision == "medium"),
        )
        return " ".join(filter(None, words))

    @property
    def operations(self) -> float:
        """Of the matrix products: forward, weight gradients, and data gradients above the first layer."""
        products = [2.0 * self.batch * i * o for i, o in zip(self.widths, self.widths[1:], strict=False)]
        return 3 * sum(products) - products[0]


LARGEST = Case((784, 2048, 2048, 2048, 10), 512, True, ">= 1.5x torch")
CASES = [
    Case((64, 32, 10), 32, False, ">= 15x torch"),
    Case((64, 128, 128, 10), 64, True, ">= 20x torch"),
    Case((784, 512, 512, 10), 128, False, ">= 1.5x torch"),
    Case((784, 512, 512, 10), 128, True, ">= 2.5x torch"),
    LARGEST,
    Case((784, 512, 512, 10), 128, False, ">= 4x autocast, with AMX", "medium"),
    Case((784, 512, 512, 10), 128, True, ">= 10x autocast, with AMX", "medium"),
    Case((784, 2048, 2048, 2048, 10), 512, True, ">= 5x autocast, with AMX", "medium"),
]


def rows(setup: Setup) -> Iterator[Row]:
    """Adam at 1e-3 on cross-entropy; the largest net only in a full run, `medium` where there is a unit for it."""
    units = lamina.config()["units"]["cpu"]
    for case in CASES:
        large = 2048 in case.widths
        if (setup.quick and large) or (case.precision == "medium" and units["medium"] == units["highest"]):
            continue
        contestants = [own_steps(setup, case), *torch_steps(setup, case)]
        ceiling = "bfloat16" if case.precision == "medium" else "fma"
        yield Row(case.name, contestants, case.operations, "GFLOP/s", ceiling, goal=case.goal)


def data(setup: Setup, case: Case, batches: int) -> tuple[np.ndarray, np.ndarray]:
    count = batches * case.batch
    return setup.normal(count, case.widths[0]), setup.rng.integers(0, case.widths[-1], count)


def network(case: Case, device: str = "cpu") -> lamina.Sequential:
    """Linear [batch norm] ReLU [dropout] for each hidden layer, then a linear one."""
    layers: list = []
    for inputs, outputs in zip(case.widths[:-2], case.widths[1:-1], strict=True):
        layers.append(lamina.Linear(inputs, outputs))
        layers += [lamina.BatchNorm(outputs), lamina.ReLU(), lamina.Dropout(0.5)] if case.modern else [lamina.ReLU()]
    return lamina.Sequential(*layers, lamina.Linear(case.widths[-2], case.widths[-1]), seed=0, device=device)


def own_steps(setup: Setup, case: Case) -> Contestant:
    """One epoch in native code over enough batches that the call itself does not count."""
    adam = lamina.Adam(lr=1e-3)
    trainer = lamina.Trainer(network(case), loss="cross_entropy", optimizer=adam, seed=0, precision=case.precision)
    batches = max(4, DATA_BYTES // (4 * case.batch * case.widths[0]))
    x, y = data(setup, case, batches)

    def run():
        trainer.fit(x, y, epochs=1, batch_size=case.batch, shuffle=False, progress=False)

    return Contestant("lamina", run, f"epoch of {batches} batches", steps=batches)


def torch_steps(setup: Setup, case: Case) -> list[Contestant]:
    """torch eager on one batch that lies ready: zero_grad, forward, loss, backward, optimizer step."""
    x, y = data(setup, case, 1)
    contestants: list[Contestant] = []
    for path in torch_optimizers(setup.quick):

        def make(torch, path=path):
            step = torch_step(torch, case, torch_network(torch, case), **{path: True})
            return partial(step, torch.from_numpy(x), torch.from_numpy(y))

        contestants += by_torch(setup, make, variant=path)
    return contestants


def torch_step(torch, case: Case, net, **options: bool):
    """A step of Adam on a batch and its labels, which lie where the net does; options: of torch's Adam."""
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, **options)
    criterion = torch.nn.CrossEntropyLoss()

    def step(batch, labels):
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(batch.device.type, torch.bfloat16, enabled=case.precision == "medium"):
            loss = criterion(net(batch), labels)
        loss.backward()
        optimizer.step()

    return step


def torch_network(torch, case: Case):
    """The same layers in torch, in training mode."""
    from torch import nn

    layers = []
    for inputs, outputs in zip(case.widths[:-2], case.widths[1:-1], strict=True):
        layers.append(nn.Linear(inputs, outputs))
        layers += [nn.BatchNorm1d(outputs), nn.ReLU(), nn.Dropout(0.5)] if case.modern else [nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(*case.widths[-2:])).train()
