"""What holds for every layer there is: gradients, levels and devices, files, fusion, blocks of rows, words."""

import dataclasses
import inspect
import re

import numpy as np
import pytest

import lamina
from comparison import assert_same_bits
from lamina import Linear, Sequential
from lamina.layers.descriptions import LAYERS

WIDTH, ROWS = 6, 37
# One of each kind (several where settings change what is computed), to stand between two linear layers of WIDTH units.
SAMPLES = [
    Linear(WIDTH, WIDTH),
    Linear(WIDTH, WIDTH, bias=False),
    lamina.BatchNorm(WIDTH),
    lamina.BatchNorm(WIDTH, units=[0, 3, 4], unbiased_running_var=False),
    lamina.LayerNorm(WIDTH),
    lamina.LayerNorm(WIDTH, affine=False),
    lamina.Dropout(0.3),
    lamina.Residual(Linear(WIDTH, 3), lamina.Tanh(), Linear(3, WIDTH)),
    lamina.Softmax(),
    lamina.LogSoftmax(),
    lamina.Sigmoid(),
    lamina.Tanh(),
    lamina.ReLU(),
    lamina.LeakyReLU(0.2),
    lamina.ELU(0.7),
    lamina.SELU(),
    lamina.Softsign(),
    lamina.Softplus(),
    lamina.GELU(),
    lamina.GELUTanh(),
    lamina.SiLU(),
    lamina.Step(),
    lamina.PReLU(),
    lamina.PReLU(per_unit=True),
    lamina.RReLU(0.1, 0.4),
    lamina.Dropout(0.3, scaling="test"),
    lamina.GaussianNoise(0.2),
    lamina.MaskingNoise(0.3),
    lamina.SaltAndPepper(0.3, -1.0, 2.0),
    lamina.AlphaDropout(0.3),
    lamina.DropConnect(WIDTH, WIDTH + 2, p=0.3),
    lamina.DropConnect(WIDTH, WIDTH, bias=False, p=0.3),
    lamina.Shakeout(WIDTH, WIDTH - 1, p=0.3, c=0.1),
    lamina.Whiteout(WIDTH, WIDTH, std=0.2, gamma=0.5, lam=0.1),
    lamina.Zoneout(WIDTH, WIDTH, p=0.3),
    lamina.Zoneout(WIDTH, WIDTH, p=0.3, activation="gelu"),
    lamina.Residual(lamina.Zoneout(WIDTH, WIDTH), lamina.DropConnect(WIDTH, WIDTH), lamina.AlphaDropout(0.2)),
]
EVERY = pytest.mark.parametrize("layer", SAMPLES, ids=repr)


def net_of(layer, **options):
    """The layer between two others."""
    first = [Linear(5, WIDTH), lamina.Tanh()]
    return Sequential(*first, layer, Linear(layer_width(layer), 3), seed=7, **options)


def layer_width(layer):
    return getattr(layer, "out_features", WIDTH)


@pytest.fixture
def data(rng):
    return rng.standard_normal((ROWS, 5)), rng.integers(0, 3, ROWS)


def test_every_kind_has_a_sample():
    assert {type(layer).__name__ for layer in SAMPLES} == set(LAYERS)


@EVERY
def test_gradients(layer, data):
    report = lamina.gradcheck(net_of(layer), *data, step=3)
    if not isinstance(layer, lamina.Step):  # whose gradient is zero, and is not what differences see
        assert report.ok, report


@EVERY
def test_training_ends_in_the_same_bits_everywhere(layer, data, isa):
    """Recorded steps on the device among them."""
    results = []
    for level in ("generic", isa):
        before = lamina.get_isa()
        lamina.set_isa(before if level == "cuda" else level)
        net = net_of(layer, device="cuda" if level == "cuda" else "cpu")
        history = lamina.Trainer(net, seed=2).fit(*data, epochs=3, batch_size=8, progress=False)
        results.append(net.state_dict() | {"loss": np.array(history["loss"]), "outputs": net.predict(data[0])})
        lamina.set_isa(before)
    assert_same_bits(*results)


@EVERY
def test_files_give_it_back(layer, data, tmp_path):
    net = net_of(layer)
    lamina.Trainer(net).fit(*data, epochs=1, progress=False)
    net.save(tmp_path / "net.safetensors")
    again = lamina.load(tmp_path / "net.safetensors")
    assert list(again) == list(net)
    assert_same_bits({"outputs": net.predict(data[0])}, {"outputs": again.predict(data[0])})


@EVERY
def test_fused_or_not_and_in_any_blocks_of_rows(layer, data):
    net, apart = net_of(layer), net_of(layer, fuse=False)
    for training in (False, True):
        fused, separate = (n.forward(data[0], training=training, step=4) for n in (net, apart))
        np.testing.assert_array_equal(fused, separate)
    np.testing.assert_array_equal(net.predict(data[0], batch_size=5), net.predict(data[0]))


@EVERY
def test_explain_names_it(layer):
    text = net_of(layer).explain(batch_size=16)
    name = type(layer).__name__.lower()
    assert name in re.sub(r"[ _]", "", text.lower())
    assert "no kernel runs" not in text


@pytest.mark.parametrize("name", LAYERS)
def test_is_documented(name):
    text = inspect.getdoc(LAYERS[name])
    needed = ["References", "Examples"] + (["Parameters"] if dataclasses.fields(LAYERS[name]) else [])
    missing = [section for section in needed if not re.search(rf"^{section}\n-+$", text, re.MULTILINE)]
    assert not missing, f"{name}: the docstring lacks {', '.join(missing)}"
    assert ">>>" in text
