"""Training: each step as written, history, stopping, schedules, penalties, weights, and what is refused."""

import copy
import pickle
import sys

import numpy as np
import pytest

import lamina
import tolerances
from comparison import assert_same_bits
from lamina import ops

KEYS = ["loss", "val_loss", "val_score", "lr", "seconds"]


def make_net(dtype="float32", outputs=3, seed=1, modern=True):
    hidden = [lamina.BatchNorm(8), lamina.ReLU(), lamina.Dropout(0.3)] if modern else [lamina.Tanh()]
    return lamina.Sequential(lamina.Linear(4, 8), *hidden, lamina.Linear(8, outputs), seed=seed, dtype=dtype)


@pytest.fixture
def data(rng):
    """Three clouds, told apart with ease."""
    y = rng.integers(0, 3, 90)
    return rng.normal(size=(90, 4)) + 2 * np.eye(3, 4)[y], y


def weights_of(net):
    return {name: array.copy() for name, array in net.parameters().items()}


def steps_by_hand(net, x, y, rule, batch_size, epochs, seed, has_norm):
    """The training loop written out with the public parts; returns the loss of each epoch."""
    parameters = net.parameters()
    slots = {name: [np.zeros_like(array) for _ in range(2)] for name, array in parameters.items()}
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


@pytest.mark.parametrize(
    ("optimizer", "rule"), [(lamina.Adam(lr=0.01), adam), (lamina.SGD(lr=0.1, momentum=0.9, nesterov=True), sgd)]
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


def test_trainer_learns_classes(data):
    trainer = lamina.Trainer(make_net(), optimizer=lamina.Adam(lr=0.02))
    history = trainer.fit(*data, epochs=40, batch_size=16, progress=False)
    assert history["loss"][-1] < history["loss"][0] / 2
    assert trainer.evaluate(*data)["score"] > 0.9


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


@pytest.mark.parametrize("optimizer", ["adam", lamina.SGD(momentum=0.9)], ids=str)
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


def test_trainer_early_stopping_restores_the_best_weights(data):
    x, y = data
    stopping = lamina.EarlyStopping(patience=3)
    trainer = lamina.Trainer(make_net(), optimizer=lamina.Adam(lr=0.05), callbacks=[stopping], seed=1)
    history = trainer.fit(x, y, epochs=500, validation_data=(x, (y + 1) % 3), progress=False)
    losses = history["val_loss"]
    assert len(losses) < 500 and stopping.best_epoch == int(np.argmin(losses)) == len(losses) - 4
    assert trainer.evaluate(x, (y + 1) % 3)["loss"] == min(losses) == stopping.best
    kept = lamina.Trainer(
        make_net(), optimizer=lamina.Adam(lr=0.05), callbacks=[lamina.EarlyStopping(3, restore_best=False)], seed=1
    )
    assert kept.fit(x, y, epochs=500, validation_data=(x, (y + 1) % 3), progress=False)["val_loss"] == losses
    assert kept.evaluate(x, (y + 1) % 3)["loss"] == losses[-1]


class Scripted(lamina.Callback):
    """Writes given numbers over what was measured."""

    def __init__(self, name, values):
        self.name, self.values = name, values

    def on_epoch_end(self, trainer):
        trainer.history[self.name][-1] = self.values[len(trainer.history["loss"]) - 1]


@pytest.mark.parametrize(
    ("monitor", "values", "options", "epochs", "best"),
    [
        ("loss", [3, 2, 2, 2, 1, 1], {"patience": 2}, 4, 1),
        ("loss", [3, 2, 4, 1, 2, 2], {"patience": 2}, 6, 3),
        ("loss", [3, 2.9, 2.8, 2.7], {"patience": 2, "min_delta": 0.5}, 3, 0),
        ("val_score", [0.5, 0.7, 0.6, 0.6, 0.9], {"patience": 2}, 4, 1),
        ("loss", [np.nan, 2, np.nan, np.nan, 1], {"patience": 2}, 4, 1),
        ("loss", [np.nan, np.nan, np.nan], {"patience": 2}, 2, None),
    ],
)
def test_trainer_early_stopping_by_the_book(data, monitor, values, options, epochs, best):
    stopping = lamina.EarlyStopping(monitor=monitor, **options)
    trainer = lamina.Trainer(make_net(), callbacks=[Scripted(monitor, values), stopping])
    trainer.fit(*data, epochs=len(values), validation_data=data, progress=False)
    assert len(trainer.history["loss"]) == epochs and stopping.best_epoch == best


@pytest.mark.parametrize(
    ("values", "rates"),
    [
        ([5, 4, 3, 2, 1], [1, 1, 1, 1, 1]),
        ([5, 5, 5, 5, 5, 5], [1, 1, 1, 0.5, 0.5, 0.25]),
        ([5, 6, 4, 6, 6, 3, 9, 9], [1, 1, 1, 1, 1, 0.5, 0.5, 0.5]),
        ([5, 6, np.nan, 5], [1, 1, 1, 0.5]),
    ],
)
def test_trainer_halves_the_rate_on_a_plateau(values, rates):
    halve, history = lamina.HalveOnPlateau(patience=2), {"lr": [], "val_loss": []}
    rate = 1.0
    for value in values:
        history["lr"].append(rate)
        history["val_loss"].append(value)
        rate = halve(rate, history)
    assert history["lr"] == rates


def test_trainer_rate_goes_no_lower_than_asked(data):
    schedule = lamina.HalveOnPlateau(patience=1, min_lr=0.3, monitor="loss")
    trainer = lamina.Trainer(make_net(), optimizer=lamina.SGD(lr=1.0), schedule=schedule)
    assert schedule(1.0, {"lr": [1.0, 1.0], "loss": [1.0, 1.0]}) == 0.5
    assert schedule(0.5, {"lr": [0.5, 0.5], "loss": [1.0, 1.0]}) == 0.3
    assert schedule(0.1, {"lr": [0.1, 0.1], "loss": [1.0, 1.0]}) == 0.1
    trainer.schedule = lamina.StepDecay(2, 0.5)
    assert trainer.fit(*data, epochs=5, progress=False)["lr"] == [1.0, 1.0, 0.5, 0.5, 0.25]
    trainer.schedule, trainer.lr = lamina.ExponentialDecay(0.25), 1.0
    assert trainer.fit(*data, epochs=3, progress=False)["lr"][5:] == [1.0, 0.25, 0.0625]
    trainer.schedule = lambda lr, history: lr + len(history["lr"])
    trainer.lr = 1.0
    assert trainer.fit(*data, epochs=2, progress=False)["lr"][8:] == [1.0, 10.0]


def test_trainer_rate_of_zero_changes_no_parameter(data):
    net = make_net()
    before = weights_of(net)
    lamina.Trainer(net, optimizer=lamina.Adam(lr=0)).fit(*data, epochs=1, progress=False)
    assert_same_bits(weights_of(net), before)


def test_trainer_calls_back_in_order(data):
    calls = []

    class Log(lamina.Callback):
        def on_fit_begin(self, trainer):
            calls.append("begin")

        def on_epoch_end(self, trainer):
            calls.append(len(trainer.history["seconds"]))
            trainer.should_stop = len(calls) == 3

        def on_fit_end(self, trainer):
            calls.append("end")

    trainer = lamina.Trainer(make_net(), callbacks=[Log()])
    trainer.fit(*data, epochs=9, progress=False)
    assert calls == ["begin", 1, 2, "end"]
    trainer.fit(*data, epochs=1, progress=False)
    assert calls[4:] == ["begin", 3, "end"]


def test_trainer_errors_of_callbacks_come_through_and_free_the_net(data):
    class Fail(lamina.Callback):
        def on_epoch_end(self, trainer):
            raise RuntimeError("mine")

    net = make_net()
    with pytest.raises(RuntimeError, match="mine"):
        lamina.Trainer(net, callbacks=[Fail()]).fit(*data, progress=False)
    lamina.Trainer(net).fit(*data, epochs=1, progress=False)


def step(net, data, **options):
    """The arrays after one full-batch step of SGD with rate 0.5, and their change."""
    before = weights_of(net)
    optimizer = options.pop("optimizer", lamina.SGD(lr=0.5))
    fit = {name: options.pop(name) for name in ("sample_weight",) if name in options}
    trainer = lamina.Trainer(net, optimizer=optimizer, **options)
    trainer.fit(*data, epochs=1, batch_size=1000, shuffle=False, progress=False, **fit)
    return {name: array - before[name] for name, array in weights_of(net).items()}, before


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerances.IDENTITY)


