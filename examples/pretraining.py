"""Pre-training layer by layer, without labels, lets a deep sigmoid net learn from few labelled examples.

Each hidden layer first learns, as a denoising autoencoder, to describe the outputs of the layers below; then the labels
train all of them. Is a rectangle tall or wide? 300 images say so, 5000 do not. Beside it stand nets as they are built
today, which learn this without. See Y. Bengio et al., "Greedy layer-wise training of deep networks", 2007; and
H. Larochelle, "Neural networks", deep learning: unsupervised pre-training.
"""

from common import finish, new_figure, read_arguments

import lamina
from lamina import datasets
from lamina.mlp import mlp
from lamina.plots import filter_mosaic

SIDE = 20
NETS = {
    "sigmoid": {"activation": "sigmoid", "batchnorm": False},
    "sigmoid, pre-trained": {"activation": "sigmoid", "batchnorm": False},
    "ReLU": {"activation": "relu", "batchnorm": False},
    "ReLU, batch norm": {"activation": "relu", "batchnorm": True},
}


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    images, tall = datasets.rectangles(8600, side=SIDE, seed=options.seed)
    parts = (slice(0, 300), slice(300, 600), slice(600, 3600))
    (X, y), validation, test = ((images[part], tall[part]) for part in parts)
    unlabelled = images[3600:]

    figure, axes = new_figure(3)
    numbers = {}
    for name, settings in NETS.items():
        net = mlp(SIDE * SIDE, [200, 200, 200], 2, **settings, seed=options.seed)
        if name.endswith("pre-trained"):
            lamina.pretrain.greedy(
                net, unlabelled, "denoising", epochs=10, batch_size=50, lr=3e-3, seed=options.seed, progress=False
            )
            filters = net.parameters()["0.weight"][:36].copy()
        stopping = lamina.EarlyStopping(patience=30)
        trainer = lamina.Trainer(net, optimizer="adam", callbacks=[stopping], seed=options.seed)
        history = trainer.fit(X, y, epochs=200, batch_size=20, validation_data=validation, progress=False)
        numbers[name] = 1 - trainer.evaluate(*test)["score"]
        axes[0].plot(history["val_loss"], label=name)
    axes[0].set(title="validation loss", xlabel="epoch", xlim=(0, 80), ylim=(0, 1))
    axes[0].legend()
    axes[1].barh(list(numbers), list(numbers.values()), color=[f"C{place}" for place in range(4)])
    axes[1].set(title="test error at the best epoch")
    axes[2].imshow(filter_mosaic(filters, (SIDE, SIDE), 6), cmap="RdBu_r", vmin=-1, vmax=1)
    axes[2].set(title="what the first layer looks for", xticks=[], yticks=[])
    finish(
        figure,
        options,
        __file__,
        f"Of 3000 test images the sigmoid net gets {numbers['sigmoid']:.1%} wrong, pre-trained "
        f"{numbers['sigmoid, pre-trained']:.1%}; a ReLU net {numbers['ReLU']:.1%}, with batch norm "
        f"{numbers['ReLU, batch norm']:.1%}, both without pre-training.",
    )
    return numbers


if __name__ == "__main__":
    main()
