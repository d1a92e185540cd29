"""Restricted Boltzmann machines that learn: steps by hand, likelihoods, sampling, state; and what papers report."""

import copy
import pickle

import numpy as np
import pytest

import lamina
import on_device
from comparison import assert_levels_agree, assert_same_bits, assert_within
from lamina import RBM, ops
from lamina import reference as ref
from lamina._arrays import copied, on_host
from tolerances import IDENTITY, standard_errors

DEVICES = ["cpu", *(["cuda"] if lamina.cuda.is_available() else [])]
PATTERNS = np.repeat([[1.0, 1, 0, 0, 1, 0], [0, 0, 1, 1, 0, 1]], 10, axis=0)


def parameters(rbm):
    return {name: copied(view) for name, view in rbm.parameters().items()}


def learned(dtype="float64", fits=((1, False, 3), (2, 7, 2)), **settings):
    """A machine after some fits of (k, persistent, epochs), with all that learning knows."""
    settings = dict(optimizer=lamina.SGD(lr=0.1, momentum=0.5, weight_decay=1e-3), seed=3, layer=2) | settings
    rbm = RBM(6, 5, dtype=dtype, **settings)
    for k, persistent, epochs in fits:
        rbm.fit(PATTERNS, k=k, persistent=persistent, epochs=epochs, batch_size=8, progress=False)
    return rbm


@pytest.mark.parametrize("units", [("bernoulli", "bernoulli"), ("gaussian", "bernoulli"), ("gaussian", "relu")])
@pytest.mark.parametrize("persistent", [False, 7])
def test_learning_takes_the_steps_of_its_formula(units, persistent):
    """Batches in order, the gradient of the reference, then plain descent with momentum; sparsity pulls at b."""
    visible, hidden = units
    lr, momentum, target, cost, k = 0.05, 0.5, 0.2, 0.3, 2
    optimizer = lamina.SGD(lr=lr, momentum=momentum)
    rbm = RBM(6, 5, visible=visible, hidden=hidden, optimizer=optimizer, sparsity_target=target, sparsity_cost=cost,
              seed=3, layer=2, dtype="float64")  # fmt: skip
    names = ("weight", "visible_bias", "hidden_bias")
    values = {name: array.copy() for name, array in rbm.parameters().items()}
    velocity = {name: np.zeros_like(array) for name, array in values.items()}
    chains, step = np.zeros((7, 5)), 0
    for first in (0, 8, 16):
        v = PATTERNS[first : first + 8]
        *gradients, chains_after = ref.rbm_gradient(
            v, *(values[name] for name in names), visible=visible, hidden=hidden, k=k,
            chains=chains if persistent else None, seed=3, layer=2, step=step,
        )  # fmt: skip
        gradient = dict(zip(names, gradients, strict=True))
        means = ref.rbm_hidden(v, values["weight"], values["hidden_bias"], unit=hidden).mean(axis=0)
        gradient["hidden_bias"] = gradient["hidden_bias"] + cost * (means - target)
        chains = chains_after
        for name in names:
            velocity[name] = momentum * velocity[name] + gradient[name]
            values[name] = values[name] - lr * velocity[name]
        step += k
    history = rbm.fit(PATTERNS, k=k, persistent=persistent, epochs=1, batch_size=8, shuffle=False, progress=False)
    for name in names:
        assert_within(rbm.parameters()[name], values[name], 100 * IDENTITY * (1 + np.abs(values[name])))
    assert np.isnan(history["loss"][0]) == bool(persistent) and len(history["seconds"]) == 1
    if persistent:
        if hidden == "bernoulli":
            assert_same_bits(rbm._core.chains(), chains)
        assert (rbm._core.step, rbm._core.sampled, rbm._core.epoch) == (3, 6, 1)


