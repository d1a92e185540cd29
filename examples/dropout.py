"""Dropout keeps a large net from learning its few examples by heart: a worse fit to them, a better one to new ones.

In training each hidden unit is left out with probability p, so that none can rely on another; at test all are there.
See N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.
"""

import numpy as np
from common import finish, new_figure, noisy_prototypes, read_arguments

import lamina
from lamina.mlp import mlp

SHARES = (0.0, 0.3, 0.5, 0.7)


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    (X, y), (X_test, y_test) = noisy_prototypes(np.random.default_rng(options.seed), 400, 3000)
    figure, axes = new_figure(2, sharey=True)
    numbers = {"loss": [], "test_loss": [], "test_score": []}
    for share in SHARES:
        net = mlp(64, [256, 256], 10, activation="relu", batchnorm=False, dropout=share, seed=options.seed)
        trainer = lamina.Trainer(net, optimizer="adam", seed=options.seed)
        history = trainer.fit(X, y, epochs=100, batch_size=50, validation_data=(X_test, y_test), progress=False)
        numbers["loss"].append(trainer.evaluate(X, y)["loss"])
        numbers["test_loss"].append(history["val_loss"][-1])
        numbers["test_score"].append(history["val_score"][-1])
        axes[0].plot(history["val_loss"], label=f"p = {share}")
    axes[0].set(title="test loss while training", xlabel="epoch", ylim=(0, 2))
    axes[0].legend()
    axes[1].plot(SHARES, numbers["loss"], "o-", label="the 400 examples trained on")
    axes[1].plot(SHARES, numbers["test_loss"], "o-", label="3000 others")
    axes[1].set(title="loss at the end, nothing left out", xlabel="share left out, p")
    axes[1].legend()
    finish(
        figure,
        options,
        __file__,
        "With half of the units left out the loss is {loss[2]:.3f} rather than {loss[0]:.4f} on the training set, and "
        "{test_loss[2]:.2f} rather than {test_loss[0]:.2f} on the test set, where {test_score[2]:.1%} instead of "
        "{test_score[0]:.1%} are told right. Leaving out 70 % is too much here: {test_loss[3]:.2f}.".format(**numbers),
    )
    return numbers


if __name__ == "__main__":
    main()
