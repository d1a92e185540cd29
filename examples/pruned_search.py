"""A random search that ends hopeless trials early finds as good a net in a part of the epochs.

Forty nets of random size, depth, dropout and learning rate are tried, twice: to the end, and with Optuna's median
pruner, which after each epoch ends a trial that is worse than half of those before it were then. See J. Bergstra and
Y. Bengio, "Random search for hyper-parameter optimization", 2012; H. Larochelle, "Neural networks", training neural
networks: model selection; T. Akiba et al., "Optuna", 2019. It needs Optuna: pip install optuna.
"""

import numpy as np
import optuna
from common import finish, new_figure, noisy_prototypes, read_arguments

import lamina
from lamina.mlp import mlp

TRIALS, EPOCHS = 40, 60


def search(training, validation, seed, pruning):
    """Return the validation loss of each trial, epoch by epoch, up to where it was ended."""
    curves = []

    def objective(trial):
        net = mlp(
            64,
            [trial.suggest_int("units", 8, 512, log=True)] * trial.suggest_int("layers", 1, 3),
            10,
            activation="relu",
            batchnorm=False,
            dropout=trial.suggest_float("dropout", 0, 0.7),
            seed=seed,
        )
        trainer = lamina.Trainer(
            net,
            optimizer=lamina.Adam(lr=trial.suggest_float("lr", 1e-5, 0.1, log=True)),
            callbacks=[lamina.OptunaPruning(trial)] if pruning else [],
            seed=seed,
        )
        curves.append(trainer.history["val_loss"])
        trainer.fit(*training, epochs=EPOCHS, batch_size=50, validation_data=validation, progress=False)
        return curves[-1][-1]

    study = optuna.create_study(
        sampler=optuna.samplers.RandomSampler(seed), pruner=optuna.pruners.MedianPruner(n_warmup_steps=10)
    )
    study.optimize(objective, n_trials=TRIALS)
    return curves, study.best_value


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    training, validation = noisy_prototypes(np.random.default_rng(options.seed), 400, 400)
    figure, axes = new_figure(2, sharey=True)
    numbers = {}
    for axis, (name, pruning) in zip(axes, {"to the end": False, "pruned": True}.items(), strict=True):
        curves, best = search(training, validation, options.seed, pruning)
        epochs = sum(map(len, curves))
        numbers[name] = {"epochs": epochs, "best": best}
        for curve in curves:
            axis.plot(curve, color="grey", linewidth=0.8)
            axis.plot(len(curve) - 1, curve[-1], "k.")
        axis.set(title=f"{name}: {epochs} epochs, best {best:.3f}", xlabel="epoch", ylim=(0, 3))
    axes[0].set_ylabel("validation loss")
    full, pruned = numbers.values()
    finish(
        figure,
        options,
        __file__,
        f"The best of {TRIALS} trials has a validation loss of {full['best']:.3f} after {full['epochs']} epochs; with "
        f"hopeless trials ended early it is {pruned['best']:.3f} after {pruned['epochs']}.",
    )
    return numbers


if __name__ == "__main__":
    main()
