"""Gradient checking: a derivative that was programmed is compared with differences of the function itself.

(f(w + h) - f(w - h)) / 2h is off by h² from truncation and by 1e-16 / h from rounding, so that h near 6e-6 is best in
float64; a mistake in the derivative does not go away at any h. See H. Larochelle, "Neural networks", training neural
networks: gradient checking.
"""

import numpy as np
from common import finish, new_figure, read_arguments

import lamina
from lamina import ops

STEPS = np.geomspace(1e-1, 1e-12, 45)


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    rng = np.random.default_rng(options.seed)
    x, target, weight = rng.standard_normal((8, 5)), rng.standard_normal((8, 3)), rng.standard_normal((3, 5))

    def loss(weight):
        return ops.squared_error(ops.linear_forward(x, weight, activation="tanh"), target)[0]

    y = ops.linear_forward(x, weight, activation="tanh")
    _, dy = ops.squared_error(y, target)
    _, right, _ = ops.linear_backward(dy, x, weight, y=y, activation="tanh")
    _, wrong, _ = ops.linear_backward(dy, x, weight)  # the slope of tanh is forgotten

    def difference(h, below):
        """Return the slope by each weight between w - below and w + h."""
        slopes = np.empty_like(weight)
        for place in np.ndindex(weight.shape):
            nudge = np.zeros_like(weight)
            nudge[place] = 1
            slopes[place] = (loss(weight + h * nudge) - loss(weight - below * nudge)) / (h + below)
        return slopes

    def error(gradient, slopes):
        return float(np.abs(gradient - slopes).max() / np.abs(slopes).max())

    errors = {
        "central differences": [error(right, difference(h, h)) for h in STEPS],
        "one-sided differences": [error(right, difference(h, 0)) for h in STEPS],
        "central, a wrong gradient": [error(wrong, difference(h, h)) for h in STEPS],
    }
    figure, (axis,) = new_figure(1, width=6)
    for name, values in errors.items():
        axis.plot(STEPS, values, label=name)
    axis.set(title="relative error found", xlabel="h", xscale="log", yscale="log")
    axis.legend()

    # The library does the same for every parameter of a net, with batch norm and dropout in training.
    net = lamina.Sequential(
        lamina.Linear(5, 8), lamina.BatchNorm(8), lamina.Tanh(), lamina.Dropout(0.3), lamina.Linear(8, 3),
        seed=options.seed,
    )  # fmt: skip
    report = lamina.gradcheck(net, x, target, loss="squared_error")
    print(report)
    best = {name: min(values) for name, values in errors.items()}
    numbers = {
        "central": best["central differences"],
        "central_h": float(STEPS[np.argmin(errors["central differences"])]),
        "one_sided": best["one-sided differences"],
        "wrong": best["central, a wrong gradient"],
        "net": report.worst.error,
    }
    finish(
        figure,
        options,
        __file__,
        "Central differences agree to {central:.0e} at best, at h = {central_h:.0e}, one-sided ones to "
        "{one_sided:.0e}; where the slope of tanh is forgotten the error is {wrong:.0%} or more at every h. "
        "The whole net agrees to {net:.0e}.".format(**numbers),
    )
    return numbers


if __name__ == "__main__":
    main()
