"""Autoencoders against the reference and by hand; greedy pre-training of nets, layer by layer."""

import copy
import pickle

import numpy as np
import pytest

import lamina
import tolerances
from comparison import assert_levels_agree, assert_same_bits
from lamina import ops, reference
from lamina._arrays import copied
from lamina.pretrain import Autoencoder, greedy


@pytest.fixture
def x(rng):
    """Rows in [0, 1] that lie near a plane."""
    return np.clip(0.5 + 0.1 * rng.normal(size=(90, 2)) @ rng.normal(size=(2, 6)), 0, 1)


def assert_close(actual, expected):
    scale = max(np.abs(expected).max(), 1e-300)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerances.IDENTITY * scale)


def values_of(model):
    return {name: copied(array) for name, array in model.parameters().items()}


@pytest.mark.parametrize("activation", ops.activations(fused=True))
@pytest.mark.parametrize("loss", ["sigmoid_cross_entropy", "squared_error"])
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("corruption", [0.0, 0.3])
def test_autoencoder_gradients_agree_with_the_reference(x, rng, activation, loss, tied, corruption):
    coder = Autoencoder(
        6, 4, activation=activation, loss=loss, tied=tied, corruption=corruption, seed=5, layer=2, dtype="float64"
    )
    for array in coder.parameters().values():
        array[...] += rng.normal(size=array.shape) / 4
    value, gradients = coder.loss_and_gradients(x, step=3)
    parameters = coder.parameters()
    expected, wanted = reference.autoencoder_loss_and_gradients(
        x, parameters["weight"], parameters["hidden_bias"], parameters["visible_bias"],
        decoder_weight=parameters.get("decoder_weight"), activation=activation, loss=loss, p=corruption,
        seed=5, layer=2, step=3,
    )  # fmt: skip
    assert abs(value - expected) <= tolerances.IDENTITY * abs(expected)
    assert gradients.keys() == wanted.keys() == parameters.keys()
    for name, gradient in wanted.items():
        assert_close(gradients[name], gradient)


@pytest.mark.parametrize("loss", ["sigmoid_cross_entropy", "squared_error"])
def test_autoencoder_codes_and_reconstructions(x, loss):
    coder = Autoencoder(6, 4, activation=lamina.ELU(0.5), loss=loss, corruption=0.5, dtype="float64")
    coder.fit(x, epochs=2, progress=False)
    parameters = values_of(coder)
    code = reference.linear_forward(x, parameters["weight"], parameters["hidden_bias"], activation="elu", alpha=0.5)
    assert_close(coder.transform(x), code)
    output = code @ parameters["weight"] + parameters["visible_bias"]
    if loss == "sigmoid_cross_entropy":
        output = reference.activation_forward(output, "sigmoid")
    assert_close(coder.reconstruct(x), output)


@pytest.mark.parametrize("activation", ["sigmoid", "gelu"])
@pytest.mark.parametrize("tied", [True, False])
def test_autoencoder_epochs_are_the_steps_written_out(isa, dtype, x, tied, activation):
    x = x[:85].astype(dtype)  # 5 batches of 16 and one of 5
    settings = {"tied": tied, "activation": activation, "corruption": 0.2, "seed": 9, "layer": 4, "dtype": dtype}
    coder, twin = (Autoencoder(6, 4, optimizer=lamina.Adam(lr=0.01), **settings) for _ in range(2))
    losses = coder.fit(x, epochs=2, batch_size=16, progress=False)["loss"]
    parameters, step, means = twin.parameters(), 0, []
    slots = {name: (np.zeros(array.size, dtype), np.zeros(array.size, dtype)) for name, array in parameters.items()}
    for epoch in range(2):
        order, total = ops.random_permutation(85, seed=9, layer=4, step=epoch), 0.0
        for first in range(0, 85, 16):
            rows = order[first : first + 16]
            loss, gradients = twin.loss_and_gradients(x[rows], step=step)
            total += loss * len(rows)
            step += 1
            for name, array in parameters.items():
                ops.adam_step(array.reshape(-1), gradients[name].reshape(-1), *slots[name], lr=0.01, step=step)
        means.append(total / 85)
    assert_same_bits(values_of(coder), values_of(twin))
    np.testing.assert_allclose(losses, means, rtol=tolerances.IDENTITY)


