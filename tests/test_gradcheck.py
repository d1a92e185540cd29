"""The public gradient check: right nets pass, wrong gradients are named, kinks and large nets are no trouble."""

import numpy as np
import pytest

import lamina
from comparison import assert_same_bits
from lamina import ops
from lamina.layers import activation_layer
from lamina.sequential import Sequential


def make_net(*hidden, outputs=3, **options):
    return lamina.Sequential(lamina.Linear(4, 5), *hidden, lamina.Linear(5, outputs), **{"seed": 2} | options)


@pytest.mark.parametrize("activation", ops.activations(fused=True))
@pytest.mark.parametrize("training", [True, False])
def test_gradcheck_passes_every_activation(isa, rng, activation, training):
    layer = activation_layer("test", activation)
    for layers in ([], [lamina.BatchNorm(5)], [lamina.BatchNorm(5), lamina.Dropout(0.4)], [lamina.Dropout(0.4)]):
        net = make_net(*layers[:1], *([layer] if layer else []), *layers[1:])
        report = lamina.gradcheck(net, rng.normal(size=(7, 4)), rng.integers(0, 3, 7), training=training)
        assert report.ok, report


@pytest.mark.parametrize(
    "layer",
    [
        lamina.PReLU(), lamina.PReLU(per_unit=True, init=0.1), lamina.RReLU(), lamina.LayerNorm(5),
        lamina.LayerNorm(5, affine=False),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("training", [True, False])
def test_gradcheck_passes_layers_that_run_by_themselves(isa, rng, layer, training):
    for layers in (
        [lamina.Linear(4, 5), layer, lamina.Linear(5, 3)],
        [lamina.Linear(4, 5), lamina.BatchNorm(5), layer, lamina.Dropout(0.4), lamina.Linear(5, 5), layer],
        [layer, lamina.Linear(5, 5), layer, lamina.Tanh(), lamina.Linear(5, 3)],
    ):
        net = lamina.Sequential(*layers, seed=2)
        x = 3 * rng.normal(size=(7, net.in_features))
        report = lamina.gradcheck(net, x, rng.integers(0, 3, 7), training=training)
        assert report.ok, report


@pytest.mark.parametrize(
    "layer", [lamina.PReLU(), lamina.PReLU(per_unit=True), lamina.RReLU(), lamina.LayerNorm(1)], ids=str
)
def test_gradcheck_passes_layers_one_unit_wide(isa, rng, layer):
    net = lamina.Sequential(lamina.Linear(4, 1), layer, lamina.Linear(1, 2), seed=3)
    report = lamina.gradcheck(net, rng.normal(size=(7, 4)), rng.integers(0, 2, 7))
    assert report.ok, report


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        ("cross_entropy", "labels"),
        ("softmax_cross_entropy", "probabilities"),
        (lamina.Loss("cross_entropy", class_weight=[1, 2, 3], label_smoothing=0.1), "labels"),
        ("sigmoid_cross_entropy", "probabilities"),
        ("squared_error", "numbers"),
        ("mean_squared_error", "numbers"),
        ("absolute_error", "numbers"),
        ("huber", "numbers"),
        (lamina.Loss("huber", delta=30), "numbers"),
        ("kl_divergence", "probabilities"),
        ("poisson_nll", "counts"),
    ],
    ids=str,
)
@pytest.mark.parametrize("weighted", [True, False])
def test_gradcheck_passes_every_loss(rng, loss, targets, weighted):
    choices = {
        "labels": rng.integers(0, 3, 7),
        "probabilities": rng.dirichlet(np.ones(3), 7),
        "numbers": 100 * rng.normal(size=(7, 3)),
        "counts": rng.poisson(3, (7, 3)),
    }
    weight = rng.random(7) if weighted else None
    net = make_net(lamina.BatchNorm(5), lamina.Tanh())
    report = lamina.gradcheck(net, rng.normal(size=(7, 4)), choices[targets], loss, sample_weight=weight)
    assert report.ok, report


