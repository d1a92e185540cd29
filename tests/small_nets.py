"""The small nets and data of the training tests."""

import numpy as np

import lamina
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
