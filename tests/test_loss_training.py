"""Every loss in nets: the loss and gradient of its op, what it learns, its score."""

import copy
import pickle

import numpy as np
import pytest

import lamina
import tolerances
from comparison import assert_same_bits
from lamina import ops
from lamina import reference as ref
from small_nets import clouds, make_net

LOSSES = [*lamina.losses.NAMES[1:], lamina.Loss("huber", delta=0.3)]


def suiting(loss, rng, shape):
    """Targets that the loss takes."""
    name = getattr(loss, "name", loss)
    if name in ("softmax_cross_entropy", "kl_divergence"):
        return rng.dirichlet(np.ones(shape[1]), size=shape[0])
    return rng.poisson(2.0, shape).astype(float) if name == "poisson_nll" else rng.random(shape)


def op_of(loss):
    """The op with its constants."""
    if isinstance(loss, str):
        return getattr(ops, loss)
    return lambda *arguments, **options: ops.huber(*arguments, delta=loss.delta, **options)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_nets_have_the_loss_and_gradient_of_the_op(isa, dtype, rng, loss):
    net = lamina.Sequential(lamina.Linear(4, 3), seed=1, dtype=dtype.name)
    x, weight = rng.normal(size=(35, 4)).astype(dtype), rng.random(35).astype(dtype)
    target = suiting(loss, rng, (35, 3)).astype(dtype)
    value, gradients = net.loss_and_gradients(x, target, loss, sample_weight=weight)
    expected, gradient = op_of(loss)(net(x), target, sample_weight=weight)
    assert value == expected
    assert_same_bits(gradients["0.bias"], ops.linear_backward(gradient, x, net.parameters()["0.weight"])[2])


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_trainer_learns_with_every_loss(isa, rng, loss):
    """Targets that depend on products of inputs, too, which a linear net could not learn."""
    x = rng.normal(size=(200, 4))
    truth = np.stack([x[:, 0], x[:, 1] * x[:, 2], x[:, 3]], axis=1)
    name = getattr(loss, "name", loss)
    target = {
        "softmax_cross_entropy": ref.softmax_forward(3 * truth),
        "kl_divergence": ref.softmax_forward(3 * truth),
        "sigmoid_cross_entropy": (truth > 0).astype(float),
        "poisson_nll": np.exp(truth),
    }.get(name, truth)
    trainer = lamina.Trainer(make_net(modern=False), loss, lamina.Adam(lr=0.02), seed=2)
    before = trainer.evaluate(x, target)
    trainer.fit(x, target, epochs=60, batch_size=32, progress=False)
    after = trainer.evaluate(x, target)
    assert after["loss"] < before["loss"] and after["score"] > before["score"]
    assert after["score"] > 0.8


def test_huber_and_absolute_error_mind_outliers_less(rng):
    """A line through points of which a tenth is far off: squares follow these, distances do not."""
    x = rng.normal(size=(300, 1))
    y = 2 * x[:, 0] + 0.1 * rng.normal(size=300)
    y[:30] += 50

    def offset(loss):
        net = lamina.Sequential(lamina.Linear(1, 1), seed=1)
        optimizer = lamina.Adam(lr=0.05)
        lamina.Trainer(net, loss, optimizer, schedule=lamina.ExponentialDecay(0.98)).fit(
            x, y, epochs=150, batch_size=50, progress=False
        )
        return abs(float(net.parameters()["0.bias"][0]))

    assert offset("squared_error") > 2
    assert offset("huber") < 0.5 and offset("absolute_error") < 0.5 and offset(lamina.Loss("huber", delta=0.1)) < 0.5


def test_delta_reaches_training_and_its_copies(rng):
    x, y = rng.normal(size=(40, 4)), 10 * rng.normal(size=(40, 3))

    def train(loss, make_copy=lambda trainer: trainer):
        trainer = lamina.Trainer(make_net("float64", modern=False), loss, lamina.SGD(lr=0.1), seed=1)
        trainer = make_copy(trainer)
        trainer.fit(x, y, epochs=2, batch_size=16, progress=False)
        return trainer.net.state_dict()

    half = train(lamina.Loss("huber", delta=0.5))
    assert not np.array_equal(half["2.bias"], train("huber")["2.bias"])
    assert_same_bits(train("huber"), train(lamina.Loss("huber", delta=1)))
    for make_copy in (copy.deepcopy, lambda trainer: pickle.loads(pickle.dumps(trainer))):
        assert_same_bits(train(lamina.Loss("huber", delta=0.5), make_copy), half)


def test_scores_are_accuracy_and_r2(rng):
    """poisson_nll's is about the rates."""
    x, y = clouds(rng)
    net = make_net("float64")
    logits = net(x)
    share = lamina.Trainer(net, "kl_divergence").evaluate(x, np.eye(3)[y])["score"]
    assert share == (logits.argmax(axis=1) == y).mean()

    counts = rng.poisson(2.0, (90, 3)).astype(float)
    spread = ((counts - counts.mean(axis=0)) ** 2).sum(axis=0)
    for loss, prediction in (("absolute_error", logits), ("huber", logits), ("poisson_nll", np.exp(logits))):
        r2 = 1 - ((prediction - counts) ** 2).sum(axis=0) / spread
        assert abs(lamina.Trainer(net, loss).evaluate(x, counts)["score"] - r2.mean()) < tolerances.IDENTITY


def test_one_output_takes_a_vector_or_a_column(rng):
    net, x = lamina.Sequential(lamina.Linear(4, 1), dtype="float64"), rng.normal(size=(9, 4))
    y = rng.poisson(2.0, 9)
    for loss in ("absolute_error", "huber", "poisson_nll"):
        assert net.loss_and_gradients(x, y, loss)[0] == net.loss_and_gradients(x, y[:, None], loss)[0]
