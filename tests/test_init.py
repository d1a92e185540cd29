"""Initial weights: each scheme's moments, what "auto" means, and the same numbers whatever the machine or dtype."""

import numpy as np
import pytest

import lamina
import tolerances
from comparison import assert_same_bits
from lamina import _core, ops, reference
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


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (5, 3), (64, 64), (33, 200), (200, 97), (257, 300)])
def test_init_orthogonal_keeps_lengths(cpu_isa, shape):
    """Rows are orthonormal, or columns; it is the triangular decomposition of the draw with a positive diagonal."""
    weight = Initializer("orthogonal").draw(shape, seed=3, layer=1)
    assert weight.shape == shape and weight.dtype == np.float64 and weight.flags.c_contiguous
    least = min(shape)
    rows = weight if shape[0] == least else weight.T
    np.testing.assert_allclose(rows @ rows.T, np.eye(least), rtol=0, atol=1e-14)
    draw = ops.random_normal((least, max(shape)), seed=3, layer=1, dtype="float64")
    q, r = np.linalg.qr(draw.T)
    np.testing.assert_allclose(rows, (q * np.sign(np.diag(r))).T, rtol=0, atol=1e-11)
    np.testing.assert_array_equal(Initializer("orthogonal", 0.5).draw(shape, seed=3, layer=1), 0.5 * weight)


def test_init_orthogonal_has_the_same_bits_everywhere(cpu_isa):
    def draw():
        return [Initializer("orthogonal").draw(shape, seed=9, layer=0) for shape in ((70, 300), (130, 40))]

    threads = lamina.get_num_threads()
    try:
        results = []
        for level, count in (("generic", 1), (cpu_isa, 1), (cpu_isa, 2)):
            lamina.set_isa(level)
            lamina.set_num_threads(count)
            results.append(draw())
    finally:
        lamina.set_num_threads(threads)
    assert_same_bits(results[1:], results[:1] * 2)


def test_init_orthogonal_has_no_preferred_sign():
    draws = np.array([Initializer("orthogonal").draw((2, 2), seed=seed, layer=0) for seed in range(400)])
    share = (draws > 0).mean(axis=0)
    assert (np.abs(share - 0.5) < tolerances.standard_errors(0.5, 400)).all()
    assert 0.3 < (np.linalg.det(draws) > 0).mean() < 0.7  # rotations and reflections alike


def test_orthonormal_rows_refuses():
    for rows, error, message in [
        (np.ones((3, 2)), ValueError, "orthonormal_rows: there are 3 rows of 2 elements, needs at most"),
        (np.zeros((2, 2)), ValueError, "orthonormal_rows: rows depend on each other"),
        (np.full((2, 2), np.nan), ValueError, "orthonormal_rows: .* not finite"),
        (np.ones((2, 2), np.float32), ValueError, "orthonormal_rows: rows"),
        ([[1.0]], TypeError, "orthonormal_rows: rows"),
    ]:
        with pytest.raises(error, match=message):
            _core.orthonormal_rows(rows)


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
        (("constant", float("nan")), ValueError, "value"),
        (("constant", "a"), TypeError, "Initializer: value is 'a', a number is needed"),
        (("normal", "1"), TypeError, "value"),
        (("zeros", 1.0), TypeError, "takes no value"),
        (("orthogonal", -1.0), ValueError, "value"),
        (("orthogonal", "1"), TypeError, "value"),
    ],
)
def test_init_mistakes_are_told(arguments, error, message):
    with pytest.raises(error, match=message):
        Initializer(*arguments)


def test_init_unknown_name_in_a_layer_lists_the_names():
    with pytest.raises(ValueError, match="Linear: init is 'xavier'.*he_normal"):
        lamina.Linear(2, 3, init="xavier")
