"""The fused layer: equal bits with the composition of the single ops, parity, levels, refusals."""

import itertools

import numpy as np
import pytest

from bad_inputs import changed, check_refused, spoiled, strided, with_bad_out
from central_differences import relative_error
from comparison import assert_levels_agree, assert_same_bits, assert_threads_agree
from lamina import ops
from lamina import reference as ref
from tolerances import composition, roundings

# (batch, in, out)
SHAPES = [(2, 1, 1), (31, 16, 15), (32, 17, 16), (33, 257, 35), (97, 64, 33)]
# (bias, batch norm, p, training)
PLANS = list(itertools.product([False, True], [False, True], [0.0, 0.4], [True, False]))
DRAW = dict(seed=9, layer=4, step=7, row_offset=100)


def layer(rng, shape, dtype, bias=True, normalised=True):
    batch, inputs, outputs = shape
    arrays = dict(x=rng.normal(size=(batch, inputs)), weight=rng.normal(size=(outputs, inputs)) / np.sqrt(inputs))
    if bias:
        arrays["bias"] = rng.normal(size=outputs)
    if normalised:
        arrays.update(gamma=rng.uniform(0.5, 2, outputs), beta=rng.normal(size=outputs))
        arrays.update(running_mean=rng.normal(size=outputs), running_var=rng.uniform(0.5, 2, outputs))
    return {name: array.astype(dtype) for name, array in arrays.items()}


def copies(arrays):
    """The running statistics are written, so every call gets its own."""
    return {name: array.copy() for name, array in arrays.items()}


def compose(arrays, activation, p, training):
    """Forward and backward by the single ops; returns h, the running statistics, and a function of dy."""
    arrays = copies(arrays)
    x, weight = arrays["x"], arrays["weight"]
    z = normalised = ops.linear_forward(x, weight, arrays.get("bias"))
    if "gamma" in arrays:
        names = ("gamma", "beta", "running_mean", "running_var")
        normalised, mean, rstd = ops.batchnorm_forward(z, *(arrays[name] for name in names), training=training)
    h = y = ops.activation_forward(normalised, activation)
    dropped = training and p > 0
    if dropped:
        h = ops.dropout_forward(y, p, **DRAW)

    def backward(dy):
        gradients = {}
        if dropped:
            dy = ops.dropout_backward(dy, p, **DRAW)
        dz = ops.activation_backward(dy, normalised, activation, y=y)
        if "gamma" in arrays:
            dz, gradients["gamma"], gradients["beta"] = ops.batchnorm_backward(
                dz, z, arrays["gamma"], mean, rstd, training=training
            )
        gradients["x"], gradients["weight"], dbias = ops.linear_backward(dz, x, weight)
        if "bias" in arrays:
            gradients["bias"] = dbias
        return gradients

    return h, [arrays[name] for name in arrays if name.startswith("running")], backward


def fused(arrays, activation, p, training, dy, module=ops, need_dx=True):
    """Forward and backward by the fused op of `module`: h, the running statistics, the gradients."""
    arrays = copies(arrays)
    h, saved = module.lamina_forward(**arrays, activation=activation, p=p, training=training, **DRAW)
    running = [arrays[name] for name in arrays if name.startswith("running")]
    return h, running, module.lamina_backward(dy, saved, need_dx=need_dx)


@pytest.mark.parametrize("activation", ref.activations(fused=True))
@pytest.mark.parametrize("bias, normalised, p, training", PLANS)
def test_lamina_has_the_bits_of_its_parts(isa, rng, dtype, activation, bias, normalised, p, training):
    for shape in SHAPES:
        arrays = layer(rng, shape, dtype, bias, normalised)
        dy = rng.normal(size=(shape[0], shape[2])).astype(dtype)
        before = dy.copy()
        h, running, backward = compose(arrays, activation, p, training)
        own, own_running, gradients = fused(arrays, activation, p, training, dy)
        assert_same_bits((own, own_running), (h, running))
        expected = backward(dy)
        assert gradients.keys() == expected.keys()
        for name in expected:
            assert_same_bits(gradients[name], expected[name])
        assert_same_bits(dy, before)
        del expected["x"]
        assert_same_bits(fused(arrays, activation, p, training, dy, need_dx=False)[2], expected)


def test_wide_laminae_have_the_bits_of_their_parts(isa, rng, dtype):
    """Batch statistics are measured strip by strip, however wide a product's blocks are."""
    arrays = layer(rng, (9, 70, 1100), dtype, True, True)
    dy = rng.normal(size=(9, 1100)).astype(dtype)
    h, running, backward = compose(arrays, "relu", 0.5, True)
    own, own_running, gradients = fused(arrays, "relu", 0.5, True, dy)
    assert_same_bits((own, own_running), (h, running))
    expected = backward(dy)
    for name in expected:
        assert_same_bits(gradients[name], expected[name])


