"""Deep belief networks and what stacks are unrolled to: layer after layer by hand, samples, fine-tuning."""

import pickle

import numpy as np
import pytest

import lamina
from comparison import assert_same_bits, assert_within
from lamina import DBN, RBM, ops
from lamina._arrays import copied, on_host
from lamina.pretrain import greedy, unroll
from tolerances import IDENTITY

DEVICES = ["cpu", *(["cuda"] if lamina.cuda.is_available() else [])]
PATTERNS = np.repeat([[1.0, 1, 0, 0, 1, 0], [0, 0, 1, 1, 0, 1]], 10, axis=0)
FIT = {"k": 2, "epochs": 3, "batch_size": 8, "progress": False}


def learned(**settings):
    dbn = DBN([6, 5, 4], **{"optimizer": lamina.SGD(lr=0.1, momentum=0.5), "seed": 3, "dtype": "float64"} | settings)
    dbn.fit(PATTERNS, **FIT)
    return dbn


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_layers_learn_one_after_the_other(visible, device):
    dbn, data = learned(visible=visible, device=device), PATTERNS
    assert repr(dbn) == f"DBN([6, 5, 4], visible='{visible}')" and dbn.sizes == (6, 5, 4)
    for layer, machine in enumerate(dbn.machines):
        twin = RBM(
            machine.n_visible, machine.n_hidden, visible="bernoulli" if layer else visible,
            optimizer=lamina.SGD(lr=0.1, momentum=0.5), seed=3, layer=layer, dtype="float64",
        )  # fmt: skip
        assert twin.fit(data, **FIT)["loss"] == machine.history["loss"]
        for name, array in twin.parameters().items():
            assert_same_bits(copied(machine.parameters()[name]), array)
        data = twin.transform(data)
    assert_same_bits(dbn.transform(PATTERNS), data)
    again = pickle.loads(pickle.dumps(dbn))
    assert_same_bits(again.transform(PATTERNS), data)


def test_samples_come_down_from_the_top():
    dbn = learned()
    units = dbn.machines[1].sample(7, steps=3, seed=5)
    p = dbn.machines[0].parameters()
    below = ops.rbm_visible(units, p["weight"], p["visible_bias"], sample=True, seed=5, step=2**31)
    assert_same_bits(dbn.sample(7, steps=3, seed=5), below)
    q = dbn.machines[1].parameters()
    means = ops.rbm_visible(dbn.transform(PATTERNS), q["weight"], q["visible_bias"])
    assert_same_bits(dbn.reconstruct(PATTERNS), ops.rbm_visible(means, p["weight"], p["visible_bias"]))


def test_deep_networks_learn_what_they_are_shown():
    dbn = DBN([6, 8, 6], optimizer=lamina.SGD(lr=0.2), seed=1)
    dbn.fit(PATTERNS, epochs=200, progress=False)
    drawn = dbn.sample(300, steps=300)
    assert np.mean([(drawn == pattern).all(axis=1) for pattern in PATTERNS[[0, -1]]]) > 0.2  # of at most 1/2
    assert np.abs(dbn.reconstruct(PATTERNS) - PATTERNS).max() < 0.2


@pytest.mark.parametrize("device", DEVICES)
def test_network_computes_the_features_and_is_fine_tuned(device):
    dbn = learned(device=device)
    net = dbn.network(2)
    assert_same_bits(on_host(net[:4].predict(PATTERNS)), dbn.transform(PATTERNS))
    labels = np.repeat([0, 1], 10)
    trainer = lamina.Trainer(net, optimizer=lamina.Adam(lr=0.05))
    trainer.fit(PATTERNS, labels, epochs=40, progress=False)
    assert trainer.evaluate(PATTERNS, labels)["score"] == 1
    assert_same_bits(dbn.transform(PATTERNS), learned().transform(PATTERNS))  # whose weights are its own


