"""Nets on the device: the CPU's bits through every way of using them, moving, and what is refused."""

import copy
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

import lamina
from comparison import assert_same_bits
from lamina import cuda
from lamina._arrays import copied

pytestmark = pytest.mark.skipif(not cuda.is_available(), reason=f"no device: {cuda.status()}")


def make_net(device, **options):
    return lamina.Sequential(
        lamina.Linear(9, 17), lamina.BatchNorm(17), lamina.ReLU(), lamina.Dropout(0.3), lamina.Linear(17, 8),
        lamina.ELU(), lamina.Dropout(0.2), lamina.Linear(8, 4), **{"seed": 5, "device": device} | options,
    )  # fmt: skip


@pytest.fixture
def data(rng):
    return rng.normal(size=(130, 9)), rng.integers(0, 4, 130)


def everything(net, trainer, x):
    slots = {name: copied(slot) for name, slot in trainer._core.state().items()}
    losses = {key: np.array(trainer.history[key]) for key in ("loss", "val_loss", "val_score")}
    return net.state_dict() | slots | losses | {"outputs": net.predict(x)}


@pytest.mark.parametrize("loss", ["cross_entropy", lamina.Loss("cross_entropy", class_weight=[1, 2, 3, 4])], ids=str)
def test_recorded_steps_have_the_bits_of_the_cpu(data, loss):
    """Epochs whose steps are recorded, whose memory is planned anew, whose batches and learning rate change."""
    x, y = data
    weights = np.ones(130)
    weights[:40] = 0  # in order, the first batches say nothing
    results = []
    for device in ("cpu", "cuda"):
        net = make_net(device)
        trainer = lamina.Trainer(
            net, loss, "adam", schedule=lamina.ExponentialDecay(0.9), regularizer=lamina.L1(1e-4), seed=3
        )
        trainer.fit(x, y, epochs=3, batch_size=16, validation_data=(x, y), progress=False)
        net.loss_and_gradients(x, y, seed=1, step=2)
        trainer.fit(x, y, epochs=2, batch_size=16, progress=False)
        trainer.fit(x[:100], y[:100], epochs=1, batch_size=11, sample_weight=weights[:100] + 1, progress=False)
        trainer.fit(x, y, epochs=2, batch_size=10, sample_weight=weights, shuffle=False, progress=False)
        trainer.fit(x, y, epochs=1, batch_size=10, sample_weight=weights, progress=False)
        results.append(everything(net, trainer, x))
    assert_same_bits(*results)


@pytest.mark.parametrize("loss", ["kl_divergence", lamina.Loss("huber", delta=0.3), "poisson_nll"], ids=str)
def test_recorded_steps_of_losses_of_values_have_the_bits_of_the_cpu(data, rng, loss):
    x, y = data[0], rng.dirichlet(np.ones(4), 130)
    results = []
    for device in ("cpu", "cuda"):
        net = make_net(device)
        trainer = lamina.Trainer(net, loss, seed=3)
        trainer.fit(x, y, epochs=3, batch_size=16, validation_data=(x, y), progress=False)
        results.append(everything(net, trainer, x))
    assert_same_bits(*results)


def test_recorded_steps_follow_the_batch_and_the_data(rng):
    """Other batch sizes and other strides at the same addresses are other work."""
    wide, y = rng.normal(size=(256, 16)).astype("float32"), rng.integers(0, 2, 256)
    results = []
    for device in ("cpu", "cuda"):
        net = lamina.Sequential(lamina.Linear(8, 8), lamina.Tanh(), lamina.Linear(8, 2), seed=1, device=device)
        trainer = lamina.Trainer(net)
        data = cuda.array(wide) if device == "cuda" else wide
        views = data[:, :8], data.reshape(512, 8)[:256]
        for x in views:
            for batch_size in (16, 32, 16):
                trainer.fit(x, y, epochs=1, batch_size=batch_size, progress=False)
        results.append([net.state_dict(), np.array(trainer.history["loss"])])
    assert_same_bits(*results)