@pytest.mark.parametrize("activation", ref.activations(fused=True))
def test_lamina_has_the_bits_of_its_parts_with_nan(isa, rng, dtype, activation):
    arrays = layer(rng, (20, 5, 17), dtype, normalised=False)
    arrays["x"][3, 2] = np.nan
    dy = rng.normal(size=(20, 17)).astype(dtype)
    h, _, backward = compose(arrays, activation, 0.4, True)
    own, _, gradients = fused(arrays, activation, 0.4, True, dy)
    assert_same_bits(own, h)
    expected = backward(dy)
    for name in expected:
        assert_same_bits(gradients[name], expected[name])


@pytest.mark.parametrize("activation", ref.activations(fused=True))
@pytest.mark.parametrize("bias, normalised, p, training", PLANS)
def test_lamina_matches_reference(generic, rng, dtype, activation, bias, normalised, p, training):
    for shape in SHAPES[1:]:
        arrays = layer(rng, shape, dtype, bias, normalised)
        dy = rng.normal(size=(shape[0], shape[2])).astype(dtype)
        h, running, gradients = fused(arrays, activation, p, training, dy)
        wide = {name: array.astype(np.float64) for name, array in arrays.items()}
        expected, expected_running, expected_gradients = fused(wide, activation, p, training, dy, module=ref)
        limit = composition(sum(roundings(n, 256, dtype) for n in shape), dtype)
        assert h.dtype == dtype
        pairs = [(h, expected), *zip(running, expected_running, strict=True)]
        pairs += [(gradients[name], expected_gradients[name]) for name in expected_gradients]
        if bias and normalised and training:  # batch normalisation takes any bias away: its gradient is rounding
            terms = np.abs(expected_gradients["weight"]).max()
            assert np.abs(gradients["bias"]).max() <= limit * shape[0] * terms
            pairs = [pair for pair in pairs if pair[0] is not gradients["bias"]]
        for result, value in pairs:
            assert relative_error(result, value) <= limit


@pytest.mark.parametrize("activation", ["relu", "tanh", "selu"])
def test_lamina_levels_agree(isa, rng, dtype, activation):
    for shape in [*SHAPES, (260, 70, 90), (1, 5, 3), (0, 5, 3)]:
        training = shape[0] > 1
        arrays = layer(rng, shape, dtype)
        dy = rng.normal(size=(shape[0], shape[2])).astype(dtype)
        assert_levels_agree(fused, arrays, activation, 0.4, training, dy)


def test_lamina_takes_any_row_stride(isa, rng, dtype):
    arrays = layer(rng, (33, 18, 21), dtype)
    dy = rng.normal(size=(33, 21)).astype(dtype)
    padded = dict(copies(arrays), x=strided(arrays["x"]), weight=strided(arrays["weight"]))
    running = {name: arrays[name].copy() for name in ("running_mean", "running_var")}
    h, saved = ops.lamina_forward(**{**padded, **running}, p=0.4, **DRAW)
    expected, _, gradients = fused(arrays, "relu", 0.4, True, dy)
    assert_same_bits(h, expected)
    assert_same_bits(ops.lamina_backward(strided(dy), saved), gradients)


def test_lamina_backward_may_be_called_twice(isa, rng, dtype):
    arrays = layer(rng, (9, 5, 7), dtype)
    h, saved = ops.lamina_forward(**arrays, p=0.4, **DRAW)
    first = ops.lamina_backward(h, saved)
    assert_same_bits(ops.lamina_backward(h, saved), first)


def test_lamina_spreads_nan(isa, rng, dtype):
    arrays = layer(rng, (20, 5, 17), dtype, normalised=False)
    arrays["x"][3, 2] = np.nan
    for activation in ref.activations(fused=True):
        h, _ = ops.lamina_forward(**arrays, activation=activation)
        assert np.isnan(h[3]).all() and not np.isnan(np.delete(h, 3, axis=0)).any()


def test_lamina_forward_refuses(rng, dtype):
    arguments = layer(rng, (4, 5, 3), dtype)
    check_refused(ops.lamina_forward, spoiled(arguments, *arguments))
    cases = [
        changed(arguments, ValueError, weight=np.ones((3, 4), dtype)),
        changed(arguments, ValueError, bias=np.ones(5, dtype)),
        changed(arguments, ValueError, gamma=None),
        changed(arguments, ValueError, beta=None),
        changed(arguments, ValueError, gamma=np.ones(4, dtype)),
        changed(arguments, ValueError, running_var=None),
        changed(arguments, ValueError, running_mean=None, running_var=None, training=False),
        changed(arguments, ValueError, x=np.ones((1, 5), dtype)),
        changed(arguments, ValueError, activation="rely"),
        changed(arguments, ValueError, p=1.0),
        changed(arguments, ValueError, p=np.nan),
        changed(arguments, ValueError, p=0.5, seed=-1),
        changed(arguments, ValueError, p=0.5, layer=2**24),
        changed(arguments, ValueError, eps=np.nan),
        changed(arguments, ValueError, momentum=2.0),
        changed(arguments, TypeError, alpha=1.0),
        changed(arguments, TypeError, dropout=0.5),
    ]
    for name in ("running_mean", "running_var"):
        for other in ("bias", "gamma", "beta", "running_mean", "running_var"):
            if other != name:
                cases.append(changed(arguments, ValueError, **{name: arguments[other]}))
        for other in ("x", "weight"):
            cases.append(changed(arguments, ValueError, **{name: arguments[other].ravel()[1:4]}))
    check_refused(ops.lamina_forward, cases)


