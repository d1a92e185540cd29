"""The losses under test: what they call their arguments, their constants, data that suits them."""

SHAPES = [(1, 1), (1, 15), (3, 2), (31, 16), (32, 17), (33, 35), (97, 10), (300, 3)]
REDUCTIONS = ["mean", "sum", "none"]

# Element-wise losses with the names of their two arrays.
UNIT_LOSSES = {
    "sigmoid_cross_entropy": ("logits", "targets"),
    "squared_error": ("prediction", "target"),
    "mean_squared_error": ("prediction", "target"),
    "absolute_error": ("prediction", "target"),
    "huber": ("prediction", "target"),
    "poisson_nll": ("log_rate", "target"),
}
CONSTANTS = {"huber": {"delta": 0.7}}


def data(name, rng, shape, dtype, scale=1.0):
    """Prediction and target: counts for poisson_nll, else numbers in [0, 1], which suit all."""
    prediction = (scale * rng.normal(size=shape)).astype(dtype)
    target = rng.poisson(3.0, shape) if name == "poisson_nll" else rng.random(shape)
    return prediction, target.astype(dtype)


def check_types(loss, gradient, reduction, rows, dtype):
    """The kinds that ops promise."""
    if reduction == "none":
        assert loss.dtype == dtype and loss.shape == (rows,)
    else:
        assert type(loss) is float
    assert gradient.dtype == dtype
