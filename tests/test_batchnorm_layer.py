"""Batch norm as a layer: where it stands, of selected units, which variance it remembers, and others' conventions."""

import copy
import json

import numpy as np
import pytest

import lamina
from comparison import assert_levels_agree, assert_same_bits, assert_within
from lamina.layers import describe, from_description

DEVICES = ["cpu", *(["cuda"] if lamina.cuda.is_available() else [])]
# Columns 19 wide: single ones, runs, the first, the last, all.
UNITS = [[0], [18], [7], [0, 18], [3, 4, 5], [0, 1, 2, 9, 10, 18], list(range(1, 19)), list(range(19))]


@pytest.mark.parametrize(
    "layers",
    [
        [lamina.Linear(4, 5), lamina.BatchNorm(5), lamina.Tanh(), lamina.Linear(5, 3)],
        [lamina.Linear(4, 5), lamina.Tanh(), lamina.BatchNorm(5), lamina.Linear(5, 3)],
        [lamina.BatchNorm(4), lamina.Linear(4, 5), lamina.Tanh(), lamina.Linear(5, 3)],
        [lamina.Linear(4, 5), lamina.BatchNorm(5, units=[0, 1, 4]), lamina.Tanh(), lamina.Linear(5, 3)],
        [lamina.BatchNorm(4, units=[2]), lamina.Linear(4, 3), lamina.BatchNorm(3, units=[0, 2])],
    ],
    ids=["pre-activation", "activation", "input", "units", "units first and last"],
)
@pytest.mark.parametrize("training", [True, False])
def test_batchnorm_gradients_wherever_it_stands(isa, rng, layers, training):
    net = lamina.Sequential(*layers, seed=2)
    net.forward(rng.normal(size=(9, 4)), training=True)
    report = lamina.gradcheck(net, rng.normal(size=(7, 4)), rng.integers(0, 3, 7), training=training)
    assert report.ok, report


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("units", UNITS, ids=str)
def test_batchnorm_of_units_is_batchnorm_of_their_columns(rng, dtype, units, device):
    """Bit for bit, and the other columns pass as they are, forward and backward."""
    x, target = (rng.normal(size=(70, 19)).astype(dtype) for _ in range(2))
    parameters = {"0.weight": rng.normal(size=len(units)), "0.bias": rng.normal(size=len(units))}
    options = dict(momentum=0.25, eps=0.1, unbiased_running_var=False)
    some = lamina.Sequential(lamina.BatchNorm(19, units=units, **options), dtype=dtype, device=device)
    alone = lamina.Sequential(lamina.BatchNorm(len(units), **options), dtype=dtype, device=device)
    for net in (some, alone):
        net.load_state_dict(net.state_dict() | parameters)
    rest = np.delete(np.arange(19), units)
    for training in (True, False):
        y = some.forward(x, training=training)
        assert_same_bits(np.ascontiguousarray(y[:, units]), alone.forward(x[:, units], training=training))
        assert_same_bits(y[:, rest], x[:, rest])
        assert_same_bits(some.state_dict(), alone.state_dict())
        gradients = [
            net.loss_and_gradients(x[:, at], target[:, at], lamina.Loss("squared_error"), training=training)[1]
            for net, at in ((some, slice(None)), (alone, units))
        ]
        assert_same_bits(*gradients)


def test_batchnorm_of_units_hands_the_gradient_down(rng, dtype):
    """Into the linear layer below, as if the columns were normalised apart."""
    x, labels = rng.normal(size=(33, 4)).astype(dtype), rng.integers(0, 3, 33)
    net = lamina.Sequential(
        lamina.Linear(4, 19), lamina.BatchNorm(19, units=[2, 3, 17]), lamina.ReLU(), lamina.Linear(19, 3), dtype=dtype
    )

    def compute():
        twin = copy.deepcopy(net)
        loss, gradients = twin.loss_and_gradients(x, labels)
        return [np.array(loss), gradients, twin.state_dict(), twin(x)]

    expected = compute()
    for fuse in (True, False):
        net = lamina.Sequential(*net, dtype=dtype, fuse=fuse)
        assert_same_bits(compute(), expected)
    text = net.explain(batch_size=33)
    assert "batchnorm(3 of 19 units)" in text


def test_batchnorm_of_units_levels_agree(isa, rng, dtype):
    x, labels = rng.normal(size=(70, 19)).astype(dtype), rng.integers(0, 3, 70)
    for units in UNITS:
        net = lamina.Sequential(lamina.BatchNorm(19, units=units), lamina.Linear(19, 3), lamina.ReLU(), dtype=dtype)

        def compute(net=net):
            twin = copy.deepcopy(net)
            loss, gradients = twin.loss_and_gradients(x, labels)
            return [np.array(loss), gradients, twin.state_dict(), twin(x)]

        assert_levels_agree(compute)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("layers", [[lamina.Linear(2, 2)], []], ids=["behind a linear layer", "alone"])
