"""Learning rates: what each schedule makes of a history, and that a fit follows, step by step where one says so."""

import copy
import pickle

import numpy as np
import pytest

import lamina
import tolerances
from comparison import assert_same_bits
from lamina import ops
from small_nets import clouds, make_net, weights_of


@pytest.fixture
def data(rng):
    return clouds(rng)


@pytest.mark.parametrize(
    ("values", "rates"),
    [
        ([5, 4, 3, 2, 1], [1, 1, 1, 1, 1]),
        ([5, 5, 5, 5, 5, 5], [1, 1, 1, 0.5, 0.5, 0.25]),
        ([5, 6, 4, 6, 6, 3, 9, 9], [1, 1, 1, 1, 1, 0.5, 0.5, 0.5]),
        ([5, 6, np.nan, 5], [1, 1, 1, 0.5]),
    ],
)
def test_trainer_halves_the_rate_on_a_plateau(values, rates):
    halve, history = lamina.HalveOnPlateau(patience=2), {"lr": [], "val_loss": []}
    rate = 1.0
    for value in values:
        history["lr"].append(rate)
        history["val_loss"].append(value)
        rate = halve(rate, history)
    assert history["lr"] == rates


def test_trainer_rate_goes_no_lower_than_asked(data):
    schedule = lamina.HalveOnPlateau(patience=1, min_lr=0.3, monitor="loss")
    trainer = lamina.Trainer(make_net(), optimizer=lamina.SGD(lr=1.0), schedule=schedule)
    assert schedule(1.0, {"lr": [1.0, 1.0], "loss": [1.0, 1.0]}) == 0.5
    assert schedule(0.5, {"lr": [0.5, 0.5], "loss": [1.0, 1.0]}) == 0.3
    assert schedule(0.1, {"lr": [0.1, 0.1], "loss": [1.0, 1.0]}) == 0.1
    trainer.schedule = lamina.StepDecay(2, 0.5)
    assert trainer.fit(*data, epochs=5, progress=False)["lr"] == [1.0, 1.0, 0.5, 0.5, 0.25]
    trainer.schedule, trainer.lr = lamina.ExponentialDecay(0.25), 1.0
    assert trainer.fit(*data, epochs=3, progress=False)["lr"][5:] == [1.0, 0.25, 0.0625]
    trainer.schedule = lambda lr, history: lr + len(history["lr"])
    trainer.lr = 1.0
    assert trainer.fit(*data, epochs=2, progress=False)["lr"][8:] == [1.0, 10.0]


def test_trainer_rate_of_zero_changes_no_parameter(data):
    net = make_net()
    before = weights_of(net)
    lamina.Trainer(net, optimizer=lamina.Adam(lr=0)).fit(*data, epochs=1, progress=False)
    assert_same_bits(weights_of(net), before)


@pytest.mark.parametrize(
    ("rate", "error", "message"),
    [
        (-1.0, ValueError, "Trainer: .*Bad.* gave the rate -1.0, a finite one >= 0"),
        (np.nan, ValueError, "Trainer: .*Bad.* gave the rate nan"),
        (np.inf, ValueError, "Trainer: .*Bad.* gave the rate inf"),
        (None, TypeError, "Trainer: .*Bad.* gave the rate None, a number"),
        ("much", TypeError, "Trainer: .*Bad.* gave the rate 'much'"),
        (KeyError("own"), KeyError, "own"),
    ],
)
def test_bad_rates_of_schedules_are_told_behind_an_epoch_that_stands(data, rate, error, message):
    class Bad:
        def __call__(self, lr, history):
            if isinstance(rate, Exception):
                raise rate
            return rate

    trainer = lamina.Trainer(make_net(), optimizer="sgd", schedule=Bad(), average=lamina.SWA(1), seed=1)
    with pytest.raises(error, match=message):
        trainer.fit(*data, epochs=2, progress=False)
    assert [len(column) for column in trainer.history.values()] == [1] * 5
    assert (trainer.lr, trainer._core.epoch) == (0.01, 1)
    twin = lamina.Trainer(make_net(), optimizer="sgd", average=lamina.SWA(1), seed=1)
    twin.fit(*data, epochs=2, progress=False)
    trainer.schedule = None
    trainer.fit(*data, epochs=1, progress=False)
    assert trainer.history["loss"] == twin.history["loss"]
    assert_same_bits(trainer.averaged().state_dict(), twin.averaged().state_dict())


