"""Batch norm in nets after training: folded into linear layers, and with the statistics of all training data."""

import numpy as np
import pytest

import lamina
import tolerances
from bad_inputs import strided
from comparison import assert_same_bits, assert_within
from lamina import _core, reference

DEVICES = ["cpu", *(["cuda"] if lamina.cuda.is_available() else [])]


def trained(*layers, dtype="float64", **options):
    """A net whose batch norms have scales, shifts and statistics of their own."""
    net = lamina.Sequential(*layers, seed=3, dtype=dtype, **options)
    rng = np.random.default_rng(4)
    net.load_state_dict(
        {
            name: np.exp(rng.normal(size=array.shape)) if "var" in name else rng.normal(size=array.shape)
            for name, array in net.state_dict().items()
            if array.ndim
        }
        | {name: array for name, array in net.state_dict().items() if not array.ndim}
    )
    return net


def kinds(net):
    return [type(layer).__name__ for layer in net]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("layers", "left"),
    [
        ([lamina.Linear(5, 7), lamina.BatchNorm(7), lamina.ReLU()], ["Linear", "ReLU"]),
        ([lamina.Linear(5, 7, bias=False), lamina.BatchNorm(7, eps=0.1)], ["Linear"]),
        ([lamina.BatchNorm(5), lamina.Linear(5, 7), lamina.Tanh()], ["Linear", "Tanh"]),
        ([lamina.BatchNorm(5), lamina.Linear(5, 7, bias=False)], ["Linear"]),
        (
            [lamina.Linear(5, 7), lamina.Sigmoid(), lamina.BatchNorm(7), lamina.Dropout(0.3), lamina.Linear(7, 3)],
            ["Linear", "Sigmoid", "Dropout", "Linear"],
        ),
        ([lamina.BatchNorm(5), lamina.BatchNorm(5), lamina.Linear(5, 7), lamina.BatchNorm(7)], ["Linear"]),
        ([lamina.Linear(5, 7), lamina.BatchNorm(7), lamina.Linear(7, 3)], ["Linear", "Linear"]),
        ([lamina.BatchNorm(5), lamina.ReLU()], ["BatchNorm", "ReLU"]),
        (
            [lamina.DropConnect(5, 5, bias=False), lamina.GaussianNoise(0.5), lamina.BatchNorm(5)],
            ["DropConnect", "GaussianNoise"],
        ),
        (
            [lamina.Linear(5, 5), lamina.Dropout(0.5, scaling="test"), lamina.BatchNorm(5)],
            ["Linear", "Dropout", "BatchNorm"],
        ),
        (
            [lamina.Residual(lamina.BatchNorm(5), lamina.Linear(5, 5), lamina.ReLU()), lamina.BatchNorm(5)],
            ["Residual", "BatchNorm"],
        ),
        ([lamina.BatchNorm(5, units=[1, 4]), lamina.Linear(5, 7), lamina.BatchNorm(7, units=[0])], ["Linear"]),
        (
            [lamina.Linear(5, 7), lamina.ReLU(), lamina.BatchNorm(7), lamina.PReLU(per_unit=True), lamina.Linear(7, 3)],
            ["Linear", "ReLU", "BatchNorm", "PReLU", "Linear"],
        ),
    ],
)
def test_folded_nets_give_the_same_outputs(rng, layers, left, device):
    net, x = trained(*layers, device=device), rng.normal(size=(20, 5))
    folded = net.fold_batchnorm()
    assert kinds(folded) == left
    expected = net(x)
    assert np.abs(expected).max() > 0.1
    assert_within(folded(x), expected, tolerances.IDENTITY * np.abs(expected).max())


