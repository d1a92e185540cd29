"""Every tolerance of the suite, each derived from the order of the arithmetic it bounds (csrc/math/order.h).

u is the unit roundoff of a dtype: one rounding changes a number by at most the factor 1 + u. A sum whose terms meet at
most n roundings each is off by at most n u times the sum of the terms' magnitudes (Higham, "Accuracy and stability of
numerical algorithms", section 4.2). Where float64 is tested, the reference has rounded as well and its roundings add.
"""

import numpy as np

DEPTH_CHUNK = 256  # depth steps of one fma chain of a matrix product
ROW_CHUNK = 32  # rows of one chain of a column sum
ROW_PARTIALS, ROW_RUN = 16, 256  # partial sums of a row sum, each by runs of a row, joined by a tree of four levels

# Central differences: h² of truncation and eps / h of rounding, both about 1e-10, times the condition of the formulas.
GRADIENT_CHECK = 1e-7
KINK_DISTANCE = 1e-3  # over a hundred steps of the differences
IDENTITY = 1e-12  # float64 identities of a few hundred operations on numbers of order 1
STANDARDISED = 1e-9  # the same for inputs with 1e6 added: six digits fewer
# float32 as promised by the public interface; float64: u (2π + 1) of the angle times a radius of at most 8.6.
NORMAL = {"float32": 1e-6, "float64": 70 * 2.0**-53}

# Promised of float32: batch norm's variance where means are 1e4 deviations, and log-softmax of logits up to 1e4.
VARIANCE = 1e-4
LOG_SOFTMAX_ULPS = 4

# Elementwise functions in units in the last place, in float32, as measured over every 97th number: at most 2, but for
# products with a function's tail, which add their roundings, and gelu's with those of two polynomials.
ULP = {
    "linear": 0, "relu": 0, "leaky_relu": 2, "sigmoid": 2, "tanh": 2, "elu": 2, "selu": 2, "softsign": 2, "softplus": 2,
    "gelu": 7, "gelu_tanh": 3, "silu": 3, "step": 0,
}  # fmt: skip

# The largest slope of each activation (selu: lambda times alpha, at 0 from the left).
SLOPE = {
    "linear": 1, "sigmoid": 0.25, "tanh": 1, "relu": 1, "leaky_relu": 1, "elu": 1, "selu": 1.7580993408473766,
    "softsign": 1, "softplus": 1, "gelu": 1.13, "gelu_tanh": 1.13, "silu": 1.1, "step": 0,
}  # fmt: skip


def unit_roundoff(dtype):
    """Half the distance from 1 to the next number."""
    return np.finfo(dtype).eps / 2


def standard_errors(deviation, draws):
    """Five standard errors of a mean: exceeded by chance once in two million tests, and the seeds are fixed."""
    return 5 * deviation / np.sqrt(draws)


def ulp(limit, dtype, expected):
    """`limit` units in the last place of the expected values; the float64 reference may be off by as much itself."""
    return (2 if dtype == np.float64 else 1) * limit * np.spacing(np.abs(expected).astype(dtype)).astype(np.float64)


def activation_value(name, x, dtype, y):
    """Allowed error of y = g(x): its ulps, and where it is x times a sigmoid the errors that this one makes larger.

    gelu_tanh takes the sigmoid of a polynomial v, whose own roundings count |v| times far down; the float64 reference
    rounds the argument of erfc, which counts x² times.
    """
    allowed = ulp(ULP[name], dtype, y) + underflow(dtype)
    bounded = np.clip(x.astype(np.float64), -1e4, 1e4)
    if name in ("gelu", "gelu_tanh", "silu"):
        allowed = allowed + np.abs(bounded) * underflow(dtype)
    if name == "gelu" and dtype == np.float64:
        allowed = allowed + 2 * bounded**2 * unit_roundoff(dtype) * np.abs(y)
    if name == "gelu_tanh":
        inner = 1.6 * np.abs(bounded + 0.044715 * bounded**3)
        allowed = allowed + _both(dtype) * 4 * inner * unit_roundoff(dtype) * np.abs(y)
    return allowed