def test_autoencoder_levels_and_threads_give_equal_bits(isa, dtype, x):
    def compute():
        coder = Autoencoder(6, 4, activation="selu", loss="squared_error", corruption=0.3, dtype=dtype)
        losses = coder.fit(x, epochs=2, batch_size=20, progress=False)["loss"]
        return [values_of(coder), np.array(losses), coder.transform(x), coder.reconstruct(x)]

    assert_levels_agree(compute)


def test_autoencoder_learns_to_reconstruct(x):
    coder = lamina.Autoencoder(6, 2, activation="linear", loss="squared_error", optimizer=lamina.Adam(lr=0.02))
    losses = coder.fit(x, epochs=300, batch_size=30, progress=False)["loss"]
    assert losses[-1] < losses[0] / 10
    assert np.abs(coder.reconstruct(x) - x).mean() < np.abs(x - x.mean(axis=0)).mean() / 2


def test_autoencoder_starts_as_a_layer_would():
    net = lamina.Sequential(lamina.Linear(6, 4), lamina.SELU(), seed=8)
    coder = Autoencoder(6, 4, activation="selu", seed=8, tied=False)
    assert_same_bits(coder.parameters()["weight"], net.parameters()["0.weight"])
    assert_same_bits(coder.parameters()["decoder_weight"], np.ascontiguousarray(net.parameters()["0.weight"].T))
    assert not coder.parameters()["hidden_bias"].any() and not coder.parameters()["visible_bias"].any()


@pytest.mark.parametrize("make_copy", [copy.deepcopy, lambda coder: pickle.loads(pickle.dumps(coder))])
def test_autoencoder_copies_are_whole_and_independent(x, make_copy):
    coder = Autoencoder(6, 4, tied=False)
    coder.fit(x, epochs=1, progress=False)
    twin = make_copy(coder)
    assert_same_bits(twin.transform(x), coder.transform(x))
    assert twin.history == coder.history and repr(twin) == repr(coder)
    for each in (coder, twin):
        each.fit(x, epochs=1, progress=False)
    assert_same_bits(twin.transform(x), coder.transform(x))
    twin.parameters()["weight"][...] = 0
    assert coder.parameters()["weight"].any()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_hidden": 0}, ValueError, "Autoencoder: n_hidden"),
        ({"n_visible": 2.0}, TypeError, "Autoencoder: n_visible"),
        ({"activation": "cosine"}, ValueError, "Autoencoder: activation is 'cosine'.*linear.*selu"),
        ({"loss": "cross_entropy"}, ValueError, "Autoencoder: loss.*squared_error"),
        ({"corruption": 1.0}, ValueError, "Autoencoder: corruption"),
        ({"optimizer": "lion"}, ValueError, "Autoencoder: optimizer"),
        ({"init": "xavier"}, ValueError, "Autoencoder: init"),
        ({"seed": -1}, ValueError, "Autoencoder: seed"),
        ({"dtype": "float16"}, ValueError, "Autoencoder: dtype"),
    ],
)
def test_autoencoder_setting_mistakes_are_told(arguments, error, message):
    with pytest.raises(error, match=message):
        Autoencoder(**{"n_visible": 6, "n_hidden": 4} | arguments)


def test_autoencoder_data_mistakes_are_told(x):
    coder = Autoencoder(6, 4)
    before = values_of(coder)
    for wrong, message in [
        (x[:, :5], "X has shape"),
        (x[:0], "no rows"),
        (x + 1, r"numbers from .*\[0, 1\]"),
        (np.where(x > x.mean(), np.nan, x), "NaN"),
    ]:
        with pytest.raises(ValueError, match=f"Autoencoder.fit: .*{message}"):
            coder.fit(wrong, progress=False)
    with pytest.raises(ValueError, match="batch_size"):
        coder.fit(x, batch_size=0)
    with pytest.raises(ValueError, match="epochs"):
        coder.fit(x, epochs=-1)
    with pytest.raises(ValueError, match="Autoencoder.transform: X has shape"):
        coder.transform(x[:, 1:])
    assert_same_bits(values_of(coder), before)


