"""One seed, one answer: the same weights to the last bit with every instruction set and number of threads."""

import hashlib

import numpy as np
import pytest

import lamina
import on_device
from lamina._arrays import on_host

ROWS = 403  # neither a multiple of the batch nor of any vector


def digest(arrays):
    hashed = hashlib.sha256()
    for name in sorted(arrays):
        hashed.update(name.encode())
        hashed.update(np.ascontiguousarray(arrays[name]).tobytes())
    return hashed.hexdigest()


def data():
    generator = np.random.default_rng(5)
    y = generator.integers(0, 5, ROWS)
    return generator.random((ROWS, 37)) * 0.5 + 0.5 * np.eye(5, 37)[y], y


def train(dtype):
    x, y = data()
    net = lamina.Sequential(
        lamina.Linear(37, 65), lamina.BatchNorm(65), lamina.ReLU(), lamina.Dropout(0.3),
        lamina.Linear(65, 33), lamina.BatchNorm(33), lamina.ELU(), lamina.Dropout(0.2),
        lamina.Linear(33, 17), lamina.Tanh(), lamina.Linear(17, 9), lamina.SELU(), lamina.Linear(9, 5),
        seed=2**40 + 1, dtype=dtype,
    )  # fmt: skip
    trainer = lamina.Trainer(
        net, optimizer=lamina.Adam(lr=3e-3, weight_decay=1e-3), regularizer=lamina.L1(1e-4),
        schedule=lamina.HalveOnPlateau(patience=1), callbacks=[lamina.EarlyStopping(patience=3)], seed=2**63,
    )  # fmt: skip
    history = trainer.fit(
        x, y, epochs=5, batch_size=67, validation_data=(x[::3], y[::3]), sample_weight=1 + y % 2, progress=False
    )
    measured = {key: np.array(history[key]) for key in ("loss", "val_loss", "val_score", "lr")}
    return digest(net.state_dict() | measured | {"outputs": net.predict(x)})


def regress(dtype):
    x, y = data()
    net = lamina.Sequential(
        lamina.Linear(37, 29), lamina.Sigmoid(), lamina.Linear(29, 13), lamina.LeakyReLU(), lamina.Linear(13, 2),
        dtype=dtype,
    )  # fmt: skip
    target = np.stack([x.sum(axis=1), y], axis=1)
    trainer = lamina.Trainer(net, "mean_squared_error", lamina.SGD(lr=0.01, momentum=0.9, nesterov=True))
    history = trainer.fit(x, target, epochs=4, batch_size=50, validation_data=(x, target), progress=False)
    return digest(net.state_dict() | {"score": np.array(history["val_score"])})


def scale_by_squares(dtype):
    x, y = data()
    digests, schedule = [], lamina.WarmUp(1, lamina.CosineDecay(2))
    for optimizer in (lamina.Adagrad(lr=0.02, l1=1e-4), lamina.RMSProp(lr=1e-3, momentum=0.5, weight_decay=1e-3)):
        net = lamina.Sequential(
            lamina.Linear(37, 29), lamina.LayerNorm(29), lamina.GELU(), lamina.Linear(29, 17), lamina.PReLU(),
            lamina.Linear(17, 9), lamina.RReLU(), lamina.Linear(9, 5), seed=4, dtype=dtype,
        )  # fmt: skip
        trainer = lamina.Trainer(net, optimizer=optimizer, schedule=schedule, clip_value=0.05, clip_norm=0.3)
        trainer.fit(x, y, epochs=3, batch_size=50, progress=False)
        state = {name: on_host(slot) for name, slot in trainer._core.state().items()}
        digests.append(digest(net.state_dict() | state))
    return digests


def add_noise(dtype):
    x, y = data()
    net = lamina.Sequential(
        lamina.GaussianNoise(0.1), lamina.DropConnect(37, 21, p=0.2), lamina.SELU(), lamina.AlphaDropout(0.1),
        lamina.Shakeout(21, 17, p=0.1, c=0.05), lamina.SaltAndPepper(0.1), lamina.Zoneout(17, 17, activation="gelu"),
        lamina.Dropout(0.2, scaling="test"), lamina.Whiteout(17, 9, lam=0.01), lamina.Tanh(), lamina.MaskingNoise(0.1),
        lamina.Linear(9, 5), seed=4, dtype=dtype,
    )  # fmt: skip
    lamina.Trainer(net).fit(x, y, epochs=3, batch_size=50, progress=False)
    return digest(net.state_dict() | {"outputs": net.predict(x)})


def pretrain(dtype):
    x, _ = data()
    digests = []
    for module, activation, norm in (("autoencoder", lamina.Sigmoid(), False), ("denoising", lamina.ReLU(), True)):
        layers = []
        for inputs, outputs in ((37, 21), (21, 19)):
            layers += [lamina.Linear(inputs, outputs), *([lamina.BatchNorm(outputs)] * norm), activation]
        net = lamina.Sequential(*layers, lamina.Linear(19, 5), seed=3, dtype=dtype)
        stages = lamina.pretrain.greedy(net, x, module, epochs=3, batch_size=50, tied=norm, seed=11, progress=False)
        losses = {str(stage["layer"]): np.array(stage["loss"]) for stage in stages}
        digests.append(digest(net.state_dict() | losses))
    return digests


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("run", [train, regress, scale_by_squares, add_noise, pretrain])
def test_determinism_of_bits(run, dtype):
    level, threads = lamina.get_isa(), lamina.get_num_threads()
    digests = {}
    try:
        for isa in lamina.available_isas():
            lamina.set_isa(isa)
            for count in (1, 2):
                lamina.set_num_threads(count)
                digests[f"{isa}, {count} threads"] = run(dtype)
        if lamina.cuda.is_available():
            with on_device.active(True):
                digests["cuda"] = run(dtype)
        digests["again"] = run(dtype)
    finally:
        lamina.set_isa(level)
        lamina.set_num_threads(threads)
    different = {name for name, value in digests.items() if value != digests["again"]}
    assert not different, f"these differ from the last run: {different}"


def test_determinism_level_may_change_between_epochs():
    x, y = data()

    def train_in_turns(levels):
        net = lamina.Sequential(lamina.Linear(37, 20), lamina.BatchNorm(20), lamina.Tanh(), lamina.Linear(20, 5))
        trainer = lamina.Trainer(net)
        for isa in levels:
            lamina.set_isa(isa)
            trainer.fit(x, y, epochs=1, progress=False)
        return digest(net.state_dict())

    before, levels = lamina.get_isa(), lamina.available_isas()
    try:
        assert train_in_turns(levels) == train_in_turns([levels[0]] * len(levels))
    finally:
        lamina.set_isa(before)
