"""An L1 penalty makes weights exactly zero, an L2 penalty makes them small: ten numbers of a hundred matter here.

L1 pulls each weight towards zero with the same force however small it is, L2 with a force that vanishes with it. See
H. Larochelle, "Neural networks", training neural networks: regularization; and R. Tibshirani, "Regression shrinkage and
selection via the lasso", 1996. lamina takes L1 by a proximal step, so that zero is reached and kept.
"""

import numpy as np
from common import finish, new_figure, read_arguments

import lamina

ROWS, INPUTS, TRUE = 120, 100, 10
STRENGTHS = np.geomspace(0.001, 1, 13)


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    rng = np.random.default_rng(options.seed)
    weight = np.zeros(INPUTS)
    weight[:TRUE] = rng.choice([-1, 1], TRUE) * rng.uniform(1, 2, TRUE)

    def draw(rows):
        X = rng.standard_normal((rows, INPUTS))
        return X, X @ weight + 0.5 * rng.standard_normal(rows)

    (X, y), validation, test = draw(ROWS), draw(500), draw(2000)
    figure, axes = new_figure(2, sharey=True)
    numbers = {}
    for axis, penalty in zip(axes, (lamina.L1, lamina.L2), strict=True):
        path, losses = [], []
        for strength in STRENGTHS:
            net = lamina.Sequential(lamina.Linear(INPUTS, 1, init="zeros"))
            trainer = lamina.Trainer(net, "squared_error", lamina.SGD(lr=0.1), regularizer=penalty(strength))
            trainer.fit(X, y, epochs=1000, batch_size=ROWS, progress=False)
            path.append(net.parameters()["0.weight"][0].copy())
            losses.append([trainer.evaluate(*data)["loss"] for data in (validation, test)])
        path, losses = np.array(path), np.array(losses)
        best = losses[:, 0].argmin()
        numbers[penalty.__name__] = {
            "zeros": (path == 0).sum(axis=1).tolist(),
            "zeros_at_best": int((path[best, TRUE:] == 0).sum()),
            "kept_at_best": int((path[best, :TRUE] != 0).sum()),
            "test_loss": float(losses[best, 1]),
        }
        axis.plot(STRENGTHS, path[:, TRUE:], color="lightgrey", linewidth=0.8)
        axis.plot(STRENGTHS, path[:, :TRUE])
        axis.axvline(STRENGTHS[best], color="black", linestyle=":")
        axis.set(title=f"weights under {penalty.__name__}; dotted: best on validation", xlabel="strength", xscale="log")
    l1, l2 = numbers["L1"], numbers["L2"]
    finish(
        figure,
        options,
        __file__,
        f"L1 at its best strength has {l1['zeros_at_best']} of the {INPUTS - TRUE} idle weights at exactly 0 and keeps "
        f"{l1['kept_at_best']} of the {TRUE} true ones: test loss {l1['test_loss']:.3f}. "
        f"L2 has {max(l2['zeros'])} zeros at any strength, and test loss {l2['test_loss']:.3f} at its best.",
    )
    return numbers


if __name__ == "__main__":
    main()
