"""Averages of weights: the op against the reference and its bits; trainers that keep an exponential or an equal one."""

import copy
import pickle

import numpy as np
import pytest

import lamina
from bad_inputs import changed, check_refused, spoiled
from comparison import assert_levels_agree, assert_same_bits
from lamina import ops
from lamina import reference as ref
from lamina._arrays import copied
from small_nets import clouds, make_net, steps_of_a_fit, trained_bits

SIZES = [0, 1, 7, 16, 17, 35, 1000, 100_003]


@pytest.fixture
def data(rng):
    return clouds(rng)


@pytest.mark.parametrize("weight", [0.0, 1e-3, 0.25, 1.0])
def test_average_step_matches_reference(isa, rng, dtype, weight):
    for size in SIZES:
        average, params = rng.normal(size=(2, size)).astype(dtype)
        expected = average.astype(np.float64)
        ref.average_step(expected, params, weight)
        before = params.copy()
        assert ops.average_step(average, params, weight) is None
        np.testing.assert_allclose(average, expected, rtol=0, atol=8 * np.finfo(dtype).eps)
        assert_same_bits(params, before)


def test_average_step_agrees_at_all_levels(isa, rng, dtype):
    for size in SIZES:
        average, params = (rng.normal(size=(2, size)) * 10.0 ** rng.integers(-30, 30, size=size)).astype(dtype)
        params[: min(size, 4)] = np.array([-0.0, np.inf, -np.inf, np.nan])[:size]
        assert_levels_agree(ops.average_step, average, params, 0.3)


def test_average_step_keeps_what_is_alike_and_begins_with_zeros(isa, rng, dtype):
    params = rng.normal(size=100).astype(dtype)
    average = params.copy()
    ops.average_step(average, params, 0.123)
    assert_same_bits(average, params)
    average = np.zeros_like(params)
    ops.average_step(average, params, 1.0)
    assert_same_bits(average, params)


def test_average_step_refuses(dtype):
    arguments = {"average": np.ones(5, dtype), "params": np.ones(5, dtype), "weight": 0.5}
    read_only = np.ones(5, dtype)
    read_only.flags.writeable = False
    together = np.ones(8, dtype)
    cases = [changed(arguments, ValueError, weight=bad) for bad in (-0.1, 1.1, np.nan)]
    cases += [
        changed(arguments, ValueError, average=read_only),
        changed(arguments, ValueError, params=np.ones(4, dtype)),
        changed(arguments, ValueError, average=together[:5], params=together[3:]),
        changed(arguments, TypeError, weight=None),
    ]
    check_refused(ops.average_step, cases)
    check_refused(ops.average_step, spoiled(arguments, "average", "params"))
    with pytest.raises(ValueError, match="average_step: weight is 2"):
        ref.average_step(np.ones(2), np.ones(2), 2)


def test_ema_is_an_average_step_after_every_update(isa, dtype, data):
    data = data[0].astype(dtype), data[1]
    net, twin = make_net(dtype), make_net(dtype)
    trainer = lamina.Trainer(net, optimizer=lamina.SGD(lr=0.3), seed=7, average=lamina.EMA(0.9))
    trainer.fit(*data, epochs=2, batch_size=18, progress=False)
    average = {name: copied(array) for name, array in twin.parameters().items()}
    for gradients in steps_of_a_fit(twin, data, 2, 18, seed=7):
        for name, array in twin.parameters().items():
            ops.sgd_step(array.reshape(-1), gradients[name].reshape(-1), lr=0.3)
            ops.average_step(average[name].reshape(-1), copied(array).reshape(-1), 1 - 0.9)
    averaged = trainer.averaged()
    assert averaged is not net and averaged.device == net.device
    assert_same_bits(averaged.state_dict(), twin.state_dict() | average)
    assert_same_bits(net.state_dict(), twin.state_dict())


def test_swa_is_the_mean_of_epochs(isa, dtype, data):
    class Collect(lamina.Callback):
        def __init__(self):
            self.states = []

        def on_epoch_end(self, trainer):
            self.states.append(trainer.net.state_dict())

    collect = Collect()
    trainer = lamina.Trainer(make_net(dtype), average=lamina.SWA(start=2, every=3), callbacks=[collect])
    for epochs in (1, 5, 3):  # of which 2, 5 and 8 count
        trainer.fit(*data, epochs=epochs, progress=False)
    averaged = trainer.averaged().state_dict()
    for name in trainer.net.parameters():
        expected = np.mean([collect.states[epoch - 1][name].astype(np.float64) for epoch in (2, 5, 8)], axis=0)
        np.testing.assert_allclose(averaged[name], expected, rtol=0, atol=8 * np.finfo(dtype).eps)
    assert_same_bits(averaged["1.running_var"], collect.states[-1]["1.running_var"])


def test_swa_of_one_epoch_is_its_weights(data):
    trainer = lamina.Trainer(make_net(), average=lamina.SWA(start=2))
    trainer.fit(*data, epochs=1, progress=False)
    with pytest.raises(ValueError, match=r"Trainer.averaged: nothing has been averaged by SWA\(start=2, every=1\)"):
        trainer.averaged()
    trainer.fit(*data, epochs=1, progress=False)
    assert_same_bits(trainer.averaged().state_dict(), trainer.net.state_dict())


@pytest.mark.parametrize("average", [lamina.EMA(0.9), lamina.SWA(start=2)], ids=str)
def test_an_average_survives_copies_and_is_recorded(data, average):
    """The bits of a device whose steps are recorded are the processor's; copied and pickled trainers average on."""
    expected = trained_bits(data, average=average)
    assert not np.array_equal(expected[0]["0.weight"], expected[2]["0.weight"])
    for again in (copy.deepcopy, lambda trainer: pickle.loads(pickle.dumps(trainer))):
        assert_same_bits(trained_bits(data, average=average, again=again), expected)
        if lamina.cuda.is_available():
            assert_same_bits(trained_bits(data, average=average, again=again, device=True), expected)


def test_an_average_changes_nothing_of_the_training(data):
    plain = trained_bits(data)
    for average in (lamina.EMA(), lamina.SWA(1)):
        assert_same_bits(trained_bits(data, average=average)[:2], plain[:2])


def test_memory_of_an_average_is_planned(data):
    trainer = lamina.Trainer(make_net(), average=lamina.EMA())
    plan = trainer.memory()
    assert plan["average"] == plan["parameters"] and lamina.Trainer(make_net()).memory()["average"] == 0


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: lamina.EMA(1.0), ValueError, "EMA: decay is 1.0"),
        (lambda: lamina.EMA("much"), TypeError, "EMA: decay is 'much'"),
        (lambda: lamina.SWA(0), ValueError, "SWA: start is 0"),
        (lambda: lamina.SWA(1, 0), ValueError, "SWA: every is 0"),
        (lambda: lamina.SWA(1.5), TypeError, "SWA: start is 1.5"),
        (lambda: lamina.Trainer(make_net(), average="ema"), TypeError, "Trainer: average is 'ema', an instance of EMA"),
        (lambda: lamina.Trainer(make_net(), average=lamina.EMA), TypeError, "Trainer: average is <class"),
        (lambda: lamina.Trainer(make_net()).averaged(), ValueError, "Trainer.averaged: no average is kept"),
        (lambda: lamina.Trainer(make_net(), average=lamina.EMA()).averaged(), ValueError, "nothing has been averaged"),
    ],
)
def test_averages_refuse(make, error, message):
    with pytest.raises(error, match=message):
        make()
