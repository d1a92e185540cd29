"""What makes columns of data: embeddings and encodings of numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gpu_rows.device import Device, DeviceRow
from lamina import cuda, ops

EMBEDDINGS = [(16384, 16, 20), (65536, 64, 20), (65536, 64, 100_000)]  # rows, features, codes
ROWS, FEATURES, EACH = 65536, 16, 32  # EACH: frequencies, or bins


def rows(device: Device) -> Iterator[DeviceRow]:
    """Embeddings small and large, periodic and piecewise-linear encodings."""
    for batch, features, codes in EMBEDDINGS:
        yield from embedding(device, device.size(batch), features, device.size(codes, most=300))
    yield from encodings(device)


def embedding(device: Device, batch: int, features: int, codes: int) -> Iterator[DeviceRow]:
    """The rows must move, and backward the table be written."""
    moved, shape = 8.0 * batch * features, f"{batch} codes of {codes}x{features}"
    yield device.row(
        f"embedding forward {shape}",
        lambda: (device.labels(batch, codes), device.normal(codes, features)),
        ops.embedding_forward,
        lambda torch, index, table: torch.nn.functional.embedding(index, table),
        moved=moved,
    )
    yield device.row(
        f"embedding backward {shape}",
        lambda: (device.normal(batch, features), device.labels(batch, codes)),
        lambda dy, index: ops.embedding_backward(dy, index, codes),
        lambda torch, dy, index: torch.ops.aten.embedding_dense_backward(dy, index, codes, -1, False),
        moved=moved + 4.0 * codes * features,
    )


def encodings(device: Device) -> Iterator[DeviceRow]:
    """The encoded rows are written, or read once, and once more where sines and cosines are read."""
    batch, width = device.size(ROWS), FEATURES * EACH
    name = f"{batch}x{FEATURES}, {EACH} each"

    def periodic(torch, x, frequencies):
        angle = 2 * np.pi * (x[:, :, None] * frequencies)
        return torch.cat([angle.sin(), angle.cos()], dim=2).flatten(1)

    def with_frequencies():
        return device.normal(batch, FEATURES), device.normal(FEATURES, EACH)

    def for_backward():
        x, frequencies = with_frequencies()
        return device.normal(batch, 2 * width), x, frequencies, ops.periodic_forward(x, frequencies)

    def periodic_backward(torch, dy, x, frequencies, y):
        sine, cosine = y.unflatten(1, (FEATURES, 2, EACH)).unbind(2)
        dsine, dcosine = dy.unflatten(1, (FEATURES, 2, EACH)).unbind(2)
        dangle = 2 * np.pi * (dsine * cosine - dcosine * sine)
        return (dangle * frequencies).sum(2), (dangle * x[:, :, None]).sum(0)

    encoded = 4.0 * batch * width
    yield device.row(
        f"periodic forward {name}", with_frequencies, ops.periodic_forward, periodic, moved=2 * encoded, compiled=True
    )
    yield device.row(
        f"periodic backward {name}",
        for_backward,
        ops.periodic_backward,
        periodic_backward,
        moved=4 * encoded,
    )

    def edges():
        return cuda.array(np.sort(np.random.default_rng(0).normal(size=(FEATURES, EACH + 1)), axis=1), "float32")

    def piecewise(torch, x, edges):
        share = (x[:, :, None] - edges[:, :-1]) / edges.diff()
        share[:, :, :-1].clamp_(max=1)
        share[:, :, 1:].clamp_(min=0)
        return share.flatten(1)

    yield device.row(
        f"piecewise_linear forward {name}",
        lambda: (device.normal(batch, FEATURES), edges()),
        ops.piecewise_linear_forward,
        piecewise,
        moved=encoded,
    )
    yield device.row(
        f"piecewise_linear backward {name}",
        lambda: (device.normal(batch, width), device.normal(batch, FEATURES), edges()),
        ops.piecewise_linear_backward,
        moved=encoded,
    )
