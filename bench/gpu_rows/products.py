"""Matrix products at every precision, and what is fused with them: the epilogue of a layer, batch norm, dropout."""

from __future__ import annotations

from collections.abc import Iterator

from gpu_rows.device import Device, DeviceRow
from lamina import cuda, ops
from lamina.bench.gemm import SHAPES as SMALLER

LARGE = [(4096, 512, 512), (8192, 1024, 4096), (8192, 4096, 4096), (8192, 8192, 8192)]
LAYERS = [(128, 784, 512), (8192, 1024, 4096), (8192, 4096, 4096)]
# The least that wgmma takes, and depth that is a large batch's: a weight's gradient.
THIN, DEEP = (512, 128, 512), (512, 8192, 784)
GOALS = {"highest": ">= 0.85x cuBLAS", "high": "", "medium": "0.75 to 0.9x cuBLAS at 4096 and 8192 cubed"}


def rows(device: Device) -> Iterator[DeviceRow]:
    """float32 at every precision, bfloat16, a weight's gradient, then layers."""
    shapes = [*dict.fromkeys([*SMALLER, THIN, *LARGE])]
    for precision in ("medium", "high", "highest"):
        for shape in shapes:
            yield product(device, precision, *shape)
        yield weight_gradient(device, precision)
    for shape in shapes:
        yield bfloat16_product(device, *shape)
    for shape in LAYERS:
        yield bfloat16_linear(device, *shape)
    for precision in ("highest", "medium"):
        for shape in LAYERS:
            yield linear(device, precision, *shape)
            yield linear_backward(device, precision, *shape)
            yield layer(device, precision, *shape, backward=False)
            yield layer(device, precision, *shape, backward=True)


def sizes(device: Device, *shape: int) -> tuple[int, ...]:
    return shape if shape == THIN else tuple(map(device.size, shape))


def unit_of(precision: str) -> str:
    return "float32" if precision == "highest" else "bfloat16"


def tf32(torch, a, b):
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        return a @ b
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False


def torch_product(torch, precision, x, weight):
    with autocast(torch, precision, x):
        return x @ weight.T


def ways_of(precision: str) -> dict:
    """torch's own products beside a precision: b is given as it lies, (columns, depth)."""
    exact = {"float32": lambda torch, a, b: a @ b.T}
    if precision == "highest":
        return exact
    ways = {"tf32": lambda torch, a, b: tf32(torch, a, b.T)}
    if precision == "medium":
        return ways | {"bfloat16, rounding": lambda torch, a, b: a.bfloat16() @ b.bfloat16().T}
    return ways | exact


def product(device: Device, precision: str, *shape: int) -> DeviceRow:
    """Three products of halves for one at `high`."""
    m, k, n = sizes(device, *shape)
    return device.row(
        f"gemm {m}x{k}x{n} {precision}",
        lambda: (device.normal(m, k), device.normal(n, k)),
        lambda a, b: ops.gemm(a, b, transpose_b=True, precision=precision),
        ways_of(precision),
        operations=(6.0 if precision == "high" else 2.0) * m * k * n,
        moved=4.0 * (m * k + n * k + m * n),
        unit=unit_of(precision),
        goal=GOALS[precision],
    )


def weight_gradient(device: Device, precision: str) -> DeviceRow:
    """dWᵀ = dᵀ x over a large batch: few results, each with a long sum, which is split."""
    m, n = device.size(DEEP[0]), device.size(DEEP[2])
    k = device.size(DEEP[1], most=600)
    return device.row(
        f"gemm {m}x{k}x{n} TN {precision}",
        lambda: (device.normal(k, m), device.normal(k, n)),
        lambda a, b: ops.gemm(a, b, transpose_a=True, precision=precision),
        {"float32": lambda torch, a, b: a.T @ b, "tf32": lambda torch, a, b: tf32(torch, a.T, b)},
        operations=(6.0 if precision == "high" else 2.0) * m * k * n,
        moved=4.0 * (m * k + n * k + m * n),
        unit=unit_of(precision),
    )


def bfloat16_product(device: Device, *shape: int) -> DeviceRow:
    """bfloat16 arrays to a bfloat16 result, on both sides."""
    m, k, n = sizes(device, *shape)
    return device.row(
        f"gemm {m}x{k}x{n} bfloat16",
        lambda: (device.half(m, k), device.half(n, k)),
        lambda a, b: ops.gemm(a, b, transpose_b=True),
        lambda torch, a, b: a @ b.T,
        operations=2.0 * m * k * n,
        moved=2.0 * (m * k + n * k + m * n),
        unit="bfloat16",
        goal=GOALS["medium"],
    )


