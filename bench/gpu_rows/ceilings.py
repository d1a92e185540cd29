"""What the device can do at best: a copy, and PyTorch's products."""

from gpu_rows.device import least
from lamina import cuda
from lamina.bench.harness import Contestant


def rows(device):
    """Bytes a second of a copy of 4 GB, then products of random numbers at every precision of the hardware."""
    count = device.size(1 << 30)

    def copies():
        source, target = cuda.empty(count), cuda.empty(count)
        peer = device.peer(lambda torch: lambda: device.tensor(target).copy_(device.tensor(source)))
        return [Contestant("lamina", lambda: target.__setitem__(..., source)), *peer]

    yield least("copy of 4 GB", moved=8.0 * count, make=copies)
    n = device.size(8192)

    def products(dtype, tf32):
        def product(torch):
            a, b = (torch.randn(n, n, device="cuda", dtype=getattr(torch, dtype)) for _ in range(2))

            def call():
                torch.backends.cuda.matmul.allow_tf32 = tf32
                return a @ b

            return call

        return device.peer(product) if device.on_gpu else []

    for name, dtype in (("float32", "float32"), ("tf32", "float32"), ("bfloat16", "bfloat16")):
        row = least(f"{name} {n}^3", operations=2.0 * n**3, unit=name)
        row.make = lambda dtype=dtype, name=name: products(dtype, name == "tf32")
        yield row