def stack(*between, activation=lamina.Sigmoid, dtype="float64", bias=True):
    """6-5-4-3 with batch norm and the like before each activation."""
    layers = []
    for inputs, outputs in ((6, 5), (5, 4)):
        layers += [lamina.Linear(inputs, outputs, bias=bias), *[make(outputs) for make in between], activation()]
    return lamina.Sequential(*layers, lamina.Linear(4, 3), seed=1, dtype=dtype)


@pytest.mark.parametrize("module", ["autoencoder", "denoising"])
@pytest.mark.parametrize("tied", [True, False])
def test_greedy_is_the_lectures_pseudocode(dtype, x, module, tied):
    net, plain = stack(dtype=dtype), stack(dtype=dtype)
    settings = {"optimizer": lamina.SGD(lr=0.5, momentum=0.5), "tied": tied, "seed": 6}
    stages = greedy(net, x, module, epochs=3, batch_size=32, progress=False, **settings)
    data = x.astype(dtype)
    for stage, place, (inputs, outputs) in zip(stages, (0, 2), ((6, 5), (5, 4)), strict=True):
        corruption = 0.25 if module == "denoising" else 0.0
        coder = Autoencoder(inputs, outputs, corruption=corruption, layer=place, dtype=dtype, **settings)
        coder.set_weights(plain.parameters()[f"{place}.weight"])
        losses = coder.fit(data, epochs=3, batch_size=32, progress=False)["loss"]
        assert_same_bits(net.parameters()[f"{place}.weight"], coder.parameters()["weight"])
        assert_same_bits(net.parameters()[f"{place}.bias"], coder.parameters()["hidden_bias"])
        assert stage["layer"] == place and stage["loss"] == losses and len(stage["seconds"]) == 3
        assert stage["criterion"] == "sigmoid_cross_entropy"
        data = coder.transform(data)
    for name in ("4.weight", "4.bias"):
        assert_same_bits(net.parameters()[name], plain.parameters()[name])


@pytest.mark.parametrize(
    ("activation", "hidden", "persistent"),
    [(lamina.Sigmoid, "bernoulli", False), (lamina.Sigmoid, "bernoulli", True), (lamina.ReLU, "relu", False)],
)
def test_greedy_of_boltzmann_machines(dtype, x, activation, hidden, persistent):
    """Gaussian visible units where the data leaves the unit interval; batch norm undone, here in no layer."""
    net, plain = stack(activation=activation, dtype=dtype), stack(activation=activation, dtype=dtype)
    settings = {"optimizer": lamina.SGD(lr=0.01, momentum=0.5), "seed": 6}
    fit = {"epochs": 3, "batch_size": 32, "k": 2, "persistent": persistent, "progress": False}
    stages = greedy(net, 3 * x, "rbm", **settings, **fit)
    data = (3 * x).astype(dtype)
    for stage, place, (inputs, outputs) in zip(stages, (0, 2), ((6, 5), (5, 4)), strict=True):
        visible = "bernoulli" if data.min() >= 0 and data.max() <= 1 else "gaussian"
        machine = lamina.RBM(inputs, outputs, visible=visible, hidden=hidden, layer=place, dtype=dtype, **settings)
        machine.set_weights(plain.parameters()[f"{place}.weight"])
        losses = machine.fit(data, **fit)["loss"]
        assert_same_bits(net.parameters()[f"{place}.weight"], machine.parameters()["weight"])
        assert_same_bits(net.parameters()[f"{place}.bias"], machine.parameters()["hidden_bias"])
        assert stage["layer"] == place and stage["criterion"] == "contrastive_divergence"
        np.testing.assert_array_equal(stage["loss"], losses)
        data = machine.transform(data)


@pytest.mark.parametrize("activation", [lamina.ReLU, lamina.LeakyReLU, lamina.ELU, lamina.SELU, lamina.Tanh])
def test_greedy_auto_takes_squares_for_data_outside_the_unit_interval(x, activation):
    net = stack(activation=activation)
    stages = greedy(net, 4 * x - 2, epochs=20, lr=0.01, progress=False)
    assert [stage["criterion"] for stage in stages] == ["squared_error", "squared_error"]
    assert all(stage["loss"][-1] < stage["loss"][0] for stage in stages)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", [lamina.ReLU, lamina.Sigmoid])
