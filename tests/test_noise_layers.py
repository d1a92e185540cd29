"""Noise as layers: gradients by differences, the bits of the ops they call, inference, words, refusals."""

import numpy as np
import pytest

import lamina
from comparison import assert_same_bits
from lamina import ops
from lamina._arrays import on_host

UNITS = [
    lamina.GaussianNoise(0.3), lamina.MaskingNoise(0.3), lamina.SaltAndPepper(0.3, -1.0, 2.0), lamina.AlphaDropout(0.3),
    lamina.Dropout(0.3, scaling="test"),
]  # fmt: skip
WEIGHTS = [
    lamina.DropConnect(5, 5, p=0.3), lamina.DropConnect(5, 5, bias=False, p=0.3), lamina.Shakeout(5, 5, p=0.3, c=0.2),
    lamina.Whiteout(5, 5, std=0.2, gamma=0.5, lam=0.1),
]  # fmt: skip
ZONEOUTS = [lamina.Zoneout(5, 5, p=0.3, activation=name) for name in ("tanh", "gelu", "linear")]
LAYERS = [*UNITS, *WEIGHTS, *ZONEOUTS]
KEY = dict(seed=7, step=3)
AT_LAYER_1 = dict(KEY, layer=1)


@pytest.fixture
def x(rng):
    return rng.normal(size=(9, 4))


def behind_linear(layer, dtype="float64"):
    return lamina.Sequential(lamina.Linear(4, 5), layer, seed=2, dtype=dtype)


def noisy(layer, h, key):
    """What the layer gives for h in training, by its op."""
    calls = {
        "GaussianNoise": lambda: ops.gaussian_noise(h, layer.std, **key),
        "MaskingNoise": lambda: ops.masking_noise(h, layer.p, **key),
        "SaltAndPepper": lambda: ops.salt_and_pepper(h, layer.p, low=layer.low, high=layer.high, **key),
        "AlphaDropout": lambda: ops.alpha_dropout_forward(h, layer.p, **key),
        "Dropout": lambda: ops.dropout_forward(h, layer.p, scaling="test", **key),
    }
    return calls[type(layer).__name__]()


def noisy_weight(layer, weight, key):
    """What the layer makes of its weight in training, by its op."""
    calls = {
        "DropConnect": lambda: ops.dropout_forward(weight, layer.p, **key),
        "Shakeout": lambda: ops.shakeout(weight, layer.p, layer.c, **key),
        "Whiteout": lambda: ops.whiteout_forward(weight, layer.std, gamma=layer.gamma, lam=layer.lam, **key),
    }
    return calls[type(layer).__name__]()


def arrays_of(net, place=1):
    """Weight and bias of a layer, on the host."""
    arrays = net.state_dict()
    return arrays[f"{place}.weight"], arrays.get(f"{place}.bias")


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_gradcheck_passes_noise(isa, rng, layer, training):
    for layers in (
        [lamina.Linear(4, 5), layer, lamina.Linear(5, 3)],
        [lamina.Linear(4, 5), lamina.BatchNorm(5), layer, lamina.Dropout(0.4), lamina.Linear(5, 5), layer],
        [layer, lamina.Linear(5, 5), layer, layer, lamina.Tanh(), lamina.Linear(5, 3)],
    ):
        net = lamina.Sequential(*layers, seed=2)
        x = rng.normal(size=(7, net.in_features))
        report = lamina.gradcheck(net, x, rng.integers(0, 3, 7), training=training)
        assert report.ok, report


@pytest.mark.parametrize("layer", UNITS, ids=str)
def test_noise_on_units_is_that_of_the_op(isa, x, layer):
    net = behind_linear(layer)
    h = net[:1].predict(x)
    assert_same_bits(net.forward(x, training=True, **KEY), noisy(layer, h, AT_LAYER_1))
    scale = round(0.7 * 65536) / 65536 if isinstance(layer, lamina.Dropout) else 1
    assert_same_bits(net.predict(x), scale * h)


@pytest.mark.parametrize("layer", WEIGHTS, ids=str)
def test_noise_on_weights_is_that_of_the_op(isa, x, layer):
    net = behind_linear(layer)
    h, (weight, bias) = net[:1].predict(x), arrays_of(net)
    disturbed = noisy_weight(layer, weight, AT_LAYER_1)
    assert_same_bits(net.forward(x, training=True, **KEY), ops.linear_forward(h, disturbed, bias))
    assert_same_bits(net.predict(x), ops.linear_forward(h, weight, bias))