@pytest.mark.parametrize("device", DEVICES)
def test_unrolled_networks_reconstruct(device):
    dbn = learned(device=device)
    coder = unroll(dbn)
    assert [type(layer).__name__ for layer in coder] == ["Linear", "Sigmoid"] * 3 + ["Linear"]
    logits = on_host(coder.predict(PATTERNS))
    assert_within(ops.activation_forward(logits, "sigmoid"), dbn.reconstruct(PATTERNS), IDENTITY)
    trainer = lamina.Trainer(coder, loss="sigmoid_cross_entropy", optimizer=lamina.Adam(lr=0.1))
    losses = trainer.fit(PATTERNS, PATTERNS, epochs=100, batch_size=10, progress=False)["loss"]
    assert losses[-1] < losses[0] / 4


def test_nets_are_unrolled():
    """With the activations of their own layers, and biases of 0 on the way down."""
    net = lamina.Sequential(
        lamina.Linear(6, 5), lamina.Tanh(), lamina.Dropout(0.5), lamina.Linear(5, 4, bias=False), lamina.ReLU(),
        lamina.Linear(4, 3), lamina.Linear(3, 2), seed=1, dtype="float64",
    )  # fmt: skip
    coder = unroll(net)
    names = [type(layer).__name__ for layer in coder]
    assert names == ["Linear", "Tanh", "Linear", "ReLU", "Linear", "Linear", "ReLU", "Linear", "Tanh", "Linear"]
    assert [layer.out_features for layer in coder if isinstance(layer, lamina.Linear)] == [5, 4, 3, 4, 5, 6]
    own, p = coder.parameters(), net.parameters()
    for up, down, given in ((0, 9, 0), (2, 7, 3), (4, 5, 5)):
        assert_same_bits(own[f"{up}.weight"], p[f"{given}.weight"])
        assert_same_bits(own[f"{down}.weight"], np.ascontiguousarray(p[f"{given}.weight"].T))
        assert not own[f"{down}.bias"].any()
    assert_same_bits(own["0.bias"], p["0.bias"])


def test_unrolling_what_greedy_made_starts_near_the_data():
    net = lamina.Sequential(lamina.Linear(6, 5), lamina.Sigmoid(), lamina.Linear(5, 2), seed=1)
    greedy(net, PATTERNS, epochs=300, lr=0.05, progress=False)
    fresh = lamina.Sequential(lamina.Linear(6, 5), lamina.Sigmoid(), lamina.Linear(5, 2), seed=1)
    errors = [
        np.mean((ops.activation_forward(unroll(n).predict(PATTERNS), "sigmoid") - PATTERNS) ** 2) for n in (net, fresh)
    ]
    assert errors[0] < errors[1] / 2


def test_mistakes_are_told():
    for sizes in ([6], "65", 6, [6, 0]):
        with pytest.raises(ValueError, match="DBN: sizes"):
            DBN(sizes)
    with pytest.raises(TypeError, match="DBN: sizes"):
        DBN([6, 2.5])
    dbn = DBN([6, 5, 4])
    before = pickle.dumps(dbn)
    with pytest.raises(ValueError, match=r"DBN.fit: X holds .*\[0, 1\]"):
        dbn.fit(2 * PATTERNS)
    with pytest.raises(ValueError, match="DBN.fit: k"):
        dbn.fit(PATTERNS, k=0)
    with pytest.raises(ValueError, match="DBN.network: n_outputs"):
        dbn.network(0)
    with pytest.raises(ValueError, match="RBM.sample: n"):
        dbn.sample(0)
    assert pickle.dumps(dbn) == before
    with pytest.raises(TypeError, match="unroll: model is 3"):
        unroll(3)
    with pytest.raises(ValueError, match="unroll: the net has no hidden layer"):
        unroll(lamina.Sequential(lamina.Linear(3, 2)))
    with pytest.raises(ValueError, match=r"unroll: layer 1 is BatchNorm\("):
        unroll(lamina.Sequential(lamina.Linear(3, 2), lamina.BatchNorm(2), lamina.Linear(2, 2)))
