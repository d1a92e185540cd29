"""Clipping of gradients: the ops against the reference, their bits, what is not finite; and a trainer that clips."""

import numpy as np
import pytest

import lamina
import on_device
import tolerances
from bad_inputs import changed, check_refused, spoiled
from comparison import assert_levels_agree, assert_same_bits, row_sums_as_written
from lamina import ops
from lamina import reference as ref
from lamina._arrays import copied
from small_nets import clouds, make_net

SIZES = [0, 1, 15, 16, 17, 35, 1000, 1023, 1024, 1025, 40_000, 100_003]


@pytest.fixture
def data(rng):
    return clouds(rng)


def norm_as_written(grads):
    """math/order.h: chunks of 1024 as rows are, and 32 chunks together."""
    squares = np.zeros((-(-len(grads) // 1024), 1024))
    squares.ravel()[: len(grads)] = grads.astype(np.float64) ** 2
    rows = row_sums_as_written(squares)
    total = 0.0
    for first in range(0, len(rows), 32):
        together = 0.0
        for row in rows[first : first + 32]:
            together += row
        total += together
    return np.sqrt(total)


@pytest.mark.parametrize("value", [0.3, 5.0, 1e-30])
def test_clip_by_value_matches_reference(isa, rng, dtype, value):
    for size in SIZES:
        grads = (3 * rng.normal(size=size)).astype(dtype)
        expected = grads.copy()
        ref.clip_by_value(expected, float(dtype.type(value)))
        assert ops.clip_by_value(grads, value) is None
        assert_same_bits(grads, expected)


@pytest.mark.parametrize("share", [0.01, 0.999, 1.001, 100])
def test_clip_by_norm_matches_reference(isa, rng, dtype, share):
    for size in SIZES[1:]:
        grads = rng.normal(size=size).astype(dtype)
        given, expected, norm = grads.copy(), grads.copy(), share * np.linalg.norm(grads.astype(np.float64))
        before = ref.clip_by_norm(expected, norm)
        found = ops.clip_by_norm(grads, norm)
        assert found == norm_as_written(given)
        np.testing.assert_allclose(found, before, rtol=tolerances.IDENTITY)
        np.testing.assert_allclose(grads, expected, rtol=4 * np.finfo(dtype).eps)
        if share > 1:
            assert_same_bits(grads, given)
        else:
            np.testing.assert_allclose(np.linalg.norm(grads.astype(np.float64)), norm, rtol=4 * np.finfo(dtype).eps)


def test_clips_agree_at_all_levels(isa, rng, dtype):
    for size in SIZES:
        grads = (rng.normal(size=size) * 10.0 ** rng.integers(-30, 15, size=size)).astype(dtype)
        assert_levels_agree(ops.clip_by_value, grads, 0.1)
        assert_levels_agree(ops.clip_by_norm, grads, 0.1)
        grads[: min(size, 5)] = np.array([0.0, -0.0, np.inf, -np.inf, np.nan])[:size]
        assert_levels_agree(ops.clip_by_value, rng.permutation(grads), 0.1)
        assert_levels_agree(ops.clip_by_norm, rng.permutation(grads), 0.1)


def test_clips_leave_what_is_in_bounds(isa, dtype):
    grads = np.array([0.0, -0.0, 3.0, -4.0], dtype)
    for clip in (lambda array: ops.clip_by_value(array, 4.0), lambda array: ops.clip_by_norm(array, 5.0)):
        clipped = grads.copy()
        clip(clipped)
        assert_same_bits(clipped, grads)


@pytest.mark.parametrize("clips", [ops, ref], ids=["ops", "reference"])
def test_clips_do_not_hide_what_is_not_finite(isa, dtype, clips):
    broken = np.array([np.nan, np.inf, -np.inf, 2.0, -0.5], dtype)
    grads = broken.copy()
    clips.clip_by_value(grads, 1.0)
    assert_same_bits(grads, np.array([np.nan, 1, -1, 1, -0.5], dtype))
    grads = broken.copy()
    assert np.isnan(clips.clip_by_norm(grads, 1.0))
    assert_same_bits(grads, broken)
    grads = broken[1:].copy()
    assert clips.clip_by_norm(grads, 1.0) == np.inf
    assert_same_bits(grads, broken[1:])


def test_clip_by_norm_of_large_and_small_numbers(isa):
    """Float32's squares are far from float64's ends; beyond those the norm counts as infinite, or as 0."""
    grads = np.full(4, 3e38, np.float32)
    assert ops.clip_by_norm(grads, 1.0) == 2 * float(np.float32(3e38))
    assert (grads == np.float32(0.5)).all()
    grads = np.full(4, 1e200)
    assert ops.clip_by_norm(grads, 1.0) == np.inf and (grads == 1e200).all()
    grads = np.full(4, 1e-200)
    assert ops.clip_by_norm(grads, 1e-300) == 0 and (grads == 1e-200).all()
    assert ops.clip_by_norm(np.zeros(0), 1.0) == 0


def test_clips_refuse(dtype):
    read_only = np.ones(5, dtype)
    read_only.flags.writeable = False
    for op, name in ((ops.clip_by_value, "value"), (ops.clip_by_norm, "norm")):
        arguments = {"grads": np.ones(5, dtype), name: 1.0}
        check_refused(op, spoiled(arguments, "grads", mixing=False))
        cases = [changed(arguments, ValueError, **{name: bad}) for bad in (0.0, -1.0, np.nan, np.inf)]
        cases += [changed(arguments, ValueError, grads=read_only), changed(arguments, TypeError, **{name: "5"})]
        cases += [changed(arguments, TypeError, **{name: None})]
        if dtype == np.float32:
            cases += [changed(arguments, ValueError, **{name: bad}) for bad in (1e-60, 1e60)]
        check_refused(op, cases)
        with pytest.raises(ValueError, match=f"{op.__name__}: {name} is 0"):
            op(np.ones(2, dtype), 0.0)
        with pytest.raises(ValueError, match=f"{op.__name__}: {name} is nan, .*need"):
            getattr(ref, op.__name__)(np.ones(2), np.nan)


def test_clip_by_norm_follows_torch(isa, rng):
    torch = pytest.importorskip("torch")
    grads = rng.normal(size=1000)
    parameter = torch.nn.Parameter(torch.zeros(1000, dtype=torch.float64))
    parameter.grad = torch.from_numpy(grads.copy())
    theirs = torch.nn.utils.clip_grad_norm_([parameter], 2.0)
    np.testing.assert_allclose(ops.clip_by_norm(grads, 2.0), float(theirs), rtol=tolerances.IDENTITY)
    np.testing.assert_allclose(grads, parameter.grad.numpy(), rtol=1e-6)  # they add 1e-6 to the norm


def flat(net, gradients):
    """As native code keeps them: weights first, each array on whole cache lines."""
    gradients = {name: copied(array) for name, array in gradients.items()}
    line, pieces, places, end = 64 // gradients["0.weight"].itemsize, [], {}, 0
    names = list(net.parameters())
    weights = [name for name in names if gradients[name].ndim == 2]
    for name in weights + [name for name in names if name not in weights]:
        size = gradients[name].size
        places[name] = slice(end, end + size)
        pieces += [gradients[name].reshape(-1), np.zeros(-size % line, gradients[name].dtype)]
        end += size + -size % line
    return np.concatenate(pieces), places


@pytest.mark.parametrize("clip_value", [None, 0.02])
@pytest.mark.parametrize("clip_norm", [None, 0.1])
@pytest.mark.parametrize("modern", [True, False])
def test_a_trainer_clips_by_value_then_by_norm(isa, dtype, data, clip_value, clip_norm, modern):
    x, y = data[0].astype(dtype), data[1]
    net, twin = make_net(dtype, modern=modern), make_net(dtype, modern=modern)
    limits = {"clip_value": clip_value, "clip_norm": clip_norm}
    trainer = lamina.Trainer(net, optimizer=lamina.SGD(lr=0.3), seed=7, **limits)
    trainer.fit(x, y, epochs=2, batch_size=18, progress=False)
    for step in range(10):
        rows = ops.random_permutation(90, seed=7, step=step // 5)[step % 5 * 18 : step % 5 * 18 + 18]
        _, gradients = twin.loss_and_gradients(x[rows], y[rows], seed=7, step=step)
        together, places = flat(twin, gradients)
        if clip_value:
            ops.clip_by_value(together, clip_value)
        if clip_norm:
            ops.clip_by_norm(together, clip_norm)
        for name, array in twin.parameters().items():
            ops.sgd_step(array.reshape(-1), together[places[name]], lr=0.3)
    assert_same_bits(net.state_dict(), twin.state_dict())


def test_a_step_is_no_longer_than_its_norm(data):
    net = make_net("float64")
    before = net.state_dict()
    trainer = lamina.Trainer(net, optimizer=lamina.SGD(lr=1.0), clip_norm=1e-3)
    trainer.fit(*data, epochs=1, batch_size=90, progress=False)
    names = list(net.parameters())
    length = np.sqrt(sum(((net.state_dict()[name] - before[name]) ** 2).sum() for name in names))
    np.testing.assert_allclose(length, 1e-3, rtol=1e-6)


def test_padding_stays_zero(isa, data):
    """Of the gradients, which the optimizer's state shows."""
    trainer = lamina.Trainer(make_net(), clip_value=0.1, clip_norm=0.1)
    trainer.fit(*data, epochs=2, batch_size=16, progress=False)
    _, places = flat(trainer.net, trainer.net.parameters())
    for slot in trainer._core.state().values():
        rest = copied(slot)
        assert rest.any() and rest.size > sum(array.size for array in trainer.net.parameters().values())
        for place in places.values():
            rest[place] = 0
        assert not rest.any()


def test_broken_gradients_are_seen(isa, data):
    """A step at an absurd rate, behind which gradients are NaN: clipping must not train on as if they were 0."""
    net = make_net(modern=False)
    trainer = lamina.Trainer(net, optimizer=lamina.SGD(lr=3e38), clip_norm=1.0)
    with pytest.warns(RuntimeWarning, match=r"Trainer.fit: the loss is nan after 2 epochs; a lower learning rate"):
        trainer.fit(*data, epochs=2, progress=False)
    assert np.isnan(copied(net.parameters()["0.weight"])).all()


def test_clipping_survives_a_copy_and_is_recorded(data):
    """The bits of a device whose steps are recorded are the processor's; a pickled trainer clips on."""
    import pickle

    def train(apart):
        trainer = lamina.Trainer(make_net(), schedule=lamina.CosineDecay(4), clip_value=0.05, clip_norm=0.2, seed=3)
        trainer.fit(*data, epochs=2, batch_size=10, progress=False)
        trainer = pickle.loads(pickle.dumps(trainer)) if apart else trainer
        trainer.fit(*data, epochs=2, batch_size=10, progress=False)
        return trainer.net.state_dict(), np.array(trainer.history["loss"])

    expected = train(False)
    assert_same_bits(train(True), expected)
    if lamina.cuda.is_available():
        with on_device.active(True):
            assert_same_bits(train(False), expected)
            assert_same_bits(train(True), expected)


@pytest.mark.parametrize(
    ("limits", "error", "message"),
    [
        ({"clip_value": 0}, ValueError, "Trainer: clip_value is 0, needs a finite number > 0, or None"),
        ({"clip_norm": -1.0}, ValueError, "Trainer: clip_norm is -1"),
        ({"clip_norm": np.nan}, ValueError, "Trainer: clip_norm is nan"),
        ({"clip_value": np.inf}, ValueError, "Trainer: clip_value is inf"),
        ({"clip_norm": 1e60}, ValueError, "Trainer: clip_norm is 1e.60.*in float32"),
        ({"clip_value": "5"}, TypeError, "Trainer: clip_value"),
    ],
)
def test_trainer_refuses_limits(limits, error, message):
    with pytest.raises(error, match=message):
        lamina.Trainer(make_net(), **limits)


def test_memory_of_the_norm_is_planned(data):
    plain, clipped = (lamina.Trainer(make_net(), clip_norm=norm).memory() for norm in (None, 1.0))
    assert clipped["gradients"] - plain["gradients"] == 128 and clipped["total"] - plain["total"] == 128