def test_folded_weights_are_rounded_once(dtype):
    layers = [lamina.BatchNorm(5, eps=0.1), lamina.Linear(5, 7), lamina.BatchNorm(7)]
    net = trained(*layers, dtype=dtype)
    state = {name: array.astype(np.float64) for name, array in net.state_dict().items()}

    def scale_and_shift(place):
        norm = {name: state[f"{place}.{name}"] for name in ("weight", "bias", "running_mean", "running_var")}
        scale = norm["weight"] / np.sqrt(norm["running_var"] + net[place].eps)
        return scale, norm["bias"] - scale * norm["running_mean"]

    before, behind = scale_and_shift(0), scale_and_shift(2)
    weight = behind[0][:, None] * state["1.weight"] * before[0]
    bias = behind[0] * (state["1.bias"] + state["1.weight"] @ before[1]) + behind[1]
    folded = net.fold_batchnorm().state_dict()
    rounding = tolerances.unit_roundoff(dtype) + 20 * tolerances.unit_roundoff(np.float64)
    assert_within(folded["0.weight"], weight, rounding * np.abs(weight))
    assert_within(folded["0.bias"], bias, rounding * np.abs(bias) + tolerances.IDENTITY)


def test_folding_goes_into_residuals():
    block = lamina.Residual(
        lamina.BatchNorm(5), lamina.Residual(lamina.Linear(5, 5), lamina.BatchNorm(5)), lamina.ReLU()
    )
    folded = trained(block).fold_batchnorm()
    assert kinds(folded[0].layers) == ["BatchNorm", "Residual", "ReLU"] and kinds(folded[0].layers[1].layers) == [
        "Linear"
    ]


def test_population_statistics_inside_of_residuals(rng):
    inner = [lamina.Linear(4, 4), lamina.BatchNorm(4), lamina.Tanh()]
    net = trained(lamina.Linear(4, 4), lamina.Residual(*inner), lamina.BatchNorm(4))
    x = rng.normal(size=(300, 4))
    net.set_population_statistics(x, batch_size=32)
    state = net.state_dict()
    for name, h in (("1.1", net[:1](x) @ state["1.0.weight"].T + state["1.0.bias"]), ("2", net[:2](x))):
        assert_within(state[f"{name}.running_mean"], h.mean(axis=0), tolerances.IDENTITY * np.abs(h).max())
        assert_within(state[f"{name}.running_var"], h.var(axis=0, ddof=1), tolerances.IDENTITY * np.abs(h).max() ** 2)


def test_folding_keeps_what_the_net_is():
    net = trained(
        lamina.Linear(5, 7, init="he_normal"), lamina.BatchNorm(7), lamina.Tanh(), dtype="float32", fuse=False
    )
    net.extra["note"] = "text"
    before = net.state_dict()
    folded = net.fold_batchnorm()
    assert (folded.seed, folded.dtype, folded.fuse, folded.device) == (net.seed, net.dtype, False, "cpu")
    assert folded.extra == net.extra and folded.extra is not net.extra
    assert folded[0] == net[0]
    folded.parameters()["0.weight"][...] = 0
    assert_same_bits(net.state_dict(), before)


def test_folding_copies_a_net_without_batchnorm():
    net = trained(lamina.Linear(5, 7), lamina.ReLU(), lamina.LayerNorm(7))
    assert_same_bits(net.fold_batchnorm().state_dict(), net.state_dict())


LAYERS = [
    lamina.BatchNorm(4), lamina.Linear(4, 8), lamina.BatchNorm(8), lamina.ReLU(), lamina.Dropout(0.5),
    lamina.Linear(8, 6), lamina.Tanh(), lamina.BatchNorm(6, unbiased_running_var=False), lamina.Linear(6, 2),
    lamina.BatchNorm(2, units=[1]),
]  # fmt: skip


