"""Logistic regression is the smallest net: one linear layer whose output is the log odds of a class.

For two Gaussian clouds of the same shape S the true log odds are a straight line, with weights S^-1 (m1 - m0): what is
learned can be compared with what is right. See H. Larochelle, "Neural networks", feedforward neural network:
artificial neuron; and C. Bishop, "Pattern recognition and machine learning", 2006, section 4.2.1.
"""

import numpy as np
from common import finish, new_figure, read_arguments

import lamina

MEANS = np.array([[-0.8, 0.0], [0.8, 0.5]])
SHAPE = np.array([[1.0, 0.6], [0.6, 1.0]])
WEIGHT = np.linalg.solve(SHAPE, MEANS[1] - MEANS[0])
BIAS = -WEIGHT @ MEANS.mean(axis=0)


def draw(rows, rng):
    labels = rng.integers(2, size=rows)
    return MEANS[labels] + rng.multivariate_normal([0, 0], SHAPE, rows), labels


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    rng = np.random.default_rng(options.seed)
    (X, y), (X_test, y_test) = draw(2000, rng), draw(20_000, rng)

    net = lamina.Sequential(lamina.Linear(2, 1), seed=options.seed)
    trainer = lamina.Trainer(net, loss="sigmoid_cross_entropy", optimizer=lamina.SGD(lr=0.5), seed=options.seed)
    trainer.fit(X, y, epochs=100, batch_size=len(X), progress=False)

    learned = net.parameters()["0.weight"][0]
    probability = net.predict_proba(X_test)[:, 1]
    tenths = np.minimum((10 * probability).astype(int), 9)
    claimed, found = (np.array([v[tenths == t].mean() for t in range(10)]) for v in (probability, y_test))
    numbers = {
        "cosine": float(learned @ WEIGHT / np.linalg.norm(learned) / np.linalg.norm(WEIGHT)),
        "accuracy": float(((probability > 0.5) == y_test).mean()),
        "best_accuracy": float(((X_test @ WEIGHT + BIAS > 0) == y_test).mean()),
        "calibration_error": float(np.abs(claimed - found).max()),
    }

    figure, (left, right) = new_figure(2)
    left.scatter(*X.T, c=y, s=6, alpha=0.5)
    ticks = np.linspace(-4, 4, 101)
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    levels = left.contour(
        ticks, ticks, net.predict_proba(grid)[:, 1].reshape(101, 101), [0.1, 0.5, 0.9], colors="black"
    )
    left.clabel(levels)
    left.set_title("the learned probability of yellow")
    right.plot([0, 1], [0, 1], color="grey")
    right.plot(claimed, found, "o")
    right.set(xlabel="probability claimed", ylabel="share found in the test set", title="it means what it says")
    finish(
        figure,
        options,
        __file__,
        "The learned weights point where the true ones do (cosine {cosine:.4f}), {accuracy:.1%} of the test points "
        "are right where the best possible line has {best_accuracy:.1%}, and the probabilities are off by at most "
        "{calibration_error:.3f}.".format(**numbers),
    )
    return numbers


if __name__ == "__main__":
    main()
