"""Restricted Boltzmann machines' ops: accuracy, levels, what is drawn, the gradient and its expectation, refusals."""

import itertools

import numpy as np
import pytest

from bad_inputs import changed, check_refused, spoiled, strided, with_bad_out
from comparison import assert_levels_agree, assert_same_bits, assert_within
from lamina import ops
from lamina import reference as ref
from tolerances import NORMAL, column_sum, product, row_sum_roundings, standard_errors, unit_roundoff

SIZES = [(1, 1, 1), (3, 5, 2), (2, 16, 17), (31, 15, 33), (33, 35, 16), (10, 300, 20)]  # rows, visible, hidden
KEY = dict(seed=0x123456789ABCDEF, layer=3, step=70, row_offset=2**32 - 97)
VISIBLE, HIDDEN = ["bernoulli", "gaussian"], ["bernoulli", "relu"]


def machine(rng, visible, hidden, dtype=np.float64):
    """Weight, visible bias and hidden bias of order 1."""
    arrays = rng.normal(size=(hidden, visible)) / np.sqrt(visible), rng.normal(size=visible), rng.normal(size=hidden)
    return [array.astype(dtype) for array in arrays]


def data(rng, rows, columns, dtype=np.float64):
    return (rng.random((rows, columns)) < 0.4).astype(dtype)


def input_error(given, weight, bias, dtype):
    """Allowed error of what units take in."""
    a = np.abs(given) @ np.abs(weight.T) + np.abs(bias)
    return product(given, weight.T, dtype) + 2 * unit_roundoff(dtype) * a


@pytest.mark.parametrize("rows, visible, hidden", SIZES)
def test_conditionals_match_reference(isa, rng, dtype, rows, visible, hidden):
    weight, c, b = machine(rng, visible, hidden, dtype)
    v, h = data(rng, rows, visible, dtype), data(rng, rows, hidden, dtype)
    cases = [(ops.rbm_hidden, v, weight, b, HIDDEN), (ops.rbm_visible, h, weight, c, VISIBLE)]
    for op, given, w, bias, units in cases:
        error = input_error(given, w if op is ops.rbm_hidden else w.T, bias, dtype)
        for unit in units:
            expected = getattr(ref, op.__name__)(given, w, bias, unit=unit)
            own = op(given, w, bias, unit=unit)
            assert own.dtype == dtype
            assert_within(own, expected, error + 4 * unit_roundoff(dtype) * np.abs(expected))
            drawn = op(given, w, bias, unit=unit, sample=True, **KEY)
            expected = getattr(ref, op.__name__)(given, w, bias, unit=unit, sample=True, **KEY)
            if unit == "bernoulli":
                assert_same_bits(drawn, expected.astype(dtype))
            else:
                assert_within(
                    drawn, expected, 3 * error + 3 * NORMAL[dtype.name] + 8 * unit_roundoff(dtype) * np.abs(expected)
                )
            assert_levels_agree(op, given, w, bias, unit=unit)
            assert_levels_agree(op, given, w, bias, unit=unit, sample=True, **KEY)


def test_draws_have_the_means_asked_for(rng):
    """Bernoulli units by their probabilities; a noisy ReLU far from 0 has its input's mean and variance sigmoid."""
    weight, bias = np.zeros((5, 1)), np.array([-3.0, -0.4, 0.0, 1.0, 6.0])
    given = np.zeros((40_000, 1))
    h = ops.rbm_hidden(given, weight, bias, sample=True, seed=3)
    p = 1 / (1 + np.exp(-bias))
    assert np.all(np.abs(h.mean(0) - p) < standard_errors(np.sqrt(p * (1 - p)), len(h)))
    high = ops.rbm_hidden(given, weight, bias + 9, unit="relu", sample=True, seed=3)
    assert np.all(np.abs(high.mean(0) - bias - 9) < standard_errors(1, len(h)))
    assert np.all(np.abs(high.var(0) - 1) < 0.05)
    v = ops.rbm_visible(np.zeros((40_000, 5)), weight, np.array([2.0]), unit="gaussian", sample=True, seed=3)
    assert abs(v.mean() - 2) < standard_errors(1, len(v)) and abs(v.var() - 1) < 0.05


