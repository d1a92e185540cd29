"""What nets hold: state by name, loading, slices, copies, pickles and files."""

import copy
import json
import pickle

import numpy as np
import pytest

import lamina
import tolerances
from comparison import assert_same_bits
from lamina.io import load_safetensors, save_safetensors
from small_nets import deep_net


@pytest.fixture
def x(rng):
    return rng.normal(size=(12, 5))


def assert_close(actual, expected):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerances.IDENTITY * scale)


def test_sequential_state_is_named_and_ordered_as_in_torch():
    net = deep_net("float32")
    state = net.state_dict()
    assert list(state) == [
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked",
        "4.weight", "6.weight", "6.bias",
    ]  # fmt: skip
    assert state["1.num_batches_tracked"].dtype == np.int64 and state["1.num_batches_tracked"].shape == ()
    state["0.weight"][...] = 7
    assert not (net.parameters()["0.weight"] == 7).any()


def test_sequential_computes_what_torch_computes(x, rng):
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(
        torch.nn.Linear(5, 7), torch.nn.BatchNorm1d(7), torch.nn.ELU(0.7), torch.nn.Dropout(0.4),
        torch.nn.Linear(7, 6, bias=False), torch.nn.Tanh(), torch.nn.Linear(6, 3),
    ).double()  # fmt: skip
    module(torch.from_numpy(x))
    net = deep_net()
    net.load_state_dict(module.state_dict())
    assert_close(net(x), module.eval()(torch.from_numpy(x)).detach().numpy())


def test_sequential_loading_is_all_or_nothing():
    net, other = deep_net(), deep_net(seed=2)
    net.load_state_dict(other.state_dict())
    assert_same_bits(net.state_dict(), other.state_dict())
    before, state = net.state_dict(), deep_net(seed=3).state_dict()
    for wrong, message in [
        ({name: array for name, array in state.items() if name != "6.bias"}, "missing: .*6.bias"),
        (state | {"7.weight": np.zeros(3)}, "unknown: .*7.weight"),
        (state | {"6.bias": np.zeros((3, 1))}, "6.bias is float64 .3, 1."),
        (state | {"6.bias": np.zeros(3, int)}, "6.bias is int64"),
        (state | {"1.num_batches_tracked": np.array(1.0)}, "num_batches_tracked"),
    ]:
        with pytest.raises(ValueError, match=f"Sequential.load_state_dict: .*{message}"):
            net.load_state_dict(wrong)
        assert_same_bits(net.state_dict(), before)
    single = deep_net("float32")
    single.load_state_dict(before)  # other floats are converted
    np.testing.assert_array_equal(single.parameters()["0.weight"], before["0.weight"].astype(np.float32))


def test_sequential_slices_are_nets_of_their_own(x):
    net = deep_net()
    net.forward(x, training=True)
    lower, upper = net[:5], net[5:]
    assert isinstance(lower, lamina.Sequential) and len(lower) == 5
    assert_same_bits(upper(lower(x)), net(x))
    lower.parameters()["0.weight"][...] = 0
    assert net.parameters()["0.weight"].any()


@pytest.mark.parametrize("make_copy", [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_sequential_copies_are_whole_and_independent(x, make_copy):
    net = deep_net()
    net.forward(x, training=True)
    net.extra["note"] = "text"
    twin = make_copy(net)
    assert_same_bits(twin.state_dict(), net.state_dict())
    assert repr(twin) == repr(net) and twin.extra == net.extra and twin.seed == net.seed
    before = net.state_dict()
    twin.forward(x, training=True)
    twin.parameters()["0.weight"][...] = 0
    assert_same_bits(net.state_dict(), before)


def test_sequential_file_gives_the_net_back(tmp_path, x, dtype):
    net = deep_net(dtype, seed=2**64 - 1)
    net.forward(x, training=True)
    path = tmp_path / "net.safetensors"
    net.save(path, extra={"columns": "ä"})
    again = lamina.load(path)
    assert_same_bits(again.state_dict(), net.state_dict())
    assert list(again) == list(net) and again.seed == net.seed and again.dtype == net.dtype
    assert again.extra == {"columns": "ä"}
    again.save(path)
    assert lamina.load(path).extra == {"columns": "ä"}
    assert [file.name for file in tmp_path.iterdir()] == ["net.safetensors"]
    tensors, metadata = load_safetensors(path)
    assert tensors.keys() == net.state_dict().keys() and json.loads(metadata["lamina"])["format"] == 1


def test_sequential_file_keeps_the_initialiser(tmp_path):
    net = lamina.Sequential(lamina.Linear(2, 3, init=lamina.init.Initializer("normal", 0.5)))
    net.save(tmp_path / "x")
    assert lamina.load(tmp_path / "x")[0] == net[0]


def test_sequential_damaged_files_are_refused(tmp_path):
    path = tmp_path / "x"
    deep_net().save(path)
    tensors, metadata = load_safetensors(path)
    described = json.loads(metadata["lamina"])

    def assert_refused(tensors, text, message):
        save_safetensors(path, tensors, {"lamina": text})
        with pytest.raises(ValueError, match=f"load: .*x holds a damaged net: .*{message}"):
            lamina.load(path)

    for text in ("", "[]", "{}", "null", '{"format": 1}', "[" * 100_000):
        assert_refused(tensors, text, "")
    huge = [{"kind": "Linear", "in_features": 2**31 - 1, "out_features": 2**31 - 1}]
    for layers, message in [
        ([], ""),
        ([3], ""),
        ([{"kind": "os.system"}], "os.system"),
        ([{"kind": "Linear"}], "in_features"),
        ([{"kind": "Dropout", "p": 2}], "p is 2"),
        ([{"kind": "Dropout", "q": 1}], "q"),
        (huge, "0.weight"),
        ([{"kind": "BatchNorm", "num_features": 2**31 - 1}], "0.weight"),
        (described["layers"][:1], "unknown:"),
    ]:
        assert_refused(tensors, json.dumps(described | {"layers": layers}), message)
    for change in ({"format": 2}, {"dtype": "int8"}, {"seed": -1}, {"seed": 1.5}):
        assert_refused(tensors, json.dumps(described | change), "")
    assert_refused(tensors | {"6.bias": np.zeros(4)}, metadata["lamina"], "6.bias")
    save_safetensors(path, tensors, {})
    with pytest.raises(ValueError, match="no net of lamina's"):
        lamina.load(path)
    with pytest.raises(ValueError, match="extra"):
        deep_net().save(path, extra={"lamina": "mine"})
    with pytest.raises(FileNotFoundError):
        lamina.load(tmp_path / "none")


@pytest.mark.parametrize("numpy_says", ["warn", "raise"])
def test_load_refuses_numbers_that_are_too_large(numpy_says):
    net = lamina.Sequential(lamina.Linear(2, 2), lamina.Linear(2, 2), seed=1)
    before = net.state_dict()
    state = {name: array.astype(np.float64) + 1 for name, array in before.items()}
    state["1.weight"][1, 0] = -1e39
    with np.errstate(all=numpy_says):
        with pytest.raises(ValueError, match=r"load_state_dict: 1.weight holds -1e\+39, .* too large for float32"):
            net.load_state_dict(state)
        assert_same_bits(net.state_dict(), before)
        state["1.weight"][1] = -np.inf, 1e-60  # what is infinite already is taken, and what is too small
        net.load_state_dict(state)
    assert net.state_dict()["1.weight"][1].tolist() == [-np.inf, 0]