@pytest.mark.parametrize("layer", ZONEOUTS, ids=str)
def test_zoneout_is_that_of_the_op(isa, x, layer):
    net = behind_linear(layer)
    h = net[:1].predict(x)
    own = ops.linear_forward(h, *arrays_of(net), activation=layer.activation)
    for training, output in ((True, net.forward(x, training=True, **KEY)), (False, net.predict(x))):
        assert_same_bits(output, ops.zoneout_forward(own, h, layer.p, training=training, **AT_LAYER_1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_silent_noise_changes_nothing(isa, rng, x, dtype):
    """Without noise a layer has the bits of the linear layer, or of none, in outputs and gradients."""
    linear, y = lamina.Linear(5, 5), rng.integers(0, 3, len(x))
    twins = [
        *((layer, []) for layer in (lamina.GaussianNoise(0.0), lamina.MaskingNoise(0.0), lamina.SaltAndPepper(0.0),
                                    lamina.AlphaDropout(0.0), lamina.Dropout(0.0, scaling="test"))),
        *((layer, [linear]) for layer in (lamina.DropConnect(5, 5, p=0.0), lamina.Shakeout(5, 5, p=0.0, c=0.3),
                                          lamina.Whiteout(5, 5, std=0.0))),
        (lamina.Zoneout(5, 5, p=0.0, activation="elu"), [linear, lamina.ELU()]),
    ]  # fmt: skip
    for layer, others in twins:
        results = []
        for middle in ([layer], others):
            net = lamina.Sequential(lamina.Linear(4, 5), *middle, lamina.Linear(5, 3), seed=3, dtype=dtype)
            for array, value in zip(net.parameters().values(), np.linspace(0.3, 0.7, 6), strict=False):
                array[...] = np.cos(value * np.arange(array.size)).reshape(array.shape)
            loss, gradients = net.loss_and_gradients(x, y)
            results.append((loss, [on_host(gradient) for gradient in gradients.values()], net.predict(x)))
        assert results[0][0] == results[1][0]
        assert_same_bits(results[0][1:], results[1][1:])


def test_noise_differs_from_step_to_step(x):
    for layer in LAYERS:
        net = behind_linear(layer)
        outputs = [net.forward(x, training=True, seed=1, step=step) for step in (0, 1, 0)]
        assert_same_bits(outputs[0], outputs[2])
        assert (outputs[0] != outputs[1]).any(), layer


def test_zoneout_starts_by_its_own_activation():
    relu, tanh = (lamina.Sequential(lamina.Zoneout(64, 64, activation=name)) for name in ("relu", "tanh"))
    deviations = [net.parameters()["0.weight"].std() for net in (relu, tanh)]
    np.testing.assert_allclose(deviations, [np.sqrt(2 / 64), np.sqrt(1 / 64)], rtol=0.05)


def test_noise_says_what_it_is():
    net = lamina.Sequential(lamina.Linear(4, 5), *LAYERS)
    lines = [line for line in net.explain(32).splitlines() if line.startswith("lamina")]
    words = ["gaussian noise(0.3)", "masking noise(0.3)", "salt and pepper(0.3: -1, 2)", "alpha dropout(0.3)",
             "dropout(0.3, scaled in inference)", "linear(5 -> 5) with dropconnect(0.3)",
             "linear(5 -> 5, no bias) with dropconnect(0.3)", "linear(5 -> 5) with shakeout(0.3, 0.2)",
             "linear(5 -> 5) with whiteout(0.2, 0.5, 0.1)", "linear(5 -> 5), tanh with zoneout(0.3)",
             "linear(5 -> 5), gelu with zoneout(0.3)", "linear(5 -> 5), linear with zoneout(0.3)"]  # fmt: skip
    assert len(lines) == len(words) + 1
    for line, word in zip(lines[1:], words, strict=True):
        assert f": {word}; starts anew: " in line


@pytest.mark.parametrize("device", ["cpu", *(["cuda"] if lamina.cuda.is_available() else [])])
def test_noise_explains_its_kernels(device):
    text = lamina.Sequential(lamina.Linear(4, 5), *LAYERS, device=device).explain(32)
    for what in ("gaussian noise", "replaces what the mask drops", "shakeout of the weight", "whiteout of the weight",
                 "chooses by the mask", "sums of columns"):  # fmt: skip
        assert what in text


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: lamina.GaussianNoise(-0.1), ValueError),
        (lambda: lamina.GaussianNoise(np.inf), ValueError),
        (lambda: lamina.MaskingNoise(1.0), ValueError),
        (lambda: lamina.MaskingNoise("0.5"), TypeError),
        (lambda: lamina.SaltAndPepper(0.5, high=np.nan), ValueError),
        (lambda: lamina.SaltAndPepper(0.5, low=-np.inf), ValueError),
        (lambda: lamina.AlphaDropout(-0.1), ValueError),
        (lambda: lamina.Dropout(0.5, scaling="train"), ValueError),
        (lambda: lamina.DropConnect(0, 3), ValueError),
        (lambda: lamina.DropConnect(3, 3, p=1.0), ValueError),
        (lambda: lamina.DropConnect(3, 3, bias=1), TypeError),
        (lambda: lamina.Shakeout(3, 3, c=-1.0), ValueError),
        (lambda: lamina.Whiteout(3, 3, gamma=2.5), ValueError),
        (lambda: lamina.Whiteout(3, 3, std=-1.0), ValueError),
        (lambda: lamina.Whiteout(3, 3, lam="1"), TypeError),
        (lambda: lamina.Zoneout(3, 4), ValueError),
        (lambda: lamina.Zoneout(3, 3, activation="prelu"), ValueError),
    ],
)
def test_layers_of_noise_refuse(make, error):
    with pytest.raises(error, match=r"^[A-Z]\w+: "):
        make()