@pytest.mark.skipif(not lamina._core.emulated(), reason="needs the emulated device")
@pytest.mark.parametrize("kernel, breaks", [("begin_step", True), ("no such kernel", False)])
def test_steps_are_recorded(kernel, breaks):
    script = f"""
import numpy as np, lamina
net = lamina.Sequential(lamina.Linear(3, 2), device="cuda")
lamina._core.emulation_break({kernel!r})
lamina.Trainer(net).fit(np.ones((100, 3)), np.zeros(100, int), epochs=1, batch_size=10, progress=False)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert ("begin_step: broken for a test" in done.stderr) == breaks, done.stderr


def test_pretraining_has_the_bits_of_the_cpu(data):
    results = []
    for device in ("cpu", "cuda"):
        net = make_net(device)
        stages = lamina.pretrain.greedy(net, data[0], "denoising", epochs=3, batch_size=20, seed=4, progress=False)
        results.append([net.state_dict(), [np.array(stage["loss"]) for stage in stages]])
    assert_same_bits(*results)


def test_data_on_the_device_is_taken_as_it_is(data):
    x, y = data[0].astype("float32"), data[1]
    there, labels = cuda.array(x), cuda.array(y)
    results = []
    for given in ((x, y), (there, labels)):
        net = make_net("cuda")
        trainer = lamina.Trainer(net, seed=3)
        trainer.fit(*given, epochs=2, batch_size=16, progress=False)
        results.append([net.state_dict(), trainer.evaluate(*given)["loss"]])
    assert_same_bits(*results)
    weights = np.linspace(0, 1, 130, dtype="float32")
    losses = [net.loss_and_gradients(there, y, sample_weight=weights)[0]]
    losses += [net.loss_and_gradients(there, labels, sample_weight=cuda.array(weights))[0]]
    losses += [net.loss_and_gradients(there, cuda.array(np.eye(4, dtype="float32")[y]), sample_weight=weights)[0]]
    assert losses[0] == losses[1] == pytest.approx(losses[2])
    for outputs in (net.predict(there), net(there)):
        assert isinstance(outputs, cuda.Array)
        assert_same_bits(outputs.numpy(), net.predict(x))
    for outputs, multi_label in ((1, False), (1, True), (3, False), (3, True)):
        net = lamina.Sequential(lamina.Linear(9, outputs), seed=1, device="cuda")
        probabilities = net.predict_proba(there, multi_label=multi_label)
        assert isinstance(probabilities, cuda.Array)
        assert_same_bits(probabilities.numpy(), net.predict_proba(x, multi_label=multi_label))
    with pytest.raises(ValueError, match="X is on the device with dtype float64, float32 is needed there"):
        net.predict(cuda.array(data[0]))
    with pytest.raises(ValueError, match="X holds nan in row 3"):
        x[3, 0] = np.nan
        lamina.Trainer(net).fit(cuda.array(x), y, progress=False)


def test_nets_move(data):
    x, y = data
    net = make_net("cpu")
    trainer = lamina.Trainer(net)
    trainer.fit(x, y, epochs=1, progress=False)
    state, outputs = net.state_dict(), net.predict(x)
    old_view = net.parameters()["0.weight"]
    assert net.to("cuda") is net and net.device == "cuda"
    assert_same_bits(net.state_dict(), state)
    assert_same_bits(net.predict(x), outputs)
    assert isinstance(net.parameters()["0.weight"], cuda.Array)
    assert_same_bits(old_view, state["0.weight"])
    with pytest.raises(ValueError, match="the net has moved to cuda since the trainer was made"):
        trainer.fit(x, y, epochs=1, progress=False)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), net[:]):
        assert twin.device == "cuda"
        assert_same_bits(twin.predict(x), outputs)
    assert_same_bits(net.to("cpu").predict(x), outputs)


def test_files_do_not_know_the_device(data, tmp_path):
    net = make_net("cuda")
    net.save(tmp_path / "net.safetensors")
    again = lamina.load(tmp_path / "net.safetensors")
    assert again.device == "cpu"
    assert_same_bits(again.predict(data[0]), net.predict(data[0]))
    trainer = lamina.Trainer(net, "cross_entropy", "rmsprop")
    trainer.fit(*data, epochs=2, batch_size=16, progress=False)
    twin = pickle.loads(pickle.dumps(trainer))
    for each in (trainer, twin):
        each.fit(*data, epochs=2, batch_size=16, progress=False)
    assert_same_bits(everything(trainer.net, trainer, data[0]), everything(twin.net, twin, data[0]))


def test_predictions_beside_training(data):
    x, y = data
    net, other = make_net("cuda"), make_net("cuda", seed=6)
    expected, wrong = other.predict(x), []
    trainer = lamina.Trainer(net)

    def predict():
        for _ in range(10):
            net.predict(x)
            if not (other.predict(x) == expected).all():
                wrong.append(True)

    threads = [threading.Thread(target=predict) for _ in range(2)]
    for thread in threads:
        thread.start()
    trainer.fit(x, y, epochs=5, batch_size=16, progress=False)
    for thread in threads:
        thread.join()
    twin = make_net("cpu")
    lamina.Trainer(twin).fit(x, y, epochs=5, batch_size=16, progress=False)
    assert not wrong
    assert_same_bits(net.state_dict(), twin.state_dict())


def test_streams_do_not_disturb_nets(data):
    x, y = data
    results = []
    for stream in (None, cuda.Stream()):
        net = make_net("cuda")
        if stream:
            stream.__enter__()
        lamina.Trainer(net).fit(x, y, epochs=1, batch_size=16, progress=False)
        results.append([net.state_dict(), net.predict(x)])
        if stream:
            stream.__exit__()
    assert_same_bits(*results)


def test_a_net_is_not_moved_while_it_is_trained(data):
    class Moves(lamina.Callback):
        def on_epoch_end(self, trainer):
            with pytest.raises(lamina.BackendError, match="Sequential.to: this net is being trained"):
                trainer.net.to("cuda")

    net = make_net("cpu")
    assert len(lamina.Trainer(net, callbacks=[Moves()]).fit(*data, epochs=2, progress=False)["loss"]) == 2
    assert net.device == "cpu" and net.to("cuda").device == "cuda"


def test_recorded_steps_are_told_anew_when_any_of_the_memory_moved(rng):
    """The blocks of a plan for a row more may be the same but for the losses of the rows."""
    rows = 33
    x, y = cuda.array(rng.standard_normal((rows * 5, 8)).astype(np.float32)), cuda.array(np.arange(rows * 5) % 3)
    net = lamina.Sequential(lamina.Linear(8, 8), lamina.ReLU(), lamina.Linear(8, 3), device="cuda")

    def weighing():
        return lamina.Trainer(net, lamina.Loss("cross_entropy", class_weight=[1.0, 2.0, 3.0]), lamina.SGD(0.0))

    def some(count):
        return cuda.array(np.ones((count, 8), np.float32))

    old, trainer = weighing(), lamina.Trainer(net, optimizer=lamina.SGD(0.0))
    net.forward(some(4), training=True)
    trainer.fit(x, y, epochs=2, batch_size=rows, progress=False)
    del old
    net.forward(some(rows + 1), training=True)
    others = [weighing() for _ in range(8)]
    before = [other.evaluate(x, y)["loss"] for other in others]
    trainer.fit(x, y, epochs=1, batch_size=rows, progress=False)
    assert [other.evaluate(x, y)["loss"] for other in others] == before
