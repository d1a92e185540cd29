"""Training: each step as written, history, copies, and the learning itself."""

import copy
import pickle
import sys

import numpy as np
import pytest

import lamina
import tolerances
from comparison import assert_same_bits
from lamina import ops
from small_nets import clouds, make_net

KEYS = ["loss", "val_loss", "val_score", "lr", "seconds"]


@pytest.fixture
def data(rng):
    return clouds(rng)


def steps_by_hand(net, x, y, rule, batch_size, epochs, seed, has_norm):
    """The training loop written out with the public parts; returns the loss of each epoch."""
    parameters = net.parameters()
    slots = {name: [np.zeros(array.shape, array.dtype) for _ in range(2)] for name, array in parameters.items()}
    losses, step = [], 0
    for epoch in range(epochs):
        order, total, first = ops.random_permutation(len(x), seed=seed, step=epoch), 0.0, 0
        while first < len(x):
            last = min(first + batch_size, len(x))
            if has_norm and last == len(x) - 1:
                last = len(x)
            rows = order[first:last]
            loss, gradients = net.loss_and_gradients(x[rows], y[rows], seed=seed, step=step)
            total += loss * len(rows)
            step += 1
            for name, array in parameters.items():
                rule(array.reshape(-1), gradients[name].reshape(-1), *[slot.reshape(-1) for slot in slots[name]], step)
            first = last
        losses.append(total / len(x))
    return losses


def adam(parameters, gradients, m, v, step):
    ops.adam_step(parameters, gradients, m, v, lr=0.01, step=step)


def sgd(parameters, gradients, velocity, _, step):
    ops.sgd_step(parameters, gradients, velocity, lr=0.1, momentum=0.9, nesterov=True)


def adagrad(parameters, gradients, square_sum, _, step):
    ops.adagrad_step(parameters, gradients, square_sum, lr=0.05)


def rmsprop(parameters, gradients, square_avg, velocity, step):
    ops.rmsprop_step(parameters, gradients, square_avg, velocity, lr=0.01, rho=0.9, momentum=0.5)


@pytest.mark.parametrize(
    ("optimizer", "rule"),
    [
        (lamina.Adam(lr=0.01), adam),
        (lamina.SGD(lr=0.1, momentum=0.9, nesterov=True), sgd),
        (lamina.Adagrad(lr=0.05), adagrad),
        (lamina.RMSProp(lr=0.01, rho=0.9, momentum=0.5), rmsprop),
    ],
)
@pytest.mark.parametrize("modern", [True, False])
def test_trainer_does_what_its_parts_do(isa, dtype, data, optimizer, rule, modern):
    """Shuffle, masks, lone last row, updates: bit for bit those of ops and `loss_and_gradients`."""
    x, y = data[0][:81].astype(dtype), data[1][:81]  # 5 batches of 16, and one row more
    net, twin = make_net(dtype, modern=modern), make_net(dtype, modern=modern)
    history = lamina.Trainer(net, optimizer=optimizer, seed=7).fit(x, y, epochs=3, batch_size=16, progress=False)
    losses = steps_by_hand(twin, x, y, rule, 16, 3, 7, modern)
    assert_same_bits(net.state_dict(), twin.state_dict())
    np.testing.assert_allclose(history["loss"], losses, rtol=tolerances.IDENTITY)


def test_trainer_history_has_an_entry_per_epoch(data):
    trainer = lamina.Trainer(make_net(), seed=1)
    assert trainer.history == {key: [] for key in KEYS}
    history = trainer.fit(*data, epochs=3, progress=False)
    assert history is trainer.history and list(history) == KEYS
    assert all(len(column) == 3 for column in history.values())
    assert np.isnan(history["val_loss"]).all() and np.isnan(history["val_score"]).all()
    assert history["lr"] == [0.001] * 3 and all(seconds > 0 for seconds in history["seconds"])
    trainer.fit(*data, epochs=2, validation_data=data, progress=False)
    assert [len(column) for column in history.values()] == [5] * 5
    assert np.isfinite(history["val_loss"][3:]).all()
    last = trainer.evaluate(*data)
    assert (history["val_loss"][-1], history["val_score"][-1]) == (last["loss"], last["score"])


