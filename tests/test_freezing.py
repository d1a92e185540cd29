"""Layers that training leaves as they are: by index and name, with batch norm and boxes, recorded, staged."""

import copy
import pickle

import numpy as np
import pytest

import lamina
import on_device
from comparison import assert_same_bits
from lamina import ops
from lamina._arrays import copied
from small_nets import clouds, deep_net, make_net, steps_of_a_fit, trained_bits

DECAYING = lamina.AdamW(lr=0.01, weight_decay=0.1)


@pytest.fixture
def data(rng):
    return clouds(rng)


def boxed_net():
    """With layers that run by themselves."""
    return lamina.Sequential(
        lamina.Linear(4, 6), lamina.LayerNorm(6), lamina.PReLU(per_unit=True), lamina.Linear(6, 5), lamina.PReLU(),
        lamina.Linear(5, 3), seed=2,
    )  # fmt: skip


def nested_net():
    """With a residual connection around batch norm and a layer written in Python."""
    inside = lamina.Linear(6, 6), lamina.BatchNorm(6), lamina.Tanh(), lamina.Linear(6, 6)
    return lamina.Sequential(
        lamina.Linear(4, 6), lamina.Residual(*inside), Scale(), lamina.Linear(6, 3), seed=2, dtype="float64"
    )


class Scale(lamina.PythonLayer):
    def initial(self, features):
        return {"scale": np.ones(features)}

    def forward(self, x, parameters, mode):
        return x * parameters["scale"]

    def backward(self, dy, x, y, parameters, mode):
        return dy * parameters["scale"], {"scale": (dy * x).sum(axis=0)}


def moved(net, before):
    """The names of the parameters and statistics that are not what they were."""
    return {name for name, array in net.state_dict().items() if not np.array_equal(array, before[name])}


@pytest.mark.parametrize("make", [make_net, boxed_net])
@pytest.mark.parametrize("frozen", [(0,), (1,), (0, 1), (-1,), (2, 3, 4), (0, 1, 2, 3, 4, -1)], ids=str)
def test_frozen_layers_stay_and_the_others_move(isa, data, make, frozen):
    net = make()
    net.freeze(*frozen)
    names = {str(layer % len(net)) for layer in frozen}
    before = net.state_dict()
    trainer = lamina.Trainer(net, optimizer=DECAYING, decay_all=True, regularizer=lamina.L1(1e-4), max_norm=0.5)
    trainer.fit(*data, epochs=2, batch_size=16, progress=False)
    assert moved(net, before) == {name for name in before if name.split(".")[0] not in names}
    _, gradients = net.loss_and_gradients(*data)
    for name, gradient in gradients.items():
        assert copied(gradient).any() == (name.split(".")[0] not in names), name


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("frozen", [(0,), (4,), (0, 4), (6,)], ids=str)
def test_gradients_of_the_others_are_what_they_were(isa, rng, dtype, frozen, fuse):
    x, y = rng.normal(size=(20, 5)).astype(dtype), rng.integers(0, 3, 20)
    net = deep_net(dtype, fuse=fuse)
    _, expected = net.loss_and_gradients(x, y, seed=3)
    expected = {name: copied(gradient) for name, gradient in expected.items()}
    net.freeze(*frozen)
    _, gradients = net.loss_and_gradients(x, y, seed=3)
    for name in expected:
        kept = int(name.split(".")[0]) not in frozen
        assert_same_bits(copied(gradients[name]), expected[name] if kept else np.zeros_like(expected[name]))
    net.unfreeze()
    _, gradients = net.loss_and_gradients(x, y, seed=3)
    assert_same_bits({name: copied(gradient) for name, gradient in gradients.items()}, expected)


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("units", [None, (0, 1, 5)], ids=str)
def test_frozen_batchnorm_uses_its_running_statistics(isa, rng, dtype, units, fuse):
    """What a pass in training gives then is what one in inference does, but for dropout: also for a single row."""
    layers = lamina.Linear(4, 8), lamina.BatchNorm(8, units=units), lamina.Tanh(), lamina.Linear(8, 3)
    net = lamina.Sequential(*layers, dtype=dtype, fuse=fuse)
    x, y = rng.normal(size=(40, 4)).astype(dtype), rng.integers(0, 3, 40)
    net.forward(x, training=True)
    expected, gradients = net.loss_and_gradients(x, y, training=False)
    gradients = {name: copied(gradient) for name, gradient in gradients.items()}
    before = net.state_dict()
    net.freeze(1)
    loss, found = net.loss_and_gradients(x, y)
    assert loss == expected
    for name, gradient in found.items():
        assert_same_bits(copied(gradient), np.zeros_like(gradients[name]) if name[0] == "1" else gradients[name])
    assert_same_bits(net.forward(x, training=True), net.forward(x))
    assert_same_bits(net.forward(x[:1], training=True), net.forward(x[:1]))
    lamina.Trainer(net, layer_rates={0: 0, 3: 0}).fit(x, y, epochs=1, progress=False)
    assert_same_bits(net.state_dict(), before)
    net.unfreeze()
    net.forward(x, training=True)
    assert net.state_dict()["1.num_batches_tracked"] == 2


