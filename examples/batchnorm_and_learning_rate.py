"""Batch normalisation lets a deep net learn at rates that are too large, or too small, without it.

The same net of four hidden layers is trained for 20 epochs at each rate from 0.001 to 100, with and without batch norm
before its ReLUs. See S. Ioffe and C. Szegedy, "Batch normalization", 2015, section 3.3; and "Introduction to deep
learning", Carnegie Mellon University, 2020: to get its benefit, learning rates must be increased.
"""

import warnings

import numpy as np
from common import finish, new_figure, read_arguments

import lamina
from lamina import datasets
from lamina.mlp import mlp

RATES = 10.0 ** np.arange(-3, 2.1, 0.5)


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    points, arms = datasets.spirals(4000, noise=0.03, seed=options.seed)
    (X, X_test), (y, y_test) = np.split(points, 2), np.split(arms, 2)
    figure, (axis,) = new_figure(1, width=6)
    numbers = {}
    warnings.simplefilter(
        "ignore", RuntimeWarning
    )  # of losses that are no numbers: some rates are too large on purpose
    for batchnorm in (False, True):
        scores = []
        for rate in RATES:
            net = mlp(2, [64] * 4, 2, activation="relu", batchnorm=batchnorm, seed=options.seed)
            trainer = lamina.Trainer(net, optimizer=lamina.SGD(lr=rate), seed=options.seed)
            trainer.fit(X, y, epochs=20, batch_size=50, progress=False)
            scores.append(trainer.evaluate(X_test, y_test)["score"])
        name = "with batch norm" if batchnorm else "without"
        numbers[name] = scores
        axis.plot(RATES, scores, "o-", label=name)
    axis.set(title="examples told right after 20 epochs", xlabel="learning rate", ylabel="share", xscale="log")
    axis.legend()
    good, good_with_batchnorm = (sum(score >= 0.95 for score in scores) for scores in numbers.values())
    finish(
        figure,
        options,
        __file__,
        f"At least 95 % of the test set are told right at {good} of {len(RATES)} rates without batch norm, and at "
        f"{good_with_batchnorm} with it, larger and smaller ones among them.",
    )
    return numbers


if __name__ == "__main__":
    main()