def test_loss_is_the_distance_to_the_chains_ends():
    rbm = RBM(6, 5, seed=3, dtype="float64", optimizer=lamina.SGD(lr=0.0))
    p = rbm.parameters()
    h = ops.rbm_hidden(PATTERNS, p["weight"], p["hidden_bias"], sample=True, seed=3)
    end = ops.rbm_visible(h, p["weight"], p["visible_bias"], sample=True, seed=3)
    loss = rbm.fit(PATTERNS, epochs=1, batch_size=20, shuffle=False, progress=False)["loss"][0]
    assert loss == pytest.approx(0.5 * np.sum((end - PATTERNS) ** 2) / 20)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_learning_has_the_same_bits_everywhere(isa, dtype, visible):
    """Batches enough that a device repeats a recorded step, and other ones from fit to fit."""
    X = np.tile(PATTERNS, (5, 1)).astype(dtype)

    def run():
        device = on_device.level() if on_device.level() == "cuda" else "cpu"
        optimizer = lamina.SGD(lr=0.05, momentum=0.5, weight_decay=1e-3)
        rbm = RBM(
            6, 5, visible=visible, optimizer=optimizer, sparsity_cost=0.1, seed=3, layer=2, dtype=dtype, device=device
        )
        losses = []
        for k, persistent, batch_size in ((1, False, 8), (3, False, 8), (2, 7, 8), (2, 5, 11), (1, True, 9)):
            losses += rbm.fit(X, k=k, persistent=persistent, epochs=2, batch_size=batch_size, progress=False)["loss"]
        return parameters(rbm), copied(rbm._core.chains()), losses

    assert_levels_agree(run)


def test_learning_raises_the_likelihood():
    for persistent in (False, True):
        rbm = RBM(6, 4, optimizer=lamina.SGD(lr=0.2), seed=1)
        before = rbm.log_likelihood(PATTERNS)
        rbm.fit(PATTERNS, persistent=persistent, epochs=300, batch_size=20, progress=False)
        assert before < -4 and rbm.log_likelihood(PATTERNS) > -1.5
        drawn = rbm.sample(400, steps=300, seed=5)
        right = [(drawn == pattern).all(axis=1).mean() for pattern in PATTERNS[[0, -1]]]
        assert min(right) > 0.08 and sum(right) > 0.4


def test_sparsity_draws_hidden_units_to_their_target(rng):
    X = (rng.random((200, 12)) < 0.5).astype(np.float64)
    means = []
    for cost in (0.0, 5.0):
        rbm = RBM(12, 8, optimizer=lamina.SGD(lr=0.1), sparsity_target=0.1, sparsity_cost=cost, seed=2)
        rbm.fit(X, epochs=40, progress=False)
        means.append(rbm.transform(X).mean(axis=0))
    assert np.abs(means[0] - 0.1).mean() > 0.2 and np.abs(means[1] - 0.1).max() < 0.05


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_partition_functions(rng, visible):
    """Over either layer, and the estimate by annealing within three standard errors, with any base."""
    rbm = RBM(7, 5, visible=visible, seed=1, dtype="float64")
    rbm.set_weights(rng.normal(size=(5, 7)), rng.normal(size=7), rng.normal(size=5))
    exact = rbm.log_partition()
    if visible == "bernoulli":
        assert abs(rbm.log_partition("visible") - rbm.log_partition("hidden")) <= 1e-10
    else:  # along each axis, by a sum over a fine grid: of a machine of two units
        small = RBM(1, 2, visible=visible, dtype="float64")
        small.set_weights(rng.normal(size=(2, 1)), rng.normal(size=1), rng.normal(size=2))
        grid = np.linspace(-15, 15, 20_001)[:, None]
        integral = np.exp(-small.free_energy(grid)).sum() * (grid[1] - grid[0])
        assert small.log_partition() == pytest.approx(np.log(integral[0]), abs=1e-9)
    for base in (None, rng.normal(size=7)):
        estimate = rbm.ais(runs=200, betas=500, base=base, seed=4)
        assert estimate.low < exact < estimate.high and estimate.high - estimate.low < 0.5
        assert abs(estimate.log_z - exact) < 0.1
    X = (rng.random((9, 7)) < 0.5).astype(np.float64)
    assert rbm.log_likelihood(X) == pytest.approx(-rbm.free_energy(X).mean() - exact)
    assert rbm.log_likelihood(X, log_z=1.0) == pytest.approx(-rbm.free_energy(X).mean() - 1)
    assert rbm.ais(betas=[0, 0.5, 1], seed=4) == rbm.ais(betas=[0, 0.5, 1], seed=4)


def test_pseudo_likelihood(rng):
    """Of independent units it is the likelihood, but for which of them are looked at."""
    rbm = RBM(4, 3, dtype="float64")
    bias = np.array([-1.0, 0.5, 2.0, 0.0])
    rbm.set_weights(np.zeros((3, 4)), bias)
    X = (rng.random((20_000, 4)) < 0.3).astype(np.float64)
    deviation = 4 * np.std(X * bias - np.logaddexp(0, bias))
    assert abs(rbm.pseudo_likelihood(X) - rbm.log_likelihood(X)) < standard_errors(deviation, len(X))


