"""Nets: what they compute, with which inputs, and what they are as sequences of layers."""

import copy
import threading

import numpy as np
import pytest

import lamina
import tolerances
from comparison import assert_levels_agree, assert_same_bits
from lamina import reference
from small_nets import deep_net


@pytest.fixture
def x(rng):
    return rng.normal(size=(12, 5))


def assert_close(actual, expected):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerances.IDENTITY * scale)


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


@pytest.mark.parametrize("training", [False, True])
def test_sequential_forward_agrees_with_the_reference(isa, x, training):
    net = deep_net()
    net.forward(x, training=True)  # running statistics other than 0 and 1
    expected = forward_of_reference(net.state_dict(), x, training, seed=9, step=3)
    assert_close(net.forward(x, training=training, seed=9, step=3), expected)


def test_sequential_inference_is_call_and_changes_nothing(x):
    net = deep_net()
    before = net.state_dict()
    assert_same_bits(net(x), net.forward(x))
    assert_same_bits(net.predict(x), net(x))
    assert_same_bits(net.state_dict(), before)


def test_sequential_training_moves_running_statistics(x):
    net = deep_net()
    net.forward(x, training=True)
    state = net.state_dict()
    z = reference.linear_forward(x, state["0.weight"], state["0.bias"])
    assert_close(state["1.running_mean"], 0.1 * z.mean(axis=0))
    assert_close(state["1.running_var"], 0.9 + 0.1 * z.var(axis=0, ddof=1))
    assert state["1.num_batches_tracked"] == 1


def test_sequential_levels_and_threads_give_equal_bits(isa, dtype, rng):
    x, labels = rng.normal(size=(70, 5)).astype(dtype), rng.integers(0, 3, 70)

    def compute():
        twin = copy.deepcopy(deep_net(dtype))
        loss, gradients = twin.loss_and_gradients(x, labels, step=2)
        return [twin(x), twin.forward(x, training=True), np.array(loss), gradients]

    assert_levels_agree(compute)


def test_sequential_fusing_changes_no_bit(dtype, rng):
    x, labels = rng.normal(size=(33, 5)).astype(dtype), rng.integers(0, 3, 33)
    results = []
    for fuse in (True, False):
        net = deep_net(dtype, fuse=fuse)
        loss, gradients = net.loss_and_gradients(x, labels)
        results.append([np.array(loss), gradients, net(x), net.state_dict()])
    assert_same_bits(*results)


def test_sequential_explain_tells_what_is_fused():
    text = deep_net().explain()
    assert len(text.strip().splitlines()) == 3 and "elu" in text.lower()
    assert len(deep_net(fuse=False).explain().strip().splitlines()) == 7


def test_sequential_rows_do_not_depend_on_their_batch(isa, rng):
    net, x = deep_net("float32"), rng.normal(size=(50, 5)).astype(np.float32)
    expected = net(x)
    for batch_size in (1, 7, 50, 1000):
        assert_same_bits(net.predict(x, batch_size=batch_size), expected)
    assert_same_bits(net(x[13:14]), expected[13:14])


def test_sequential_takes_anything_that_holds_numbers(x):
    class Frame:
        def __array__(self, dtype=None, copy=None):
            return x if dtype is None else x.astype(dtype)

    net = deep_net()
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
    assert deep_net("float32")(x).dtype == np.float32


def test_sequential_empty_batches_pass():
    net = deep_net("float32")
    for out in (net(np.zeros((0, 5))), net.predict(np.zeros((0, 5))), net.predict_proba(np.zeros((0, 5)))):
        assert out.shape == (0, 3) and out.dtype == np.float32


def test_sequential_probabilities(x):
    net = deep_net()
    assert_close(net.predict_proba(x), reference.softmax_forward(net(x)))
    assert_close(net.predict_proba(x, multi_label=True), reference.activation_forward(net(x), "sigmoid"))
    single = lamina.Sequential(lamina.Linear(5, 1), dtype="float64")
    p = reference.activation_forward(single(x), "sigmoid")
    assert_close(single.predict_proba(x), np.hstack([1 - p, p]))


def test_sequential_loss_and_gradients_are_views_of_the_right_size(x):
    net = deep_net()
    loss, gradients = net.loss_and_gradients(x, np.zeros(12, int))
    assert isinstance(loss, float) and gradients.keys() == net.parameters().keys()
    assert all(gradients[name].shape == array.shape for name, array in net.parameters().items())
    expected = reference.softmax_cross_entropy(forward_of_reference(net.state_dict(), x, True), np.zeros(12, int))[0]
    assert abs(loss - expected) < tolerances.IDENTITY
    assert net.loss_and_gradients(x, np.zeros(12, int), training=False)[0] != loss


@pytest.mark.parametrize("targets", [[1, 0, 2], np.array([1, 0, 2], np.int8), [1.0, 0.0, 2.0], np.eye(3)[[1, 0, 2]]])
def test_sequential_labels_of_any_kind(targets):
    net = deep_net()
    x = np.arange(15.0).reshape(3, 5)
    expected, _ = net.loss_and_gradients(x, np.array([1, 0, 2]))
    assert abs(net.loss_and_gradients(x, targets)[0] - expected) < tolerances.IDENTITY


def test_sequential_one_output_takes_a_vector_or_a_column(x, rng):
    net, y = lamina.Sequential(lamina.Linear(5, 1), dtype="float64"), rng.normal(size=12)
    for loss in ("squared_error", "mean_squared_error"):
        assert net.loss_and_gradients(x, y, loss)[0] == net.loss_and_gradients(x, y[:, None], loss)[0]


def test_sequential_parameters_are_live_and_outlive_the_net(x):
    net = deep_net()
    parameters = net.parameters()
    parameters["6.weight"][...] = 0
    parameters["6.bias"][...] = [1, 2, 3]
    np.testing.assert_array_equal(net(x), np.tile([1.0, 2.0, 3.0], (12, 1)))
    del net
    np.testing.assert_array_equal(parameters["6.bias"], [1, 2, 3])


def test_sequential_is_a_sequence_of_layers():
    net = deep_net()
    assert len(net) == 7 and net[2] == lamina.ELU(0.7) and net[-1] == lamina.Linear(6, 3)
    assert [type(layer).__name__ for layer in net][:3] == ["Linear", "BatchNorm", "ELU"]
    assert (net.in_features, net.out_features, net.dtype) == (5, 3, np.float64)
    with pytest.raises(IndexError):
        net[7]


def test_sequential_repr_shows_every_layer():
    assert repr(deep_net()).splitlines() == [
        "Sequential(",
        "  (0): Linear(in_features=5, out_features=7, bias=True)",
        "  (1): BatchNorm(num_features=7, momentum=0.1, eps=1e-05)",
        "  (2): ELU(alpha=0.7)",
        "  (3): Dropout(p=0.4, scaling='inverted')",
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


def test_sequential_devices():
    net = deep_net()
    assert net.to("cpu") is net and net.device == "cpu"
    with pytest.raises(ValueError, match="cpu, cuda"):
        net.to("tpu")
    if not lamina.cuda.is_available():
        with pytest.raises(lamina.BackendError, match="CUDA is"):
            net.to("cuda")
        assert net.device == "cpu"


def test_sequential_threads_may_predict_at_once(rng):
    net, x = deep_net("float32"), rng.normal(size=(500, 5))
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
