"""Nets: what they compute, their arrays, copies and files, and what they refuse."""

import copy
import json
import pickle
import threading

import numpy as np
import pytest

import lamina
import tolerances
from comparison import assert_levels_agree, assert_same_bits
from lamina import reference
from lamina.io import load_safetensors, save_safetensors


def make_net(dtype="float64", seed=1, **options):
    return lamina.Sequential(
        lamina.Linear(5, 7),
        lamina.BatchNorm(7),
        lamina.ELU(0.7),
        lamina.Dropout(0.4),
        lamina.Linear(7, 6, bias=False),
        lamina.Tanh(),
        lamina.Linear(6, 3),
        seed=seed,
        dtype=dtype,
        **options,
    )


@pytest.fixture
def x(rng):
    return rng.normal(size=(12, 5))


def forward_of_reference(state, x, training, seed=1, step=0):
    first, _ = reference.lamina_forward(
        x, state["0.weight"], state["0.bias"], gamma=state["1.weight"], beta=state["1.bias"],
        running_mean=state["1.running_mean"], running_var=state["1.running_var"], activation="elu", alpha=0.7,
        training=training,
    )  # fmt: skip
    if training:
        first = reference.dropout_forward(first, 0.4, seed=seed, layer=3, step=step)
    second = reference.linear_forward(first, state["4.weight"], activation="tanh")
    return reference.linear_forward(second, state["6.weight"], state["6.bias"])


def assert_close(actual, expected):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerances.IDENTITY * scale)


@pytest.mark.parametrize("training", [False, True])
def test_sequential_forward_agrees_with_the_reference(isa, x, training):
    net = make_net()
    net.forward(x, training=True)  # running statistics other than 0 and 1
    expected = forward_of_reference(net.state_dict(), x, training, seed=9, step=3)
    assert_close(net.forward(x, training=training, seed=9, step=3), expected)


def test_sequential_inference_is_call_and_changes_nothing(x):
    net = make_net()
    before = net.state_dict()
    assert_same_bits(net(x), net.forward(x))
    assert_same_bits(net.predict(x), net(x))
    assert_same_bits(net.state_dict(), before)


def test_sequential_training_moves_running_statistics(x):
    net = make_net()
    net.forward(x, training=True)
    state = net.state_dict()
    z = reference.linear_forward(x, state["0.weight"], state["0.bias"])
    assert_close(state["1.running_mean"], 0.1 * z.mean(axis=0))
    assert_close(state["1.running_var"], 0.9 + 0.1 * z.var(axis=0, ddof=1))
    assert state["1.num_batches_tracked"] == 1


def test_sequential_levels_and_threads_give_equal_bits(isa, dtype, rng):
    net, x = make_net(dtype), rng.normal(size=(70, 5)).astype(dtype)
    labels = rng.integers(0, 3, 70)

    def compute():
        twin = copy.deepcopy(net)
        loss, gradients = twin.loss_and_gradients(x, labels, step=2)
        return [twin(x), twin.forward(x, training=True), np.array(loss), gradients]

    assert_levels_agree(compute)


def test_sequential_fusing_changes_no_bit(dtype, rng):
    x, labels = rng.normal(size=(33, 5)).astype(dtype), rng.integers(0, 3, 33)
    results = []
    for fuse in (True, False):
        net = make_net(dtype, fuse=fuse)
        loss, gradients = net.loss_and_gradients(x, labels)
        results.append([np.array(loss), gradients, net(x), net.state_dict()])
    assert_same_bits(*results)


def test_sequential_explain_tells_what_is_fused():
    text = make_net().explain()
    assert len(text.strip().splitlines()) == 3 and "elu" in text.lower()
    assert len(make_net(fuse=False).explain().strip().splitlines()) == 7


def test_sequential_rows_do_not_depend_on_their_batch(isa, rng):
    net, x = make_net("float32"), rng.normal(size=(50, 5)).astype(np.float32)
    expected = net(x)
    for batch_size in (1, 7, 50, 1000):
        assert_same_bits(net.predict(x, batch_size=batch_size), expected)
    assert_same_bits(net(x[13:14]), expected[13:14])


