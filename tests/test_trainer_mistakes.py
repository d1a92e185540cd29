"""What a trainer refuses, with messages that say how to go on, before anything changes."""

import numpy as np
import pytest

import lamina
from comparison import assert_same_bits
from small_nets import make_net

KEYS = ["loss", "val_loss", "val_score", "lr", "seconds"]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: lamina.Trainer("net"), TypeError, "Trainer: net"),
        (lambda: lamina.Trainer(make_net(), loss="hinge"), ValueError, "hinge.*cross_entropy.*squared_error"),
        (lambda: lamina.Trainer(make_net(outputs=1)), ValueError, "sigmoid_cross_entropy"),
        (lambda: lamina.Trainer(make_net(), optimizer="lion"), ValueError, "lion.*sgd, adagrad, rmsprop, adam, adamw"),
        (lambda: lamina.Trainer(make_net(), optimizer=0.1), TypeError, "optimizer"),
        (lambda: lamina.Trainer(make_net(), schedule="cosine"), TypeError, "schedule"),
        (lambda: lamina.Trainer(make_net(), regularizer=0.1), TypeError, "regularizer"),
        (lambda: lamina.Trainer(make_net(), callbacks=[lamina.EarlyStopping]), TypeError, "callback"),
        (lambda: lamina.Trainer(make_net(), seed=-1), ValueError, "Trainer: seed"),
        (lambda: lamina.Trainer(make_net(), optimizer="adamw", regularizer=lamina.L2(1)), ValueError, "AdamW"),
        (lambda: lamina.Trainer(make_net(), lamina.Loss("cross_entropy", [1, 2])), ValueError, "class_weight"),
        (lambda: lamina.Loss("squared_error", [1, 2]), ValueError, "no classes"),
        (lambda: lamina.Loss("cross_entropy", label_smoothing=1), ValueError, "label_smoothing"),
        (lambda: lamina.Loss("kl_divergence", label_smoothing=0.1), ValueError, "kl_divergence has no classes"),
        (lambda: lamina.Trainer(make_net(outputs=1), "kl_divergence"), ValueError, "kl_divergence needs an output per"),
        (lambda: lamina.Loss("squared_error", delta=2), ValueError, "squared_error has no delta"),
        (lambda: lamina.Loss("huber", delta=0), ValueError, "Loss: delta is 0"),
        (lambda: lamina.Loss("huber", delta=float("inf")), ValueError, "Loss: delta is inf"),
        (lambda: lamina.Loss("huber", delta="1"), TypeError, "Loss: delta"),
        (lambda: lamina.SGD(lr=-1), ValueError, "SGD: lr is -1"),
        (lambda: lamina.SGD(lr=float("nan")), ValueError, "SGD: lr"),
        (lambda: lamina.SGD(momentum=1), ValueError, "SGD: momentum"),
        (lambda: lamina.SGD(nesterov=True), ValueError, "nesterov"),
        (lambda: lamina.Adagrad(eps=-1), ValueError, "Adagrad: eps"),
        (lambda: lamina.RMSProp(rho=1), ValueError, "RMSProp: rho"),
        (lambda: lamina.RMSProp(momentum=1), ValueError, "RMSProp: momentum"),
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
        ("cross_entropy", 3, {"y": np.ones((5, 3))}, ValueError, "y sums to 3 in row 0, softmax_cross_entropy needs"),
        ("cross_entropy", 3, {"y": np.eye(3)[Y] - [1, 0, 0]}, ValueError, r"y is -1.0 in row 1.*\[0, 1\]"),
        ("kl_divergence", 3, {"y": np.zeros((5, 3))}, ValueError, "y sums to 0 in row 0, kl_divergence needs"),
        ("kl_divergence", 3, {"y": np.eye(3)[Y] * 0.99}, ValueError, "y sums to 0.99 in row 0"),
        ("sigmoid_cross_entropy", 1, {"y": [0, 1, 2, 0, 1]}, ValueError, r"y is 2.0 in row 2.*\[0, 1\]"),
        ("sigmoid_cross_entropy", 3, {"y": Y}, ValueError, r"y has shape \(5,\).*\(5, 3\)"),
        ("squared_error", 1, {"y": [0, 1, np.inf, 0, 1]}, ValueError, "y is inf in row 2"),
        ("huber", 1, {"y": [0, 1, np.nan, 0, 1]}, ValueError, "y is nan in row 2, huber needs finite numbers"),
        (lamina.Loss("huber", delta=1e-50), 1, {}, ValueError, "Trainer.fit: delta is 1e-50"),
        ("poisson_nll", 1, {"y": [0, 1, -1, 0, 1]}, ValueError, "y is -1.0 in row 2.*finite numbers >= 0"),
        ("poisson_nll", 1, {"y": [0, 1, np.inf, 0, 1]}, ValueError, "y is inf in row 2"),
        ("kl_divergence", 3, {"y": np.full((5, 3), 1.5)}, ValueError, r"y is 1.5 in row 0.*\[0, 1\]"),
        ("kl_divergence", 3, {"y": Y}, ValueError, r"y has shape \(5,\), kl_divergence needs \(5, 3\)"),
        ("squared_error", 1, {"y": np.zeros((1, 5))}, ValueError, r"\(5,\) or \(5, 1\)"),
        ("squared_error", 3, {"y": np.zeros((5, 1))}, ValueError, r"\(5, 3\)"),
        ("cross_entropy", 3, {"batch_size": 0}, ValueError, "Trainer.fit: batch_size"),
        ("cross_entropy", 3, {"batch_size": 2.5}, TypeError, "Trainer.fit: batch_size"),
        ("cross_entropy", 3, {"batch_size": 1}, ValueError, "Trainer.fit: batch_size is 1"),
        ("cross_entropy", 3, {"X": X[:1], "y": Y[:1]}, ValueError, "Trainer.fit: .* 1 row"),
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


