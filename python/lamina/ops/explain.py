"""What plan an op follows."""

from lamina import _core

from .checks import as_shape

OPS = {"linear_forward": "linear", "lamina_forward": "relu", "lamina_backward": "relu"}


def explain(op, shapes, dtype="float32", *, batchnorm=False, activation=None, p=0.0, training=True):
    """Say in words which passes over memory a layer's op makes for given shapes.

    Parameters
    ----------
    op : {"linear_forward", "lamina_forward", "lamina_backward"}
    shapes : tuple of tuple of int
        Shapes of x (batch, in) and weight (out, in).
    dtype : {"float32", "float64"}
    batchnorm, training : bool
    activation : str, optional
        A name of `activations()`; the op's own default unless given.
    p : float
        Dropout's share, 0 <= p < 1.

    Returns
    -------
    str
        One line per pass.

    Raises
    ------
    ValueError
        If the op or the activation is unknown, or the shapes do not fit.

    References
    ----------
    The plan is that of ARCHITECTURE.md, "The two journeys".

    Examples
    --------
    >>> from lamina import ops
    >>> print(ops.explain("lamina_forward", ((128, 784), (512, 784)), activation="relu", p=0.5))
    product (128, 784) x (784, 512) in float32, bias, relu and dropout fused into its epilogue
    """
    if op not in OPS:
        raise ValueError(f"explain: op is {op!r}, needs one of {', '.join(OPS)}")
    if not isinstance(shapes, (tuple, list)) or len(shapes) != 2:
        raise ValueError(f"explain: shapes is {shapes!r}, needs the shapes of x (batch, in) and weight (out, in)")
    x, weight = (as_shape("explain", shape) for shape in shapes)
    if len(x) != 2 or len(weight) != 2 or x[1] != weight[1]:
        raise ValueError(f"explain: x is {tuple(x)}, weight {tuple(weight)}, needs (batch, in) and (out, in)")
    (batch, depth), out = x, weight[0]
    activation = OPS[op] if activation is None else activation
    if activation not in _core.activations():
        raise ValueError(f"explain: activation is {activation!r}, needs one of {', '.join(_core.activations())}")
    stages = [activation] * (activation != "linear") + ["dropout"] * (p > 0 and training)
    if op == "lamina_backward":
        undo = ["dropout's mask drawn again"] * (p > 0 and training)
        undo += [f"{activation} undone"] * (activation != "linear")
        lines = [", ".join([*undo, "bias gradient summed"]) + " in one pass over strips of columns"]
        if batchnorm:
            lines[0] += ", batch norm's two sums with it"
            lines.append("batch norm undone in a second pass over each strip while in cache")
        lines.append(f"product ({out}, {batch}) x ({batch}, {depth}) for the weight")
        lines.append(f"product ({batch}, {out}) x ({out}, {depth}) for x")
        return "\n".join(lines)
    product = f"product ({batch}, {depth}) x ({depth}, {out}) in {dtype}"
    if not batchnorm:
        return f"{product}, {' and '.join([', '.join(['bias', *stages[:-1]]), *stages[-1:]])} fused into its epilogue"
    statistics = "batch statistics of each strip of columns, then " if training else ""
    return f"{product}, bias fused\n{statistics}batch norm{''.join(', ' + stage for stage in stages)} in one pass"