def test_greedy_batch_norm_keeps_what_the_modules_learned(x, activation, bias):
    """With batch norm the net computes the features of its modules, in inference and on the whole data in training."""
    net = stack(lamina.BatchNorm, activation=activation, bias=bias)
    greedy(net, x, epochs=5, lr=0.02, seed=2, progress=False)
    coder = Autoencoder(6, 5, activation=activation(), optimizer=lamina.Adam(lr=0.02), seed=2, dtype="float64")
    coder.set_weights(stack(lamina.BatchNorm, activation=activation, bias=bias).parameters()["0.weight"])
    coder.fit(x, epochs=5, progress=False)
    assert_close(net[:3](x), coder.transform(x))
    state = net.state_dict()
    z = x @ state["0.weight"].T + (state["0.bias"] if bias else 0)
    assert_close(state["1.running_mean"], z.mean(axis=0))
    assert_close(state["1.running_var"], z.var(axis=0, ddof=1))
    assert np.abs(net[:3].forward(x, training=True) - coder.transform(x)).max() < 0.05  # the biased variance differs


def test_greedy_other_batch_norms_standardise(x):
    net = lamina.Sequential(
        lamina.BatchNorm(6), lamina.Dropout(0.2), lamina.Linear(6, 5), lamina.ReLU(), lamina.BatchNorm(5),
        lamina.Dropout(0.5), lamina.Linear(5, 4), lamina.Linear(4, 3), lamina.BatchNorm(3), dtype="float64",
    )  # fmt: skip
    before = net.state_dict()
    stages = greedy(net, 10 * x + 5, epochs=5, progress=False)
    assert [stage["layer"] for stage in stages] == [2, 6]
    for end in (1, 5):
        out = net[:end](10 * x + 5)
        active = net.state_dict()[f"{end - 1}.running_var"] > 0.1
        np.testing.assert_allclose(out.mean(axis=0), 0, atol=tolerances.IDENTITY)
        np.testing.assert_allclose(out[:, active].std(axis=0, ddof=1), 1, atol=1e-3)
    after = net.state_dict()
    for name in ("0.weight", "0.bias", "4.weight", "4.bias", "7.weight", "8.weight", "8.running_mean", "8.running_var"):
        assert_same_bits(after[name], before[name])


def test_greedy_helps_what_follows_and_leaves_a_net_to_train(rng):
    y = rng.integers(0, 3, 200)
    x = np.clip(0.3 + 0.4 * np.eye(3, 6)[y] + 0.1 * rng.normal(size=(200, 6)), 0, 1)
    for net in (stack(dtype="float32"), stack(lamina.BatchNorm, activation=lamina.ReLU, dtype="float32")):
        greedy(net, x, "denoising", epochs=10, lr=0.01, progress=False)
        trainer = lamina.Trainer(net, optimizer=lamina.Adam(lr=0.02))
        trainer.fit(x, y, epochs=60, batch_size=32, progress=False)
        assert trainer.evaluate(x, y)["score"] > 0.9


def test_greedy_stops_at_weights_that_are_no_numbers(x):
    net = stack(activation=lamina.ReLU)
    before = net.state_dict()
    with pytest.raises(ValueError, match="greedy: the weights of layer 0 .*lower lr"), np.errstate(all="ignore"):
        greedy(net, x, loss="squared_error", optimizer="sgd", lr=1e30, epochs=50, progress=False)
    assert_same_bits(net.state_dict(), before)


def test_greedy_is_the_same_at_every_run(isa, x):
    nets = [stack(lamina.BatchNorm, activation=lamina.ELU, dtype="float32") for _ in range(3)]
    for net, seed in zip(nets, (1, 1, 2), strict=True):
        greedy(net, x, "denoising", epochs=2, batch_size=16, seed=seed, progress=False)
    assert_same_bits(nets[0].state_dict(), nets[1].state_dict())
    assert not np.array_equal(nets[0].parameters()["0.weight"], nets[2].parameters()["0.weight"])


