"""Gradients vanish on the way down a deep tanh net, or don't, by how wide the first weights are drawn.

The custom had been U[-1/sqrt(n), 1/sqrt(n)] for n inputs, a variance of 1/(3n): each layer then passes on sqrt(1/3) =
0.58 of the gradient. With Glorot's bound sqrt(6/(n + m)) it is 1. Both hold while tanh is nearly a line, so inputs are
small here. See X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
2010, section 4.2.
"""

import numpy as np
from common import finish, new_figure, read_arguments

from lamina import ops
from lamina.init import Initializer

LAYERS, UNITS, ROWS = 5, 1000, 300
SCHEMES = {"standard": "uniform", "Glorot": "glorot_uniform"}


def gradients_at_start(scheme, seed):
    """Return dC/dz of each layer, from first to last: forward, a random gradient on top, and backward."""
    draw = Initializer(scheme).draw
    weights = [draw((UNITS, UNITS), seed=seed, layer=layer).astype(np.float32) for layer in range(LAYERS)]
    outputs = [0.1 * ops.random_normal((ROWS, UNITS), seed=seed, layer=LAYERS)]
    for weight in weights:
        outputs.append(ops.linear_forward(outputs[-1], weight, activation="tanh"))

    gradients = [ops.random_normal((ROWS, UNITS), seed=seed, layer=LAYERS + 1)]
    for x, y, weight in zip(outputs[-2::-1], outputs[:0:-1], weights[::-1], strict=True):
        dx, _, _ = ops.linear_backward(gradients[0], x, weight, y=y, activation="tanh")
        gradients.insert(0, dx)
    return gradients[:-1]


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    figure, axes = new_figure(len(SCHEMES), sharey=True)
    ratios = {}
    for axis, (name, scheme) in zip(axes, SCHEMES.items(), strict=True):
        gradients = gradients_at_start(scheme, options.seed)
        deviations = [gradient.std() for gradient in gradients]
        ratios[name] = [float(below / above) for below, above in zip(deviations, deviations[1:], strict=False)]
        for layer, gradient in enumerate(gradients, 1):
            heights, edges = np.histogram(gradient, bins=np.linspace(-2, 2, 201), density=True)
            axis.plot(edges[:-1], heights, label=f"layer {layer}, deviation {deviations[layer - 1]:.2f}")
        axis.set(title=f"{name}: x {np.mean(ratios[name]):.2f} per layer", xlabel="gradient", xlim=(-2, 2))
        axis.legend()
    finish(
        figure,
        options,
        __file__,
        f"Going one layer down multiplies the gradient's deviation by {np.mean(ratios['standard']):.3f} with standard "
        f"weights (1/sqrt(3) = 0.577), and by {np.mean(ratios['Glorot']):.3f} with Glorot's.",
    )
    return ratios


if __name__ == "__main__":
    main()
