"""Boltzmann machines and autoencoders: the ops of the former, and pre-training with both."""

from __future__ import annotations

from collections.abc import Iterator

import lamina
from gpu_rows.device import Device, DeviceRow, least
from lamina import ops
from lamina.bench.harness import Contestant
from lamina.bench.rbm import HIDDEN, VISIBLE, torch_energy, torch_gradient, torch_hidden, torch_visible

BATCHES, BATCH, EPOCHS, RATE = (128, 4096), 128, 2, 0.05
ROWS = 20_000


def rows(device: Device) -> Iterator[DeviceRow]:
    """An op's operations are those of its products."""
    for batch in BATCHES:
        yield from of_ops(device, device.size(batch))
    yield boltzmann_fit(device)
    yield autoencoder_fit(device)


def of_ops(device: Device, batch: int) -> Iterator[DeviceRow]:
    visible, hidden = device.size(VISIBLE), device.size(HIDDEN)

    def arrays():
        units = device.uniform(batch, visible), device.uniform(batch, hidden)
        return *units, device.normal(hidden, visible), device.normal(visible), device.normal(hidden)

    draw = {"sample": True, "seed": 1}
    for name, products, ours, theirs in (
        ("rbm_hidden", 1, lambda v, h, w, c, b: ops.rbm_hidden(v, w, b, **draw), torch_hidden),
        ("rbm_hidden, relu", 1, lambda v, h, w, c, b: ops.rbm_hidden(v, w, b, unit="relu", **draw), None),
        ("rbm_visible", 1, lambda v, h, w, c, b: ops.rbm_visible(h, w, c, **draw), torch_visible),
        ("rbm_free_energy", 1, lambda v, h, w, c, b: ops.rbm_free_energy(v, w, c, b), torch_energy),
        ("rbm_gradient", 5, lambda v, h, w, c, b: ops.rbm_gradient(v, w, c, b, seed=1), torch_gradient),
    ):
        yield device.row(
            f"{name} {batch}x{visible}-{hidden}",
            arrays,
            ours,
            theirs,
            operations=products * 2.0 * batch * visible * hidden,
        )


def boltzmann_fit(device: Device) -> DeviceRow:
    """Persistent chains with a sparsity target; torch's way is a plain loop of contrastive divergence, without one."""
    count, visible, hidden = (device.size(n) for n in (ROWS, VISIBLE, HIDDEN))
    batch = min(BATCH, count // 5)

    def make():
        x = device.uniform(count, visible)

        def own():
            machine = lamina.RBM(visible, hidden, optimizer=lamina.SGD(lr=RATE), sparsity_cost=0.01, device="cuda")
            machine.fit(x, persistent=True, epochs=EPOCHS, batch_size=batch, progress=False)

        def theirs(torch):
            data = device.tensor(x)
            return lambda: torch_fit(torch, data, hidden, batch)

        return [Contestant("lamina", own), *device.peer(theirs, "CD-1")]

    operations = 10.0 * count * visible * hidden * EPOCHS
    return least(f"RBM fit {count}x{visible}-{hidden}, {EPOCHS} epochs", operations=operations, make=make)


def torch_fit(torch, data, hidden: int, batch: int) -> None:
    there = {"device": data.device}
    weight = 0.01 * torch.randn(hidden, data.shape[1], **there)
    c, b = torch.zeros(data.shape[1], **there), torch.zeros(hidden, **there)
    for _ in range(EPOCHS):
        for index in torch.randperm(len(data), **there).split(batch):
            steps = torch_gradient(torch, data[index], None, weight, c, b)
            for parameter, gradient in zip((weight, c, b), steps, strict=True):
                parameter.sub_(gradient, alpha=RATE)


def autoencoder_fit(device: Device) -> DeviceRow:
    """A denoising autoencoder with tied weights, with Adam."""
    count, visible, hidden = (device.size(n) for n in (ROWS, VISIBLE, HIDDEN))
    batch = min(BATCH, count // 5)

    def make():
        x = device.uniform(count, visible)

        def own():
            coder = lamina.Autoencoder(visible, hidden, corruption=0.25, device="cuda")
            coder.fit(x, epochs=EPOCHS, batch_size=batch, progress=False)

        def theirs(torch):
            data = device.tensor(x)
            return lambda: torch_denoise(torch, data, hidden, batch)

        return [Contestant("lamina", own), *device.peer(theirs)]

    operations = 12.0 * count * visible * hidden * EPOCHS
    return least(f"autoencoder fit {count}x{visible}-{hidden}, {EPOCHS} epochs", operations=operations, make=make)


def torch_denoise(torch, data, hidden: int, batch: int) -> None:
    functional = torch.nn.functional
    shapes = (hidden, data.shape[1]), (hidden,), (data.shape[1],)
    weight, b, c = leaves = [(0.01 * torch.randn(shape, device=data.device)).requires_grad_() for shape in shapes]
    adam = torch.optim.Adam(leaves, fused=True)
    for _ in range(EPOCHS):
        for index in torch.randperm(len(data), device=data.device).split(batch):
            x = data[index]
            code = torch.sigmoid(functional.linear(x * (torch.rand_like(x) >= 0.25), weight, b))
            loss = functional.binary_cross_entropy_with_logits(functional.linear(code, weight.T, c), x, reduction="sum")
            adam.zero_grad(set_to_none=True)
            (loss / len(x)).backward()
            adam.step()
