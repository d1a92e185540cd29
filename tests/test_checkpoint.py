"""A trainer's file: training goes on bit for bit; what cannot be described is asked for; damage is named."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

import lamina
from comparison import assert_same_bits
from lamina.io import load_safetensors, save_safetensors
from small_nets import clouds, make_net, trained_bits


@pytest.fixture
def data(rng):
    return clouds(rng)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trainer.safetensors"


class Mine(lamina.Callback):
    def __repr__(self):
        return "Mine()"


CASES = {
    "plain": {},
    "momentum": {
        "optimizer": lamina.SGD(lr=0.1, momentum=0.9, nesterov=True),
        "regularizer": lamina.Elastic(1e-4, 1e-3),
    },
    "adagrad": {"optimizer": "adagrad", "clip_value": np.float32(0.1), "clip_norm": 0.3, "decay_all": True},
    "rmsprop": {
        "optimizer": lamina.RMSProp(momentum=0.5),
        "schedule": lamina.StepDecay(1, 0.5),
        "precision": "highest",
    },
    "adam": {"optimizer": lamina.Adam(betas=(0.8, 0.99)), "schedule": lamina.ExponentialDecay(0.9), "max_norm": 0.7},
    "adamw": {"optimizer": "adamw", "schedule": lamina.HalveOnPlateau(1, monitor="loss"), "average": lamina.EMA(0.9)},
    "rates": {"schedule": lamina.WarmUp(1, then=lamina.CosineDecay(4)), "layer_rates": {0: 0.5, "4": 2, -4: 0}},
    "cycle": {"schedule": lamina.OneCycle(4), "average": lamina.SWA(2)},
    "inverse": {
        "schedule": lamina.InverseTimeDecay(0.1),
        "loss": lamina.Loss("cross_entropy", class_weight=[1, 2, 0.5]),
    },
    "stages": {"callbacks": [lamina.UnfreezeInStages(every=2)]},
    "stopping": {"callbacks": [lamina.EarlyStopping(3, "loss", False, min_delta=0.25)]},
}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_resumed_training_goes_on_bit_for_bit(data, path, options):
    def again(trainer):
        trainer.save(path)
        resumed = lamina.Trainer.resume(path, device=trainer.net.device)
        assert repr(resumed.callbacks) == repr(trainer.callbacks) and resumed.schedule == trainer.schedule
        assert resumed.optimizer == trainer.optimizer and resumed.average == trainer.average
        assert resumed.history == trainer.history or np.isnan(trainer.history["val_loss"]).all()
        return resumed

    expected = trained_bits(data, **options)
    assert_same_bits(trained_bits(data, again=again, **options), expected)
    if lamina.cuda.is_available():
        assert_same_bits(trained_bits(data, again=again, device=True, **options), expected)


def test_the_file_goes_from_device_to_device(data, path):
    if not lamina.cuda.is_available():
        pytest.skip("no device")

    def across(trainer):
        trainer.save(path)
        resumed = lamina.Trainer.resume(path, device="cpu" if trainer.net.device == "cuda" else "cuda")
        assert resumed.net.device != trainer.net.device
        return resumed

    expected = trained_bits(data, average=lamina.EMA(0.9))
    for device in (False, True):
        assert_same_bits(trained_bits(data, again=across, average=lamina.EMA(0.9), device=device), expected)


def test_the_file_holds_net_history_and_settings(data, path):
    net = make_net("float64", seed=2**64 - 1)
    net.extra = {"note": "mine"}
    net.freeze(0)
    trainer = lamina.Trainer(net, "cross_entropy", "sgd", seed=2**64 - 1, clip_norm=1)
    trainer.fit(*data, epochs=2, validation_data=data, progress=False)
    trainer.lr = 0.125
    trainer.save(path)
    again = lamina.Trainer.resume(path)
    assert again.history == trainer.history and again.lr == 0.125 and again.seed == 2**64 - 1 and again.clip_norm == 1
    assert again.net.extra == {"note": "mine"} and again.net.frozen == ("0",) and again.net.seed == 2**64 - 1
    assert_same_bits(again.net.state_dict(), net.state_dict())
    assert_same_bits(lamina.load(path).state_dict(), net.state_dict())
    assert lamina.load(path).extra == {"note": "mine"}
    assert not list(path.parent.glob("*.tmp"))


def test_a_callback_may_save_between_epochs(data, path):
    class Save(lamina.Callback):
        def on_epoch_end(self, trainer):
            trainer.save(path)
            if len(trainer.history["loss"]) == 2:
                raise KeyboardInterrupt

    net = make_net()
    with pytest.raises(KeyboardInterrupt):
        lamina.Trainer(net, seed=3, callbacks=[Save()]).fit(*data, epochs=4, batch_size=10, progress=False)
    resumed = lamina.Trainer.resume(path, callbacks=[])
    resumed.fit(*data, epochs=2, batch_size=10, progress=False)
    weights, losses, _ = trained_bits(data)
    assert_same_bits(resumed.net.state_dict(), weights)
    assert_same_bits(np.array(resumed.history["loss"]), losses)


def test_what_is_not_laminas_own_is_asked_for(path):
    def half(lr, history):
        return lr / 2

    stopping = lamina.EarlyStopping()
    lamina.Trainer(make_net(), schedule=half, callbacks=[stopping, Mine()]).save(path)
    with pytest.raises(ValueError, match=r"Trainer.resume: .* holds <function .*half.*>, Mine\(\) by name only"):
        lamina.Trainer.resume(path)
    with pytest.raises(ValueError, match=r"holds Mine\(\) by name only, schedule= or callbacks= is needed"):
        lamina.Trainer.resume(path, schedule=half)
    again = lamina.Trainer.resume(path, schedule=half, callbacks=[Mine()])
    assert again.schedule is half and repr(again.callbacks) == "[Mine()]"
    lamina.Trainer(make_net(), schedule=lamina.WarmUp(2, then=half)).save(path)
    with pytest.raises(ValueError, match=r"holds WarmUp\(epochs=2, then=<function"):
        lamina.Trainer.resume(path)


def test_layers_written_in_python_are_given_again(data, path):
    @dataclass(frozen=True)
    class Half(lamina.PythonLayer):
        factor: float = 0.5

        def forward(self, x, parameters, mode):
            return self.factor * x

        def backward(self, dy, x, y, parameters, mode):
            return self.factor * dy, {}

    trainer = lamina.Trainer(lamina.Sequential(lamina.Linear(4, 5), Half(), lamina.Residual(lamina.Linear(5, 5))))
    trainer.fit(*data, epochs=1, progress=False)
    trainer.save(path)
    with pytest.raises(ValueError, match="Trainer.resume: .*Half"):
        lamina.Trainer.resume(path)
    again = lamina.Trainer.resume(path, layers=[Half])
    for each in (trainer, again):
        each.fit(*data, epochs=1, progress=False)
    assert_same_bits(again.net.state_dict(), trainer.net.state_dict())


def test_a_subclass_is_not_laminas_own(path):
    class Louder(lamina.EarlyStopping):
        pass

    class Faster(lamina.SGD):
        pass

    lamina.Trainer(make_net(), callbacks=[Louder()]).save(path)
    with pytest.raises(ValueError, match="by name only"):
        lamina.Trainer.resume(path)
    with pytest.raises(TypeError, match="Trainer.save: optimizer .*Faster.* given, one of sgd, adagrad"):
        lamina.Trainer(make_net(), optimizer=Faster()).save(path)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"schedule": 3}, TypeError, "Trainer.resume: schedule is 3, a callable"),
        ({"callbacks": 3}, TypeError, "Trainer.resume: callbacks is 3, a list"),
        ({"callbacks": [3]}, TypeError, "Trainer.resume: callback 3 given"),
        ({"device": "gpu"}, ValueError, "device"),
    ],
)
def test_resume_refuses(path, options, error, message):
    lamina.Trainer(make_net()).save(path)
    with pytest.raises(error, match=message):
        lamina.Trainer.resume(path, **options)


def test_the_older_file_stays_when_saving_fails(path):
    lamina.Trainer(make_net(), seed=1).save(path)
    before = path.read_bytes()
    with pytest.raises(TypeError, match="Trainer.save: .* cannot be written to a file"):
        trainer = lamina.Trainer(make_net())
        trainer.clip_norm = object()
        trainer.save(path)
    assert path.read_bytes() == before


def spoil_description(**changes):
    def spoil(tensors, metadata):
        described = json.loads(metadata["lamina.trainer"])
        metadata["lamina.trainer"] = json.dumps(described | changes)

    return spoil


def spoil_array(name, array):
    def spoil(tensors, metadata):
        if array is None:
            del tensors[f"lamina.trainer.{name}"]
        else:
            tensors[f"lamina.trainer.{name}"] = array

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda tensors, metadata: metadata.pop("lamina.trainer"),
            "holds no trainer, its metadata has no 'lamina.trainer'",
        ),
        (lambda tensors, metadata: metadata.update({"lamina.trainer": "{"}), "holds a damaged trainer"),
        (lambda tensors, metadata: metadata.update({"lamina.trainer": "[]"}), "holds a damaged trainer"),
        (lambda tensors, metadata: metadata.update({"lamina": "{}"}), "holds a damaged net"),
        (spoil_description(format=2), "damaged trainer: format 2 is not known"),
        (spoil_description(optimizer={"kind": "Sequential"}), "damaged trainer: 'Sequential' is not known"),
        (spoil_description(optimizer={"kind": "Adam", "lr": -1}), "damaged trainer: Adam: lr is -1"),
        (spoil_description(optimizer={"kind": "Adam", "rate": 1}), "damaged trainer: .*rate"),
        (spoil_description(schedule=[1]), "damaged trainer"),
        (spoil_description(counters={}), "damaged trainer: 'step' is missing"),
        (spoil_description(counters={"step": -1, "epoch": 0, "averaged": 0}), "damaged trainer: .*step"),
        (spoil_description(frozen=3), "damaged trainer"),
        (spoil_description(lr="much"), "damaged trainer: Trainer.resume: lr is 'much'"),
        (spoil_array("optimizer.m", None), "damaged trainer: arrays .* given, .*optimizer.m.* are needed"),
        (spoil_array("optimizer.m", np.zeros(3, np.float32)), r"damaged trainer: optimizer.m is float32 \(3,\)"),
        (spoil_array("optimizer.w", np.zeros(3)), "damaged trainer: arrays"),
        (spoil_array("history.loss", np.zeros(3)), "damaged trainer: the columns of history are not equally long"),
        (spoil_array("history.loss", None), "damaged trainer: 'history.loss' is missing"),
    ],
)
def test_damage_is_named(data, path, spoil, message):
    trainer = lamina.Trainer(make_net())
    trainer.fit(*data, epochs=1, progress=False)
    trainer.save(path)
    tensors, metadata = load_safetensors(path)
    spoil(tensors, metadata)
    save_safetensors(path, tensors, metadata)
    with pytest.raises(ValueError, match=f"Trainer.resume: .*{message}"):
        lamina.Trainer.resume(path)
