"""Diagnosis: nets built to fail get the verdict they deserve, healthy ones none; the numbers are the net's own."""

import copy

import numpy as np
import pytest

import lamina
import tolerances
from comparison import assert_same_bits, assert_within
from lamina import overfit_check
from lamina._arrays import on_host
from lamina.diagnosis import diagnose
from lamina.layers import activation_layer

DEVICES = ["cpu", *(["cuda"] if lamina.cuda.is_available() else [])]


@pytest.fixture
def data(rng):
    return rng.normal(size=(100, 20)), rng.integers(0, 5, 100)


def stack(activation, depth=3, init="auto", norm=False, **options):
    """20-64-…-64-5 with an activation behind each hidden layer."""
    layers = []
    for place in range(depth):
        layers += [
            lamina.Linear(64 if place else 20, 64, init=init),
            *([lamina.BatchNorm(64)] if norm else []),
            activation,
        ]
    return lamina.Sequential(*layers, lamina.Linear(64, 5), **{"seed": 1} | options)


def normal(deviation):
    return lamina.init.Initializer("normal", deviation)


def problems(report):
    return [finding.problem for finding in report.findings]


@pytest.mark.parametrize(
    "name", [name for name in lamina.ops.activations(fused=True) if name not in ("linear", "step")]
)
@pytest.mark.parametrize("norm", [False, True])
def test_healthy_nets_have_no_finding(data, name, norm):
    for depth in (1, 3):
        report = diagnose(stack(activation_layer("test", name), depth, norm=norm), *data)
        assert report.ok and problems(report) == [], report
        assert "no trouble found" in repr(report)