@pytest.mark.parametrize("decay_all", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {"regularizer": lamina.L2(0.05)},
        {"optimizer": lamina.SGD(lr=0.5, weight_decay=0.1)},
        {"regularizer": lamina.L2(0.02), "optimizer": lamina.SGD(lr=0.5, weight_decay=0.06)},
    ],
    ids=str,
)
def test_trainer_decay_spares_biases_unless_told(data, decay_all, options):
    plain, before = step(make_net("float64"), data)
    decayed, _ = step(make_net("float64"), data, decay_all=decay_all, **options)
    for name, array in before.items():
        touched = decay_all or name in ("0.weight", "4.weight")  # 1.weight is the scale of batch norm
        assert_close(decayed[name], plain[name] - 0.5 * 0.1 * array * touched)


@pytest.mark.parametrize("optimizer", [lamina.SGD(lr=0.5), lamina.Adam(lr=0.5)], ids=str)
@pytest.mark.parametrize("decay_all", [False, True])
def test_trainer_l1_moves_weights_to_zero_and_no_further(data, optimizer, decay_all):
    net, plain = make_net("float64"), make_net("float64")
    step(plain, data, optimizer=optimizer)
    step(net, data, optimizer=optimizer, regularizer=lamina.L1(0.4), decay_all=decay_all)
    for name, array in weights_of(plain).items():
        shrunk = np.copysign(np.maximum(np.abs(array) - 0.2, 0), array)
        touched = decay_all or name in ("0.weight", "4.weight")
        assert_close(net.parameters()[name], shrunk if touched else array)
    assert (net.parameters()["0.weight"] == 0).any()


