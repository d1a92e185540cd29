"""What plan an op follows."""

from lamina import _core

from .checks import as_shape


def explain(op, shapes, dtype="float32", *, batchnorm=False, activation="linear", p=0.0, training=True):
    """Say in words which passes over memory an op makes for given shapes.

    Parameters
    ----------
    op : str
        "lamina_forward" or "lamina_backward"; "gemm" and "linear_forward" are laminae without their other parts.
    shapes : tuple of tuple of int
        Shapes of x (batch, in) and weight (out, in).
    dtype : {"float32", "float64"}
    batchnorm, training : bool
    activation : str
        A name of `activations()`.
    p : float
        Dropout's share, 0 <= p < 1.

    Returns
    -------
    str
        One line per pass.

    Raises
    ------
    ValueError
        If the op is unknown or the shapes do not fit.

    References
    ----------
    The plan is that of ARCHITECTURE.md, "The two journeys".

    Examples
    --------
    >>> from lamina import ops
    >>> print(ops.explain("lamina_forward", ((128, 784), (512, 784)), activation="relu", p=0.5))
    product (128, 784) x (784, 512) in float32, bias, relu and dropout fused into its epilogue
    """
    known = ("gemm", "linear_forward", "lamina_forward", "lamina_backward")
    if op not in known:
        raise ValueError(f"explain: op is {op!r}, needs one of {', '.join(known)}")
    (batch, depth), (out, also_depth) = (as_shape("explain", shape) for shape in shapes)
    if depth != also_depth:
        raise ValueError(f"explain: x has {depth} columns, weight {also_depth}: they need to be equal")
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