def test_greedy_no_epochs_train_nothing(x):
    net = stack()
    before = net.state_dict()
    assert [stage["loss"] for stage in greedy(net, x, epochs=0, progress=False)] == [[], []]
    assert_same_bits(net.state_dict(), before)


def test_greedy_shows_each_layer(x, capfd):
    greedy(stack(), x, epochs=2)
    error = capfd.readouterr().err
    assert "layer 1 of 2" in error and "layer 2 of 2" in error
    greedy(stack(), x, epochs=2, progress=False)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"net": "net"}, TypeError, "greedy: net"),
        ({"net": lamina.Sequential(lamina.Linear(6, 3))}, ValueError, "greedy: the net has 1 Linear"),
        ({"net": stack(bias=False)}, ValueError, "greedy: layer 0 has bias=False"),
        (
            {"net": lamina.Sequential(lamina.Linear(6, 3), lamina.Residual(lamina.Linear(3, 3)), lamina.Linear(3, 2))},
            ValueError,
            "greedy: layer 1 is a Residual",
        ),
        ({"module": "forest"}, ValueError, "greedy: module is 'forest'.*autoencoder, denoising, rbm"),
        (
            {"module": "rbm", "net": stack(activation=lamina.Tanh)},
            ValueError,
            "layer 0 is followed by Tanh.*Sigmoid or",
        ),
        (
            {"module": "rbm", "loss": "squared_error"},
            ValueError,
            "greedy: loss='squared_error' given with module='rbm'",
        ),
        ({"module": "rbm", "k": 0}, ValueError, "greedy: k"),
        ({"k": 2}, ValueError, "greedy: k=2, persistent=False given with module='autoencoder'"),
        ({"loss": "cross_entropy"}, ValueError, "greedy: loss.*auto"),
        ({"optimizer": "lion"}, ValueError, "greedy: optimizer"),
        ({"lr": -1}, ValueError, "greedy: lr"),
        ({"corruption": 0.1}, ValueError, "denoising"),
        ({"module": "denoising", "corruption": 1}, ValueError, "greedy: corruption"),
        ({"epochs": -1}, ValueError, "greedy: epochs"),
        ({"batch_size": 0}, ValueError, "greedy: batch_size"),
        ({"seed": 0.5}, TypeError, "greedy: seed"),
        ({"X": np.zeros((3, 5))}, ValueError, r"greedy: X has shape \(3, 5\)"),
        ({"net": stack(lamina.BatchNorm), "X": np.zeros((1, 6))}, ValueError, "greedy: X has 1 row"),
        ({"X": np.zeros((0, 6))}, ValueError, "greedy: X"),
        ({"X": np.full((3, 6), np.nan)}, ValueError, "greedy: X"),
        ({"X": np.full((3, 6), 2.0), "loss": "sigmoid_cross_entropy"}, ValueError, r"greedy: X .*\[0, 1\]"),
    ],
)
def test_greedy_mistakes_are_told_before_anything_changes(x, arguments, error, message):
    arguments = {"net": stack(), "X": x, "progress": False} | arguments
    before = arguments["net"].state_dict() if isinstance(arguments["net"], lamina.Sequential) else {}
    with pytest.raises(error, match=message):
        greedy(**arguments)
    if before:
        assert_same_bits(arguments["net"].state_dict(), before)


def test_greedy_refuses_before_it_changes_anything(x):
    net = lamina.Sequential(
        lamina.Linear(6, 5), lamina.Sigmoid(), lamina.Linear(5, 4), lamina.PReLU(), lamina.Linear(4, 3), seed=1
    )
    before = net.state_dict()
    with pytest.raises(ValueError, match=r"greedy: layer 2 is followed by PReLU\("):
        lamina.pretrain.greedy(net, x, epochs=1, progress=False)
    assert_same_bits(net.state_dict(), before)
    with pytest.raises(ValueError, match=r"greedy: layer 0 is Zoneout\("):
        lamina.pretrain.greedy(lamina.Sequential(lamina.Zoneout(6, 6), lamina.Linear(6, 3)), x, progress=False)
