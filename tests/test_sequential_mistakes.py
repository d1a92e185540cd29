"""What nets and layers refuse, with messages that name the call."""

import numpy as np
import pytest

import lamina
from comparison import assert_same_bits
from small_nets import deep_net


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: lamina.Sequential(), ValueError, "Sequential: got no layers"),
        (lambda: lamina.Sequential(lamina.ReLU()), ValueError, "wide"),
        (
            lambda: lamina.Sequential(lamina.Linear(2, 3), lamina.ReLU(), lamina.Linear(4, 1)),
            ValueError,
            "Sequential: layer 2",
        ),
        (lambda: lamina.Sequential(lamina.Linear(2, 3), lamina.BatchNorm(2)), ValueError, "layer 1"),
        (lambda: lamina.Sequential([lamina.Linear(2, 3)]), TypeError, "Sequential: argument 0"),
        (lambda: lamina.Sequential(lamina.Linear(2, 3), lamina.ReLU), TypeError, r"call it: ReLU\("),
        (lambda: lamina.Sequential(lamina.Linear(2, 3), dtype="float16"), ValueError, "float32, float64"),
        (lambda: lamina.Sequential(lamina.Linear(2, 3), dtype=None), ValueError, "float32, float64"),
        (lambda: lamina.Sequential(lamina.Linear(2, 3), seed=-1), ValueError, "seed"),
        (lambda: lamina.Sequential(lamina.Linear(2, 3), seed=2**64), ValueError, "seed"),
        (lambda: lamina.Sequential(lamina.Linear(2, 3), seed=1.0), TypeError, "seed"),
        (lambda: lamina.Linear(0, 3), ValueError, "Linear: in_features"),
        (lambda: lamina.Linear(2, 3.0), TypeError, "Linear: out_features"),
        (lambda: lamina.Linear(2, 3, bias="no"), TypeError, "Linear: bias"),
        (lambda: lamina.BatchNorm(3, momentum=1.5), ValueError, "BatchNorm: momentum"),
        (lambda: lamina.BatchNorm(3, eps=-1e-5), ValueError, "BatchNorm: eps"),
        (lambda: lamina.Dropout(1), ValueError, r"Dropout: p is 1.0, a number in \[0, 1\)"),
        (lambda: lamina.Dropout("half"), TypeError, "Dropout: p"),
        (lambda: lamina.LeakyReLU(-0.1), ValueError, "LeakyReLU: negative_slope"),
        (lambda: lamina.ELU(float("nan")), ValueError, "ELU: alpha"),
    ],
)
def test_sequential_construction_mistakes_are_told(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda net: net(np.zeros((2, 4))), ValueError, r"Sequential.forward: x has shape \(2, 4\).* 5 columns"),
        (lambda net: net(np.zeros(5)), ValueError, r"Sequential.forward: x has shape \(5,\)"),
        (lambda net: net(np.zeros((1, 2, 5))), ValueError, "matrix"),
        (lambda net: net([["a"] * 5]), TypeError, "numbers"),
        (lambda net: net([[1, 2], [3]]), ValueError, "numbers"),
        (lambda net: net(np.zeros((2, 5), complex)), TypeError, "complex"),
        (lambda net: net(None), ValueError, "Sequential.forward"),
        (lambda net: net.forward(np.zeros((1, 5)), training=True), ValueError, "Sequential.forward: .*row"),
        (lambda net: net.forward(np.zeros((2, 5)), training=True, step=-1), ValueError, "step"),
        (lambda net: net.predict(np.zeros((2, 5)), batch_size=0), ValueError, "Sequential.predict: batch_size"),
        (lambda net: net.predict(np.zeros((2, 6))), ValueError, "Sequential.predict: X"),
        (lambda net: net.loss_and_gradients(np.zeros((2, 5)), [0, 1], "hinge"), ValueError, "cross_entropy"),
        (lambda net: net.loss_and_gradients(np.zeros((2, 5)), [0, 3]), ValueError, "y is 3 in row 1.*0 to 2"),
        (lambda net: net.loss_and_gradients(np.zeros((2, 5)), [0, -1]), ValueError, "y is -1 in row 1"),
        (lambda net: net.loss_and_gradients(np.zeros((2, 5)), [0, 1, 2]), ValueError, "3 labels, X has 2 rows"),
        (
            lambda net: net.loss_and_gradients(np.zeros((0, 5)), []),
            ValueError,
            "Sequential.loss_and_gradients: .*empty",
        ),
    ],
)
def test_sequential_call_mistakes_are_told(call, error, message):
    net = deep_net()
    before = net.state_dict()
    with pytest.raises(error, match=message):
        call(net)
    assert_same_bits(net.state_dict(), before)


def test_a_plain_layer_is_refused():
    with pytest.raises(TypeError, match="a plain Layer is given, one of lamina.layers is needed"):
        lamina.Sequential(lamina.layers.Layer())


@pytest.mark.parametrize("layer", [lamina.GaussianNoise(1e60), lamina.Whiteout(4, 4, std=1e60)], ids=str)
@pytest.mark.parametrize("how", ["forward", "loss_and_gradients", "fit"])
def test_statistics_stay_where_a_layer_cannot_compute_with_its_settings(isa, rng, layer, how):
    net = lamina.Sequential(lamina.BatchNorm(4), lamina.Linear(4, 4), layer, lamina.Linear(4, 3))
    x, y = 3 + rng.normal(size=(8, 4)), rng.integers(0, 3, 8)
    before = net.state_dict()
    calls = {
        "forward": lambda: net.forward(x, training=True),
        "loss_and_gradients": lambda: net.loss_and_gradients(x, y),
        "fit": lambda: lamina.Trainer(net).fit(x, y, epochs=1, progress=False),
    }
    for _ in range(2):
        net.loss_and_gradients(x, y, training=False)
        with pytest.raises(ValueError, match=r"std is 1e\+60, needs a finite number"):
            calls[how]()
        assert_same_bits(net.state_dict(), before)