@pytest.mark.parametrize("visible_unit", VISIBLE)
@pytest.mark.parametrize("rows, visible, hidden", SIZES)
def test_free_energy_matches_reference(isa, rng, dtype, rows, visible, hidden, visible_unit):
    weight, c, b = machine(rng, visible, hidden, dtype)
    v = rng.normal(size=(rows, visible)).astype(dtype)
    expected = ref.rbm_free_energy(v, weight, c, b, visible=visible_unit)
    terms = (
        np.abs(v * c).sum(1)
        + (v * v).sum(1)
        + np.abs(ref.activation_forward(ref.linear_forward(v, weight, b), "softplus")).sum(1)
    )
    roundings = row_sum_roundings(max(visible, hidden), dtype) + 6
    bound = roundings * unit_roundoff(dtype) * terms + input_error(v, weight, b, dtype).sum(1)
    assert_within(ops.rbm_free_energy(v, weight, c, b, visible=visible_unit), expected, bound)
    assert_levels_agree(ops.rbm_free_energy, v, weight, c, b, visible=visible_unit)


def test_free_energy_sums_the_hidden_units_out(rng):
    """e^-F(v) is the sum of e^-E(v, h) over all h, far beyond a block of rows."""
    weight, c, b = machine(rng, 4, 5)
    v = data(rng, 2100, 4)
    h = np.array(list(itertools.product([0.0, 1.0], repeat=5)))
    for unit in VISIBLE:
        own = 0.5 * (v * v).sum(1) if unit == "gaussian" else 0.0
        energy = (own - v @ c)[:, None] - h @ b - v @ weight.T @ h.T
        expected = -np.log(np.exp(-energy).sum(axis=1))
        np.testing.assert_allclose(ops.rbm_free_energy(v, weight, c, b, visible=unit), expected, rtol=1e-12)


@pytest.mark.parametrize("visible_unit", VISIBLE)
@pytest.mark.parametrize("hidden_unit", HIDDEN)
@pytest.mark.parametrize("rows, visible, hidden", SIZES)
def test_gradient_matches_reference(isa, rng, dtype, rows, visible, hidden, visible_unit, hidden_unit):
    weight, c, b = machine(rng, visible, hidden, dtype)
    v, chains = data(rng, rows, visible, dtype), data(rng, 7, hidden, dtype)
    for k, start in ((1, None), (3, None), (2, chains)):
        settings = dict(visible=visible_unit, hidden=hidden_unit, k=k, chains=start, **KEY)
        own = ops.rbm_gradient(v, weight, c, b, **settings)
        expected = ref.rbm_gradient(v, weight, c, b, **settings)
        # Where what is drawn is 0 or 1 no rounding goes from step to step; of ReLUs it may, and grow.
        discrete = hidden_unit == "bernoulli"
        if discrete:
            assert_same_bits(own[3], expected[3].astype(dtype))
        scale = 10 * (visible + hidden) * unit_roundoff(dtype) + NORMAL[dtype.name]
        for one, other in zip(own, expected, strict=True):
            assert one.dtype == dtype and one.shape == other.shape
            assert_within(one, other, scale * (1 if discrete else 20.0**k) * (1 + np.abs(other)))
        assert_levels_agree(ops.rbm_gradient, v, weight, c, b, **settings)


def test_gradient_is_made_of_conditionals(rng, dtype):
    """One step by hand, from the very draws of the other ops; and chains that go on."""
    weight, c, b = machine(rng, 6, 4, dtype)
    v = data(rng, 9, 6, dtype)
    h = ops.rbm_hidden(v, weight, b, sample=True, **KEY)
    end = ops.rbm_visible(h, weight, c, sample=True, **KEY)
    *gradients, chains = ops.rbm_gradient(v, weight, c, b, **KEY)
    later = {**KEY, "step": KEY["step"] + 1}
    assert_same_bits(chains, ops.rbm_hidden(end, weight, b, sample=True, **later))
    assert_within(gradients[1], end.mean(0) - v.mean(0), column_sum(np.ones((9, 6)), dtype))
    of_data, of_end = ops.rbm_hidden(v, weight, b), ops.rbm_hidden(end, weight, b)
    assert_within(gradients[2], of_end.mean(0) - of_data.mean(0), column_sum(np.ones((18, 4)), dtype))
    assert_within(
        gradients[0], (of_end.T @ end - of_data.T @ v) / 9, product(np.ones((4, 18)), np.ones((18, 6)), dtype)
    )

    assert_same_bits(
        ops.rbm_gradient(v, weight, c, b, k=3, chains=chains, **later)[3],
        ops.rbm_gradient(v, weight, c, b, k=2, **{**later, "step": later["step"] + 1},
                         chains=ops.rbm_gradient(v, weight, c, b, chains=chains, **later)[3])[3],
    )  # fmt: skip


