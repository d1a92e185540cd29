"""How an op would be computed: the op is called, natively planned, and no kernel runs."""

from collections.abc import Callable
from functools import partial

from lamina import _core
from lamina._arrays import empty, empty_like, is_on_device

from .activation import activation_backward, activation_forward
from .batchnorm import batchnorm_forward
from .checks import as_shape
from .dropout import dropout_backward, dropout_forward
from .gemm import gemm
from .lamina import lamina_backward, lamina_forward
from .linear import linear_backward, linear_forward


def _gemm(a, b, *, beta=0.0, transpose_a=False, transpose_b=False, **options):
    out = None
    if beta != 0 and a.ndim == b.ndim == 2:
        out = empty_like(a, (a.shape[1 if transpose_a else 0], b.shape[0 if transpose_b else 1]))
    return partial(gemm, a, b, transpose_a=transpose_a, transpose_b=transpose_b, beta=beta, out=out, **options)


def _units(weight, wanted=True):
    """A vector as long as `weight` has rows: a bias, or one of batch norm's."""
    return empty_like(weight, weight.shape[:1]) if wanted else None


def _linear_forward(x, weight, *, bias=True, **options):
    return partial(linear_forward, x, weight, _units(weight, bias), **options)


def _linear_backward(x, weight, **options):
    y = empty_like(x, (*x.shape[:1], *weight.shape[:1]))
    return partial(linear_backward, y, x, weight, y=y, z=y, **options)


def _lamina_forward(x, weight, *, bias=True, batchnorm=False, **options):
    vectors = {name: _units(weight, batchnorm) for name in ("gamma", "beta", "running_mean", "running_var")}
    return partial(lamina_forward, x, weight, _units(weight, bias), **vectors, **options)


def _lamina_backward(x, weight, *, need_dx=True, **options):
    forward, results = _lamina_forward(x, weight, **options), []
    _core.explain(lambda: results.extend(forward()), "cuda" if is_on_device(x) else "cpu")
    h, saved = results
    return partial(lamina_backward, empty_like(h), saved, need_dx=need_dx)


def _batchnorm_forward(x, **options):
    vectors = [empty_like(x, x.shape[-1:]) for _ in range(4)]
    return partial(batchnorm_forward, x, *vectors, **options)


def _activation_forward(x, *, activation="relu", **options):
    return partial(activation_forward, x, activation, **options)


def _activation_backward(x, *, activation="relu", **options):
    return partial(activation_backward, empty_like(x), x, activation, y=x, **options)


def _dropout(function, x, *, p=0.5, seed=0, **options):
    return partial(function, x, p, seed=seed, **options)


_LAYER = "x (batch, in) and weight (out, in)"
# What the shapes given are those of, and how the op is called with such arrays.
_OPS: dict[str, tuple[str, Callable[..., Callable]]] = {
    "gemm": ("a (rows, depth) and b (depth, columns)", _gemm),
    "linear_forward": (_LAYER, _linear_forward),
    "linear_backward": (_LAYER, _linear_backward),
    "lamina_forward": (_LAYER, _lamina_forward),
    "lamina_backward": (_LAYER, _lamina_backward),
    "batchnorm_forward": ("x (batch, features)", _batchnorm_forward),
    "activation_forward": ("x", _activation_forward),
    "activation_backward": ("x", _activation_backward),
    "dropout_forward": ("x", partial(_dropout, dropout_forward)),
    "dropout_backward": ("x", partial(_dropout, dropout_backward)),
}


def explain(op, shapes, dtype="float32", *, device="cpu", **options):
    """Say in words how an op would be computed now on arrays of the given shapes.

    Parameters
    ----------
    op : str
        "gemm", "linear_forward", "linear_backward", "lamina_forward", "lamina_backward", "batchnorm_forward",
        "activation_forward", "activation_backward", "dropout_forward" or "dropout_backward".
    shapes : tuple of tuple of int
        Of a and b for gemm, of x (batch, in) and weight (out, in) for linear and lamina, else of x alone.
    dtype : {"float32", "float64"}
    device : {"cpu", "cuda"}
        Where; memory for the arrays is taken there for a moment.
    **options
        Keywords of the op that are no arrays: ``transpose_a``, ``activation``, ``p``, ``training``, ``need_dx`` …; its
        own defaults hold, and 0 for a seed. ``bias=True`` and ``batchnorm=False`` say whether a linear layer or lamina
        has these.

    Returns
    -------
    str
        A paragraph for each product and each pass over memory, in their order.

    Raises
    ------
    TypeError, ValueError
        If the op is not among those above or would refuse such arrays or options.

    Notes
    -----
    The op itself runs, with kernels that describe instead of compute: the instruction set and the threads are those in
    use, and tasks are what these share. A product first takes ``rows x columns`` of tasks; each goes through its part
    in register tiles.

    References
    ----------
    The parts are those of ARCHITECTURE.md, "The two journeys".

    Examples
    --------
    >>> import lamina
    >>> from lamina import ops
    >>> isa, threads = lamina.get_isa(), lamina.get_num_threads()
    >>> lamina.set_isa("generic"), lamina.set_num_threads(1)
    (None, None)
    >>> print(ops.explain("lamina_forward", ((128, 784), (512, 784)), activation="relu", p=0.5))
    product (128, 784) x (784, 512), float32 at highest, generic
      tasks   1 x 1 of 128 rows x 512 columns on 1 thread
      tile    4 rows x 4 columns in registers
      a       copied, some rows at a time
      b       packed, a block of columns at a time
      depth   4 chunks of 256, summed in the result itself
      then    bias from registers
      tail    relu, dropout on each panel of rows while in cache
    >>> lamina.set_isa(isa), lamina.set_num_threads(threads)
    (None, None)
    """
    if op not in _OPS:
        raise ValueError(f"explain: op is {op!r}, needs one of {', '.join(_OPS)}")
    needed, prepare = _OPS[op]
    dtype_name = getattr(dtype, "name", None) or getattr(dtype, "__name__", dtype)
    if dtype_name not in ("float32", "float64"):
        raise ValueError(f"explain: dtype is {dtype!r}, needs float32 or float64")
    if not isinstance(shapes, (tuple, list)) or len(shapes) != 1 + (" and " in needed):
        raise ValueError(f"explain: shapes is {shapes!r}, {op} needs those of {needed}")
    arrays = [empty(as_shape(f"explain: {op}", shape), dtype_name, device) for shape in shapes]  # never touched
    return _core.explain(prepare(*arrays, **options), device)