def bfloat16_linear(device: Device, *shape: int) -> DeviceRow:
    """x Wᵀ + b and ReLU of bfloat16 arrays, beside torch's own epilogue."""
    batch, inputs, outputs = sizes(device, *shape)
    return device.row(
        f"linear forward {batch}x{inputs}->{outputs} bfloat16",
        lambda: (device.half(batch, inputs), device.half(outputs, inputs), device.half(outputs)),
        lambda x, w, b: ops.linear_forward(x, w, b, activation="relu"),
        {"_addmm_activation": addmm_relu, "eager": lambda torch, x, w, b: torch.relu_(torch.addmm(b, x, w.T))},
        beside=("gemm", lambda torch, x, w, b: x @ w.T),
        operations=2.0 * batch * inputs * outputs,
        moved=2.0 * (batch * inputs + inputs * outputs + batch * outputs),
        unit="bfloat16",
        goal="faster than the gemm and a pass where the depth is at most 1024" if inputs <= 1024 else "",
    )


def addmm_relu(torch, x, w, b):
    return torch._addmm_activation(b, x, w.T)


def autocast(torch, precision: str, tensor):
    """What torch computes with at `medium`."""
    return torch.autocast(tensor.device.type, torch.bfloat16, enabled=precision == "medium")


def linear(device: Device, precision: str, *shape: int) -> DeviceRow:
    """x Wᵀ + b and ReLU, beside torch's own epilogue."""
    batch, inputs, outputs = sizes(device, *shape)

    def eager(torch, x, w, b):
        with autocast(torch, precision, x):
            return torch.relu_(torch.nn.functional.linear(x, w, b))

    return device.row(
        f"linear forward {batch}x{inputs}->{outputs} {precision}",
        lambda: (device.normal(batch, inputs), device.normal(outputs, inputs), device.normal(outputs)),
        lambda x, w, b: ops.linear_forward(x, w, b, activation="relu", precision=precision),
        {"eager": eager, "_addmm_activation": addmm_relu} if precision == "highest" else {"eager": eager},
        operations=2.0 * batch * inputs * outputs,
        moved=4.0 * (batch * inputs + inputs * outputs + batch * outputs),
        unit=unit_of(precision),
    )


def linear_backward(device: Device, precision: str, *shape: int) -> DeviceRow:
    """The gradients of x, W and b."""
    batch, inputs, outputs = sizes(device, *shape)

    def arrays():
        return tuple(
            device.normal(*size) for size in ((batch, outputs), (batch, inputs), (outputs, inputs), (batch, outputs))
        )

    def eager(torch, dy, x, w, y):
        d = torch.ops.aten.threshold_backward(dy, y, 0)
        with autocast(torch, precision, x):
            return d @ w, d.T @ x, d.sum(0)

    return device.row(
        f"linear backward {batch}x{inputs}->{outputs} {precision}",
        arrays,
        lambda dy, x, w, y: ops.linear_backward(dy, x, w, y=y, activation="relu", precision=precision),
        eager,
        operations=4.0 * batch * inputs * outputs,
        moved=4.0 * (2 * batch * inputs + 2 * inputs * outputs + 2 * batch * outputs),
        unit=unit_of(precision),
    )


def layer(device: Device, precision: str, *shape: int, backward: bool) -> DeviceRow:
    """A whole layer in training: linear, batch norm, ReLU, dropout; backward with all five gradients."""
    batch, inputs, outputs = sizes(device, *shape)

    def arrays():
        parameters = [device.normal(*size) for size in ((batch, inputs), (outputs, inputs), (outputs,), (outputs,))]
        statistics = cuda.zeros(outputs), device.uniform(outputs)
        return *parameters, cuda.zeros(outputs), *statistics, device.normal(batch, outputs)

    def ours(x, weight, bias, gamma, beta, mean, variance, dy):
        norm = {"gamma": gamma, "beta": beta, "running_mean": mean, "running_var": variance}
        _, saved = ops.lamina_forward(x, weight, bias, **norm, p=0.5, seed=1, precision=precision)
        return ops.lamina_backward(dy, saved) if backward else saved

    def theirs(torch, *tensors):
        leaves, (mean, variance, dy) = [t.detach().requires_grad_(backward) for t in tensors[:5]], tensors[5:]
        functional = torch.nn.functional
        with autocast(torch, precision, dy):
            z = functional.linear(*leaves[:3])
            y = functional.batch_norm(z, mean, variance, *leaves[3:], training=True)
            y = functional.dropout(functional.relu(y), 0.5, training=True)
        return torch.autograd.grad(y, leaves, dy.to(y.dtype)) if backward else y

    return device.row(
        f"layer {'forward+backward' if backward else 'forward'} {batch}x{inputs}->{outputs} {precision}",
        arrays,
        ours,
        theirs,
        compiled=not backward and shape == LAYERS[1],
        beside=("gemm", lambda torch, x, weight, *_: torch_product(torch, precision, x, weight)),
        operations=(6.0 if backward else 2.0) * batch * inputs * outputs,
        moved=4.0 * (batch * inputs + inputs * outputs + (5 if backward else 2) * batch * outputs),
        unit=unit_of(precision),
        goal="faster than the gemm and a pass where the depth is at most 1024" if inputs <= 1024 else "",
    )
