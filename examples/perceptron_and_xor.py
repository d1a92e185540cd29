"""A perceptron draws one straight line: it learns OR, never XOR. Two of them below a third solve XOR.

The rule adds (target - answer) x to the weights (F. Rosenblatt, "The perceptron", 1958); that no weights will do for
XOR is in M. Minsky and S. Papert, "Perceptrons", 1969. A threshold has no slope to descend, so the hidden layer of
thresholds is written down here, and the one that learns from examples has tanh in its place.
"""

import numpy as np
from common import finish, new_figure, read_arguments

import lamina
from lamina import datasets

POINTS, XOR = datasets.xor()
OR = POINTS.max(axis=1).astype(int)


def learn_by_rosenblatts_rule(targets, epochs=50):
    net = lamina.Sequential(lamina.Linear(2, 1, init="zeros"), lamina.Step())
    weight, bias = net.parameters().values()  # views: what is added to them is added to the net
    for _ in range(epochs):
        for x, target in zip(POINTS, targets, strict=True):
            mistake = target - net(x[None])[0, 0]
            weight += mistake * x
            bias += mistake
    return net


def write_down_two_layers():
    """XOR is OR but not AND: x + y > 0.5, but not x + y > 1.5."""
    net = lamina.Sequential(lamina.Linear(2, 2), lamina.Step(), lamina.Linear(2, 1), lamina.Step())
    parameters = net.parameters()
    parameters["0.weight"][...], parameters["0.bias"][...] = [[1, 1], [1, 1]], [-0.5, -1.5]
    parameters["2.weight"][...], parameters["2.bias"][...] = [[1, -1]], [-0.5]
    return net


def learn_two_layers(targets, seed):
    net = lamina.Sequential(lamina.Linear(2, 8), lamina.Tanh(), lamina.Linear(8, 1), seed=seed)
    trainer = lamina.Trainer(net, loss="sigmoid_cross_entropy", optimizer=lamina.Adam(lr=0.05), seed=seed)
    trainer.fit(POINTS, targets, epochs=300, progress=False)
    return net


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    nets = {
        "OR, one perceptron": (learn_by_rosenblatts_rule(OR), OR),
        "XOR, one perceptron": (learn_by_rosenblatts_rule(XOR), XOR),
        "XOR, three perceptrons": (write_down_two_layers(), XOR),
        "XOR, learned with tanh": (learn_two_layers(XOR, options.seed), XOR),
    }
    figure, axes = new_figure(len(nets), width=3.2, height=3.5, sharey=True)
    ticks = np.linspace(-0.5, 1.5, 201, dtype=np.float32)
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    right = {}
    for axis, (name, (net, targets)) in zip(axes, nets.items(), strict=True):
        right[name] = int(((net.predict(POINTS)[:, 0] > 0) == targets).sum())
        # A step answers 0 or 1, the last net a logit, which is positive where it says 1.
        axis.contourf(ticks, ticks, (net.predict(grid) > 0).reshape(201, 201), levels=[-1, 0.5, 2], alpha=0.4)
        axis.scatter(*POINTS.T, c=targets, s=90, edgecolors="black", cmap="viridis")
        axis.set_title(f"{name}: {right[name]} of 4")
    finish(
        figure,
        options,
        __file__,
        f"One perceptron gets {right['OR, one perceptron']} of 4 right for OR, and {right['XOR, one perceptron']} of 4 "
        f"for XOR however long it learns; with a hidden layer it is {right['XOR, three perceptrons']} of 4, and "
        f"{right['XOR, learned with tanh']} of 4 where gradient descent found the weights.",
    )
    return right


if __name__ == "__main__":
    main()
