"""Many nets that err in different places are right together: bagging and its vote against the nets one by one.

Each net is trained on a sample of the rows, drawn with replacement, and so misses about 37 % of them; the nets that
missed a row can be asked about it, which tests the ensemble without a test set. See L. Breiman, "Bagging predictors",
1996; and "Introduction to deep learning", Carnegie Mellon University, 2020: vote across classifiers.
"""

import numpy as np
from common import finish, new_figure, noisy_prototypes, read_arguments

import lamina
from lamina.mlp import mlp

MOST = 20


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    (X, y), (X_test, y_test) = noisy_prototypes(np.random.default_rng(options.seed), 400, 3000)

    def make_net(seed):
        return mlp(64, [256], 10, activation="relu", batchnorm=False, seed=seed)

    training = {"epochs": 50, "batch_size": 50, "progress": False}
    ensemble = lamina.bagging(make_net, X, y, n=MOST, seed=options.seed, **training)
    alone = lamina.Trainer(make_net(options.seed), seed=options.seed)
    alone.fit(X, y, **training)

    scores = [float((net.predict(X_test).argmax(axis=1) == y_test).mean()) for net in ensemble.nets]
    voted, averaged = [], []
    for count in range(1, MOST + 1):
        first = lamina.Ensemble(ensemble.nets[:count])
        voted.append(float((first.vote(X_test) == y_test).mean()))
        averaged.append(float((first.predict_proba(X_test).argmax(axis=1) == y_test).mean()))
    numbers = {
        "members": scores,
        "alone": alone.evaluate(X_test, y_test)["score"],
        "vote": voted[-1],
        "mean": averaged[-1],
        "out_of_bag": ensemble.oob_score,
    }

    figure, (axis,) = new_figure(1, width=6)
    counts = range(1, MOST + 1)
    axis.plot(counts, scores, "o", color="grey", label="each net")
    axis.plot(counts, voted, label="vote of the first nets")
    axis.plot(counts, averaged, label="mean of their probabilities")
    axis.axhline(numbers["alone"], color="black", linestyle=":", label="one net trained on all rows")
    axis.set(title="test examples told right", xlabel="nets")
    axis.legend()
    finish(
        figure,
        options,
        __file__,
        f"The {MOST} nets tell {np.mean(scores):.1%} of the test set right on average, the best of them "
        f"{max(scores):.1%}, one trained on all rows {numbers['alone']:.1%}; by vote it is {voted[-1]:.1%}, by the "
        f"mean of their probabilities {averaged[-1]:.1%}. The rows left out had promised {ensemble.oob_score:.1%}.",
    )
    return numbers


if __name__ == "__main__":
    main()