def test_batchnorm_remembers_the_variance_it_is_told_to(rng, device, layers):
    x = rng.normal(size=(10, 2))
    for unbiased in (True, False):
        norm = lamina.BatchNorm(2, momentum=1.0, unbiased_running_var=unbiased)
        net = lamina.Sequential(*layers, norm, dtype="float64", device=device)
        z = net[: len(layers)](x) if layers else x
        trainer = lamina.Trainer(net, "squared_error", lamina.SGD(lr=0.0))
        trainer.fit(x, x, epochs=1, batch_size=10, progress=False)
        variance = net.state_dict()[f"{len(layers)}.running_var"]
        assert_within(variance, z.var(axis=0, ddof=int(unbiased)), 1e-14)


def test_batchnorm_of_other_conventions():
    """Keras and ONNX: new = momentum old + (1 - momentum) batch, of the biased variance."""
    x = np.array([[0.0], [2.0]])  # mean 1, biased variance 1
    for norm, momentum, eps in (
        (lamina.BatchNorm.from_keras(1), 0.99, 1e-3),
        (lamina.BatchNorm.from_keras(1, 0.75, 0.5), 0.75, 0.5),
        (lamina.BatchNorm.from_onnx(1), 0.9, 1e-5),
        (lamina.BatchNorm.from_onnx(1, epsilon=0.25), 0.9, 0.25),
    ):
        net = lamina.Sequential(norm, dtype="float64")
        net.load_state_dict(net.state_dict() | {"0.running_mean": [5.0], "0.running_var": [3.0]})
        y = net.forward(x, training=True)
        state = net.state_dict()
        assert_within(state["0.running_mean"], [momentum * 5 + (1 - momentum)], 1e-15)
        assert_within(state["0.running_var"], [momentum * 3 + (1 - momentum)], 1e-15)
        assert_within(y[:, 0], np.array([-1, 1]) / np.sqrt(1 + eps), 1e-15)
    for convention in (lamina.BatchNorm.from_keras, lamina.BatchNorm.from_onnx):
        with pytest.raises(ValueError, match="momentum is 1.5"):
            convention(3, momentum=1.5)
        with pytest.raises(TypeError, match="momentum is 'a'"):
            convention(3, momentum="a")


@pytest.mark.parametrize(
    "layer",
    [
        lamina.BatchNorm(5, unbiased_running_var=False),
        lamina.BatchNorm(5, units=[3, 0]),
        lamina.BatchNorm(5, units=range(5), eps=0.1, unbiased_running_var=False),
    ],
    ids=str,
)
def test_batchnorm_survives_files(tmp_path, rng, layer):
    assert from_description(json.loads(json.dumps(describe(layer)))) == layer
    assert eval(repr(layer), vars(lamina)) == layer
    net = lamina.Sequential(lamina.Linear(5, 5), layer, dtype="float64")
    net.forward(rng.normal(size=(9, 5)), training=True)
    net.save(tmp_path / "x")
    again = lamina.load(tmp_path / "x")
    x = rng.normal(size=(9, 5))
    for twin in (again, copy.deepcopy(net)):
        assert list(twin) == list(net)
        assert_same_bits(twin.forward(x, training=True), copy.deepcopy(net).forward(x, training=True))
        assert twin[1] == net[1]


def test_batchnorm_mistakes_are_told():
    for error, message, options in [
        (TypeError, "unbiased_running_var is 1", dict(unbiased_running_var=1)),
        (TypeError, "units is 3", dict(units=3)),
        (TypeError, "units is 1.0", dict(units=[1.0])),
        (ValueError, "units is 5", dict(units=[0, 5])),
        (ValueError, "units is -1", dict(units=[-1])),
        (ValueError, "each once", dict(units=[2, 2])),
        (ValueError, "at least one", dict(units=[])),
        (ValueError, "momentum is 1.5", dict(momentum=1.5)),
    ]:
        with pytest.raises(error, match=f"^BatchNorm: .*{message}"):
            lamina.BatchNorm(5, **options)
    net = lamina.Sequential(lamina.BatchNorm(5, units=[1]))
    with pytest.raises(ValueError, match="1 rows"):
        net.forward(np.ones((1, 5)), training=True)
    for units, error in (([1, 1], ValueError), ([], ValueError), ([5], ValueError), (3, TypeError)):
        layer = {"kind": "unit_batchnorm", "features": 5, "units": units}
        with pytest.raises(error, match="units"):
            lamina._core.Network([layer], "float32")