@pytest.mark.parametrize(
    ("net", "expected", "names"),
    [
        (stack(lamina.Tanh(), init=normal(1)), ["saturated units"], "layer 1 (Tanh)"),
        (stack(lamina.Sigmoid(), 2, init=normal(5)), ["saturated units"], "layer 3 (Sigmoid)"),
        (stack(lamina.Softsign(), 2, init=normal(5)), ["saturated units"], "layer 1 (Softsign)"),
        (stack(lamina.Sigmoid(), 7), ["vanishing gradients"], "from layer 14 (Linear) down to layer 0 (Linear)"),
        (stack(lamina.Tanh(), 5, init=normal(0.01)), ["vanishing gradients"], "layer 0 (Linear)"),
        (stack(lamina.ReLU(), 6, init=normal(1)), ["exploding gradients"], "layer 0 (Linear)"),
        (stack(lamina.ReLU(), 150, init=normal(1e3)), ["not finite"], "layer "),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_sick_nets_are_found_out(data, net, expected, names):
    report = diagnose(net, *data)
    assert problems(report) == expected and not report.ok, report
    assert names in report.findings[0].where
    assert "TROUBLE FOUND" in repr(report) and f"{expected[0]}: " in repr(report) and "Try: " in repr(report)


def test_dead_units_are_counted(data):
    net = stack(lamina.ReLU(), 2)
    net.parameters()["2.bias"][:16] = -100
    report = diagnose(net, *data)
    assert report.ok and report.layers[3].dead == 0.25
    net.parameters()["2.bias"][:] = -100
    report = diagnose(net, *data)
    assert problems(report) == ["dead units", "vanishing gradients"]
    assert "100% of the units of layer 3 (ReLU)" in report.findings[0].where
    assert report.layers[0].gradient == 0


@pytest.mark.parametrize(
    "layer", [lamina.LeakyReLU(0.0), lamina.ELU(), lamina.ELU(0.5), lamina.SELU(), lamina.Softplus()], ids=str
)
def test_rectifiers_of_all_kinds_die(data, layer):
    net = stack(layer, 1)
    net.parameters()["0.bias"][:40] = -1000
    report = diagnose(net, *data)
    assert "dead units" in problems(report) and report.layers[1].dead == 40 / 64
    net = stack(lamina.LeakyReLU(0.01), 1)
    net.parameters()["0.bias"][:] = -1000
    assert diagnose(net, *data).layers[1].dead == 0


@pytest.mark.parametrize(
    ("activation", "bias", "problem"),
    [("sigmoid", 100, "saturated units"), ("tanh", -100, "saturated units"), ("relu", -100, "dead units")],
)
def test_activations_inside_of_zoneout_are_looked_at(data, activation, bias, problem):
    net = lamina.Sequential(lamina.Zoneout(20, 20, activation=activation), lamina.Linear(20, 5), seed=1)
    assert diagnose(net, *data).ok
    net.parameters()["0.bias"][...] = bias
    report = diagnose(net, *data)
    assert problem in problems(report) and "100% of the " in report.findings[0].where
    assert "layer 0 (Zoneout)" in report.findings[0].where


def test_inputs_of_large_scale_saturate(data):
    x, y = data
    net = stack(lamina.Tanh(), 1)
    assert problems(diagnose(net, 100 * x, y)) == ["saturated units"]
    assert diagnose(net, x, y).ok


@pytest.mark.parametrize(
    ("losses", "bounces"),
    [
        ([1, 0.8, 0.6, 0.5, 0.4, 0.3], False),
        ([1, 0.9, 0.95, 0.7, 0.72, 0.5], False),  # a little
        ([1, 0.3, 0.9, 0.2, 1.1, 0.3, 0.8], True),
        ([1, 1.1, 1.3, 2, 5], True),  # it only rises
        ([1, 0.9, 0.8, np.nan, np.nan], True),
        ([1, 0.1, 1e-3, 2e-3, 1e-3, 2e-3], False),  # all but 0
        ([1, 0.5, 0.501, 0.5, 0.501, 0.5], False),  # stands still
        ([1, 2, 1], False),  # too short
    ],
)
def test_bouncing_losses_are_found_out(data, losses, bounces):
    net = stack(lamina.Tanh(), 1)
    assert diagnose(net, *data).ok
    assert problems(diagnose(net, *data, history={"loss": losses})) == ["bouncing loss"] * bounces


def test_diagnosis_of_a_high_learning_rate(data):
    for lr, expected in ((0.1, []), (5.0, ["bouncing loss"])):
        net = stack(lamina.Tanh(), 1)
        start = copy.deepcopy(net)
        history = lamina.Trainer(net, optimizer=lamina.SGD(lr=lr)).fit(*data, epochs=30, batch_size=10, progress=False)
        assert problems(diagnose(start, *data, history=history)) == expected


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("training", [True, False])
def test_diagnosis_has_the_numbers_of_the_net(rng, data, device, training):
    """Outputs are those of slices; gradients those by a weight that makes the outputs from rows of the identity."""
    x, y = data
    net = lamina.Sequential(
        lamina.BatchNorm(20), lamina.Linear(20, 9), lamina.PReLU(per_unit=True), lamina.BatchNorm(9, units=[0, 5]),
        lamina.Linear(9, 8), lamina.LayerNorm(8), lamina.Tanh(), lamina.Linear(8, 5), dtype="float64", seed=4,
        device=device,
    )  # fmt: skip
    before = net.state_dict()
    report = diagnose(net, x, y, training=training)
    assert_same_bits(net.state_dict(), before)
    loss, gradients = copy.deepcopy(net).loss_and_gradients(x, y, training=training)
    assert report.loss == loss
    state = net.state_dict()
    for place, layer in enumerate(report.layers):
        h = net[: place + 1].forward(x, training=training)
        assert_within([layer.mean, layer.deviation], [h.mean(), h.std()], tolerances.IDENTITY)
        first = lamina.Linear(len(x), h.shape[1], bias=False)
        upper = lamina.Sequential(first, *list(net)[place + 1 :], dtype="float64", device=device)
        names = {name: f"{int(name.split('.')[0]) - place}.{name.split('.')[1]}" for name in state}
        above = {names[name]: array for name, array in state.items() if int(name.split(".")[0]) > place}
        upper.load_state_dict(above | {"0.weight": h.T})
        by_output = on_host(upper.loss_and_gradients(np.eye(len(x)), y, training=training)[1]["0.weight"])
        assert_within(layer.gradient, np.linalg.norm(by_output), tolerances.IDENTITY)
        own = [on_host(gradients[name]).ravel() for name in gradients if name.startswith(f"{place}.")]
        if own:
            assert_within(layer.weight_gradient_norm, np.linalg.norm(np.concatenate(own)), tolerances.IDENTITY)
            assert layer.ratio == layer.weight_gradient_norm / layer.weight_norm
        else:
            assert np.isnan(layer.weight_norm) and np.isnan(layer.ratio)


def test_diagnosis_shares(rng):
    x = np.array([[-9.0, 0.0, 9.0, 0.1]] * 3)
    for layer, share in ((lamina.Tanh(), 0.5), (lamina.Sigmoid(), 0.5), (lamina.Softsign(), 0.5)):
        net = lamina.Sequential(layer, lamina.Linear(4, 2))
        first = diagnose(net, x, [0, 1, 0]).layers[0]
        assert first.saturated == share and np.isnan(first.dead) and np.isnan(first.gradient)
    first = diagnose(lamina.Sequential(lamina.ReLU(), lamina.Linear(4, 2)), x, [0, 1, 0]).layers[0]
    assert first.dead == 0.5 and np.isnan(first.saturated)


NOISE = [
    lamina.Dropout(0.9), lamina.Dropout(0.9, scaling="test"), lamina.AlphaDropout(0.5), lamina.GaussianNoise(3.0),
    lamina.MaskingNoise(0.9), lamina.SaltAndPepper(0.9),
    lamina.Residual(lamina.Linear(20, 20, init="zeros"), lamina.Dropout(0.5)),
]  # fmt: skip


@pytest.mark.parametrize("noise", NOISE, ids=repr)
def test_diagnosis_leaves_noise_out(data, noise):
    first = lamina.Linear(20, 64)
    plain = lamina.Sequential(first, lamina.LeakyReLU(0.25), lamina.Linear(64, 5), seed=1)
    connect = lamina.DropConnect(20, 64, p=0.5)
    for layers in ([noise, first, lamina.LeakyReLU(0.25)], [noise, connect, lamina.RReLU(0.1, 0.4)]):
        net = lamina.Sequential(*layers, lamina.Linear(64, 5), seed=1)
        for name, array in plain.state_dict().items():
            place, _, rest = name.partition(".")
            net.parameters()[f"{int(place) + 1}.{rest}"][...] = array
        report, expected = diagnose(net, *data), diagnose(plain, *data)
        assert (report.loss, report.layers[-1].gradient) == (expected.loss, expected.layers[-1].gradient)
        assert report.layers[0].layer == noise


def test_diagnosis_of_noisy_weights_repeats(data):
    net = lamina.Sequential(
        lamina.Whiteout(20, 20), lamina.Shakeout(20, 20), lamina.Zoneout(20, 20, p=0.5), lamina.Linear(20, 5), seed=1
    )
    assert repr(diagnose(net, *data)) == repr(diagnose(net, *data))


@pytest.mark.parametrize("device", DEVICES)
def test_diagnosis_looks_inside_of_residuals(data, device):
    inside = [lamina.Linear(20, 20), lamina.BatchNorm(20), lamina.Dropout(0.5), lamina.Residual(lamina.Tanh())]
    net = lamina.Sequential(
        lamina.Linear(20, 20), lamina.Residual(*inside), lamina.Linear(20, 5), seed=1, device=device
    )
    report = diagnose(net, *data)
    assert report.ok and [at.place for at in report.layers] == ["0", "1", "1.0", "1.1", "1.2", "1.3", "1.3.0", "2"]
    assert [type(at.layer).__name__ for at in report.layers[3:6]] == ["BatchNorm", "Dropout", "Residual"]
    assert report.layers[4].layer == inside[2]
    parameters = [on_host(array).ravel() for name, array in net.parameters().items() if name.startswith("1.")]
    assert report.layers[1].weight_norm == pytest.approx(np.linalg.norm(np.concatenate(parameters)))

    at = {layer.place: layer for layer in report.layers}
    assert at["1.0"].gradient > 0 and at["1.3"].gradient == at["1"].gradient  # that of a sum's terms is the sum's
    x, _ = data
    z = on_host(net[:1].predict(x)) @ on_host(net.parameters()["1.0.weight"]).T
    assert_within(at["1.0"].mean, z.mean(), 1e-6)
    normed = (z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5)
    for place, expected in (("1.1", normed), ("1.3.0", np.tanh(normed)), ("1.3", normed + np.tanh(normed))):
        assert_within([at[place].mean, at[place].deviation], [expected.mean(), expected.std()], 1e-6)


def test_trouble_inside_of_residuals_is_found_out(data):
    block = lamina.Residual(lamina.Linear(20, 20, init=normal(50)), lamina.Tanh(), lamina.Linear(20, 20))
    report = diagnose(lamina.Sequential(block, lamina.Linear(20, 5), seed=1), *data)
    assert "saturated units" in problems(report) and "layer 0.1 (Tanh)" in report.findings[0].where


def test_native_layer_gradients_need_layers_by_themselves(data):
    net, settings = stack(lamina.ReLU(), 1), lamina.Loss("cross_entropy").settings("test", 5, np.dtype("float32"))
    with pytest.raises(ValueError, match="fuse=False"):
        net._core.layer_gradients(data[0].astype(np.float32), data[1], settings, True, 0, 0)


def test_diagnosis_is_drawn(data):
    pytest.importorskip("matplotlib")
    net = stack(lamina.ReLU(), 2)
    net.parameters()["2.bias"][:] = -100
    figure = diagnose(net, *data).plot()
    assert len(figure.axes) == 3 and figure.get_suptitle() == "dead units, vanishing gradients"
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()][:2] == ["0  Linear", "1  ReLU"]
    bars = [bar.get_width() for bar in figure.axes[1].patches]
    assert bars.count(1.0) == 1
    assert diagnose(stack(lamina.ReLU(), 1), *data).plot().get_suptitle() == "no trouble found"


def test_diagnosis_mistakes_are_told(data):
    net, (x, y) = stack(lamina.Tanh(), 1), data
    bad = x.copy()
    bad[3, 4] = np.nan
    for error, message, arguments, options in [
        (TypeError, "net is 'net'", ("net", x, y), {}),
        (ValueError, "needs 20 columns", (net, x[:, 1:], y), {}),
        (ValueError, "nan in row 3", (net, bad, y), {}),
        (ValueError, "99 labels", (net, x, y[1:]), {}),
        (ValueError, "hinge", (net, x, y), dict(loss="hinge")),
        (ValueError, "history", (net, x, y), dict(history={"val_loss": [1]})),
    ]:
        with pytest.raises(error, match=message):
            diagnose(*arguments, **options)


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error", "poisson_nll", "soft"])
def test_overfit_check_passes_nets_that_learn(rng, data, loss):
    x, y = data
    targets = {
        "cross_entropy": y,
        "squared_error": rng.normal(size=(100, 5)),
        "poisson_nll": rng.integers(0, 9, (100, 5)),
    }
    targets["soft"] = 0.9 * np.eye(5)[y] + 0.02
    net = stack(lamina.ReLU(), 2)
    before = net.state_dict()
    report = overfit_check(net, x, targets[loss], "cross_entropy" if loss == "soft" else loss, epochs=600)
    assert report.ok and report.rows == 50 and report.score > 0.99, report
    assert report.epochs == len(report.history["loss"]) == 600 and report.loss < report.first_loss
    assert "the net can learn 50 rows by heart" in repr(report)
    assert_same_bits(net.state_dict(), before)


def test_overfit_check_of_few_rows_and_dropout(data):
    x, y = data
    layers = [lamina.Linear(20, 64), lamina.BatchNorm(64), lamina.ReLU(), lamina.Dropout(0.8), lamina.Linear(64, 5)]
    report = overfit_check(lamina.Sequential(*layers), x[:7], y[:7])
    assert report.ok and report.rows == 7


@pytest.mark.parametrize(
    ("net", "optimizer", "expected"),
    [
        (stack(lamina.Sigmoid(), 9), "adam", "vanishing gradients"),
        (stack(lamina.Tanh(), 6), lamina.SGD(lr=5.0), "bouncing loss"),
        (lamina.Sequential(lamina.Linear(20, 1), lamina.Linear(1, 5), seed=0), "adam", None),
    ],
    ids=["deep", "fast", "narrow"],
)
def test_overfit_check_says_what_is_wrong(data, net, optimizer, expected):
    report = overfit_check(net, *data, optimizer=optimizer, epochs=40)
    assert not report.ok and "DOES NOT LEARN" in repr(report)
    assert problems(report.diagnosis) == ([] if expected is None else [expected]), report
    assert "Try: " in repr(report)


def test_overfit_check_mistakes_are_told(data):
    net = stack(lamina.Tanh(), 1)
    for error, message, options in [
        (ValueError, "rows is 0", dict(rows=0)),
        (ValueError, "epochs is 0", dict(epochs=0)),
        (ValueError, "tolerance", dict(tolerance=1.0)),
        (ValueError, "batch_size", dict(batch_size=0)),
        (ValueError, "hinge", dict(loss="hinge")),
    ]:
        with pytest.raises(error, match=message):
            overfit_check(net, *data, **options)
    with pytest.raises(TypeError, match="overfit_check: net"):
        overfit_check("net", *data)
