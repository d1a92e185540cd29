"""What holds for every layer there is: gradients, levels and devices, files, fusion, blocks of rows, words."""

import dataclasses
import inspect
import re

import numpy as np
import pytest

import lamina
from central_differences import numerical_gradient, relative_error
from comparison import assert_same_bits
from lamina import Linear, Sequential
from lamina.layers.descriptions import LAYERS
from tolerances import GRADIENT_CHECK

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
    lamina.Columns(
        lamina.Numeric([0, 1]),
        lamina.Category(4, size=4, features=3),
        lamina.Periodic([2, 0], frequencies=3, sigma=0.5),
        lamina.PiecewiseLinear(3, [-1.0, 0.0, 0.5, 1.0]),
        in_features=5,
    ),
]
EVERY = pytest.mark.parametrize("layer", SAMPLES, ids=repr)


def net_of(layer, **options):
    """The layer between two others, or before one if it has to come first."""
    first = [] if isinstance(layer, lamina.Columns) else [Linear(5, WIDTH), lamina.Tanh()]
    width = Sequential(*first, layer).out_features
    return Sequential(*first, layer, Linear(width, 3), seed=7, **options)


@pytest.fixture
def data(rng):
    x = rng.standard_normal((ROWS, 5))
    x[:, 4] = rng.integers(0, 4, ROWS)  # codes, for those who take some
    return x, rng.integers(0, 3, ROWS)


def test_every_kind_has_a_sample():
    assert {type(layer).__name__ for layer in SAMPLES} == set(LAYERS)


@pytest.mark.parametrize("layer", [layer for layer in SAMPLES if not isinstance(layer, lamina.Step)], ids=repr)
def test_gradients(layer, data):
    """Of all but the step, whose gradient is zero and not what differences see."""
    report = lamina.gradcheck(net_of(layer), *data, step=3)
    assert report.ok, report
    net = net_of(layer, dtype="float64")
    analytic = {name: view.copy() for name, view in net.loss_and_gradients(*data, step=3)[1].items()}

    def loss():
        return net.loss_and_gradients(*data, step=3)[0]

    numerical = [numerical_gradient(loss, view).ravel() for view in net.parameters().values()]
    flat = np.concatenate([array.ravel() for array in analytic.values()])
    assert relative_error(flat, np.concatenate(numerical)) <= GRADIENT_CHECK


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