@pytest.mark.parametrize("loss", ["cross_entropy", "kl_divergence"])
def test_trainer_takes_probabilities_of_few_digits(loss):
    y = np.full((5, 3), 0.3333)
    assert np.isfinite(lamina.Trainer(make_net(), loss).fit(X, y, epochs=1, progress=False)["loss"][0])


def test_trainer_evaluate_mistakes_are_told():
    trainer = lamina.Trainer(make_net())
    with pytest.raises(ValueError, match="Trainer.evaluate: X has no rows"):
        trainer.evaluate(X[:0], Y[:0])
    with pytest.raises(ValueError, match="Trainer.evaluate: y is 3"):
        trainer.evaluate(X, Y + 3)
    with pytest.raises(ValueError, match="Trainer.evaluate: y sums to 2 in row 0"):
        trainer.evaluate(X, np.eye(3)[Y] * 0.5 + 0.5)
    with pytest.raises(ValueError, match="Trainer.evaluate: batch_size"):
        trainer.evaluate(X, Y, batch_size=0)


@pytest.mark.parametrize(
    ("loss", "last"),
    [
        ("cross_entropy", lamina.Softmax()),
        ("kl_divergence", lamina.Softmax()),
        ("sigmoid_cross_entropy", lamina.Sigmoid()),
    ],
)
def test_what_a_loss_applies_itself_is_refused_at_the_end_of_a_net(rng, loss, last):
    net = lamina.Sequential(lamina.Linear(4, 3), last, seed=1)
    x, y = rng.normal(size=(6, 4)), np.eye(3)[rng.integers(0, 3, 6)]
    for call, name in (
        (lambda: lamina.Trainer(net, loss), "Trainer"),
        (lambda: net.loss_and_gradients(x, y, loss), "Sequential.loss_and_gradients"),
        (lambda: lamina.gradcheck(net, x, y, loss), "gradcheck"),
        (lambda: lamina.diagnose(net, x, y, loss), "diagnose"),
    ):
        with pytest.raises(ValueError, match=rf"^{name}: the net ends in {type(last).__name__}\(\), which .* itself"):
            call()
    lamina.Trainer(net, "squared_error").fit(x, y, epochs=1, progress=False)


def test_layers_given_twice_are_refused():
    net = lamina.Sequential(lamina.Linear(4, 4), lamina.Residual(lamina.Linear(4, 4)), lamina.Linear(4, 3))
    for rates, name in (({0: 0.1, "0": 0.5}, "0"), ({-1: 0.1, 2: 0.1}, "2"), ({"1.0": 0.1, 1: 0.5}, "1.0")):
        with pytest.raises(ValueError, match=f"^Trainer, layer_rates: layer {name} is given more than once"):
            lamina.Trainer(net, layer_rates=rates)


@pytest.mark.parametrize("value", ["no", 1, None])
def test_flags_are_true_or_false(value):
    net, data = make_net(), (np.ones((4, 4)), [0, 1, 2, 0])
    for call, name in (
        (lambda: lamina.Trainer(net, decay_all=value), "Trainer: decay_all"),
        (lambda: lamina.Trainer(net).fit(*data, shuffle=value), "Trainer.fit: shuffle"),
        (lambda: lamina.Trainer(net).fit(*data, progress=value), "Trainer.fit: progress"),
        (lambda: lamina.EarlyStopping(restore_best=value), "EarlyStopping: restore_best"),
        (lambda: lamina.Sequential(lamina.Linear(1, 1), fuse=value), "Sequential: fuse"),
        (lambda: net.forward(data[0], training=value), "Sequential.forward: training"),
        (lambda: net.loss_and_gradients(*data, training=value), "Sequential.loss_and_gradients: training"),
        (lambda: net.predict_proba(data[0], multi_label=value), "Sequential.predict_proba: multi_label"),
        (lambda: lamina.diagnose(net, *data, training=value), "diagnose: training"),
        (lambda: lamina.fit_temperature(np.eye(3), [0, 1, 1], multi_label=value), "fit_temperature: multi_label"),
        (lambda: lamina.Autoencoder(3, 2, tied=value), "Autoencoder: tied"),
        (lambda: lamina.Autoencoder(4, 2).fit(data[0], shuffle=value), "Autoencoder.fit: shuffle"),
    ):
        with pytest.raises(TypeError, match=f"^{name} is {value!r}, True or False is needed"):
            call()
    lamina.Trainer(net, decay_all=np.True_).fit(*data, shuffle=np.False_, epochs=1, progress=False)