def test_lamina_backward_refuses(rng, dtype):
    _, saved = ops.lamina_forward(**layer(rng, (4, 5, 3), dtype))
    arguments = dict(dy=np.ones((4, 3), dtype), saved=saved)
    check_refused(ops.lamina_backward, spoiled(arguments, "dy"))
    cases = [
        changed(arguments, ValueError, dy=np.ones((5, 3), dtype)),
        changed(arguments, ValueError, dy=np.ones((4, 5), dtype)),
        changed(arguments, TypeError, saved=None),
        changed(arguments, TypeError, training=True),
    ]
    check_refused(ops.lamina_backward, cases)


@pytest.mark.parametrize("normalised", [True, False])
def test_lamina_fills_out(isa, rng, dtype, normalised):
    arguments = layer(rng, (33, 17, 35), dtype, normalised=normalised)
    dy = rng.normal(size=(33, 35)).astype(dtype)
    expected, saved = ops.lamina_forward(**copies(arguments), p=0.4, seed=1, activation="gelu")
    out = strided(np.zeros_like(expected))
    h, again = ops.lamina_forward(**copies(arguments), p=0.4, seed=1, activation="gelu", out=out)
    assert h is out and again["h"] is out and np.isnan(out.base[:, 35:]).all()
    assert_same_bits(out, expected)
    gradients = ops.lamina_backward(dy, saved)
    outs = {name: np.zeros_like(array) for name, array in gradients.items()}
    results = ops.lamina_backward(dy, again, out=outs)
    assert results.keys() == outs.keys() and all(results[name] is outs[name] for name in outs)
    assert_same_bits(results, gradients)
    some = {"weight": np.zeros_like(gradients["weight"])}
    results = ops.lamina_backward(dy, again, out=some)
    assert results["weight"] is some["weight"]
    assert_same_bits(results, gradients)


def test_lamina_refuses_a_bad_out(rng, dtype):
    arguments = layer(rng, (4, 5, 5), dtype)
    check_refused(ops.lamina_forward, with_bad_out(arguments, np.zeros((4, 5), dtype)))
    others = [changed(arguments, ValueError, out=arguments[name]) for name in ("x", "weight")]
    check_refused(ops.lamina_forward, others)
    _, saved = ops.lamina_forward(**arguments)
    arguments, row = dict(dy=np.ones((4, 5), dtype), saved=saved), np.zeros(5, dtype)
    cases = [
        changed(arguments, ValueError, out={"weight": np.zeros((4, 5), dtype)}),
        changed(arguments, ValueError, out={"weight": saved["weight"]}),
        changed(arguments, ValueError, out={"x": arguments["dy"]}),
        changed(arguments, ValueError, out={"gamma": row, "beta": row}),
        changed(arguments, ValueError, out={"weights": np.zeros((5, 5), dtype)}),
        changed(arguments, ValueError, out={"x": np.zeros((4, 5), dtype)}, need_dx=False),
        changed(arguments, TypeError, out=(np.zeros((4, 5), dtype),)),
        changed(arguments, TypeError, out={"weight": [[0.0] * 5] * 5}),
    ]
    check_refused(ops.lamina_backward, cases)


@pytest.mark.parametrize("key", ["x", "weight", "h", "z", "read", "mean", "rstd"])
@pytest.mark.parametrize("spoil", [lambda array: None, lambda array: array[:-1].copy()], ids=["None", "short"])
def test_lamina_backward_refuses_a_spoiled_saved(rng, dtype, key, spoil):
    x, weight = rng.normal(size=(6, 5)).astype(dtype), rng.normal(size=(4, 5)).astype(dtype)
    h, saved = ops.lamina_forward(
        x, weight, gamma=np.ones(4, dtype), beta=np.zeros(4, dtype), activation="sigmoid", p=0.5, seed=1
    )
    with pytest.raises(ValueError, match="^lamina_backward: "):
        ops.lamina_backward(np.ones_like(h), saved | {key: spoil(saved[key])})


@pytest.mark.parametrize("columns", [100, 257])
def test_masks_behind_a_product_do_not_depend_on_the_threads(isa, rng, dtype, columns):
    """However narrow the tiles of a level are: a task's columns start where groups of eight random bits do."""
    x, weight = rng.normal(size=(16, 64)).astype(dtype), rng.normal(size=(columns, 64)).astype(dtype)
    assert_threads_agree(lambda x, weight: ops.lamina_forward(x, weight, p=0.5, seed=1)[0], x, weight)