def test_trainer_elastic_is_both(data):
    one, two = make_net("float64"), make_net("float64")
    step(one, data, regularizer=lamina.Elastic(0.1, 0.2))
    step(two, data, optimizer=lamina.SGD(lr=0.5, l1=0.1, weight_decay=0.4))
    assert_same_bits(weights_of(one), weights_of(two))


def test_trainer_decoupled_decay(data):
    plain, before = step(make_net("float64"), data, optimizer=lamina.Adam(lr=0.5))
    decayed, _ = step(make_net("float64"), data, optimizer=lamina.AdamW(lr=0.5, weight_decay=0.1))
    assert_close(decayed["0.weight"], plain["0.weight"] - 0.05 * before["0.weight"])
    assert_close(decayed["0.bias"], plain["0.bias"])


def test_trainer_history_leaves_penalties_out(data):
    losses = [
        lamina.Trainer(make_net(), regularizer=regularizer).fit(*data, epochs=1, batch_size=90, progress=False)["loss"]
        for regularizer in (None, lamina.L2(10))
    ]
    assert losses[0] == losses[1]


def test_trainer_weights_are_as_repeated_rows(data):
    (x, y), weight = data, np.arange(90) % 3
    repeated = np.repeat(np.arange(90), weight)
    one, _ = step(make_net("float64", modern=False), (x, y), sample_weight=weight)
    two, _ = step(make_net("float64", modern=False), (x[repeated], y[repeated]))
    for name, change in one.items():
        assert_close(change, two[name])


def test_trainer_batches_without_weight_do_no_harm(data):
    x, y = data
    weight = np.repeat([0.0, 1.0, 0.0], 30)
    net = make_net("float64", modern=False)
    trainer = lamina.Trainer(net, optimizer=lamina.SGD(lr=0.5))
    history = trainer.fit(x, y, epochs=2, batch_size=10, sample_weight=weight, shuffle=False, progress=False)
    assert np.isfinite(history["loss"]).all()
    twin = make_net("float64", modern=False)
    lamina.Trainer(twin, optimizer=lamina.SGD(lr=0.5)).fit(
        x[30:60], y[30:60], epochs=2, batch_size=10, shuffle=False, progress=False
    )
    for name, array in weights_of(net).items():
        assert_close(array, twin.parameters()[name])


def test_trainer_class_weights_are_sample_weights(data):
    loss = lamina.Loss("cross_entropy", class_weight=[1.0, 2.0, 0.5])
    one, _ = step(make_net("float64"), data, loss=loss)
    two, _ = step(make_net("float64"), data, sample_weight=np.array([1.0, 2.0, 0.5])[data[1]])
    for name, change in one.items():
        assert_close(change, two[name])