@pytest.mark.parametrize(
    "optimizer",
    [lamina.Adam(lr=0.02), lamina.Adagrad(lr=0.1), lamina.RMSProp(lr=0.01), lamina.RMSProp(lr=0.003, momentum=0.8)],
    ids=str,
)
def test_trainer_learns_classes(data, optimizer):
    trainer = lamina.Trainer(make_net(), optimizer=optimizer)
    before = trainer.evaluate(*data)["loss"]
    trainer.fit(*data, epochs=40, batch_size=16, progress=False)
    after = trainer.evaluate(*data)
    assert after["loss"] < before / 2 and after["score"] > 0.9


def test_trainer_learns_a_regression(rng):
    x = rng.normal(size=(200, 4))
    y = np.stack([x[:, 0] * x[:, 1], x.sum(axis=1)], axis=1)
    trainer = lamina.Trainer(
        make_net(outputs=2, modern=False), loss="mean_squared_error", optimizer=lamina.Adam(lr=0.02)
    )
    trainer.fit(x, y, epochs=150, batch_size=32, progress=False)
    assert trainer.evaluate(x, y)["score"] > 0.9


def test_trainer_learns_two_classes_with_one_output(data):
    x, y = data[0], (data[1] == 0).astype(int)
    trainer = lamina.Trainer(make_net(outputs=1), loss="sigmoid_cross_entropy", optimizer=lamina.Adam(lr=0.02))
    trainer.fit(x, y, epochs=40, batch_size=16, progress=False)
    result = trainer.evaluate(x, y)
    assert result["score"] > 0.9
    assert result["score"] == ((trainer.net.predict(x)[:, 0] > 0) == y).mean()


def test_trainer_evaluates_loss_and_score(data, rng):
    x, y = data
    net = make_net("float64")
    result = lamina.Trainer(net).evaluate(x, y, batch_size=7)
    assert result["score"] == (net(x).argmax(axis=1) == y).mean()
    expected = ops.softmax_cross_entropy(net(x), y)[0]
    assert abs(result["loss"] - expected) < tolerances.IDENTITY
    assert lamina.Trainer(net).evaluate(x, np.eye(3)[y])["score"] == result["score"]
    weight = rng.random(90)
    weighted = lamina.Trainer(net).evaluate(x, y, weight, batch_size=11)
    assert abs(weighted["loss"] - ops.softmax_cross_entropy(net(x), y, sample_weight=weight)[0]) < tolerances.IDENTITY
    target = rng.normal(size=(90, 3))
    result = lamina.Trainer(net, "squared_error").evaluate(x, target)
    r2 = 1 - ((net(x) - target) ** 2).sum(axis=0) / ((target - target.mean(axis=0)) ** 2).sum(axis=0)
    assert abs(result["score"] - r2.mean()) < tolerances.IDENTITY


def test_trainer_one_output_takes_a_vector_or_a_column(data, rng):
    x, y = data[0], rng.normal(size=90)

    def train(y, yv):
        net = make_net(outputs=1)
        trainer = lamina.Trainer(net, "squared_error", seed=2)
        history = trainer.fit(x, y, epochs=2, validation_data=(x, yv), progress=False)
        return [net.state_dict(), np.array(history["val_loss"])]

    assert_same_bits(train(y, y[:, None]), train(y[:, None], y))


def test_trainer_data_stays_as_it_is(data):
    x, y = data[0].astype(np.float32), data[1].astype(np.int64)
    for array in (x, y):
        array.flags.writeable = False
    before = x.copy(), y.copy()
    lamina.Trainer(make_net()).fit(x, y, epochs=1, progress=False)
    assert_same_bits((x, y), before)


