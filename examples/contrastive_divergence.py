"""What contrastive divergence follows is not the likelihood: it may rise, stand still, or fall again.

Nine pixels and nine hidden units are few enough to sum over all states, so that the likelihood of bars and stripes,
which others can only estimate, is known at every step. See A. Fischer & C. Igel, "Empirical analysis of the divergence
of Gibbs sampling based learning algorithms for restricted Boltzmann machines", 2010; H. Larochelle, "Neural networks",
restricted Boltzmann machine: contrastive divergence, persistent CD.
"""

import numpy as np
from common import finish, new_figure, read_arguments

import lamina
from lamina import datasets

SIDE, UNITS, UPDATES, EVERY = 3, 9, 20_000, 100
LEARNERS = {
    "CD-1": dict(k=1, persistent=False, lr=0.1),
    "CD-10": dict(k=10, persistent=False, lr=0.1),
    "16 chains that persist": dict(k=1, persistent=16, lr=0.1),
    "100 chains, rate 0.03": dict(k=1, persistent=100, lr=0.03),
}


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    X = datasets.bars_and_stripes(SIDE)
    patterns = {tuple(row) for row in X}
    best = -np.log(len(X)) + 2 * 2 / len(X) * np.log(2)  # all black and all white are there twice

    numbers, samples = {"best": float(best)}, {}
    for name, settings in LEARNERS.items():
        learning = dict(settings)
        rbm = lamina.RBM(
            SIDE**2, UNITS, optimizer=lamina.SGD(lr=learning.pop("lr")), seed=options.seed, dtype="float64"
        )
        curve = [rbm.log_likelihood(X)]
        for _ in range(UPDATES // EVERY):
            rbm.fit(X, epochs=EVERY, batch_size=len(X), progress=False, **learning)
            curve.append(rbm.log_likelihood(X))
        samples[name] = rbm.sample(400, steps=1000, seed=options.seed)
        right = float(np.mean([tuple(row) in patterns for row in samples[name]]))
        numbers[name] = {"curve": curve, "right": right}

    figure, (curves, drawn) = new_figure(2, width=5.2)
    updates = np.arange(0, UPDATES + 1, EVERY)
    for name in LEARNERS:
        curves.plot(updates, numbers[name]["curve"], label=name)
    curves.axhline(best, color="grey", linestyle=":", label="the patterns alone")
    curves.set(
        xlabel="updates", ylabel="mean log-likelihood", ylim=(-8, -2.3), title="likelihood, summed over all states"
    )
    curves.legend(fontsize="small")
    grid = np.pad(
        samples["CD-10"][:40].reshape(5, 8, SIDE, SIDE), [(0, 0), (0, 0), (0, 1), (0, 1)], constant_values=0.5
    )
    drawn.imshow(grid.transpose(0, 2, 1, 3).reshape(5 * (SIDE + 1), -1), cmap="gray", vmin=0, vmax=1)
    drawn.set(title="drawn by the machine that CD-10 taught", xticks=[], yticks=[])
    one, ten, fast, slow = (numbers[name]["curve"] for name in LEARNERS)
    finish(
        figure,
        options,
        __file__,
        f"The best possible is {best:.2f}. After {UPDATES} updates CD-10 is at {ten[-1]:.2f}, CD-1 at {one[-1]:.2f}, "
        f"{max(one) - one[-1]:.2f} below its own best. Chains that persist fall from {max(fast):.2f} to {fast[-1]:.1f} "
        f"at this rate, since the weights move faster than the chains mix; a hundred of them at a third of it end at "
        f"{slow[-1]:.2f}. Of what the machine of CD-10 draws {numbers['CD-10']['right']:.0%} are bars or stripes.",
    )
    return numbers


if __name__ == "__main__":
    main()
