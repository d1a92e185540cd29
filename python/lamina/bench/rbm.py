"""Restricted Boltzmann machines: their ops for 784 visible and 500 hidden units, and fits beside scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

import lamina
from lamina import ops
from lamina.bench.harness import Contestant, Row, Setup
from lamina.bench.peers import by_blas, by_torch

ROWS, VISIBLE, HIDDEN = 128, 784, 500
DIGITS, EPOCHS, BATCH, RATE = (1797, 64, 256), 10, 10, 0.06


def rows(setup: Setup) -> Iterator[Row]:
    """An op's operations are those of its products."""
    v, h = (setup.normal(ROWS, units) > 0 for units in (VISIBLE, HIDDEN))
    v, h, weight = v.astype(np.float32), h.astype(np.float32), 0.05 * setup.normal(HIDDEN, VISIBLE)
    c, b, energies = np.zeros(VISIBLE, np.float32), np.zeros(HIDDEN, np.float32), np.empty(ROWS, np.float32)
    out_v, out_h = np.empty_like(v), np.empty_like(h)
    gradients = np.empty_like(weight), np.empty_like(c), np.empty_like(b), np.empty_like(h)
    product = 2.0 * ROWS * VISIBLE * HIDDEN
    draw = {"sample": True, "seed": 1}

    def line(name: str, call: Callable[[], object], products: int, peer: Callable) -> Row:
        peers = by_torch(setup, lambda torch: partial(peer, torch, *map(torch.from_numpy, (v, h, weight, c, b))))
        return Row(
            f"{name} {ROWS}x{VISIBLE}-{HIDDEN}",
            [Contestant("lamina", call), *peers],
            products * product,
            "GFLOP/s",
            "fma",
        )

    yield line("rbm_hidden", lambda: ops.rbm_hidden(v, weight, b, out=out_h, **draw), 1, torch_hidden)
    yield line("rbm_visible", lambda: ops.rbm_visible(h, weight, c, out=out_v, **draw), 1, torch_visible)
    yield line("rbm_free_energy", lambda: ops.rbm_free_energy(v, weight, c, b, out=energies), 1, torch_energy)
    yield line("rbm_gradient", lambda: ops.rbm_gradient(v, weight, c, b, seed=1, out=gradients), 5, torch_gradient)
    yield fit_row(setup)


def torch_hidden(torch, v, h, weight, c, b):
    """A draw, as the other peers of the ops get v, h, W and both biases."""
    return torch.bernoulli(torch.sigmoid(torch.addmm(b, v, weight.T)))


def torch_visible(torch, v, h, weight, c, b):
    return torch.bernoulli(torch.sigmoid(torch.addmm(c, h, weight)))


def torch_energy(torch, v, h, weight, c, b):
    return -(v @ c) - torch.nn.functional.softplus(torch.addmm(b, v, weight.T)).sum(1)


def torch_gradient(torch, v, h, weight, c, b):
    given = torch.sigmoid(torch.addmm(b, v, weight.T))
    end = torch_visible(torch, v, torch.bernoulli(given), weight, c, b)
    after = torch.sigmoid(torch.addmm(b, end, weight.T))
    return (after.T @ end - given.T @ v) / len(v), (end - v).mean(0), (after - given).mean(0)


def fit_row(setup: Setup) -> Row:
    """Persistent chains as scikit-learn has them; 1797 x 64 is the shape of the digits."""
    count, visible, hidden = DIGITS
    x = setup.rng.random((count, visible), np.float32)

    def own_run():
        machine = lamina.RBM(visible, hidden, optimizer=lamina.SGD(lr=RATE))
        machine.fit(x, persistent=True, epochs=EPOCHS, batch_size=BATCH, progress=False)

    contestants = [Contestant("lamina", own_run)]
    if "sklearn" in setup.peers:
        contestants += by_blas(setup, "sklearn", sklearn_fit(x))
    name = f"{count}x{visible}-{hidden} {EPOCHS} epochs"
    return Row(name, contestants, 5 * 2.0 * count * visible * hidden * EPOCHS, "GFLOP/s", "fma", goal=">= 8x sklearn")


def sklearn_fit(x: np.ndarray) -> Callable[[], object]:
    """BernoulliRBM with the same units, rate and batches."""
    from sklearn.neural_network import BernoulliRBM

    settings = {"n_components": DIGITS[2], "learning_rate": RATE, "batch_size": BATCH, "n_iter": EPOCHS}
    return lambda: BernoulliRBM(random_state=0, **settings).fit(x)