def all_rates(schedule, lr, epochs, steps):
    """The rates of all steps, those of each epoch a row."""
    history, rows = {"lr": []}, []
    for _ in range(epochs):
        rows.append(schedule.rates(lr, history, steps))
        history["lr"].append(rows[-1][-1])
        lr = schedule(lr, history)
    return np.array(rows)


def near(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=tolerances.IDENTITY, atol=tolerances.IDENTITY)


def test_inverse_time_decay_is_one_over_t(data):
    trainer = lamina.Trainer(make_net(), optimizer=lamina.SGD(lr=0.3), schedule=lamina.InverseTimeDecay(0.5))
    history = trainer.fit(*data, epochs=6, progress=False)
    near(history["lr"], 0.3 / (1 + 0.5 * np.arange(6)))


@pytest.mark.parametrize("least", [0.0, 0.02])
def test_cosine_decay_is_half_a_cosine(least):
    rates = all_rates(lamina.CosineDecay(4, min_lr=least), 0.1, 6, 5)
    turns = np.minimum(np.arange(30).reshape(6, 5) / 20, 1)
    near(rates, least + (0.1 - least) * (1 + np.cos(np.pi * turns)) / 2)
    assert rates[0, 0] == 0.1 and (rates[4:] == least).all() and (np.diff(rates.ravel()[:20]) < 0).all()
    assert (lamina.CosineDecay(4, min_lr=0.5).rates(0.1, {"lr": [0.1]}, 3) == 0.1).all()


def test_warm_up_rises_to_the_rate():
    rates = all_rates(lamina.WarmUp(3), 0.3, 5, 4)
    near(rates[:3].ravel(), 0.3 * np.arange(1, 13) / 12)
    near(rates[:, -1], [0.1, 0.2, 0.3, 0.3, 0.3])
    assert rates.max() == 0.3 and (rates[3:] == 0.3).all()


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        (lamina.StepDecay(1, 0.5), [0.4, 0.8, 0.8, 0.4, 0.2]),
        (lambda lr, history: lr / (1 + len(history["lr"])), [0.4, 0.8, 0.8, 0.4, 0.4 / 3]),
        (lamina.HalveOnPlateau(patience=1, monitor="loss"), [0.4, 0.8, 0.8, 0.8, 0.4]),
        (lamina.WarmUp(2), [0.4, 0.8, 0.4, 0.8, 0.8]),
    ],
    ids=["by steps of epochs", "a function", "on a plateau", "another rise"],
)
def test_warm_up_hands_over(then, expected):
    schedule, history, lr = lamina.WarmUp(2, then), {"lr": [], "loss": []}, 0.8
    for _ in expected:
        history["lr"].append(schedule.rates(lr, history, 3)[-1])
        history["loss"].append(1.0)
        lr = schedule(lr, history)
    near(history["lr"], expected)


def test_warm_up_then_cosine_begins_at_the_top():
    rates = all_rates(lamina.WarmUp(2, lamina.CosineDecay(3)), 0.1, 5, 4)
    assert_same_bits(rates[2:], all_rates(lamina.CosineDecay(3), 0.1, 3, 4))