def roundings(terms, chunk, dtype):
    """Roundings a term meets in a chain of at most `chunk`, the merging of chunks, and up to four more operations."""
    own = min(terms, chunk) + -(-terms // chunk) + 4
    return own + (terms if dtype == np.float64 else 0)


def periodic(x, frequencies, y, dtype):
    """Allowed error of the sines and cosines of 2π c x: their ulps, and what the reference rounds.

    That is the angle, of at most π, and in float64 the product c x before whole turns are taken off.
    """
    turns = (dtype == np.float64) * np.abs(x[:, :, None] * frequencies.astype(np.float64))
    own = 2 * np.pi * unit_roundoff(np.float64) * (turns + 1)
    return ulp(3, dtype, y) + np.concatenate([own, own], axis=2).reshape(y.shape)


def product(a, b, dtype):
    """Allowed error of a @ b: roundings times u |a| |b|."""
    n = roundings(a.shape[1], DEPTH_CHUNK, dtype)
    return n * unit_roundoff(dtype) * (np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64))


# What rounding operands to bfloat16 costs, relative to |a| |b|: two halves of each, of which one product is left out,
# or the nearest numbers of eight bits.
OPERANDS = {"high": 2.0**-15, "medium": 2.0**-7 + 2.0**-16}


def product_at(precision, a, b):
    """Allowed error of the float32 product a @ b at a precision whose unit adds in any order."""
    magnitude = np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64)
    return (OPERANDS[precision] + a.shape[1] * unit_roundoff(np.float32)) * magnitude


def column_sum(terms, dtype):
    """Allowed error of summing the rows of `terms`, which may hold magnitudes."""
    return roundings(len(terms), ROW_CHUNK, dtype) * unit_roundoff(dtype) * np.abs(terms).astype(np.float64).sum(axis=0)