def test_trainer_label_smoothing_is_in_the_targets(data):
    one, _ = step(make_net("float64"), data, loss=lamina.Loss("cross_entropy", label_smoothing=0.3))
    two, _ = step(make_net("float64"), (data[0], 0.7 * np.eye(3)[data[1]] + 0.1))
    for name, change in one.items():
        assert_close(change, two[name])


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

    assert settings("sgd") == lamina.SGD() and settings("adam") == lamina.Adam() and settings("adamw") == lamina.AdamW()
    assert lamina.Trainer(make_net()).loss.name == "softmax_cross_entropy"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: lamina.Trainer("net"), TypeError, "Trainer: net"),
        (lambda: lamina.Trainer(make_net(), loss="hinge"), ValueError, "hinge.*cross_entropy.*squared_error"),
        (lambda: lamina.Trainer(make_net(outputs=1)), ValueError, "sigmoid_cross_entropy"),
        (lambda: lamina.Trainer(make_net(), optimizer="lion"), ValueError, "lion.*sgd, adam, adamw"),
        (lambda: lamina.Trainer(make_net(), optimizer=0.1), TypeError, "optimizer"),
        (lambda: lamina.Trainer(make_net(), schedule="cosine"), TypeError, "schedule"),
        (lambda: lamina.Trainer(make_net(), regularizer=0.1), TypeError, "regularizer"),
        (lambda: lamina.Trainer(make_net(), callbacks=[lamina.EarlyStopping]), TypeError, "callback"),
        (lambda: lamina.Trainer(make_net(), seed=-1), ValueError, "Trainer: seed"),
        (lambda: lamina.Trainer(make_net(), optimizer="adamw", regularizer=lamina.L2(1)), ValueError, "AdamW"),
        (lambda: lamina.Trainer(make_net(), lamina.Loss("cross_entropy", [1, 2])), ValueError, "class_weight"),
        (lambda: lamina.Loss("squared_error", [1, 2]), ValueError, "no classes"),
        (lambda: lamina.Loss("cross_entropy", label_smoothing=1), ValueError, "label_smoothing"),
        (lambda: lamina.SGD(lr=-1), ValueError, "SGD: lr is -1"),
        (lambda: lamina.SGD(lr=float("nan")), ValueError, "SGD: lr"),
        (lambda: lamina.SGD(momentum=1), ValueError, "SGD: momentum"),
        (lambda: lamina.SGD(nesterov=True), ValueError, "nesterov"),
        (lambda: lamina.Adam(lr="fast"), TypeError, "Adam: lr"),
        (lambda: lamina.Adam(betas=(0.9, 1)), ValueError, "Adam: betas"),
        (lambda: lamina.Adam(betas=0.9), TypeError, "Adam: betas"),
        (lambda: lamina.AdamW(weight_decay=-1), ValueError, "AdamW: weight_decay"),
        (lambda: lamina.L1(-1), ValueError, "l1"),
        (lambda: lamina.EarlyStopping(0), ValueError, "EarlyStopping: patience"),
        (lambda: lamina.EarlyStopping(monitor="accuracy"), ValueError, "val_score"),
        (lambda: lamina.HalveOnPlateau(factor=1), ValueError, "HalveOnPlateau: factor"),
        (lambda: lamina.StepDecay(0), ValueError, "StepDecay: every"),
    ],
)
def test_trainer_setting_mistakes_are_told(make, error, message):
    with pytest.raises(error, match=message):
        make()


X, Y = np.zeros((5, 4)), np.array([0, 1, 2, 0, 1])


