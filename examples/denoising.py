"""An autoencoder that is shown damaged inputs learns to mend them; a plain one learns to copy, damage and all.

With more hidden units than pixels copying is easy, and tells nothing about the data. Setting a part of the pixels to
zero and asking for the whole image back rules it out: what is missing has to be told from the rest. See P. Vincent et
al., "Stacked denoising autoencoders", 2010; H. Larochelle, "Neural networks", autoencoders: denoising autoencoder.
"""

import numpy as np
from common import finish, new_figure, read_arguments

import lamina
from lamina import datasets, ops

SIDE, UNITS, DAMAGE = 14, 400, 0.3


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    images, _ = datasets.rectangles(6000, side=SIDE, seed=options.seed)
    X, X_test = images[:5000], images[5000:]
    damaged = ops.masking_noise(X_test, DAMAGE, seed=options.seed)
    missing = (X_test == 1) & (damaged == 0)

    images = {"damaged": damaged}
    numbers = {"damage": float(((damaged - X_test) ** 2).sum(axis=1).mean())}
    for name, corruption in {"plain": 0.0, "denoising": DAMAGE}.items():
        coder = lamina.Autoencoder(
            SIDE * SIDE, UNITS, corruption=corruption, optimizer=lamina.Adam(lr=3e-3), seed=options.seed
        )
        coder.fit(X, epochs=15, batch_size=50, progress=False)
        images[name] = coder.reconstruct(damaged)
        numbers[name] = {
            "undamaged": float(((coder.reconstruct(X_test) - X_test) ** 2).sum(axis=1).mean()),
            "damaged": float(((images[name] - X_test) ** 2).sum(axis=1).mean()),
            "mended": float((images[name][missing] > 0.5).mean()),
        }
    images["as it was"] = X_test

    figure, axes = new_figure(len(images), width=2.4, height=5)
    for axis, (name, rows) in zip(axes, images.items(), strict=True):
        pictures = np.pad(rows[:8].reshape(4, 2, SIDE, SIDE), [(0, 0), (0, 0), (0, 2), (0, 2)], constant_values=0.5)
        axis.imshow(pictures.transpose(0, 2, 1, 3).reshape(4 * (SIDE + 2), -1), cmap="gray", vmin=0, vmax=1)
        axis.set(title=name, xticks=[], yticks=[])
    plain, denoising = numbers["plain"], numbers["denoising"]
    finish(
        figure,
        options,
        __file__,
        f"Of the white pixels that were wiped out the denoising autoencoder restores {denoising['mended']:.0%}, the "
        f"plain one {plain['mended']:.0%} (squared error {denoising['damaged']:.2f} against {plain['damaged']:.2f} per "
        f"image). On undamaged images the plain one copies better: {plain['undamaged']:.2f} against "
        f"{denoising['undamaged']:.2f}.",
    )
    return numbers


if __name__ == "__main__":
    main()