@pytest.mark.parametrize("device", DEVICES)
def test_units_of_a_machine(rng, device):
    rbm = learned(device=device)
    p = {name: on_host(view) for name, view in rbm.parameters().items()}
    h = rbm.transform(PATTERNS)
    assert isinstance(h, np.ndarray) and np.array_equal(h, ops.rbm_hidden(PATTERNS, p["weight"], p["hidden_bias"]))
    assert np.array_equal(rbm.reconstruct(PATTERNS), ops.rbm_visible(h, p["weight"], p["visible_bias"]))
    energy = ops.rbm_free_energy(PATTERNS, p["weight"], p["visible_bias"], p["hidden_bias"])
    assert np.array_equal(rbm.free_energy(PATTERNS), energy)
    drawn = rbm.sample(20, steps=2, start=PATTERNS, seed=9)
    key, first = dict(sample=True, seed=9, layer=2), 2**31
    h = ops.rbm_hidden(PATTERNS, p["weight"], p["hidden_bias"], step=first, **key)
    v = ops.rbm_visible(h, p["weight"], p["visible_bias"], step=first + 1, **key)
    h = ops.rbm_hidden(v, p["weight"], p["hidden_bias"], step=first + 1, **key)
    assert np.array_equal(drawn, ops.rbm_visible(h, p["weight"], p["visible_bias"], step=first + 2, **key))
    if device == "cuda":
        there = lamina.cuda.array(PATTERNS)
        for call in (rbm.transform, rbm.reconstruct, rbm.free_energy):
            assert np.array_equal(on_host(call(there)), call(PATTERNS))


def test_chains_that_find_no_memory_leave_a_machine_that_learns():
    rbm = learned()
    before = parameters(rbm)
    for count in (2**31 - 1, 2**61):
        with pytest.raises((MemoryError, ValueError)):
            rbm.fit(PATTERNS, persistent=count, epochs=1, progress=False)
        assert_same_bits(parameters(rbm), before)
        pickle.dumps(rbm)
    rbm.fit(PATTERNS, persistent=7, epochs=1, progress=False)
    assert np.isfinite(rbm.transform(PATTERNS)).all()


def test_chains_go_on_when_batches_are_small():
    """As many as batch_size says, also where there are fewer rows."""
    rbm = RBM(6, 5, seed=3)
    for rows in (20, 7, 20):
        rbm.fit(PATTERNS[:rows], persistent=True, epochs=1, batch_size=12, progress=False)
        assert rbm._core.chains().shape == (12, 5)
    assert rbm._core.chains().any()


def test_learning_that_diverges_is_told():
    rbm = RBM(6, 5, visible="gaussian", hidden="relu", optimizer=lamina.SGD(lr=10.0))
    with pytest.warns(RuntimeWarning, match="RBM.fit: the biases are no finite numbers.*learning rate"):
        rbm.fit(PATTERNS, epochs=50, progress=False)


def test_a_copy_has_a_history_of_its_own():
    rbm = learned()
    entries = len(rbm.history["loss"])
    copy.copy(rbm).fit(PATTERNS, epochs=2, progress=False)
    assert len(rbm.history["loss"]) == len(rbm.history["seconds"]) == entries


@pytest.mark.parametrize("device", DEVICES)
def test_pickled_machines_go_on(device):
    rbm = learned(device=device)
    twin = pickle.loads(pickle.dumps(rbm))
    assert repr(twin) == repr(rbm) == "RBM(6, 5, visible='bernoulli', hidden='bernoulli')"
    for machine in (rbm, twin):
        machine.fit(PATTERNS, persistent=7, epochs=2, batch_size=8, progress=False)
    assert_same_bits(parameters(twin), parameters(rbm))
    assert len(twin.history["loss"]) == 7


def test_splitting_a_fit_changes_nothing():
    assert_same_bits(parameters(learned(fits=[(2, 7, 4)])), parameters(learned(fits=[(2, 7, 1), (2, 7, 3)])))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_hidden": 0}, ValueError, "RBM: n_hidden"),
        ({"visible": "relu"}, ValueError, "RBM: visible is 'relu'.*bernoulli.*gaussian"),
        ({"hidden": "gaussian"}, ValueError, "RBM: hidden is 'gaussian'.*relu"),
        ({"optimizer": "lion"}, ValueError, "RBM: optimizer"),
        ({"sparsity_cost": -1.0}, ValueError, "RBM: sparsity_cost"),
        ({"sparsity_target": np.nan}, ValueError, "RBM: sparsity_target"),
        ({"init": "xavier"}, ValueError, "RBM: init"),
        ({"seed": -1}, ValueError, "RBM: seed"),
        ({"layer": 2**24}, ValueError, "RBM: layer"),
        ({"dtype": "float16"}, ValueError, "RBM: dtype"),
        ({"device": "tpu"}, ValueError, "RBM: device"),
    ],
)
def test_machines_refuse_bad_settings(arguments, error, message):
    with pytest.raises(error, match=message):
        RBM(**{"n_visible": 6, "n_hidden": 5} | arguments)