@pytest.mark.parametrize(
    ("loss", "outputs", "arguments", "error", "message"),
    [
        (
            "cross_entropy",
            3,
            {"X": np.zeros((5, 3))},
            ValueError,
            r"Trainer.fit: X has shape \(5, 3\).*needs 4 columns",
        ),
        ("cross_entropy", 3, {"X": np.zeros(4)}, ValueError, "Trainer.fit: X has shape"),
        ("cross_entropy", 3, {"X": np.zeros((0, 4)), "y": []}, ValueError, "Trainer.fit: X has no rows"),
        ("cross_entropy", 3, {"X": [["a"] * 4]}, TypeError, "Trainer.fit: X"),
        ("cross_entropy", 3, {"y": Y[:4]}, ValueError, "4 labels, X has 5 rows"),
        ("cross_entropy", 3, {"y": [0, 1, 2, 3, 0]}, ValueError, "Trainer.fit: y is 3 in row 3"),
        ("cross_entropy", 3, {"y": [0, 1, -1, 1, 0]}, ValueError, "Trainer.fit: y is -1 in row 2"),
        ("cross_entropy", 3, {"y": [0, 1, np.nan, 1, 0]}, ValueError, "Trainer.fit: y is nan in row 2"),
        ("cross_entropy", 3, {"y": [0, 1, 0.5, 1, 0]}, ValueError, "y is 0.5 in row 2"),
        ("cross_entropy", 3, {"y": list("abcab")}, TypeError, "Trainer.fit: y"),
        ("cross_entropy", 3, {"y": Y[:, None]}, ValueError, r"labels \(5,\) or probabilities \(5, 3\)"),
        ("cross_entropy", 3, {"y": np.full((5, 3), np.nan)}, ValueError, "y is nan"),
        ("sigmoid_cross_entropy", 1, {"y": [0, 1, 2, 0, 1]}, ValueError, r"y is 2.0 in row 2.*\[0, 1\]"),
        ("sigmoid_cross_entropy", 3, {"y": Y}, ValueError, r"y has shape \(5,\).*\(5, 3\)"),
        ("squared_error", 1, {"y": [0, 1, np.inf, 0, 1]}, ValueError, "y is inf in row 2"),
        ("squared_error", 1, {"y": np.zeros((1, 5))}, ValueError, r"\(5,\) or \(5, 1\)"),
        ("squared_error", 3, {"y": np.zeros((5, 1))}, ValueError, r"\(5, 3\)"),
        ("cross_entropy", 3, {"batch_size": 0}, ValueError, "Trainer.fit: batch_size"),
        ("cross_entropy", 3, {"batch_size": 2.5}, TypeError, "Trainer.fit: batch_size"),
        ("cross_entropy", 3, {"batch_size": 1}, ValueError, "batch"),
        ("cross_entropy", 3, {"X": X[:1], "y": Y[:1]}, ValueError, "row"),
        ("cross_entropy", 3, {"epochs": -1}, ValueError, "Trainer.fit: epochs"),
        ("cross_entropy", 3, {"sample_weight": [1, 1]}, ValueError, "Trainer.fit: sample_weight has shape"),
        ("cross_entropy", 3, {"sample_weight": [1, 1, -1, 1, 1]}, ValueError, "Trainer.fit: sample_weight"),
        ("cross_entropy", 3, {"sample_weight": [0] * 5}, ValueError, "Trainer.fit: sample_weight"),
        ("cross_entropy", 3, {"sample_weight": [1, np.nan, 1, 1, 1]}, ValueError, "Trainer.fit: sample_weight"),
        ("cross_entropy", 3, {"validation_data": X}, ValueError, "Trainer.fit: validation_data"),
        ("cross_entropy", 3, {"validation_data": (X, Y + 2)}, ValueError, "validation_data: y is 3"),
        ("cross_entropy", 3, {"validation_data": (X[:, :2], Y)}, ValueError, "validation_data: X has shape"),
    ],
)
def test_trainer_data_mistakes_are_told_before_anything_changes(loss, outputs, arguments, error, message):
    net = make_net(outputs=outputs)
    before, trainer = net.state_dict(), lamina.Trainer(net, loss)
    with pytest.raises(error, match=message):
        trainer.fit(**{"X": X, "y": Y, "epochs": 1, "progress": False} | arguments)
    assert_same_bits(net.state_dict(), before)
    assert trainer.history == {key: [] for key in KEYS}


@pytest.mark.parametrize("options", [{"callbacks": [lamina.EarlyStopping()]}, {"schedule": lamina.HalveOnPlateau()}])
def test_trainer_what_is_monitored_has_to_be_measured(options):
    with pytest.raises(ValueError, match="needs validation_data"):
        lamina.Trainer(make_net(), **options).fit(X, Y)


def test_trainer_bad_rates_of_schedules_are_told(data):
    trainer = lamina.Trainer(make_net(), schedule=lambda lr, history: -1.0)
    with pytest.raises(ValueError, match="lr is -1"):
        trainer.fit(*data, epochs=2, progress=False)
    assert len(trainer.history["loss"]) == 1


def test_trainer_single_rows_do_without_batch_norm():
    net = make_net(modern=False)
    history = lamina.Trainer(net).fit(X + 1, Y, epochs=2, batch_size=1, progress=False)
    assert np.isfinite(history["loss"]).all()
    lamina.Trainer(net).fit(X[:1], Y[:1], epochs=1, progress=False)


def test_trainer_evaluate_mistakes_are_told():
    trainer = lamina.Trainer(make_net())
    with pytest.raises(ValueError, match="Trainer.evaluate: X has no rows"):
        trainer.evaluate(X[:0], Y[:0])
    with pytest.raises(ValueError, match="Trainer.evaluate: y is 5"):
        trainer.evaluate(X, Y + 3)
    with pytest.raises(ValueError, match="Trainer.evaluate: batch_size"):
        trainer.evaluate(X, Y, batch_size=0)
