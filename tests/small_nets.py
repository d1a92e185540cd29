"""The small nets and data of the training tests."""

import numpy as np

import lamina
import on_device
import tolerances


def make_net(dtype="float32", outputs=3, seed=1, modern=True):
    """4-8-outputs; `modern` has batch norm, ReLU and dropout, the other tanh."""
    hidden = [lamina.BatchNorm(8), lamina.ReLU(), lamina.Dropout(0.3)] if modern else [lamina.Tanh()]
    return lamina.Sequential(lamina.Linear(4, 8), *hidden, lamina.Linear(8, outputs), seed=seed, dtype=dtype)


def deep_net(dtype="float64", seed=1, **options):
    """5-7-6-3 with batch norm, dropout and a layer without bias."""
    return lamina.Sequential(
        lamina.Linear(5, 7),
        lamina.BatchNorm(7),
        lamina.ELU(0.7),
        lamina.Dropout(0.4),
        lamina.Linear(7, 6, bias=False),
        lamina.Tanh(),
        lamina.Linear(6, 3),
        seed=seed,
        dtype=dtype,
        **options,
    )


def clouds(rng):
    """Three clouds of points, told apart with ease, and their labels."""
    y = rng.integers(0, 3, 90)
    return rng.normal(size=(90, 4)) + 2 * np.eye(3, 4)[y], y


def weights_of(net):
    """Copies of all parameters."""
    return {name: array.copy() for name, array in net.parameters().items()}


def one_step(net, data, sample_weight=None, **options):
    """How each parameter changes in a full-batch step (SGD with rate 0.5 unless given), and what it was before."""
    before = weights_of(net)
    trainer = lamina.Trainer(net, **{"optimizer": lamina.SGD(lr=0.5)} | options)
    trainer.fit(*data, epochs=1, batch_size=1000, shuffle=False, progress=False, sample_weight=sample_weight)
    return {name: array - before[name] for name, array in weights_of(net).items()}, before


def assert_close(actual, expected):
    """Equal but for float64's rounding of numbers of order 1."""
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerances.IDENTITY)


def steps_of_a_fit(net, data, epochs, batch_size, seed):
    """The gradients of each step of a shuffled fit; the net is updated by whoever goes through them."""
    x, y = data
    steps = len(x) // batch_size
    for step in range(epochs * steps):
        order = lamina.ops.random_permutation(len(x), seed=seed, step=step // steps)
        rows = order[step % steps * batch_size :][:batch_size]
        yield net.loss_and_gradients(x[rows], y[rows], seed=seed, step=step)[1]


def trained_bits(data, epochs=4, batch_size=10, device=False, again=lambda trainer: trainer, **options):
    """What a trainer with these options arrives at, after it has been through `again` halfway: weights, losses, and the
    average of the weights if there is one.
    """
    with on_device.active(device):
        trainer = lamina.Trainer(make_net(), seed=3, **options)
        trainer.fit(*data, epochs=epochs // 2, batch_size=batch_size, progress=False)
        trainer = again(trainer)
        trainer.fit(*data, epochs=epochs - epochs // 2, batch_size=batch_size, progress=False)
        average = trainer.averaged().state_dict() if options.get("average") else {}
        return trainer.net.state_dict(), np.array(trainer.history["loss"]), average
