"""Transfer learning: a new task with few examples starts from a net that has learned a related one from many.

The old net tells nine sizes of rectangles, from 5000 images. The new question is whether the area is large, and 100
images answer it, with 100 more to stop by. The layers below the last are copied and frozen; then they are unfrozen in
stages, from the last to the first, to see how much is worth being reused. See M. Mukund, "Training deep neural
networks", 2021: transfer learning.
"""

import numpy as np
from common import finish, new_figure, read_arguments

import lamina
from lamina import datasets
from lamina.mlp import mlp

SIDE = 20
STAGES = {"only the new layer": None, "and the second": 2, "and the first": 0}  # what is unfrozen for each


def draw(rows, seed):
    """Return images, the size in nine classes, and whether the area is large."""
    images, _ = datasets.rectangles(rows, side=SIDE, seed=seed)
    height, width = (images.reshape(rows, SIDE, SIDE).any(axis=axis).sum(axis=1) for axis in (2, 1))
    thirds = [np.minimum((length - 3) // 6, 2) for length in (height, width)]
    return images, 3 * thirds[0] + thirds[1], (height * width > 80).astype(int)


def new_net(classes, seed):
    return mlp(SIDE * SIDE, [200, 200], classes, activation="relu", batchnorm=False, seed=seed)


def fit(net, rate, data, validation, seed):
    """Train until the validation loss stops improving, and keep the best."""
    trainer = lamina.Trainer(
        net, optimizer=lamina.Adam(lr=rate), callbacks=[lamina.EarlyStopping(patience=30)], seed=seed
    )
    trainer.fit(*data, epochs=200, batch_size=20, validation_data=validation, progress=False)
    return trainer


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    images, sizes, large = draw(8200, options.seed)
    parts = (slice(5000, 5100), slice(5100, 5200), slice(5200, 8200))
    few, validation, test = ((images[part], large[part]) for part in parts)

    old = new_net(9, options.seed)
    lamina.Trainer(old, seed=options.seed).fit(images[:5000], sizes[:5000], epochs=20, batch_size=50, progress=False)

    numbers = {}
    scratch = new_net(2, options.seed + 1)
    numbers["from scratch"] = fit(scratch, 1e-3, few, validation, options.seed).evaluate(*test)["score"]

    net = new_net(2, options.seed + 1)
    net.load_state_dict(net.state_dict() | old[:4].state_dict())  # all below the last layer
    whole = new_net(2, options.seed + 1)
    whole.load_state_dict(net.state_dict())
    numbers["copied, nothing frozen"] = fit(whole, 1e-3, few, validation, options.seed).evaluate(*test)["score"]

    net.freeze(0, 2)
    for stage, (name, layer) in enumerate(STAGES.items()):
        if layer is not None:
            net.unfreeze(layer)
        trainer = fit(net, 1e-3 / 3**stage, few, validation, options.seed)
        numbers[name] = trainer.evaluate(*test)["score"]

    figure, (axis,) = new_figure(1, width=7, height=3)
    bars = axis.barh(list(numbers), list(numbers.values()), color=["grey", "grey", "C0", "C0", "C0"])
    axis.bar_label(bars, fmt="{:.1%}")
    axis.invert_yaxis()
    axis.set(title="test images told right, 100 to learn from", xlim=(0, 1))
    finish(
        figure,
        options,
        __file__,
        f"With 100 examples a new net tells {numbers['from scratch']:.1%} of the test images right, one with copied "
        f"layers {numbers['copied, nothing frozen']:.1%}; with these frozen {numbers['only the new layer']:.1%}, then "
        f"unfrozen one by one {numbers['and the second']:.1%} and {numbers['and the first']:.1%}.",
    )
    return numbers


if __name__ == "__main__":
    main()
