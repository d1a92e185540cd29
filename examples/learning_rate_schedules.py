"""Steps by noisy gradients never settle at a constant rate; let the rate fall, and they do.

Linear regression by batches of 10, where the least loss possible is known: what is drawn is the excess over it. H.
Robbins and S. Monro, "A stochastic approximation method", 1951, say which rates lead to the minimum; the lectures halve
the rate when the loss stops improving (H. Larochelle, "Neural networks", other tricks of the trade).
"""

import numpy as np
from common import finish, new_figure, read_arguments

import lamina

EPOCHS, INPUTS, ROWS, RATE = 60, 50, 1000, 0.02
SCHEDULES = {
    "constant": None,
    "every 20 epochs a tenth": lamina.StepDecay(20, 0.1),
    "exponential": lamina.ExponentialDecay(0.92),
    "1 / t": lamina.InverseTimeDecay(0.2),
    "halved on a plateau": lamina.HalveOnPlateau(patience=3, monitor="loss"),
    "cosine": lamina.CosineDecay(EPOCHS),
    "warm-up, then cosine": lamina.WarmUp(5, then=lamina.CosineDecay(EPOCHS - 5)),
    "one cycle": lamina.OneCycle(EPOCHS),
}


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    rng = np.random.default_rng(options.seed)
    X = rng.standard_normal((ROWS, INPUTS))
    y = X @ rng.standard_normal(INPUTS) + rng.standard_normal(ROWS)
    with_bias = np.column_stack([X, np.ones(ROWS)])
    residuals = y - with_bias @ np.linalg.lstsq(with_bias, y, rcond=None)[0]
    least = (residuals**2).mean() / 2

    figure, (left, right) = new_figure(2, width=5.5)
    numbers = {}
    for name, schedule in SCHEDULES.items():
        net = lamina.Sequential(lamina.Linear(INPUTS, 1), seed=options.seed, dtype="float64")
        trainer = lamina.Trainer(net, "squared_error", lamina.SGD(RATE), schedule=schedule, seed=options.seed)
        history = trainer.fit(X, y, epochs=EPOCHS, batch_size=10, validation_data=(X, y), progress=False)
        excess = np.array(history["val_loss"]) - least
        numbers[name] = float(excess[-1])
        left.plot(history["lr"], label=name)
        right.plot(excess)
    left.set(title="learning rate", xlabel="epoch", yscale="log", ylim=(RATE / 1e4, 1.5 * RATE))
    left.legend(fontsize="small")
    right.set(title="loss above the least possible", xlabel="epoch", yscale="log")
    falling = {name: excess for name, excess in numbers.items() if name != "constant"}
    worst = max(falling, key=falling.get)
    finish(
        figure,
        options,
        __file__,
        f"At a constant rate the loss stays {numbers['constant']:.0e} above the least possible; with every rate that "
        f"falls it comes within {falling[worst]:.0e} ({worst}), with the cosine within {numbers['cosine']:.0e}.",
    )
    return numbers


if __name__ == "__main__":
    main()