def row_sum_roundings(columns, dtype):
    """Roundings a term meets in a row sum: its run, the runs, the tree, and four operations before and after."""
    own = -(-min(columns, ROW_RUN) // ROW_PARTIALS) + -(-columns // ROW_RUN)
    return own + 4 + 4 + (columns if dtype == np.float64 else 0)


def activation(name, params, dtype, z_error, y):
    """Allowed error of g(z): that of z times the steepest slope, and g's own ulps."""
    slope = max(SLOPE[name], *params.values()) if params else SLOPE[name]
    return slope * z_error + ulp(ULP[name], dtype, y)


def activation_slope(name, params, dtype, dy):
    """Allowed error of dy g'(y) for a given output y: a product or a difference from 1, then the product with dy."""
    slope = max(SLOPE[name], *params.values()) if params else SLOPE[name]
    return (8 if dtype == np.float64 else 4) * unit_roundoff(dtype) * slope * np.abs(dy).astype(np.float64)


def softmax(x, y, dtype):
    """Allowed error of y = softmax(x): that of x - max inside exp, of the sum and of the quotient, relative to y."""
    distance = x.max(axis=1, keepdims=True) - x
    exponent = distance + (distance * y).sum(axis=1, keepdims=True)
    n = exponent + 6 + row_sum_roundings(x.shape[1], dtype)
    return _both(dtype) * n * unit_roundoff(dtype) * y + underflow(dtype)


def log_softmax(x, y, dtype):
    """Allowed error of y = log softmax(x): of x - max, of the sum inside the logarithm, of logarithm and difference."""
    distance = x.max(axis=1, keepdims=True) - x
    inside = (distance * np.exp(y)).sum(axis=1, keepdims=True) + row_sum_roundings(x.shape[1], dtype)
    logarithm = np.abs(distance + y)
    return _both(dtype) * (distance + inside + 2 * logarithm + np.abs(y) + 2) * unit_roundoff(dtype)


def kl_divergence(x, y, target, dtype):
    """Magnitudes of the terms t (log t - y) with y = log softmax(x), and the allowed error of each row's sum of them.

    That is the error of both logarithms, and of differences, products and sum.
    """
    log_target = np.abs(np.log(np.where(target > 0, target, 1)))
    terms = target * (log_target + np.abs(y))
    logarithms = target * (ulp(1, dtype, log_target) + log_softmax(x, y, dtype))
    return terms, logarithms.sum(axis=1) + unit_loss(terms, dtype)


def row_sum_backward(dy, weight, dtype):
    """Allowed error of a - weight Σ b where |a|, |b| <= |dy| and weight in [0, 1], as the two softmax gradients are."""
    total = np.abs(dy).sum(axis=1, keepdims=True)
    n = 4 + row_sum_roundings(dy.shape[1], dtype)
    return unit_roundoff(dtype) * (4 * np.abs(dy) + n * weight * total) * _both(dtype) + subnormal(dtype)


def batchnorm_statistics(x, mean, rstd, dtype):
    """Allowed error of a column's mean, and relative error of its rstd.

    A chunk's mean is taken about its first row, so its rounding is relative to the deviations; merging chunks rounds
    relative to the mean itself, but in float64. The squares miss twice the error of the means in standard deviations.
    """
    u, n = unit_roundoff(dtype), roundings(len(x), ROW_CHUNK, dtype)
    merging = -(-len(x) // ROW_CHUNK) * unit_roundoff(np.float64) * np.abs(mean)
    means = n * u * np.ptp(x, axis=0) + merging
    squares = n * u + 2 * means * rstd + (u * np.abs(mean) * rstd) ** 2
    return _both(dtype) * (means + u * np.abs(mean)), _both(dtype) * (squares / 2 + 2 * u)


def batchnorm_forward(x, gamma, beta, mean, rstd, dtype, statistics):
    """Allowed error of γ (x - μ) rstd + β for statistics with the errors given."""
    u, (mean_error, rstd_error) = unit_roundoff(dtype), statistics
    normalised = np.abs(x - mean) * rstd
    error = rstd * mean_error + normalised * (rstd_error + 4 * u)
    return np.abs(gamma) * error + 2 * u * _both(dtype) * (np.abs(gamma) * normalised + np.abs(beta))


def normalised(mean, deviation):
    """Promised of float32: the error of (x - μ) / σ, which x's own rounding makes inevitable but for the factor."""
    return 4 * 2.0**-24 * (1 + np.abs(mean) / deviation)


def batchnorm_backward(dy, x, gamma, mean, rstd, dtype):
    """Allowed errors of dx, dγ, dβ for given statistics."""
    u, rows = unit_roundoff(dtype), len(x)
    normalised = np.abs(x - mean) * rstd
    dgamma = column_sum(dy * normalised, dtype)
    dbeta = column_sum(dy, dtype)
    terms = np.abs(dy) + np.abs(dy).mean(axis=0) + normalised * np.abs(dy * normalised).mean(axis=0)
    dx = 8 * u * _both(dtype) * terms + (dbeta + normalised * dgamma) / rows
    return np.abs(gamma) * rstd * dx, dgamma, dbeta


def layernorm_statistics(x, mean, rstd, dtype):
    """Allowed error of a row's mean, and relative error of its rstd.

    A first sum is rounded relative to the distances from the first element; deviations are taken about the mean that it
    gives, and their sums are rounded relative to them alone.
    """
    u, n = unit_roundoff(dtype), row_sum_roundings(x.shape[1], dtype)
    about = n * u * np.abs(x - x[:, :1]).mean(axis=1) + u * np.abs(mean)
    power = ((x - mean[:, None]) ** 2).mean(axis=1) + about**2
    squares = n * u * (power + 2 * about * np.sqrt(power))
    return (
        _both(dtype) * (n * u * np.sqrt(power) + u * np.abs(mean)),
        _both(dtype) * (squares * rstd**2 / 2 + 2 * u),
    )


def layernorm_backward(dy, x, gamma, mean, rstd, dtype):
    """Allowed errors of dx, dγ, dβ for given statistics."""
    u, n = unit_roundoff(dtype), row_sum_roundings(x.shape[1], dtype)
    normalised = np.abs(x - mean[:, None]) * rstd[:, None]
    g = np.abs(dy * gamma)
    means = [terms.mean(axis=1, keepdims=True) for terms in (g, g * normalised)]
    dx = 8 * _both(dtype) * (g + means[0] + normalised * means[1]) + n * (means[0] + normalised * means[1])
    return u * rstd[:, None] * dx, column_sum(dy * normalised, dtype), column_sum(dy, dtype)


def unit_loss(terms, dtype):
    """Allowed error of a row's sum of unit losses whose parts have these magnitudes (batch, units)."""
    return (6 + row_sum_roundings(terms.shape[1], dtype)) * unit_roundoff(dtype) * terms.sum(axis=1)


def reduced_loss(losses, errors, weight, reduction, dtype):
    """Allowed error of the reduction of rows with these losses and errors; the weights are rounded in dtype."""
    rows = np.abs(weight) * (errors + 4 * unit_roundoff(dtype) * np.abs(losses))
    return {"none": rows, "sum": rows.sum(), "mean": rows.sum() / weight.sum()}[reduction]


def loss_gradient(magnitude, error, weight, reduction, dtype):
    """Allowed error of a weighted gradient of parts of this magnitude, with the error of the parts."""
    scale = weight / (weight.sum() if reduction == "mean" else 1)
    return scale[:, None] * (error + 8 * unit_roundoff(dtype) * _both(dtype) * magnitude) + subnormal(dtype)


def sgd(params, grads, velocity, lr, momentum, weight_decay, l1, dtype):
    """Allowed errors of parameters and velocity: up to ten roundings of the direction, two of the parameter."""
    u = unit_roundoff(dtype) * _both(dtype)
    direction = np.abs(grads) + weight_decay * np.abs(params) + momentum * np.abs(velocity)
    return u * (2 * np.abs(params) + lr * (20 * direction + 3 * l1)), 5 * u * direction


def _over_root(params, grads, square, keep, share, eps, weight_decay, u):
    """Of g / (√s + eps) with s = keep square + share g²: its magnitude, its allowed error, and that of s."""
    gradient = np.abs(grads) + weight_decay * np.abs(params)
    second = keep * square + share * gradient**2
    root = np.sqrt(keep * square + share * (grads + weight_decay * params) ** 2)  # a decay may cancel the gradient
    relative = 8 * u + np.divide(10 * u * second, root * (root + eps), where=root > 0, out=0 * root)
    magnitude = gradient / (root + eps)
    return magnitude, relative * magnitude, 10 * u * second


def adagrad(params, grads, square_sum, lr, eps, weight_decay, l1, dtype):
    """Allowed errors of parameters and sum: three roundings of each term of a parameter, and those of its direction."""
    u = unit_roundoff(dtype) * _both(dtype)
    step, error, square = _over_root(params, grads, square_sum, 1, 1, eps, weight_decay, u)
    return 3 * u * (np.abs(params) + lr * (step + l1)) + lr * error, square


def rmsprop(params, grads, square_avg, velocity, lr, rho, eps, momentum, weight_decay, l1, dtype):
    """Allowed errors of parameters, mean and velocity, as of `adagrad`; the velocity adds three roundings."""
    u = unit_roundoff(dtype) * _both(dtype)
    step, error, square = _over_root(params, grads, square_avg, rho, 1 - rho, eps, weight_decay, u)
    step = step + momentum * np.abs(velocity)
    error = error + 3 * u * step
    return 3 * u * (np.abs(params) + lr * (step + l1)) + lr * error, square, error


def adam(params, grads, m, v, lr, step, betas, eps, weight_decay, coupled, l1, dtype):
    """Allowed errors of parameters, m and v, each formula's roundings relative to the magnitudes of its terms.

    A parameter itself meets four: the factor of the decay, its product, the step and the threshold.
    """
    u, (beta1, beta2) = unit_roundoff(dtype) * _both(dtype), betas
    gradient = np.abs(grads) + coupled * np.abs(params)
    first = beta1 * np.abs(m) + (1 - beta1) * gradient
    second = beta2 * v + (1 - beta2) * gradient**2
    exact = beta2 * v + (1 - beta2) * (grads + coupled * params) ** 2  # a coupled decay may cancel the gradient
    correction = 1 - beta2**step
    root = np.sqrt(exact / correction)
    relative = 12 * u + np.divide(10 * u * second / correction, root * (root + eps), where=root > 0, out=0 * root)
    update = lr * first / (1 - beta1**step) / (root + eps)
    return (
        u * (4 + lr * weight_decay) * np.abs(params) + relative * update + 3 * u * lr * l1,
        6 * u * first,
        10 * u * second,
    )


def composition(roundings_met, dtype):
    """Allowed ‖error‖ / ‖result‖ of a whole layer, whose condition numbers multiply to some ten in these tests."""
    return 16 * roundings_met * unit_roundoff(dtype)


def subnormal(dtype):
    """What gradual underflow may cost."""
    return 2 * float(np.finfo(dtype).smallest_subnormal)


def underflow(dtype):
    """What e^x costs that is 0 below the normal numbers."""
    return float(np.finfo(dtype).tiny)


def _both(dtype):
    """Twice where the float64 reference rounds as much as the op."""
    return 2 if dtype == np.float64 else 1