def test_gradcheck_passes_unusual_orders(rng):
    net = lamina.Sequential(
        lamina.BatchNorm(4), lamina.Dropout(0.2), lamina.Linear(4, 5, bias=False), lamina.Sigmoid(),
        lamina.BatchNorm(5), lamina.Linear(5, 5), lamina.Linear(5, 5), lamina.Dropout(0.3), lamina.SELU(),
        lamina.LeakyReLU(0.2), lamina.SiLU(), lamina.GELU(), lamina.Linear(5, 2), lamina.BatchNorm(2), seed=3,
    )  # fmt: skip
    for fuse in (True, False):
        net = lamina.Sequential(*net, seed=3, fuse=fuse)
        report = lamina.gradcheck(net, rng.normal(size=(8, 4)), rng.integers(0, 2, 8))
        assert report.ok, report


def test_gradcheck_names_the_wrong_parameter(rng, monkeypatch):
    right = Sequential.loss_and_gradients

    def wrong(net, *arguments, **options):
        loss, gradients = right(net, *arguments, **options)
        gradients = {name: array.copy() for name, array in gradients.items()}
        gradients["2.weight"][1, 3] *= 1.001
        return loss, gradients

    monkeypatch.setattr(Sequential, "loss_and_gradients", wrong)
    report = lamina.gradcheck(make_net(lamina.Tanh()), rng.normal(size=(7, 4)), rng.integers(0, 3, 7))
    assert not report.ok
    assert (report.worst.name, report.worst.index) == ("2.weight", (1, 3))
    assert report.worst.analytic == pytest.approx(1.001 * report.worst.numerical, rel=report.tolerance)
    text = repr(report)
    assert "2.weight[1, 3]" in text and "DIFFER" in text and text.count("<-- wrong") == 1


def test_gradcheck_fails_on_gradients_that_are_no_numbers(rng, monkeypatch):
    right = Sequential.loss_and_gradients

    def wrong(net, *arguments, **options):
        loss, gradients = right(net, *arguments, **options)
        return loss, {name: np.full_like(array, np.nan) for name, array in gradients.items()}

    monkeypatch.setattr(Sequential, "loss_and_gradients", wrong)
    report = lamina.gradcheck(make_net(lamina.Tanh()), rng.normal(size=(7, 4)), rng.integers(0, 3, 7))
    assert not report.ok and np.isnan(report.worst.error)


def test_gradcheck_steps_around_a_kink():
    """The pre-activation of one unit is closer to 0 than the first step of the differences."""
    net = lamina.Sequential(lamina.Linear(1, 1), lamina.ReLU(), lamina.Linear(1, 1), dtype="float64")
    net.load_state_dict({"0.weight": [[1.0]], "0.bias": [1e-6], "2.weight": [[1.0]], "2.bias": [0.0]})
    report = lamina.gradcheck(net, [[0.0]], [5.0], "squared_error")
    assert report.ok, report


def on_kinks():
    """Nets whose units lie exactly on a kink, as biases begin at 0: by dropping, by dead rows, by zeros in x."""
    return {
        "dropped rows": [lamina.Linear(4, 4), lamina.ReLU(), lamina.Dropout(0.5), lamina.Linear(4, 4), lamina.ReLU()],
        "dropped rows, leaky": [lamina.Linear(4, 4), lamina.ReLU(), lamina.Dropout(0.5), lamina.Linear(4, 4),
                                lamina.LeakyReLU()],
        "dropped data": [lamina.MaskingNoise(0.5), lamina.Linear(4, 4), lamina.SELU()],
        "dead rows": [lamina.Linear(4, 3), lamina.ReLU(), lamina.Linear(3, 4), lamina.ReLU()],
        "dropped weights": [lamina.DropConnect(4, 4), lamina.ReLU()],
        "two layers on a kink": [lamina.MaskingNoise(0.5), lamina.Linear(4, 4), lamina.LeakyReLU(), lamina.Linear(4, 4),
                                 lamina.LeakyReLU()],
        "batch norm of dead units": [lamina.Linear(4, 4), lamina.ReLU(), lamina.BatchNorm(4), lamina.ReLU()],
        "frozen on a kink": [lamina.Linear(4, 4), lamina.ReLU(), lamina.Dropout(0.5), lamina.Linear(4, 4),
                             lamina.ReLU()],
    }  # fmt: skip