@pytest.mark.parametrize("device", DEVICES)
def test_population_statistics_are_those_of_all_rows(rng, device):
    net = trained(*LAYERS, device=device)
    x = rng.normal(size=(2000, 4)) * [1, 2, 3, 4] + [0, 5, -5, 10]
    before = net.state_dict()
    net.set_population_statistics(x)
    state, h = net.state_dict(), x
    for place, layer in enumerate(net):
        own = {name.partition(".")[2]: array for name, array in state.items() if name.startswith(f"{place}.")}
        if isinstance(layer, lamina.Linear):
            h = reference.linear_forward(h, own["weight"], own["bias"])
        elif isinstance(layer, lamina.BatchNorm):
            units = list(range(layer.num_features) if layer.units is None else layer.units)
            mean, var = h[:, units].mean(axis=0), h[:, units].var(axis=0, ddof=int(layer.unbiased_running_var))
            assert_within(own["running_mean"], mean, tolerances.IDENTITY * np.abs(h).max())
            assert_within(own["running_var"], var, tolerances.IDENTITY * var)
            h = h.copy()
            h[:, units] = own["weight"] * (h[:, units] - mean) / np.sqrt(var + layer.eps) + own["bias"]
        elif not isinstance(layer, lamina.Dropout):
            h = reference.activation_forward(h, layer.name)
    assert_within(net(x), h, tolerances.IDENTITY * np.abs(h).max())
    for name, array in before.items():
        if "running" not in name:
            assert_same_bits(state[name], array)


def test_population_statistics_of_any_level_and_layout(isa, rng):
    x = rng.normal(size=(700, 4)).astype(np.float32)
    results = []
    for given, batch_size in ((x, 1024), (strided(x), 7), (x.tolist(), 1)):
        net = trained(*LAYERS, dtype="float32")
        net.set_population_statistics(given, batch_size=batch_size)
        results.append(net.state_dict())
    assert_same_bits(results[1], results[0])
    assert_same_bits(results[2], results[0])


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_population_statistics_are_all_or_nothing(rng, monkeypatch, error):
    net, right = trained(*LAYERS), _core.Network.set_batchnorm_statistics
    before = net.state_dict()

    def breaks_off(core, name, *arguments):
        if name == "7":
            raise error
        right(core, name, *arguments)

    monkeypatch.setattr(_core.Network, "set_batchnorm_statistics", breaks_off)
    with pytest.raises(error):
        net.set_population_statistics(rng.normal(size=(50, 4)))
    assert_same_bits(net.state_dict(), before)


def test_population_statistics_refuse():
    net = trained(*LAYERS)
    before = net.state_dict()
    bad = np.ones((5, 4))
    bad[3, 2] = np.nan
    for x, message in [
        (np.ones((5, 3)), "needs 4 columns"), (np.ones(4), "matrix"), (np.ones((1, 4)), "1 rows"),
        (np.ones((0, 4)), "no rows"), (bad, "nan in row 3"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=f"^Sequential.set_population_statistics: .*{message}"):
            net.set_population_statistics(x)
    with pytest.raises(ValueError, match="batch_size is 0"):
        net.set_population_statistics(np.ones((5, 4)), batch_size=0)
    with pytest.raises(TypeError, match="numbers"):
        net.set_population_statistics([["a"] * 4])
    assert_same_bits(net.state_dict(), before)


@pytest.mark.parametrize("place", [0, 1])
def test_zoneout_is_no_linear_layer_to_fold_into(rng, place):
    layers = [lamina.Zoneout(4, 4), lamina.BatchNorm(4)]
    net = lamina.Sequential(*layers[:: 1 if place else -1], lamina.Tanh(), lamina.Linear(4, 2), dtype="float64")
    x = 3 * rng.standard_normal((50, 4)) + 1
    net.set_population_statistics(x)
    folded = net.fold_batchnorm()
    assert len(folded) == 4
    np.testing.assert_array_equal(folded(x), net(x))


def test_population_statistics_leave_a_frozen_batch_norm_alone(rng):
    net = lamina.Sequential(
        lamina.Linear(4, 5), lamina.BatchNorm(5), lamina.Residual(lamina.BatchNorm(5)), lamina.BatchNorm(5), seed=1
    )
    net.freeze(1, "2.0")
    before = net.state_dict()
    net.set_population_statistics(3 + rng.normal(size=(20, 4)))
    changed = {name for name, array in net.state_dict().items() if not np.array_equal(array, before[name])}
    assert changed == {"3.running_mean", "3.running_var"}
