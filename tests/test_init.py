"""Initial weights: each scheme's moments, what "auto" means, and the same numbers whatever the machine or dtype."""

import numpy as np
import pytest

import lamina
import tolerances
from comparison import assert_same_bits
from lamina import reference
from lamina.init import NAMES, Initializer

SHAPE = (300, 200)  # (out, in)
DEVIATIONS = {
    "normal": 0.01,
    "uniform": 1 / np.sqrt(3 * 200),
    "he_normal": np.sqrt(2 / 200),
    "he_uniform": np.sqrt(2 / 200),
    "glorot_normal": np.sqrt(2 / 500),
    "glorot_uniform": np.sqrt(2 / 500),
    "lecun_normal": np.sqrt(1 / 200),
    "lecun_uniform": np.sqrt(1 / 200),
}


@pytest.mark.parametrize("name", DEVIATIONS)
def test_init_moments(name):
    weight = Initializer(name).draw(SHAPE, seed=3, layer=0)
    deviation, draws = DEVIATIONS[name], weight.size
    assert weight.dtype == np.float64
    assert abs(weight.mean()) < tolerances.standard_errors(deviation, draws)
    assert abs(weight.var() - deviation**2) < tolerances.standard_errors(np.sqrt(2) * deviation**2, draws)
    bound = np.abs(weight).max()
    assert bound < np.sqrt(3) * deviation if name.endswith("uniform") else bound > 3 * deviation


def test_init_constants():
    assert not Initializer("zeros").draw((2, 3), seed=0, layer=0).any()
    np.testing.assert_array_equal(Initializer("constant", -0.5).draw((2, 3), seed=0, layer=0), np.full((2, 3), -0.5))


def test_init_values_change_the_scale():
    def draw(name, value=None):
        return Initializer(name, value).draw((20, 30), seed=1, layer=2)

    np.testing.assert_array_equal(draw("normal", 2.0) / 2, draw("normal", 1.0))
    np.testing.assert_array_equal(draw("uniform", 2.0) / 2, draw("uniform", 1.0))
    np.testing.assert_allclose(draw("he_normal", 1.0) * np.sqrt(2), draw("he_normal"), rtol=tolerances.IDENTITY)


def test_init_agrees_with_the_reference_draw():
    net = lamina.Sequential(lamina.Linear(5, 7, init="lecun_normal"), seed=11, dtype="float64")
    expected = reference.random_normal((7, 5), seed=11, layer=0, dtype="float64") / np.sqrt(5)
    np.testing.assert_allclose(net.parameters()["0.weight"], expected, rtol=0, atol=tolerances.NORMAL["float64"])


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (lamina.ReLU(), Initializer("he_normal")),
        (lamina.LeakyReLU(0.5), Initializer("he_normal", 0.5)),
        (lamina.ELU(), Initializer("he_normal")),
        (lamina.SELU(), Initializer("lecun_normal")),
        (lamina.Tanh(), Initializer("glorot_uniform")),
        (lamina.Sigmoid(), Initializer("glorot_uniform")),
        (None, Initializer("glorot_uniform")),
    ],
    ids=str,
)
def test_init_auto_goes_by_the_next_activation(activation, expected):
    between = [lamina.BatchNorm(6), lamina.Dropout(0.5)]
    layers = [lamina.Linear(4, 6), *between, *([activation] if activation else [])]
    net = lamina.Sequential(*layers, lamina.Linear(6, 3), lamina.ReLU(), seed=5, dtype="float64")
    np.testing.assert_array_equal(net.parameters()["0.weight"], expected.draw((6, 4), seed=5, layer=0))
    last = len(net) - 2
    expected_last = Initializer("he_normal").draw((3, 6), seed=5, layer=last)
    np.testing.assert_array_equal(net.parameters()[f"{last}.weight"], expected_last)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "constant"])
def test_init_every_name_works_in_a_layer(name):
    weight = lamina.Sequential(lamina.Linear(3, 4, init=name)).parameters()["0.weight"]
    assert weight.shape == (4, 3) and np.isfinite(weight).all() and weight.any() == (name != "zeros")


def test_init_other_arrays_start_neutral(dtype):
    net = lamina.Sequential(lamina.Linear(3, 4), lamina.BatchNorm(4), dtype=dtype)
    state = net.state_dict()
    assert not state["0.bias"].any() and not state["1.bias"].any() and not state["1.running_mean"].any()
    assert (state["1.weight"] == 1).all() and (state["1.running_var"] == 1).all()
    assert state["1.num_batches_tracked"] == 0


def test_init_both_dtypes_start_alike():
    layers = [lamina.Linear(5, 9), lamina.Tanh(), lamina.Linear(9, 2, init="uniform")]
    single = lamina.Sequential(*layers, seed=4).parameters()
    double = lamina.Sequential(*layers, seed=4, dtype="float64").parameters()
    for name, array in double.items():
        np.testing.assert_array_equal(single[name], array.astype(np.float32))


def test_init_depends_on_seed_and_place_only(cpu_isa):
    def weights(seed):
        parameters = lamina.Sequential(lamina.Linear(5, 5), lamina.Linear(5, 5), seed=seed).parameters()
        return [parameters[name].copy() for name in ("0.weight", "1.weight")]

    assert_same_bits(weights(1), weights(1))
    assert not np.array_equal(*weights(1))
    assert not np.array_equal(weights(1)[0], weights(2)[0])
    assert not np.array_equal(weights(2**64 - 1)[0], weights(2**32 - 1)[0])
    lamina.set_isa("generic")
    generic = weights(1)
    lamina.set_isa(cpu_isa)
    assert_same_bits(weights(1), generic)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("xavier",), ValueError, "glorot_uniform"),
        (("normal", -1.0), ValueError, "value"),
        (("uniform", float("nan")), ValueError, "value"),
        (("constant", float("inf")), ValueError, "value"),
        (("normal", "1"), TypeError, "value"),
        (("zeros", 1.0), TypeError, "takes no value"),
    ],
)
def test_init_mistakes_are_told(arguments, error, message):
    with pytest.raises(error, match=message):
        Initializer(*arguments)


def test_init_unknown_name_in_a_layer_lists_the_names():
    with pytest.raises(ValueError, match="Linear: init is 'xavier'.*he_normal"):
        lamina.Linear(2, 3, init="xavier")
