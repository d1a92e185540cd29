"""A ReLU that is below zero for every example gets no gradient, and so stays there: it is dead. A leaky one recovers.

One step too large can throw a unit's bias far below zero. Here that is done on purpose to the first hidden layer, by
more and more, before the nets are trained on two spirals. See M. Mukund, "Training deep neural networks", 2021, dying
ReLU; and A. Maas, A. Hannun and A. Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.
"""

from common import finish, new_figure, read_arguments

import lamina
from lamina import datasets

PUSHES = (0, 1, 2, 3, 4)
ACTIVATIONS = {"ReLU": lamina.ReLU(), "leaky ReLU": lamina.LeakyReLU(0.1)}


def share_without_gradient(net, X, y):
    """Return how many of the first layer's units no example can change."""
    _, gradients = net.loss_and_gradients(X, y)
    return float((gradients["0.weight"] == 0).all(axis=1).mean())


def train(activation, push, X, y, seed):
    net = lamina.Sequential(
        lamina.Linear(2, 64), activation, lamina.Linear(64, 64), activation, lamina.Linear(64, 2), seed=seed
    )
    net.parameters()["0.bias"][...] = -push
    dead_before = share_without_gradient(net, X, y)
    trainer = lamina.Trainer(net, optimizer=lamina.SGD(lr=0.05, momentum=0.9), seed=seed)
    trainer.fit(X, y, epochs=200, batch_size=50, progress=False)
    return dead_before, share_without_gradient(net, X, y), trainer.evaluate(X, y)["score"]


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    X, y = datasets.spirals(1000, noise=0.03, seed=options.seed)
    figure, (left, right) = new_figure(2)
    numbers = {}
    for name, activation in ACTIVATIONS.items():
        runs = [train(activation, push, X, y, options.seed) for push in PUSHES]
        before, after, score = map(list, zip(*runs, strict=True))
        numbers[name] = {"dead_before": before, "dead_after": after, "score": score}
        left.plot(PUSHES, after, "o-", label=name)
        right.plot(PUSHES, score, "o-", label=name)
    left.set(title="first layer's units without gradient, at the end", xlabel="biases start at minus", ylabel="share")
    right.set(title="examples told right", xlabel="biases start at minus", ylabel="share")
    right.legend()
    relu, leaky = (numbers[name] for name in ACTIVATIONS)
    finish(
        figure,
        options,
        __file__,
        f"With biases {PUSHES[-1]} below zero {relu['dead_before'][-1]:.0%} of the ReLUs are dead before training and "
        f"{relu['dead_after'][-1]:.0%} after it, and {relu['score'][-1]:.1%} of the examples are told right, which is "
        f"chance. Of the leaky ones {leaky['dead_after'][-1]:.0%} are dead: {leaky['score'][-1]:.1%} are told right.",
    )
    return numbers


if __name__ == "__main__":
    main()