@pytest.mark.parametrize("name", on_kinks())
def test_gradcheck_passes_nets_on_a_kink(rng, name):
    x, y = rng.normal(size=(20, 4)), rng.integers(0, 3, 20)
    x[3] = 0
    for seed in range(5):
        net = lamina.Sequential(*on_kinks()[name], lamina.Linear(4, 3), seed=seed)
        if name == "frozen on a kink":
            net.freeze(3)
        report = lamina.gradcheck(net, x, y)
        assert report.ok, report


class Leaky(lamina.PythonLayer):
    """A leaky ReLU."""

    def forward(self, x, parameters, mode):
        return np.where(x > 0, x, 0.1 * x)

    def backward(self, dy, x, y, parameters, mode):
        return np.where(x > 0, dy, 0.1 * dy)


class WrongBelow(Leaky):
    def backward(self, dy, x, y, parameters, mode):
        return np.where(x > 0, dy, 0.101 * dy)


class MeanSlope(Leaky):
    """Wrong near the kink alone."""

    def backward(self, dy, x, y, parameters, mode):
        return np.where(abs(x) < 0.1, 0.55 * dy, super().backward(dy, x, y, parameters, mode))


@pytest.mark.parametrize(("layer", "right"), [(Leaky(), True), (WrongBelow(), False), (MeanSlope(), False)],
                         ids=["right", "wrong below", "mean of the slopes"])  # fmt: skip
def test_gradcheck_tells_wrong_gradients_on_a_kink(rng, layer, right):
    """The rows are all 0: what passes back does so through units that lie on the kink."""
    net = lamina.Sequential(lamina.Linear(4, 6), layer, lamina.Linear(6, 3), seed=1)
    report = lamina.gradcheck(net, np.zeros((5, 4)), rng.integers(0, 3, 5))
    assert report.ok == right, report
    assert right or report.worst.name == "0.bias"


def test_gradcheck_says_where_nothing_is_trained(rng):
    frozen = make_net(lamina.Tanh())
    frozen.freeze(0, 2)
    for net in (frozen, lamina.Sequential(lamina.LayerNorm(4, affine=False))):
        report = lamina.gradcheck(net, rng.normal(size=(7, 4)), rng.integers(0, 3, 7))
        assert report.ok and report.worst is None and report.checks == ()
        assert "nothing to check" in repr(report)


def test_gradcheck_leaves_the_net_alone_and_serves_float32(rng):
    net = make_net(lamina.BatchNorm(5), lamina.ReLU(), lamina.Dropout(0.3))
    before = net.state_dict()
    report = lamina.gradcheck(net, rng.normal(size=(7, 4)), rng.integers(0, 3, 7))
    assert report.ok, report
    assert_same_bits(net.state_dict(), before)


def test_gradcheck_samples_large_parameters(rng):
    net = make_net(lamina.Tanh())
    report = lamina.gradcheck(net, rng.normal(size=(3, 4)), rng.integers(0, 3, 3), most_entries=6)
    assert [(check.name, check.entries, check.size) for check in report.checks] == [
        ("0.weight", 6, 20), ("0.bias", 5, 5), ("2.weight", 6, 15), ("2.bias", 3, 3),
    ]  # fmt: skip
    assert "gradients agree" in repr(report) and "6 of 20" in repr(report)


def test_gradcheck_mistakes_are_told():
    net, x = make_net(lamina.Tanh()), np.ones((2, 4))
    with pytest.raises(TypeError, match="gradcheck: net"):
        lamina.gradcheck("net", x, [0, 1])
    with pytest.raises(ValueError, match="gradcheck: tolerance"):
        lamina.gradcheck(net, x, [0, 1], tolerance=-1)
    with pytest.raises(ValueError, match="^gradcheck: y has 3 labels"):
        lamina.gradcheck(net, x, [0, 1, 2])
    with pytest.raises(ValueError, match="^gradcheck: loss is 'hinge'"):
        lamina.gradcheck(net, x, [0, 1], loss="hinge")
