"""Sums along rows and columns: norms, softmax, losses with their gradients."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from gpu_rows.device import Device, DeviceRow
from gpu_rows.elementwise import SHAPE, line
from lamina import cuda, ops
from lamina.bench.loss import ELEMENTWISE, divergence

CLASSES = 1000


def rows(device: Device) -> Iterator[DeviceRow]:
    """Norms, softmax, losses."""
    yield from norms(device)
    for name in ("softmax", "log_softmax"):
        forward, backward = getattr(ops, f"{name}_forward"), getattr(ops, f"{name}_backward")

        def their_forward(torch, x, name=name):
            return getattr(torch, name)(x, 1)

        def their_backward(torch, dy, y, name=name):
            return getattr(torch.ops.aten, f"_{name}_backward_data")(dy, y, 1, torch.float32)

        yield line(device, f"{name} forward", 1, forward, their_forward, compiled=name == "softmax")
        yield line(device, f"{name} backward", 2, backward, their_backward)
    yield from losses(device)


def norms(device: Device) -> Iterator[DeviceRow]:
    """Statistics of columns and of rows; the least that must move: x twice and y, or dy and x twice and dx."""
    count, features = map(device.size, SHAPE)

    def arrays():
        norm = device.normal(features), cuda.zeros(features), cuda.zeros(features), device.uniform(features)
        return device.normal(count, features), *norm

    def batch(torch, x, gamma, beta, mean, variance, training=True):
        return torch.nn.functional.batch_norm(x, mean, variance, gamma, beta, training)

    def matrix_row(name, make, ours, theirs, passes, **options):
        moved = 4.0 * passes * count * features
        return device.row(f"{name} {count}x{features}", make, ours, theirs, moved=moved, **options)

    yield matrix_row("batchnorm forward", arrays, ops.batchnorm_forward, batch, 3, compiled=True)
    yield matrix_row(
        "batchnorm forward, inference",
        arrays,
        partial(ops.batchnorm_forward, training=False),
        partial_after(batch, training=False),
        2,
    )
    yield matrix_row(
        "layernorm forward",
        arrays,
        lambda x, gamma, beta, *_: ops.layernorm_forward(x, gamma, beta),
        lambda torch, x, gamma, beta, *_: torch.nn.functional.layer_norm(x, (features,), gamma, beta),
        2,
        compiled=True,
    )

    def saved(forward):
        x, gamma, beta = device.normal(count, features), device.normal(features), cuda.zeros(features)
        return device.normal(count, features), x, gamma, beta, *forward(x, gamma, beta)[1:]

    def batch_backward(torch, dy, x, gamma, beta, mean, rstd):
        return torch.ops.aten.native_batch_norm_backward(dy, x, gamma, None, None, mean, rstd, True, 1e-5, [True] * 3)

    def layer_backward(torch, dy, x, gamma, beta, mean, rstd):
        mean, rstd = mean[:, None], rstd[:, None]
        return torch.ops.aten.native_layer_norm_backward(dy, x, (features,), mean, rstd, gamma, beta, [True] * 3)

    yield matrix_row(
        "batchnorm backward",
        partial(saved, ops.batchnorm_forward),
        lambda dy, x, gamma, beta, mean, rstd: ops.batchnorm_backward(dy, x, gamma, mean, rstd),
        batch_backward,
        5,
    )
    yield matrix_row(
        "layernorm backward",
        partial(saved, ops.layernorm_forward),
        lambda dy, x, gamma, beta, mean, rstd: ops.layernorm_backward(dy, x, gamma, mean, rstd),
        layer_backward,
        3,
    )


def partial_after(function, **options):
    """A function of torch and tensors with some options settled."""
    return lambda torch, *tensors: function(torch, *tensors, **options)


def losses(device: Device) -> Iterator[DeviceRow]:
    """The loss and its gradient; torch's gradient through autograd."""
    count, classes = device.size(SHAPE[0]), device.size(CLASSES)
    moved = 8.0 * count * classes

    def graded(call):
        def run(torch, x, target, *others):
            leaf = x.detach().requires_grad_()
            return torch.autograd.grad(call(torch.nn.functional, leaf, target), leaf)

        return run

    def of_labels():
        return device.normal(count, classes), device.labels(count, classes)

    theirs = graded(lambda functional, x, target: functional.cross_entropy(x, target))
    name = f"softmax_cross_entropy {count}x{classes}"
    yield device.row(name, of_labels, ops.softmax_cross_entropy, theirs, moved=moved)

    def weighted(x, labels, weights):
        return ops.softmax_cross_entropy(x, labels, sample_weight=weights)

    def with_weights():
        return *of_labels(), device.uniform(count)

    def shares():
        return device.normal(count, classes), ops.softmax_forward(device.normal(count, classes))

    def values():
        return device.normal(count, classes), device.uniform(count, classes)

    yield device.row(f"{name}, weighted rows", with_weights, weighted, theirs, moved=moved)
    yield device.row(
        f"{name}, int32 labels",
        lambda: (device.normal(count, classes), cuda.array(device.labels(count, classes).numpy(), "int32")),
        ops.softmax_cross_entropy,
        graded(lambda functional, x, target: functional.cross_entropy(x, target.long())),
        moved=moved,
    )
    moved = 12.0 * count * classes
    yield device.row(f"kl_divergence {count}x{classes}", shares, ops.kl_divergence, graded(divergence), moved=moved)
    for name, peer in ELEMENTWISE:
        theirs = graded(lambda functional, x, target, peer=peer: getattr(functional, peer)(x, target))
        yield device.row(f"{name} {count}x{classes}", values, getattr(ops, name), theirs, moved=moved)