@pytest.mark.parametrize(
    ("frozen", "names"),
    [((1,), {"1.0", "1.1", "1.3"}), (("1.1",), {"1.1"}), (("1.0", "1.1", 0), {"0", "1.0", "1.1"}), ((2,), {"2"})],
    ids=str,
)
def test_frozen_inside_of_other_layers(data, frozen, names):
    net = nested_net()
    _, expected = net.loss_and_gradients(*data)
    expected = {name: gradient.copy() for name, gradient in expected.items()}
    net.freeze(*frozen)
    assert set(net.frozen) == names
    assert lamina.gradcheck(net, data[0][:9], data[1][:9]).ok
    net = nested_net()
    net.freeze(*frozen)
    before = net.state_dict()
    lamina.Trainer(net, optimizer=DECAYING, layer_rates={"1.3": 0.5}).fit(*data, epochs=2, progress=False)
    assert moved(net, before) == {name for name in before if name.rpartition(".")[0] not in names}
    net.unfreeze()
    net.load_state_dict(nested_net().state_dict())
    _, gradients = net.loss_and_gradients(*data)
    assert_same_bits(dict(gradients), expected)


def test_frozen_columns_stay(isa):
    """Their embeddings and frequencies are no matrices of a lamina."""
    columns = lamina.Columns(lamina.Category(0, 3, 2), lamina.Periodic(1, frequencies=4))
    net = lamina.Sequential(columns, lamina.Linear(10, 2))
    net.freeze(0)
    before = net.state_dict()
    x, y = np.stack([np.arange(40) % 3, np.linspace(-1, 1, 40)], axis=1), np.arange(40) % 2
    lamina.Trainer(net, optimizer=DECAYING, decay_all=True).fit(x, y, epochs=2, batch_size=8, progress=False)
    assert moved(net, before) == {"1.weight", "1.bias"}


def test_gradients_with_frozen_batchnorm_are_right(rng):
    for fuse in (True, False):
        net = deep_net(fuse=fuse)
        net.freeze(1)
        assert lamina.gradcheck(net, rng.normal(size=(9, 5)), rng.integers(0, 3, 9)).ok