def test_machines_refuse_bad_input():
    rbm = RBM(6, 5)
    before = parameters(rbm)
    bad = {
        "X has shape": PATTERNS[:, 1:],
        "rows": PATTERNS[:0],
        "holds nan": PATTERNS + np.nan,
        r"\[0, 1\]": 2 * PATTERNS,
    }
    for message, X in bad.items():
        with pytest.raises(ValueError, match=f"RBM.fit: .*{message}"):
            rbm.fit(X, progress=False)
    for settings, message in (({"k": 0}, "k"), ({"persistent": 0}, "persistent"), ({"batch_size": 0}, "batch_size")):
        with pytest.raises(ValueError, match=f"RBM.fit: {message}"):
            rbm.fit(PATTERNS, progress=False, **settings)
    with pytest.raises(ValueError, match="RBM.set_weights: visible_bias has shape"):
        rbm.set_weights(np.zeros((5, 6)), np.zeros(5))
    with pytest.raises(ValueError, match="RBM.sample: start has shape"):
        rbm.sample(3, start=PATTERNS)
    for settings in ({"runs": 1}, {"betas": [0.1, 1]}, {"betas": 1}, {"base": np.zeros(5)}):
        with pytest.raises(ValueError, match=f"RBM.ais: {next(iter(settings))}"):
            rbm.ais(**settings)
    for call, message in (
        (lambda: rbm.set_weights("abc"), "RBM.set_weights: weight is not made of numbers"),
        (lambda: rbm.ais(base=["a"] * 6), "RBM.ais: base is not made of numbers"),
        (lambda: rbm.ais(betas=["a", "b"]), "RBM.ais: betas is not made of numbers"),
        (lambda: rbm.log_likelihood(PATTERNS, log_z="a"), "RBM.log_likelihood: log_z"),
        (lambda: rbm.fit(PATTERNS, shuffle="no"), "RBM.fit: shuffle"),
    ):
        with pytest.raises(TypeError, match=message):
            call()
    with pytest.raises(ValueError, match="RBM.pseudo_likelihood: X holds"):
        rbm.pseudo_likelihood(PATTERNS / 2)
    with pytest.raises(ValueError, match="RBM.log_partition: .*30 units, at most 25.*ais"):
        RBM(40, 30).log_partition()
    relu = RBM(6, 5, hidden="relu")
    for call in (
        lambda: relu.free_energy(PATTERNS),
        relu.log_partition,
        relu.ais,
        lambda: relu.log_likelihood(PATTERNS),
    ):
        with pytest.raises(ValueError, match="ReLUs"):
            call()
    with pytest.raises(ValueError, match="RBM.pseudo_likelihood: visible"):
        RBM(6, 5, visible="gaussian").pseudo_likelihood(PATTERNS)
    assert_same_bits(parameters(rbm), before)
    assert rbm.history == {"loss": [], "seconds": []}


@pytest.mark.parametrize("seed", range(5))
def test_bars_and_stripes(seed):
    """A. Fischer & C. Igel, "Empirical analysis of the divergence of Gibbs sampling based learning", 2010."""
    X = lamina.datasets.bars_and_stripes(3)
    best = -np.log(16) + 2 * 2 / 16 * np.log(2)  # two of the patterns are there twice
    assert len(X) == 16 and best == pytest.approx(-2.599302, abs=1e-6)

    def curve(k, persistent):
        rbm = RBM(9, 9, optimizer=lamina.SGD(lr=0.1), seed=seed, dtype="float64")
        values = []
        for _ in range(200):
            rbm.fit(X, k=k, persistent=persistent, epochs=100, batch_size=16, progress=False)
            values.append(rbm.log_likelihood(X))
        assert abs(rbm.log_partition("visible") - rbm.log_partition("hidden")) <= 1e-10
        assert max(values) <= best
        return values

    assert curve(10, False)[-1] >= -2.80
    assert -3.2 <= max(curve(1, False)) <= -2.85
    persistent = curve(1, True)
    assert persistent[-1] < -6 and max(persistent) > -4.2
