"""Early stopping: the training loss falls on and on, the validation loss turns back, and there it is time to stop.

One label of five is wrong in this data. A net that is trained long enough learns them too, point by point. See
H. Larochelle, "Neural networks", training neural networks: model selection (early stopping with a look-ahead); and
L. Prechelt, "Early stopping - but when?", 1998.
"""

import numpy as np
from common import finish, new_figure, read_arguments

import lamina
from lamina import datasets
from lamina.mlp import mlp

EPOCHS, LOOK_AHEAD = 600, 50


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    X, truth = datasets.spirals(4000, noise=0.05, seed=options.seed)
    y = np.where(np.random.default_rng(options.seed).random(4000) < 0.2, 1 - truth, truth)
    train, validation, test = slice(500), slice(500, 1000), slice(1000, None)
    stopping = lamina.EarlyStopping(patience=LOOK_AHEAD)
    trainers = {}
    for name, callbacks in {"trained to the end": [], "stopped early": [stopping]}.items():
        net = mlp(2, [128, 128], 2, activation="relu", batchnorm=False, seed=options.seed)
        trainer = lamina.Trainer(net, optimizer=lamina.Adam(lr=3e-3), callbacks=callbacks, seed=options.seed)
        trainer.fit(
            X[train],
            y[train],
            epochs=EPOCHS,
            batch_size=50,
            validation_data=(X[validation], y[validation]),
            progress=False,
        )
        trainers[name] = trainer

    figure, axes = new_figure(3)
    history = trainers["trained to the end"].history
    axes[0].plot(history["loss"], label="training")
    axes[0].plot(history["val_loss"], label="validation")
    axes[0].axvline(stopping.best_epoch, color="black", linestyle=":", label="best epoch")
    axes[0].set(title="loss", xlabel="epoch", ylim=(0, 1))
    axes[0].legend()
    ticks = np.linspace(-1.2, 1.2, 201)
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    numbers = {"best_epoch": stopping.best_epoch}
    for axis, (name, trainer) in zip(axes[1:], trainers.items(), strict=True):
        numbers[name] = trainer.evaluate(X[test], truth[test])["score"]
        axis.contourf(ticks, ticks, trainer.net.predict(grid).argmax(axis=1).reshape(201, 201), levels=1, alpha=0.4)
        axis.scatter(*X[train].T, c=y[train], s=6)
        axis.set_title(f"{name}: {numbers[name]:.1%} right")
    finish(
        figure,
        options,
        __file__,
        f"The validation loss was best at epoch {stopping.best_epoch}. With the weights of that epoch "
        f"{numbers['stopped early']:.1%} of the true labels are told right, after {EPOCHS} epochs "
        f"{numbers['trained to the end']:.1%}.",
    )
    return numbers


if __name__ == "__main__":
    main()