def test_clip_norm_is_about_trainable_parameters(isa, dtype, data):
    data = data[0].astype(dtype), data[1]
    net, twin = make_net(dtype, modern=False), make_net(dtype, modern=False)
    for each in (net, twin):
        each.freeze(0)
    lamina.Trainer(net, optimizer=lamina.SGD(lr=0.3), clip_norm=0.05, seed=7).fit(
        *data, epochs=2, batch_size=18, progress=False
    )
    for gradients in steps_of_a_fit(twin, data, 2, 18, seed=7):
        line = 64 // dtype.itemsize
        together = np.zeros(64, dtype)  # each on whole cache lines
        together[:24] = copied(gradients["2.weight"]).reshape(-1)
        bias = slice(-(-24 // line) * line, -(-24 // line) * line + 3)
        together[bias] = copied(gradients["2.bias"])
        ops.clip_by_norm(together, 0.05)
        for name, part in (("2.weight", slice(0, 24)), ("2.bias", bias)):
            params = copied(twin.parameters()[name]).reshape(-1)
            ops.sgd_step(params, together[part].copy(), lr=0.3)
            twin.parameters()[name][...] = params.reshape(twin.parameters()[name].shape)
    for name in ("2.weight", "2.bias"):
        np.testing.assert_allclose(net.state_dict()[name], twin.state_dict()[name], rtol=16 * np.finfo(dtype).eps)


def test_freezing_takes_effect_between_epochs_of_a_trainer(isa, data):
    """Steps are recorded on a device: those recorded before must not be repeated."""
    net = make_net()
    trainer = lamina.Trainer(net, optimizer=DECAYING)
    for frozen in ((), (0, 1), (4,), ()):
        net.unfreeze()
        if frozen:
            net.freeze(*frozen)
        before = net.state_dict()
        trainer.fit(*data, epochs=2, batch_size=10, progress=False)
        assert {name[0] for name in moved(net, before)} == {"0", "1", "4"} - {str(layer) for layer in frozen}


@pytest.mark.parametrize("again", [copy.deepcopy, lambda trainer: pickle.loads(pickle.dumps(trainer))])
def test_freezing_survives_copies_and_moves(data, again):
    def train(trainer):
        trainer.net.freeze(0, 1)
        assert again(trainer).net.frozen == ("0", "1")
        return again(trainer)

    expected = trained_bits(data, again=train, optimizer=DECAYING)
    if lamina.cuda.is_available():
        assert_same_bits(trained_bits(data, again=train, optimizer=DECAYING, device=True), expected)
        net = make_net()
        net.freeze(1)
        assert net.to("cuda").frozen == ("1",)
        before = net.state_dict()
        lamina.Trainer(net).fit(*data, epochs=1, progress=False)
        assert {name[0] for name in moved(net, before)} == {"0", "4"}


def test_backward_ends_at_the_lowest_trained_layer():
    net = deep_net("float32")
    net.freeze(0, 1)
    text = net.explain(32)
    assert text.count("nothing from here down is trained") == 1
    net.freeze(4, 6)
    assert net.explain(32).count("nothing from here down is trained") == 3
    plan = lamina.Trainer(net).memory()
    net.unfreeze()
    assert lamina.Trainer(net).memory()["activations"] > plan["activations"]


def test_predictions_go_on_while_layers_are_frozen(data):
    import threading

    net, done = boxed_net(), threading.Event()
    expected, wrong = net.predict(data[0]), []

    def predict():
        while not done.is_set():
            wrong.extend([] if np.array_equal(net.predict(data[0]), expected) else [True])

    thread = threading.Thread(target=predict)
    thread.start()
    for _ in range(200):
        net.freeze(0, 1, 2)
        net.unfreeze()
    done.set()
    thread.join()
    assert not wrong


def test_freeze_by_index_and_name():
    net = deep_net()
    net.freeze(0, "4", -1, 2)
    assert net.frozen == ("0", "4", "6")
    net.unfreeze("0", 6)
    assert net.frozen == ("4",)
    net.unfreeze()
    assert net.frozen == ()


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ((), ValueError, "Sequential.freeze: no layer given"),
        ((7,), ValueError, "Sequential.freeze: layer is 7, a whole number from -7 to 6"),
        (("head",), ValueError, "Sequential.freeze: layer 'head' given, the net's are named '0' to '6'"),
        (("0.weight",), ValueError, "layer '0.weight' given"),
        ((0, 1.0), TypeError, "Sequential.freeze: layer is 1.0"),
        (([0, 1],), TypeError, r"Sequential.freeze: layer is \[0, 1\]"),
    ],
)
def test_freeze_refuses(layers, error, message):
    net = deep_net()
    with pytest.raises(error, match=message):
        net.freeze(*layers)
    assert net.frozen == ()


def test_unfreeze_in_stages_goes_from_the_top_down(data):
    seen = []

    class Watch(lamina.Callback):
        def on_epoch_end(self, trainer):
            seen.append(trainer.net.frozen)

    net = boxed_net()
    trainer = lamina.Trainer(net, callbacks=[lamina.UnfreezeInStages(every=2), Watch()])
    before = net.state_dict()
    for epochs in (1, 2):
        trainer.fit(*data, epochs=epochs, progress=False)
    assert seen == [("0", "1", "2", "3", "4"), ("0", "1", "2"), ("0", "1", "2")]
    assert {name[0] for name in moved(net, before)} == {"3", "4", "5"}
    trainer.fit(*data, epochs=2, progress=False)
    assert seen[3:] == [(), ()] and {name[0] for name in moved(net, before)} == {"0", "1", "2", "3", "4", "5"}


def test_unfreeze_in_stages_sees_inside_of_residuals(data):
    seen = []

    class Watch(lamina.Callback):
        def on_epoch_end(self, trainer):
            seen.append(trainer.net.frozen)

    def block():
        return lamina.Residual(lamina.Linear(4, 4), lamina.BatchNorm(4), lamina.ReLU())

    net = lamina.Sequential(lamina.BatchNorm(4), block(), lamina.LayerNorm(4), block(), block(), lamina.Linear(4, 3))
    trainer = lamina.Trainer(net, callbacks=[Watch(), lamina.UnfreezeInStages()])
    trainer.fit(*data, epochs=5, progress=False)
    assert seen == [
        ("0", "1.0", "1.1", "2", "3.0", "3.1", "4.0", "4.1"), ("0", "1.0", "1.1", "2", "3.0", "3.1"),
        ("0", "1.0", "1.1", "2"), (), (),
    ]  # fmt: skip