@pytest.mark.parametrize(("epochs", "steps"), [(10, 40), (1, 1000), (400, 1)])
def test_one_cycle_follows_torch(epochs, steps):
    """Whose phases end a step earlier."""
    torch = pytest.importorskip("torch")
    total, options = epochs * steps, dict(div_factor=20.0, final_div_factor=500.0, pct_start=0.4)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.5, total, three_phase=True, anneal_strategy="linear", cycle_momentum=False, **options
    )
    expected = []
    for step in range(total):
        expected.append(theirs.get_last_lr()[0])
        if step + 1 < total:
            optimizer.step()
            theirs.step()
    rates = all_rates(lamina.OneCycle(epochs, **options), 0.5, epochs, steps).ravel()
    np.testing.assert_allclose(rates, expected, atol=3 * 0.5 / (0.2 * total))
    near([rates[0], rates[-1]], [0.5 / 20, 0.5 / 20 / 500])


def test_one_cycle_of_few_steps_and_beyond():
    for steps in (1, 2, 3):
        rates = all_rates(lamina.OneCycle(1), 1.0, 3, steps)
        assert np.isfinite(rates).all() and (rates > 0).all() and (rates <= 1).all()
        near(rates[1:], 1 / 25 / 1e4)


STEPWISE = [lamina.CosineDecay(4, 1e-3), lamina.WarmUp(2, lamina.StepDecay(1)), lamina.OneCycle(4)]


@pytest.mark.parametrize("schedule", STEPWISE, ids=str)
def test_a_fit_takes_the_rate_of_each_step(isa, data, schedule):
    """As written out with ops, at every level; the history has the rate of the epoch's last step."""
    x, y = data[0][:81].astype(np.float32), data[1][:81]  # 5 batches of 16, and one row more, which joins
    net, twin = make_net(), make_net()
    trainer = lamina.Trainer(net, optimizer=lamina.SGD(lr=0.1), schedule=schedule, seed=7)
    history = trainer.fit(x, y, epochs=5, batch_size=16, progress=False)
    past, lr, step = {"lr": []}, 0.1, 0
    for epoch in range(5):
        rates = schedule.rates(lr, past, 5)
        order = ops.random_permutation(81, seed=7, step=epoch)
        for number, rate in enumerate(rates):
            rows = order[16 * number : 16 * number + 16] if number < 4 else order[64:]
            _, gradients = twin.loss_and_gradients(x[rows], y[rows], seed=7, step=step)
            for name, array in twin.parameters().items():
                ops.sgd_step(array.reshape(-1), gradients[name].reshape(-1), lr=rate)
            step += 1
        past["lr"].append(float(rates[-1]))
        lr = schedule(lr, past)
    assert_same_bits(net.state_dict(), twin.state_dict())
    assert history["lr"] == past["lr"]


def test_a_step_that_is_left_out_keeps_its_rate(data):
    """Batches without weight are no steps, but time goes on: the other steps have their own rates."""
    x, y = data
    weight = np.ones(90)
    weight[30:60] = 0

    class Rates(lamina.StepSchedule):
        def rates(self, lr, history, steps):
            assert steps == 3
            return [0.0, 0.5, 0.0]

    net = make_net()
    before = weights_of(net)
    trainer = lamina.Trainer(net, optimizer="sgd", schedule=Rates())
    trainer.fit(x, y, epochs=1, batch_size=30, sample_weight=weight, shuffle=False, progress=False)
    assert_same_bits(weights_of(net), before)