def test_trainer_epochs_in_two_fits_are_epochs_in_one(data):
    together, apart = make_net(), make_net()
    lamina.Trainer(together, seed=3).fit(*data, epochs=5, batch_size=32, progress=False)
    trainer = lamina.Trainer(apart, seed=3)
    for epochs in (2, 0, 3):
        trainer.fit(*data, epochs=epochs, batch_size=32, progress=False)
    assert_same_bits(apart.state_dict(), together.state_dict())


@pytest.mark.parametrize(
    "optimizer", ["adam", "adagrad", lamina.RMSProp(momentum=0.5), lamina.SGD(momentum=0.9)], ids=str
)
@pytest.mark.parametrize("make_copy", [copy.deepcopy, lambda trainer: pickle.loads(pickle.dumps(trainer))])
def test_trainer_copy_goes_on_bit_for_bit(data, optimizer, make_copy):
    trainer = lamina.Trainer(make_net(), optimizer=optimizer, schedule=lamina.HalveOnPlateau(), seed=3)
    trainer.fit(*data, epochs=2, validation_data=data, progress=False)
    twin = make_copy(trainer)
    assert twin.net is not trainer.net and twin.history == trainer.history
    for each in (trainer, twin):
        each.fit(*data, epochs=3, validation_data=data, progress=False)
    assert_same_bits(twin.net.state_dict(), trainer.net.state_dict())


def test_trainer_shuffle_and_seed_matter(data):
    def train(seed, shuffle=True):
        net = make_net()
        lamina.Trainer(net, seed=seed).fit(*data, epochs=1, batch_size=16, shuffle=shuffle, progress=False)
        return net.state_dict()["0.weight"]

    assert_same_bits(train(1), train(1))
    assert not np.array_equal(train(1), train(2))
    assert not np.array_equal(train(1), train(1, shuffle=False))


def test_trainer_progress_goes_to_standard_error(data, capfd, monkeypatch):
    pytest.importorskip("tqdm")
    fit = {"epochs": 3, "validation_data": data}
    lamina.Trainer(make_net()).fit(*data, **fit)
    captured = capfd.readouterr()
    assert "3/3" in captured.err and "val_loss" in captured.err and not captured.out
    monkeypatch.setitem(sys.modules, "tqdm", None)
    lamina.Trainer(make_net()).fit(*data, **fit)
    captured = capfd.readouterr()
    assert "epochs: 3/3" in captured.err and "val_loss" in captured.err and captured.err.endswith("\n")
    lamina.Trainer(make_net()).fit(*data, progress=False, **fit)
    assert capfd.readouterr().err == ""


def test_trainer_names_mean_the_defaults():
    def settings(name):
        return lamina.Trainer(make_net(), optimizer=name).optimizer

    for name, default in {
        "sgd": lamina.SGD(), "adagrad": lamina.Adagrad(), "rmsprop": lamina.RMSProp(), "adam": lamina.Adam(),
        "adamw": lamina.AdamW(),
    }.items():  # fmt: skip
        assert settings(name) == default
    assert lamina.Trainer(make_net()).loss.name == "softmax_cross_entropy"


def test_trainer_single_rows_do_without_batch_norm(data):
    net = make_net(modern=False)
    history = lamina.Trainer(net).fit(*data, epochs=2, batch_size=1, progress=False)
    assert np.isfinite(history["loss"]).all()
    lamina.Trainer(net).fit(data[0][:1], data[1][:1], epochs=1, progress=False)


def test_fit_takes_a_batch_size_beyond_every_data_set():
    net = lamina.Sequential(lamina.Linear(3, 4), lamina.BatchNorm(4), lamina.Linear(4, 2), seed=0)
    history = lamina.Trainer(net).fit(np.eye(3), np.array([0, 1, 0]), epochs=1, batch_size=sys.maxsize, progress=False)
    assert np.isfinite(history["loss"]).all()