def test_unfreeze_in_stages_leaves_no_trace_of_a_fit_without_an_epoch(data):
    class Fails(lamina.Callback):
        def on_fit_begin(self, trainer):
            raise RuntimeError("not today")

    def bad_augment(x, seed, epoch):
        raise RuntimeError("not today")

    net = make_net()
    net.freeze(0)
    for callbacks, options in (([], {"batch_size": 1}), ([Fails()], {}), ([], {"augment": bad_augment})):
        trainer = lamina.Trainer(net, callbacks=[lamina.UnfreezeInStages(), *callbacks])
        with pytest.raises((RuntimeError, ValueError), match="not today|batch_size is 1"):
            trainer.fit(*data, progress=False, **options)
        assert net.frozen == ("0",)
    lamina.Trainer(net, callbacks=[lamina.UnfreezeInStages()]).fit(*data, epochs=1, progress=False)
    assert net.frozen == ()


def test_unfreeze_in_stages_is_recorded(data):
    def train(device):
        with on_device.active(device):
            trainer = lamina.Trainer(boxed_net(), callbacks=[lamina.UnfreezeInStages(first=2)], seed=3)
            trainer.fit(*data, epochs=4, batch_size=10, progress=False)
            return trainer.net.state_dict(), np.array(trainer.history["loss"])

    if lamina.cuda.is_available():
        assert_same_bits(train(True), train(False))


@pytest.mark.parametrize("options", [{"every": 0}, {"first": 0}])
def test_unfreeze_in_stages_refuses(options):
    with pytest.raises(ValueError, match=r"UnfreezeInStages: (every|first) is 0"):
        lamina.UnfreezeInStages(**options)


def test_a_layer_thawed_late_takes_adams_first_steps(tmp_path):
    """Steps are counted for each parameter: the first one is as long as the rate, also after 500 of other layers."""
    x, y = np.ones((4, 2)), [1e3] * 4
    net = lamina.Sequential(lamina.Linear(2, 3), lamina.Linear(3, 1), seed=0, dtype="float64")
    trainer = lamina.Trainer(net, "mean_squared_error", lamina.Adam(1e-3))
    net.freeze(0)
    trainer.fit(x, y, epochs=500, progress=False)
    net.unfreeze()
    trainer.save(tmp_path / "trainer.safetensors")
    for going_on in (
        trainer,
        pickle.loads(pickle.dumps(trainer)),
        lamina.Trainer.resume(tmp_path / "trainer.safetensors"),
    ):
        before = going_on.net.state_dict()["0.weight"]
        going_on.fit(x, y, epochs=1, progress=False)
        np.testing.assert_allclose(abs(going_on.net.state_dict()["0.weight"] - before), 1e-3, rtol=1e-6)


def test_a_failing_freeze_changes_nothing(rng):
    """A device without room for what a frozen box computes in vain."""
    if not lamina._core.emulated():
        pytest.skip("the device is a real one")
    x, y = rng.integers(0, 9, (20, 1)).astype(float), rng.integers(0, 2, 20)
    layers = lamina.Columns(lamina.Category(0, 100_000, 16), in_features=1), lamina.PReLU(), lamina.Linear(16, 2)
    net = lamina.Sequential(*layers, device="cuda")
    net.freeze(1)
    lamina.cuda.release_unused()
    lamina._core.emulation_set_memory_limit(lamina.cuda.memory()["held"] + 2**20)
    try:
        with pytest.raises(lamina.BackendError):
            net.freeze(0, 1)
    finally:
        lamina._core.emulation_set_memory_limit(8 << 30)
    assert net.frozen == ("1",)
    before = {name: lamina._arrays.copied(view) for name, view in net.parameters().items()}
    lamina.Trainer(net, optimizer=lamina.SGD(lr=0.5)).fit(x, y, epochs=1, progress=False)
    moved = {name for name, array in net.state_dict().items() if not np.array_equal(array, before[name])}
    assert moved == {"0.embedding_0", "2.weight", "2.bias"}


def test_frozen_batch_norms_need_no_batch(rng):
    net = lamina.Sequential(lamina.BatchNorm(4), lamina.Linear(4, 3))
    net.freeze(0)
    lamina.Trainer(net).fit(rng.standard_normal((5, 4)), [0, 1, 2, 0, 1], batch_size=1, epochs=1, progress=False)
    net.unfreeze()
    with pytest.raises(ValueError, match="batch_size is 1"):
        lamina.Trainer(net).fit(rng.standard_normal((5, 4)), [0, 1, 2, 0, 1], batch_size=1, progress=False)


def test_a_frozen_net_is_not_pretrained(rng):
    net = lamina.Sequential(lamina.Linear(4, 3), lamina.Tanh(), lamina.Linear(3, 2))
    net.freeze(0)
    with pytest.raises(ValueError, match="greedy: frozen are the layers 0"):
        lamina.pretrain.greedy(net, rng.random((5, 4)), progress=False)
