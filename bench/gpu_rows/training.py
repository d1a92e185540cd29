"""Training steps, fits from nothing, and prediction: the nets of the CPU's benchmark, on data that is on the device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import lamina
from gpu_rows.device import COMPILER_PATIENCE, Device, DeviceRow, least
from lamina.bench import predict
from lamina.bench.fit import BATCH, FITS, torch_fit
from lamina.bench.harness import Contestant
from lamina.bench.step import CASES, Case, network, torch_network, torch_step

DATA_BYTES = 64 << 20  # of an epoch's rows: so many batches that the call itself does not count
MODERN = Case((784, 512, 512, 10), BATCH, True, "")
GOAL = "0.6 us a node where the work itself is little"
PARAMETER_BYTES = 40  # of a step: weights twice, gradients twice, Adam's states


def rows(device: Device) -> Iterator[DeviceRow]:
    """Steps first."""
    for case in CASES:
        yield steps(device, shrunk(device, case))
    for count, case, epochs in FITS:
        yield fit(device, device.size(count), shrunk(device, case), epochs)
    yield fit(device, device.size(FITS[-1][0]), shrunk(device, MODERN), FITS[-1][2])
    for case, count in predict.CASES:
        for from_numpy in (False, True):
            yield prediction(device, shrunk(device, case), device.size(count), from_numpy)


def shrunk(device: Device, case: Case) -> Case:
    widths = tuple(map(device.size, case.widths))
    return replace(case, widths=widths, batch=min(case.batch, 8) if device.small else case.batch)


def trainer_of(case: Case) -> lamina.Trainer:
    net = network(case, "cuda")
    return lamina.Trainer(net, optimizer=lamina.Adam(lr=1e-3), seed=0, precision=case.precision)


def steps(device: Device, case: Case) -> DeviceRow:
    """An epoch, which is one recorded step repeated, over its batches; torch's step has a batch that lies ready.

    `nodes` is how many the recorded step has, `s_per_node` what the whole step takes for each.
    """
    batches = 6 if device.small else max(64, min(1024, DATA_BYTES // (4 * case.batch * case.widths[0])))
    count = batches * case.batch
    weights = sum(i * o for i, o in zip(case.widths, case.widths[1:], strict=False))
    unit = "float32" if case.precision == "highest" else "bfloat16"
    row = least(f"step {case.name}", moved=PARAMETER_BYTES * weights, operations=case.operations, unit=unit, goal=GOAL)

    def make():
        trainer, x = trainer_of(case), device.normal(count, case.widths[0])
        y = device.labels(count, case.widths[-1])

        def epoch():
            trainer.fit(x, y, epochs=1, batch_size=case.batch, progress=False)

        epoch()
        row.more["nodes"] = lamina._core.cuda_recorded_nodes()
        contestants = [Contestant("lamina", epoch, f"epoch of {batches} batches", steps=batches)]
        if not device.torch:
            return contestants
        batch = device.tensor(x)[: case.batch], device.tensor(y)[: case.batch]
        return [*contestants, *torch_steps(device, case, batch)]

    row.make, row.patience = make, COMPILER_PATIENCE if case.modern else row.patience
    return row


def torch_steps(device: Device, case: Case, batch: tuple) -> list[Contestant]:
    """torch with its fused Adam: eager, compiled, and recorded as a graph."""

    def eager(torch, **options):
        net = torch_network(torch, case).to(batch[0].device)
        return partial(torch_step(torch, case, net, fused=True, **options), *batch)

    def compiled(torch):
        net = torch.compile(torch_network(torch, case).to(batch[0].device))
        return partial(torch_step(torch, case, net, fused=True), *batch)

    def recorded(torch):
        step, side = eager(torch, capturable=True), torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        return graph.replay

    contestants = device.peer(eager, "eager")
    if device.on_gpu:
        contestants += device.peer(recorded, "graph")
    if device.on_gpu and case.modern:
        contestants += device.peer(compiled, "compile")
    return contestants


def fit(device: Device, count: int, case: Case, epochs: int) -> DeviceRow:
    """Construction, shuffling and all epochs, on both sides."""

    def make():
        x, y = device.normal(count, case.widths[0]), device.labels(count, case.widths[-1])

        def own():
            trainer_of(case).fit(x, y, epochs=epochs, batch_size=BATCH, progress=False)

        def theirs(torch):
            return torch_fit(torch, device.tensor(x), device.tensor(y), case, epochs)

        return [Contestant("lamina", own), *device.peer(theirs)]

    unit = "float32" if case.precision == "highest" else "bfloat16"
    name = f"fit {count}x{case.name}, {epochs} epochs"
    return least(name, operations=case.operations * count / BATCH * epochs, unit=unit, make=make)


def prediction(device: Device, case: Case, count: int, from_numpy: bool) -> DeviceRow:
    """Data on the device, or in NumPy's memory, from where they are copied and the outputs back."""
    pairs = list(zip(case.widths, case.widths[1:], strict=False))

    def make():
        x = device.normal(count, case.widths[0])
        host, net = x.numpy(), network(case, "cuda")

        def theirs(torch):
            data = device.tensor(x)
            on_device = predict.torch_predict(torch, case, data, count)
            if not from_numpy:
                return on_device

            def call():
                data.copy_(torch.from_numpy(host))
                return on_device().cpu()

            return call

        return [Contestant("lamina", partial(net.predict, host if from_numpy else x)), *device.peer(theirs)]

    where = " from NumPy" * from_numpy
    name = f"predict {case.layers}{' BN' * case.modern} {count} {'row' if count == 1 else 'rows'}{where}"
    moved = 4.0 * (count * (case.widths[0] + case.widths[-1]) + sum(i * o for i, o in pairs))
    return least(name, operations=sum(2.0 * count * i * o for i, o in pairs), moved=moved, make=make)
