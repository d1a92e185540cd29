"""SELU hands mean 0 and variance 1 on through 32 layers without any batch norm, and is drawn there from elsewhere.

That mean 0 and variance 1 are a fixed point that attracts is the theorem of G. Klambauer et al., "Self-normalizing
neural networks", 2017; weights start with variance 1/n, which `Linear` takes by itself before a SELU. Other activations
keep the variance for a few layers at best, or multiply it by whatever it was at the input.
"""

import numpy as np
from common import finish, new_figure, read_arguments

import lamina

DEPTH, UNITS, ROWS = 32, 256, 500


def moments_by_layer(activation, x, seed):
    """Return mean and variance over the units, averaged over the rows, of each layer's output."""
    layers = [part for _ in range(DEPTH) for part in (lamina.Linear(UNITS, UNITS), activation)]
    net = lamina.Sequential(*layers, seed=seed)
    outputs = [x]
    for depth in range(DEPTH):
        outputs.append(net[2 * depth : 2 * depth + 2].predict(outputs[-1]))
    return [float(y.mean()) for y in outputs], [float(y.var(axis=1).mean()) for y in outputs]


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    x = np.random.default_rng(options.seed).standard_normal((ROWS, UNITS), np.float32)
    figure, axes = new_figure(3)
    numbers = {}
    for activation in (lamina.SELU(), lamina.ReLU(), lamina.Tanh(), lamina.Sigmoid()):
        name = type(activation).__name__
        means, variances = moments_by_layer(activation, x, options.seed)
        numbers[name] = {"mean": means, "variance": variances}
        axes[0].plot(means, label=name)
        axes[1].plot(variances, label=name)
    axes[0].set(title="mean", xlabel="layer")
    axes[1].set(title="variance", xlabel="layer", yscale="log")
    axes[1].legend()
    for scale in (0.5, 2.0):
        for activation, style in ((lamina.SELU(), "C0"), (lamina.ReLU(), "C1")):
            _, variances = moments_by_layer(activation, scale * x, options.seed)
            numbers[f"{type(activation).__name__} from {scale**2}"] = {"variance": variances}
            axes[2].plot(variances, style)
    axes[2].set(title="variance, starting from 0.25 and 4 (SELU, ReLU)", xlabel="layer", yscale="log")
    ends = {name: moments["variance"][-1] for name, moments in numbers.items()}
    finish(
        figure,
        options,
        __file__,
        f"After {DEPTH} layers SELU has mean {numbers['SELU']['mean'][-1]:.3f} and variance {ends['SELU']:.2f}; tanh's "
        f"variance is down to {ends['Tanh']:.3f}. Inputs of variance 4 instead of 0.25 make it "
        f"{ends['SELU from 4.0'] / ends['SELU from 0.25']:.2f} times as large at the end with SELU, "
        f"{ends['ReLU from 4.0'] / ends['ReLU from 0.25']:.1f} times with ReLU.",
    )
    return numbers


if __name__ == "__main__":
    main()
