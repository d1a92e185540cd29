"""Work on the elements of a tall matrix: activations, masks, noise of inputs and weights, random numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from gpu_rows.device import Device, DeviceRow
from lamina import ops
from lamina.bench.activation import torch_forward

SHAPE = (8192, 4096)
TORCH_BACKWARD = {  # of dy, x and y
    "sigmoid": lambda torch, dy, x, y: torch.ops.aten.sigmoid_backward(dy, y),
    "tanh": lambda torch, dy, x, y: torch.ops.aten.tanh_backward(dy, y),
    "relu": lambda torch, dy, x, y: torch.ops.aten.threshold_backward(dy, x, 0),
    "leaky_relu": lambda torch, dy, x, y: torch.ops.aten.leaky_relu_backward(dy, x, 0.01, False),
    "softplus": lambda torch, dy, x, y: torch.ops.aten.softplus_backward(dy, x, 1, 20),
    "gelu": lambda torch, dy, x, y: torch.ops.aten.gelu_backward(dy, x),
    "gelu_tanh": lambda torch, dy, x, y: torch.ops.aten.gelu_backward(dy, x, approximate="tanh"),
    "silu": lambda torch, dy, x, y: torch.ops.aten.silu_backward(dy, x),
}


def line(
    device: Device, name: str, count: int, ours: Callable, theirs: Any = None, *, passes: int = 0, **options: Any
) -> DeviceRow:
    """`count` matrices go in and one comes out, unless `passes` says how many are read and written."""
    rows, columns = map(device.size, SHAPE)
    options.setdefault("goal", ">= 80% of copy")
    return device.row(
        f"{name} {rows}x{columns}",
        lambda: tuple(device.normal(rows, columns) for _ in range(count)),
        ours,
        theirs,
        moved=4.0 * (passes or count + 1) * rows * columns,
        **options,
    )


def rows(device: Device) -> Iterator[DeviceRow]:
    """A copy first."""
    yield line(device, "copy", 2, lambda x, y: y.__setitem__(..., x), lambda torch, x, y: y.copy_(x), passes=2)
    yield from activations(device)
    yield from masks(device)
    yield from noise(device)
    yield from random(device)


def activations(device: Device) -> Iterator[DeviceRow]:
    """Every activation, forward and backward."""
    for name in ops.activations(fused=True):

        def forward(torch, x, y, name=name):
            return torch_forward(torch, name, x, y)()

        known = device.torch and torch_forward(device.torch, name, None, None)
        own = partial(own_forward, name)
        yield line(device, f"{name} forward", 2, own, forward if known else None, passes=2)
    for name in ops.activations(fused=True):
        own = partial(own_backward, name)
        yield line(device, f"{name} backward", 3, own, TORCH_BACKWARD.get(name), passes=3)
    yield line(
        device,
        "prelu forward",
        1,
        lambda x: ops.activation_forward(x, "prelu"),
        lambda torch, x: torch.nn.functional.prelu(x, torch.full((1,), 0.25, device=x.device)),
    )
    yield line(device, "prelu backward", 2, lambda dy, x: ops.activation_backward(dy, x, "prelu"), prelu_backward)
    rrelu = {"training": True, "seed": 1}
    yield line(
        device,
        "rrelu forward",
        1,
        lambda x: ops.activation_forward(x, "rrelu", **rrelu),
        lambda torch, x: torch.nn.functional.rrelu(x, training=True),
    )
    yield line(device, "rrelu backward", 2, lambda dy, x: ops.activation_backward(dy, x, "rrelu", **rrelu))


def own_forward(name, x, y):
    ops.activation_forward(x, name, out=y)


def own_backward(name, dy, x, y):
    ops.activation_backward(dy, x, name, y=y)


def prelu_backward(torch, dy, x):
    leaves = x.detach().requires_grad_(), torch.full((1,), 0.25, device=x.device, requires_grad=True)
    return torch.autograd.grad(torch.nn.functional.prelu(*leaves), leaves, dy)


def masks(device: Device) -> Iterator[DeviceRow]:
    """Dropout and what else keeps an element or not; masks are drawn again in the backward pass."""
    functional = device.torch and device.torch.nn.functional
    yield line(
        device,
        "dropout_forward",
        1,
        lambda x: ops.dropout_forward(x, 0.5, seed=1),
        lambda torch, x: functional.dropout(x, 0.5),
        compiled=True,
    )
    yield line(
        device,
        "dropout_backward",
        1,
        lambda dy: ops.dropout_backward(dy, 0.5, seed=1),
        lambda torch, dy: torch.ops.aten.native_dropout_backward(dy, dy > 0, 2.0),
    )
    yield line(
        device,
        "alpha_dropout_forward",
        1,
        lambda x: ops.alpha_dropout_forward(x, 0.5, seed=1),
        lambda torch, x: functional.alpha_dropout(x, 0.5, training=True),
    )
    yield line(device, "alpha_dropout_backward", 1, lambda dy: ops.alpha_dropout_backward(dy, 0.5, seed=1))
    yield line(device, "masking_noise", 1, lambda x: ops.masking_noise(x, 0.5, seed=1))
    yield line(
        device,
        "salt_and_pepper",
        1,
        lambda x: ops.salt_and_pepper(x, 0.5, seed=1),
        lambda torch, x: torch.where(torch.rand_like(x) < 0.5, x, (torch.rand_like(x) < 0.5).float()),
    )
    yield line(
        device,
        "zoneout_forward",
        2,
        lambda h, previous: ops.zoneout_forward(h, previous, 0.5, seed=1),
        lambda torch, h, previous: torch.where(torch.rand_like(h) < 0.5, previous, h),
    )
    yield line(
        device,
        "zoneout_forward, inference",
        2,
        lambda h, previous: ops.zoneout_forward(h, previous, 0.5, seed=1, training=False),
        lambda torch, h, previous: torch.lerp(h, previous, 0.5),
    )
    yield line(device, "zoneout_backward", 1, lambda dy: ops.zoneout_backward(dy, 0.5, seed=1), passes=3)


def noise(device: Device) -> Iterator[DeviceRow]:
    """Normal noise, and what the weights of DropConnect's kin go through."""
    yield line(
        device,
        "gaussian_noise",
        1,
        lambda x: ops.gaussian_noise(x, 0.1, seed=1),
        lambda torch, x: x + 0.1 * torch.randn_like(x),
        compiled=True,
    )
    yield line(device, "shakeout", 1, lambda w: ops.shakeout(w, 0.5, 0.1, seed=1))
    yield line(
        device,
        "whiteout_forward",
        1,
        lambda w: ops.whiteout_forward(w, 0.1, seed=1),
        lambda torch, w: w + 0.1 * w.abs().rsqrt() * torch.randn_like(w),
    )
    yield line(device, "whiteout_backward", 2, lambda dy, w: ops.whiteout_backward(dy, w, 0.1, seed=1))


def random(device: Device) -> Iterator[DeviceRow]:
    """Numbers from nothing: only written."""
    shape = tuple(map(device.size, SHAPE))
    there, where = {"seed": 1, "device": "cuda"}, "cuda" if device.on_gpu else "cpu"
    for name, own, size, peer in (
        (
            "random_uniform",
            partial(ops.random_uniform, shape, **there),
            4,
            lambda torch: torch.rand(shape, device=where),
        ),
        (
            "random_normal",
            partial(ops.random_normal, shape, **there),
            4,
            lambda torch: torch.randn(shape, device=where),
        ),
        (
            "dropout_mask",
            partial(ops.dropout_mask, shape, 0.5, **there),
            1,
            lambda torch: torch.rand(shape, device=where) < 0.5,
        ),
    ):
        yield device.row(f"{name} {shape[0]}x{shape[1]}", tuple, own, peer, moved=float(size * shape[0] * shape[1]))