def test_sequential_takes_anything_that_holds_numbers(x):
    class Frame:
        def __array__(self, dtype=None, copy=None):
            return x if dtype is None else x.astype(dtype)

    net = make_net()
    expected = net(x)
    padded = np.zeros((12, 10))
    padded[:, ::2] = x
    big_endian, shifted = x.astype(">f8"), np.empty(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    shifted[...] = x
    read_only = x.copy()
    read_only.flags.writeable = False
    objects = x.astype(object)
    for given in (x.tolist(), np.asfortranarray(x), padded[:, ::2], big_endian, shifted, read_only, objects, Frame()):
        assert_same_bits(net(given), expected)
        assert_same_bits(net.predict(given), expected)
    whole = np.arange(10).reshape(2, 5)
    assert_same_bits(net(whole), net(whole.astype(float)))
    assert make_net("float32")(x).dtype == np.float32


def test_sequential_empty_batches_pass():
    net = make_net("float32")
    for out in (net(np.zeros((0, 5))), net.predict(np.zeros((0, 5))), net.predict_proba(np.zeros((0, 5)))):
        assert out.shape == (0, 3) and out.dtype == np.float32


def test_sequential_probabilities(x):
    net = make_net()
    assert_close(net.predict_proba(x), reference.softmax_forward(net(x)))
    assert_close(net.predict_proba(x, multi_label=True), reference.activation_forward(net(x), "sigmoid"))
    single = lamina.Sequential(lamina.Linear(5, 1), dtype="float64")
    p = reference.activation_forward(single(x), "sigmoid")
    assert_close(single.predict_proba(x), np.hstack([1 - p, p]))


def test_sequential_loss_and_gradients_are_views_of_the_right_size(x):
    net = make_net()
    loss, gradients = net.loss_and_gradients(x, np.zeros(12, int))
    assert isinstance(loss, float) and gradients.keys() == net.parameters().keys()
    assert all(gradients[name].shape == array.shape for name, array in net.parameters().items())
    expected = reference.softmax_cross_entropy(forward_of_reference(net.state_dict(), x, True), np.zeros(12, int))[0]
    assert abs(loss - expected) < tolerances.IDENTITY
    assert net.loss_and_gradients(x, np.zeros(12, int), training=False)[0] != loss


@pytest.mark.parametrize("targets", [[1, 0, 2], np.array([1, 0, 2], np.int8), [1.0, 0.0, 2.0], np.eye(3)[[1, 0, 2]]])
def test_sequential_labels_of_any_kind(targets):
    net = make_net()
    x = np.arange(15.0).reshape(3, 5)
    expected, _ = net.loss_and_gradients(x, np.array([1, 0, 2]))
    assert abs(net.loss_and_gradients(x, targets)[0] - expected) < tolerances.IDENTITY


def test_sequential_one_output_takes_a_vector_or_a_column(x, rng):
    net, y = lamina.Sequential(lamina.Linear(5, 1), dtype="float64"), rng.normal(size=12)
    for loss in ("squared_error", "mean_squared_error"):
        assert net.loss_and_gradients(x, y, loss)[0] == net.loss_and_gradients(x, y[:, None], loss)[0]


def test_sequential_parameters_are_live_and_outlive_the_net(x):
    net = make_net()
    parameters = net.parameters()
    parameters["6.weight"][...] = 0
    parameters["6.bias"][...] = [1, 2, 3]
    np.testing.assert_array_equal(net(x), np.tile([1.0, 2.0, 3.0], (12, 1)))
    del net
    np.testing.assert_array_equal(parameters["6.bias"], [1, 2, 3])


def test_sequential_state_is_named_and_ordered_as_in_torch():
    net = make_net("float32")
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
    net = make_net()
    net.load_state_dict(module.state_dict())
    assert_close(net(x), module.eval()(torch.from_numpy(x)).detach().numpy())


def test_sequential_loading_is_all_or_nothing():
    net, other = make_net(), make_net(seed=2)
    net.load_state_dict(other.state_dict())
    assert_same_bits(net.state_dict(), other.state_dict())
    before, state = net.state_dict(), make_net(seed=3).state_dict()
    for wrong, message in [
        ({name: array for name, array in state.items() if name != "6.bias"}, "missing are .*6.bias"),
        (state | {"7.weight": np.zeros(3)}, "unknown are .*7.weight"),
        (state | {"6.bias": np.zeros((3, 1))}, "6.bias is float64 .3, 1."),
        (state | {"6.bias": np.zeros(3, int)}, "6.bias is int64"),
        (state | {"1.num_batches_tracked": np.array(1.0)}, "num_batches_tracked"),
    ]:
        with pytest.raises(ValueError, match=f"Sequential.load_state_dict: .*{message}"):
            net.load_state_dict(wrong)
        assert_same_bits(net.state_dict(), before)
    single = make_net("float32")
    single.load_state_dict(before)  # other floats are converted
    np.testing.assert_array_equal(single.parameters()["0.weight"], before["0.weight"].astype(np.float32))


def test_sequential_is_a_sequence_of_layers():
    net = make_net()
    assert len(net) == 7 and net[2] == lamina.ELU(0.7) and net[-1] == lamina.Linear(6, 3)
    assert [type(layer).__name__ for layer in net][:3] == ["Linear", "BatchNorm", "ELU"]
    assert (net.in_features, net.out_features, net.dtype) == (5, 3, np.float64)
    with pytest.raises(IndexError):
        net[7]


def test_sequential_slices_are_nets_of_their_own(x):
    net = make_net()
    net.forward(x, training=True)
    lower, upper = net[:5], net[5:]
    assert isinstance(lower, lamina.Sequential) and len(lower) == 5
    assert_same_bits(upper(lower(x)), net(x))
    lower.parameters()["0.weight"][...] = 0
    assert net.parameters()["0.weight"].any()


def test_sequential_repr_shows_every_layer():
    assert repr(make_net()).splitlines() == [
        "Sequential(",
        "  (0): Linear(in_features=5, out_features=7, bias=True)",
        "  (1): BatchNorm(num_features=7, momentum=0.1, eps=1e-05)",
        "  (2): ELU(alpha=0.7)",
        "  (3): Dropout(p=0.4)",
        "  (4): Linear(in_features=7, out_features=6, bias=False)",
        "  (5): Tanh()",
        "  (6): Linear(in_features=6, out_features=3, bias=True)",
        ")",
    ]


def test_sequential_layer_used_twice_has_two_weights():
    layer = lamina.Linear(4, 4)
    parameters = lamina.Sequential(layer, layer).parameters()
    assert not np.array_equal(parameters["0.weight"], parameters["1.weight"])


def test_sequential_layers_do_not_change():
    with pytest.raises(AttributeError):
        lamina.Dropout(0.5).p = 0.1


@pytest.mark.parametrize("make_copy", [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_sequential_copies_are_whole_and_independent(x, make_copy):
    net = make_net()
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
    net = make_net(dtype, seed=2**64 - 1)
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
    make_net().save(path)
    tensors, metadata = load_safetensors(path)
    described = json.loads(metadata["lamina"])

    def assert_refused(tensors, text, message):
        save_safetensors(path, tensors, {"lamina": text})
        with pytest.raises(ValueError, match=f"load: .*x holds a damaged net: .*{message}"):
            lamina.load(path)

    for text in ("", "[]", "{}", "null", '{"format": 1}'):
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
        (described["layers"][:1], "unknown are"),
    ]:
        assert_refused(tensors, json.dumps(described | {"layers": layers}), message)
    for change in ({"format": 2}, {"dtype": "int8"}, {"seed": -1}, {"seed": 1.5}):
        assert_refused(tensors, json.dumps(described | change), "")
    assert_refused(tensors | {"6.bias": np.zeros(4)}, metadata["lamina"], "6.bias")
    save_safetensors(path, tensors, {})
    with pytest.raises(ValueError, match="no net of lamina's"):
        lamina.load(path)
    with pytest.raises(ValueError, match="extra"):
        make_net().save(path, extra={"lamina": "mine"})
    with pytest.raises(FileNotFoundError):
        lamina.load(tmp_path / "none")


def test_sequential_devices():
    net = make_net()
    assert net.to("cpu") is net
    with pytest.raises(lamina.BackendError, match="Sequential.to: cuda"):
        net.to("cuda")
    with pytest.raises(ValueError, match="cpu, cuda"):
        net.to("tpu")


def test_sequential_threads_may_predict_at_once(rng):
    net, x = make_net("float32"), rng.normal(size=(500, 5))
    expected, results = net(x), [None] * 4

    def work(place):
        for _ in range(20):
            results[place] = net.predict(x, batch_size=64)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        assert_same_bits(result, expected)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: lamina.Sequential(), ValueError, "layer"),
        (lambda: lamina.Sequential(lamina.ReLU()), ValueError, "wide"),
        (lambda: lamina.Sequential(lamina.Linear(2, 3), lamina.ReLU(), lamina.Linear(4, 1)), ValueError, "layer 2"),
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
        (lambda net: net.forward(np.zeros((1, 5)), training=True), ValueError, "row"),
        (lambda net: net.forward(np.zeros((2, 5)), training=True, step=-1), ValueError, "step"),
        (lambda net: net.predict(np.zeros((2, 5)), batch_size=0), ValueError, "Sequential.predict: batch_size"),
        (lambda net: net.predict(np.zeros((2, 6))), ValueError, "Sequential.predict: X"),
        (lambda net: net.loss_and_gradients(np.zeros((2, 5)), [0, 1], "hinge"), ValueError, "cross_entropy"),
        (lambda net: net.loss_and_gradients(np.zeros((2, 5)), [0, 3]), ValueError, "y is 3 in row 1.*0 to 2"),
        (lambda net: net.loss_and_gradients(np.zeros((2, 5)), [0, -1]), ValueError, "y is -1 in row 1"),
        (lambda net: net.loss_and_gradients(np.zeros((2, 5)), [0, 1, 2]), ValueError, "3 labels, X has 2 rows"),
        (lambda net: net.loss_and_gradients(np.zeros((0, 5)), []), ValueError, ""),
    ],
)
def test_sequential_call_mistakes_are_told(call, error, message):
    net = make_net()
    before = net.state_dict()
    with pytest.raises(error, match=message):
        call(net)
    assert_same_bits(net.state_dict(), before)