@pytest.mark.parametrize("make_copy", [copy.deepcopy, lambda trainer: pickle.loads(pickle.dumps(trainer))])
@pytest.mark.parametrize("schedule", STEPWISE, ids=str)
def test_a_copy_goes_on_in_the_middle_of_a_schedule(data, schedule, make_copy):
    together = lamina.Trainer(make_net(), schedule=schedule, seed=3)
    together.fit(*data, epochs=5, batch_size=16, progress=False)
    trainer = lamina.Trainer(make_net(), schedule=schedule, seed=3)
    trainer.fit(*data, epochs=3, batch_size=16, progress=False)
    twin = make_copy(trainer)
    twin.fit(*data, epochs=2, batch_size=16, progress=False)
    assert_same_bits(twin.net.state_dict(), together.net.state_dict())
    assert twin.history["lr"] == together.history["lr"]


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        (lambda steps: np.ones(steps + 1), r"gave rates of shape \(4,\), \(3,\) is needed"),
        (lambda steps: 0.1, r"gave rates of shape \(\), \(3,\) is needed"),
        (lambda steps: [0.1, -0.1, 0.1], "gave the rate -0.1 for step 1"),
        (lambda steps: [0.1, 0.1, np.nan], "gave the rate nan for step 2"),
    ],
)
def test_bad_rates_of_steps_are_told_before_the_epoch(data, rates, message):
    class Bad(lamina.StepSchedule):
        def rates(self, lr, history, steps):
            return rates(steps)

    net = make_net()
    before = net.state_dict()
    trainer = lamina.Trainer(net, schedule=Bad())
    with pytest.raises(ValueError, match=f"Trainer: .*Bad.*{message}"):
        trainer.fit(*data, epochs=1, batch_size=30, progress=False)
    assert_same_bits(net.state_dict(), before)
    assert trainer.history["loss"] == []


def test_native_code_checks_the_rates(data):
    trainer = lamina.Trainer(make_net())
    x, y = data[0].astype(np.float32), data[1]
    for bad, message in [
        (np.ones(2), "run_epoch: lr has 2 numbers, needs one, or one for each of 3 steps"),
        (np.array([0.1, np.inf, 0.1]), "run_epoch: lr is inf"),
        (np.ones(3, np.float32), "run_epoch: lr"),
    ]:
        with pytest.raises(ValueError, match=message):
            trainer._core.run_epoch(x, y, None, 30, False, bad)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: lamina.InverseTimeDecay(-1), ValueError, "InverseTimeDecay: decay is -1.0, a finite number from 0 on"),
        (lambda: lamina.InverseTimeDecay("1"), TypeError, "InverseTimeDecay: decay"),
        (lambda: lamina.CosineDecay(0), ValueError, "CosineDecay: epochs is 0"),
        (lambda: lamina.CosineDecay(1.5), TypeError, "CosineDecay: epochs"),
        (lambda: lamina.CosineDecay(1, float("nan")), ValueError, "CosineDecay: min_lr"),
        (lambda: lamina.WarmUp(0), ValueError, "WarmUp: epochs is 0"),
        (lambda: lamina.WarmUp(1, 0.1), TypeError, "WarmUp: then is 0.1"),
        (lambda: lamina.WarmUp(1, lamina.CosineDecay), TypeError, "WarmUp: then"),
        (lambda: lamina.OneCycle(0), ValueError, "OneCycle: epochs is 0"),
        (lambda: lamina.OneCycle(1, div_factor=0.5), ValueError, "OneCycle: div_factor is 0.5, .* from 1 on"),
        (lambda: lamina.OneCycle(1, final_div_factor=np.inf), ValueError, "OneCycle: final_div_factor"),
        (lambda: lamina.OneCycle(1, pct_start=0.5), ValueError, r"OneCycle: pct_start is 0.5, .*\[0.01, 0.5\)"),
        (lambda: lamina.StepSchedule(), TypeError, "StepSchedule.* abstract method .?rates"),
        (lambda: type("Mine", (lamina.StepSchedule,), {})(), TypeError, "Mine.* abstract method .?rates"),
    ],
)
def test_schedule_mistakes_are_told(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_schedule_behind_the_rise_asks_for_validation_data(data):
    trainer = lamina.Trainer(make_net(), schedule=lamina.WarmUp(1, lamina.HalveOnPlateau()))
    with pytest.raises(ValueError, match="WarmUp.*needs validation_data"):
        trainer.fit(*data, epochs=1, progress=False)
