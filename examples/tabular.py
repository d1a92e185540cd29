"""A table of numbers and categories: encoded columns, residual blocks, an average of the weights, honest probabilities.

What a column of a table means to a net depends on how it enters: a number as how much of each bin lies below it, a day
as sines and cosines of learned frequencies, a shop as a vector of its own. Behind them are two residual blocks with
layer norm and dropout, trained by AdamW; the average of the weights along the way is kept, and one temperature, found
on the validation rows, makes its probabilities mean what they say. See Y. Gorishniy et al., "Revisiting deep learning
models for tabular data", 2021, and "On embeddings for numerical features in tabular deep learning", 2022; C. Guo et
al., "On calibration of modern neural networks", 2017.
"""

import numpy as np
from common import finish, new_figure, read_arguments

import lamina
from lamina.datasets import Standardizer
from lamina.mlp import mlp

SHOPS, WIDTH = 40, 64
NUMBERS, SHOP = slice(0, 3), 3  # price, day and stock; the shop's code


def draw(sizes, rng):
    """Return tables (rows, 4) and whether something was sold; and the true chances of the last."""
    level, slope = rng.normal(size=SHOPS), rng.normal(size=SHOPS)
    sets = []
    for rows in sizes:
        price, day = rng.lognormal(0, 1, rows), rng.uniform(0, 35, rows)
        stock, shop = rng.normal(size=rows), rng.integers(SHOPS, size=rows)
        steps = np.where(price < 0.5, 1.5, np.where(price < 1.2, -1.5, np.where(price < 2.5, 1.0, -1.0)))
        odds = 1.5 * (steps + 1.5 * np.sin(2 * np.pi * day / 7) + level[shop] + slope[shop] * stock)
        chance = 1 / (1 + np.exp(-odds))
        sets.append((np.stack([price, day, stock, shop], axis=1), (rng.random(rows) < chance).astype(int)))
    return sets, chance


def encoded(X):
    """Columns by what they are; the edges of bins are quantiles of the training rows."""
    return lamina.Columns(
        lamina.PiecewiseLinear(0, lamina.quantile_edges(X[:, 0], 24)),
        lamina.Periodic(1, frequencies=16, sigma=1.0),
        lamina.PiecewiseLinear(2, lamina.quantile_edges(X[:, 2], 8)),
        lamina.Category(3, size=SHOPS, features=8),
    )


def block():
    return lamina.Residual(
        lamina.LayerNorm(WIDTH), lamina.Linear(WIDTH, 2 * WIDTH), lamina.ReLU(), lamina.Dropout(0.2),
        lamina.Linear(2 * WIDTH, WIDTH),
    )  # fmt: skip


def trained(net, X, y, seed):
    trainer = lamina.Trainer(net, optimizer=lamina.AdamW(lr=3e-3), average=lamina.EMA(0.99), seed=seed)
    trainer.fit(X, y, epochs=40, progress=False)
    return net, trainer.averaged()


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    sets, chance = draw((4000, 1000, 20_000), np.random.default_rng(options.seed))
    scaler = Standardizer.fit(sets[0][0][:, NUMBERS])
    for X, _ in sets:
        X[:, NUMBERS] = scaler.transform(X[:, NUMBERS])
    (X, y), validation, (X_test, y_test) = sets

    def one_hot(rows):
        return np.hstack([rows[:, NUMBERS], np.eye(SHOPS)[rows[:, SHOP].astype(int)]])

    plain = mlp(3 + SHOPS, [WIDTH, 2 * WIDTH, WIDTH], 2, batchnorm=False, dropout=0.2, seed=options.seed)
    net = lamina.Sequential(
        encoded(X), lamina.Linear(72, WIDTH), block(), block(), lamina.LayerNorm(WIDTH), lamina.ReLU(),
        lamina.Linear(WIDTH, 2), seed=options.seed,
    )  # fmt: skip
    net, averaged = trained(net, X, y, options.seed)
    calibrated = lamina.calibrate(averaged, *validation)
    answers = {
        "plain": trained(plain, one_hot(X), y, options.seed)[1].predict_proba(one_hot(X_test)),
        "encoded": net.predict_proba(X_test),
        "averaged": averaged.predict_proba(X_test),
        "calibrated": calibrated.predict_proba(X_test),
    }
    numbers = {
        "score": {name: float((p.argmax(axis=1) == y_test).mean()) for name, p in answers.items()},
        "error": {name: lamina.expected_calibration_error(p, y_test) for name, p in answers.items()},
        "best": float(((chance > 0.5) == y_test).mean()),
    }

    figure, (left, right) = new_figure(2)
    names = ["plain", "encoded", "averaged"]
    left.bar(names, [numbers["score"][name] for name in names])
    left.axhline(numbers["best"], color="black", linestyle=":", label="the true chances")
    left.set(title="test rows told right", ylim=(0.5, 0.9))
    left.legend(loc="upper left")
    right.plot([0.5, 1], [0.5, 1], color="grey")
    for name in ("averaged", "calibrated"):
        confidence, right_ones = answers[name].max(axis=1), answers[name].argmax(axis=1) == y_test
        bins = np.minimum((20 * confidence).astype(int), 19)
        points = [(confidence[bins == b].mean(), right_ones[bins == b].mean()) for b in range(10, 20)]
        right.plot(*np.transpose(points), "o-", label=name)
    right.set(title="and what is said of them", xlabel="probability claimed", ylabel="share told right")
    right.legend()
    finish(
        figure,
        options,
        __file__,
        "Of the test rows a plain net tells {plain:.1%} right, one with encoded columns and residual blocks "
        "{encoded:.1%}, the average of its weights {averaged:.1%}; ".format(**numbers["score"])
        + "the true chances {best:.1%}. ".format(**numbers)
        + "Its probabilities are off by {averaged:.3f} on average, by {calibrated:.3f} after one temperature.".format(
            **numbers["error"]
        ),
    )
    return numbers


if __name__ == "__main__":
    main()
