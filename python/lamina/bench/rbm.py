"""Restricted Boltzmann machines: their ops for 784 visible and 500 hidden units, and fits beside scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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

    def line(name: str, call: Callable[[], object], products: int, torch_call: Callable | None = None) -> Row:
        peers = by_torch(setup, torch_call) if torch_call else ()
        return Row(
            f"{name} {ROWS}x{VISIBLE}-{HIDDEN}",
            [Contestant("lamina", call), *peers],
            products * product,
            "GFLOP/s",
            "fma",
        )

    def tensors(torch):
        return (torch.from_numpy(array.copy()) for array in (v, weight, c, b))

    def torch_hidden(torch):
        x, w, _, bias = tensors(torch)
        return lambda: torch.bernoulli(torch.sigmoid(torch.addmm(bias, x, w.T)))

    def torch_visible(torch):
        _, w, bias, _ = tensors(torch)
        states = torch.from_numpy(h.copy())
        return lambda: torch.bernoulli(torch.sigmoid(torch.addmm(bias, states, w)))

    def torch_energy(torch):
        x, w, own, bias = tensors(torch)
        return lambda: -(x @ own) - torch.nn.functional.softplus(torch.addmm(bias, x, w.T)).sum(1)

    def torch_gradient(torch):
        x, w, own, bias = tensors(torch)

        def means(units):
            return torch.sigmoid(torch.addmm(bias, units, w.T))

        def run():
            given = means(x)
            end = torch.bernoulli(torch.sigmoid(torch.addmm(own, torch.bernoulli(given), w)))
            after = means(end)
            return (after.T @ end - given.T @ x) / ROWS, (end - x).mean(0), (after - given).mean(0)

        return run

    yield line("rbm_hidden", lambda: ops.rbm_hidden(v, weight, b, out=out_h, **draw), 1, torch_hidden)
    yield line("rbm_visible", lambda: ops.rbm_visible(h, weight, c, out=out_v, **draw), 1, torch_visible)
    yield line("rbm_free_energy", lambda: ops.rbm_free_energy(v, weight, c, b, out=energies), 1, torch_energy)
    yield line("rbm_gradient", lambda: ops.rbm_gradient(v, weight, c, b, seed=1, out=gradients), 5, torch_gradient)
    yield fit_row(setup)


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