def test_long_chains_give_the_gradient_of_the_likelihood(rng):
    """Over all states of a small machine, within what so many chains can tell."""
    weight, c, b = machine(rng, 4, 3)
    states = np.array(list(itertools.product([0.0, 1.0], repeat=4)))
    v = np.repeat(data(rng, 8, 4), 2500, axis=0)
    probability = np.exp(-ops.rbm_free_energy(states, weight, c, b))
    probability /= probability.sum()
    means = ops.rbm_hidden(states, weight, b)
    model = (probability[:, None] * means).T @ states, probability @ states, probability @ means
    of_data = ops.rbm_hidden(v, weight, b)
    expected = [m - d for m, d in zip(model, (of_data.T @ v / len(v), v.mean(0), of_data.mean(0)), strict=True)]
    own = ops.rbm_gradient(v, weight, c, b, k=30, seed=5)[:3]
    for one, other in zip(own, expected, strict=True):
        assert np.all(np.abs(one - other) < standard_errors(0.5, len(v)))


def test_rbm_ops_take_any_row_stride_and_out(rng, dtype):
    weight, c, b = machine(rng, 6, 4, dtype)
    v, h = data(rng, 9, 6, dtype), data(rng, 9, 4, dtype)
    wide_v, wide_w, wide_h = strided(v), strided(weight), strided(h)
    out = strided(np.empty((9, 4), dtype))
    assert ops.rbm_hidden(wide_v, wide_w, b, out=out) is out
    assert_same_bits(out, ops.rbm_hidden(v, weight, b))
    assert_same_bits(ops.rbm_visible(wide_h, wide_w, c), ops.rbm_visible(h, weight, c))
    energies = np.empty(9, dtype)
    assert ops.rbm_free_energy(wide_v, wide_w, c, b, out=energies) is energies
    outs = strided(np.empty((4, 6), dtype)), np.empty(6, dtype), np.empty(4, dtype), strided(np.empty((9, 4), dtype))
    assert all(
        a is b for a, b in zip(ops.rbm_gradient(wide_v, wide_w, c, b, chains=wide_h, out=outs), outs, strict=True)
    )
    assert_same_bits(outs, ops.rbm_gradient(v, weight, c, b, chains=h))
    assert ops.rbm_hidden(v[:0], weight, b).shape == (0, 4) and ops.rbm_free_energy(v[:0], weight, c, b).shape == (0,)


def test_rbm_ops_refuse_bad_input(rng, dtype):
    weight, c, b = machine(rng, 6, 4, dtype)
    v, h = data(rng, 9, 6, dtype), data(rng, 9, 4, dtype)
    hidden = dict(v=v, weight=weight, hidden_bias=b)
    visible = dict(h=h, weight=weight, visible_bias=c)
    energy = dict(v=v, weight=weight, visible_bias=c, hidden_bias=b)
    for op, arguments, good in (
        (ops.rbm_hidden, hidden, h), (ops.rbm_visible, visible, v), (ops.rbm_free_energy, energy, np.empty(9, dtype)),
    ):  # fmt: skip
        check_refused(op, spoiled(arguments, *arguments))
        check_refused(op, with_bad_out(arguments, good))
    for op, arguments, unit in ((ops.rbm_hidden, hidden, "gaussian"), (ops.rbm_visible, visible, "relu")):
        name = next(iter(arguments))
        cases = [
            changed(arguments, ValueError, unit=unit), changed(arguments, TypeError, unit=3),
            changed(arguments, ValueError, step=-1), changed(arguments, TypeError, layer=0.5),
            changed(arguments, ValueError, seed=2**64), changed(arguments, ValueError, row_offset=2**32),
            changed(arguments, ValueError, **{name: arguments[name][:, 1:].copy()}),
        ]  # fmt: skip
        check_refused(op, cases)
        with pytest.raises(ValueError, match=f"{op.__name__}: unit is '{unit}', needs 'bernoulli'"):
            op(**arguments, unit=unit)
    check_refused(
        ops.rbm_free_energy, [changed(energy, ValueError, visible="relu"), changed(energy, ValueError, hidden_bias=c)]
    )
    outs = np.empty((4, 6), dtype), np.empty(6, dtype), np.empty(4, dtype), np.empty((9, 4), dtype)
    gradient = dict(energy, out=outs)
    cases = [
        changed(gradient, ValueError, k=0), changed(gradient, TypeError, k=1.5),
        changed(gradient, ValueError, hidden="gaussian"), changed(gradient, ValueError, visible="relu"),
        changed(gradient, ValueError, chains=v),
        changed(gradient, ValueError, chains=h[:0]), changed(gradient, ValueError, v=v[:0]),
        changed(gradient, ValueError, out=outs[:3]), changed(gradient, ValueError, out=(weight, *outs[1:])),
        changed(gradient, ValueError, chains=outs[3]), changed(gradient, ValueError, step=2**32),
    ]  # fmt: skip
    check_refused(ops.rbm_gradient, [*spoiled(gradient, "v", "weight", "visible_bias", "hidden_bias"), *cases])
