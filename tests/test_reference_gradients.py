"""Every analytic gradient of the reference against central differences in float64."""

import numpy as np
import pytest

from central_differences import numerical_gradient, relative_error
from lamina import reference as ref
from tolerances import GRADIENT_CHECK, IDENTITY, KINK_DISTANCE

ACTIVATIONS = [(name, {}) for name in ref.activations(fused=True)] + [
    ("leaky_relu", {"negative_slope": 0.3}),
    ("elu", {"alpha": 0.4}),
]


def check(function, array, analytic):
    assert relative_error(analytic, numerical_gradient(function, array)) <= GRADIENT_CHECK


def away_from_kinks(z):
    """Moves pre-activations near 0, where a derivative may jump, to a safe distance."""
    return np.where(np.abs(z) < KINK_DISTANCE, KINK_DISTANCE, z)


@pytest.mark.parametrize("name, params", ACTIVATIONS)
def test_activation_gradient(rng, name, params):
    x = away_from_kinks(2.0 * rng.normal(size=(5, 7)))
    dy = rng.normal(size=x.shape)
    dx = ref.activation_backward(dy, x, name, **params)
    check(lambda: np.sum(dy * ref.activation_forward(x, name, **params)), x, dx)
    y = ref.activation_forward(x, name, **params)
    np.testing.assert_array_equal(dx, ref.activation_backward(dy, x, name, y=y, **params))


@pytest.mark.parametrize("weight", [[0.3], [-0.2, 0.1, 0.5, 0.0, 2.0, 0.25, 1.0]])
def test_prelu_gradient(rng, weight):
    x, dy, weight = away_from_kinks(2.0 * rng.normal(size=(5, 7))), rng.normal(size=(5, 7)), np.array(weight)
    dx, dweight = ref.activation_backward(dy, x, "prelu", weight=weight)

    def loss():
        return np.sum(dy * ref.activation_forward(x, "prelu", weight=weight))

    check(loss, x, dx)
    check(loss, weight, dweight)


@pytest.mark.parametrize("training", [True, False])
def test_rrelu_gradient(rng, training):
    x, dy, key = (
        away_from_kinks(2.0 * rng.normal(size=(5, 7))),
        rng.normal(size=(5, 7)),
        dict(training=training, seed=3),
    )
    dx = ref.activation_backward(dy, x, "rrelu", **key)
    check(lambda: np.sum(dy * ref.activation_forward(x, "rrelu", **key)), x, dx)


@pytest.mark.parametrize("name, params", ACTIVATIONS)
@pytest.mark.parametrize("with_bias", [False, True])
def test_linear_gradient(rng, name, params, with_bias):
    x, weight, dy = rng.normal(size=(4, 5)), rng.normal(size=(3, 5)), rng.normal(size=(4, 3))
    bias = rng.normal(size=3) if with_bias else None
    assert np.abs(ref.linear_forward(x, weight, bias)).min() > KINK_DISTANCE

    def loss():
        return np.sum(dy * ref.linear_forward(x, weight, bias, activation=name, **params))

    forward = dict(
        y=ref.linear_forward(x, weight, bias, activation=name, **params), z=ref.linear_forward(x, weight, bias)
    )
    dx, dweight, dbias = ref.linear_backward(dy, x, weight, **forward, activation=name, **params)
    check(loss, x, dx)
    check(loss, weight, dweight)
    if with_bias:
        check(loss, bias, dbias)
    without = ref.linear_backward(dy, x, weight, **forward, activation=name, need_dx=False, **params)
    assert without[0] is None
    np.testing.assert_array_equal(without[1], dweight)


def test_softmax_gradient(rng):
    x, dy = rng.normal(size=(4, 6)), rng.normal(size=(4, 6))
    check(lambda: np.sum(dy * ref.softmax_forward(x)), x, ref.softmax_backward(dy, ref.softmax_forward(x)))
    dx = ref.log_softmax_backward(dy, ref.log_softmax_forward(x))
    check(lambda: np.sum(dy * ref.log_softmax_forward(x)), x, dx)


@pytest.mark.parametrize("training", [True, False])
def test_batchnorm_gradient(rng, training):
    x, dy = 3.0 + 2.0 * rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
    gamma, beta = rng.normal(size=4), rng.normal(size=4)
    running = rng.normal(size=4), 1.0 + rng.random(4)

    def forward():
        return ref.batchnorm_forward(x, gamma, beta, *(r.copy() for r in running), training=training)

    _, mean, rstd = forward()
    dx, dgamma, dbeta = ref.batchnorm_backward(dy, x, gamma, mean, rstd, training=training)
    for array, analytic in ((x, dx), (gamma, dgamma), (beta, dbeta)):
        check(lambda: np.sum(dy * forward()[0]), array, analytic)


@pytest.mark.parametrize("affine", [True, False])
def test_layernorm_gradient(rng, affine):
    x, dy = 3.0 + 2.0 * rng.normal(size=(4, 6)), rng.normal(size=(4, 6))
    parameters = [rng.normal(size=6), rng.normal(size=6)] if affine else [None, None]

    def forward():
        return ref.layernorm_forward(x, *parameters)

    _, mean, rstd = forward()
    gradients = ref.layernorm_backward(dy, x, parameters[0], mean, rstd)
    for array, analytic in zip((x, *parameters), gradients, strict=True):
        if array is None:
            assert analytic is None
        else:
            check(lambda: np.sum(dy * forward()[0]), array, analytic)


def test_embedding_gradient(rng):
    codes, table, dy = rng.integers(0, 5, 9), rng.normal(size=(6, 4)), rng.normal(size=(9, 4))
    d_table = ref.embedding_backward(dy, codes, 6)
    check(lambda: np.sum(dy * ref.embedding_forward(codes, table)), table, d_table)


def test_periodic_gradient(rng):
    x, frequencies, dy = rng.normal(size=(5, 3)), rng.normal(size=(3, 4)), rng.normal(size=(5, 24))
    gradients = ref.periodic_backward(dy, x, frequencies, ref.periodic_forward(x, frequencies))
    for array, analytic in zip((x, frequencies), gradients, strict=True):
        check(lambda: np.sum(dy * ref.periodic_forward(x, frequencies)), array, analytic)


@pytest.mark.parametrize("bins", [1, 2, 5])
def test_piecewise_linear_gradient(rng, bins):
    edges = np.cumsum(rng.uniform(0.5, 1, size=(2, bins + 1)), axis=1)
    x, dy = rng.uniform(-1, 5, size=(8, 2)), rng.normal(size=(8, 2 * bins))
    assert np.abs(x[:, :, None] - edges).min() > KINK_DISTANCE
    dx = ref.piecewise_linear_backward(dy, x, edges)
    check(lambda: np.sum(dy * ref.piecewise_linear_forward(x, edges)), x, dx)


DRAW = dict(seed=3, layer=2, step=9, row_offset=4)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("scaling", ["inverted", "test"])
def test_dropout_gradient(rng, scaling, training):
    x, dy, settings = (
        rng.normal(size=(5, 11)),
        rng.normal(size=(5, 11)),
        dict(scaling=scaling, training=training, **DRAW),
    )
    dx = ref.dropout_backward(dy, 0.3, **settings)
    check(lambda: np.sum(dy * ref.dropout_forward(x, 0.3, **settings)), x, dx)


def test_alpha_dropout_gradient(rng):
    x, dy = rng.normal(size=(5, 11)), rng.normal(size=(5, 11))
    dx = ref.alpha_dropout_backward(dy, 0.3, **DRAW)
    check(lambda: np.sum(dy * ref.alpha_dropout_forward(x, 0.3, **DRAW)), x, dx)


def test_noise_gradients_that_are_other_ops(rng):
    """Where no backward is needed: the identity, the op itself on dy, and dropout's."""
    x, dy = away_from_kinks(rng.normal(size=(5, 11))), rng.normal(size=(5, 11))
    check(lambda: np.sum(dy * ref.gaussian_noise(x, 0.3, **DRAW)), x, dy)
    check(lambda: np.sum(dy * ref.masking_noise(x, 0.3, **DRAW)), x, ref.masking_noise(dy, 0.3, **DRAW))
    replaced = ref.salt_and_pepper(dy, 0.3, low=0.0, high=0.0, **DRAW)
    check(lambda: np.sum(dy * ref.salt_and_pepper(x, 0.3, **DRAW)), x, replaced)
    check(lambda: np.sum(dy * ref.shakeout(x, 0.3, 0.2, **DRAW)), x, ref.dropout_backward(dy, 0.3, **DRAW))


@pytest.mark.parametrize("training", [True, False])
def test_zoneout_gradient(rng, training):
    h, previous, dy = (rng.normal(size=(5, 11)) for _ in range(3))
    gradients = ref.zoneout_backward(dy, 0.3, training=training, **DRAW)
    for array, analytic in zip((h, previous), gradients, strict=True):
        check(lambda: np.sum(dy * ref.zoneout_forward(h, previous, 0.3, training=training, **DRAW)), array, analytic)


@pytest.mark.parametrize("gamma", [0.0, 0.7, 1.0, 2.0])
@pytest.mark.parametrize("lam", [0.0, 0.3])
def test_whiteout_gradient(rng, gamma, lam):
    weight, dy, settings = rng.normal(size=(5, 11)), rng.normal(size=(5, 11)), dict(gamma=gamma, lam=lam, **DRAW)
    weight = np.where(np.abs(weight) < 0.1, 0.1, weight)
    dweight = ref.whiteout_backward(dy, weight, 0.2, **settings)
    check(lambda: np.sum(dy * ref.whiteout_forward(weight, 0.2, **settings)), weight, dweight)


@pytest.mark.parametrize("name, params", ACTIVATIONS)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("p", [0.0, 0.4])
@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
def test_lamina_gradient(rng, name, params, training, p, normalised, with_bias):
    arrays = dict(x=rng.normal(size=(5, 4)), weight=rng.normal(size=(3, 4)))
    if with_bias:
        arrays["bias"] = rng.normal(size=3)
    if normalised:
        arrays.update(gamma=1.0 + 0.1 * rng.normal(size=3), beta=0.2 * rng.normal(size=3))
    dy = rng.normal(size=(5, 3))

    def forward():
        running = dict(running_mean=np.full(3, 0.1), running_var=np.full(3, 1.5)) if normalised else {}
        return ref.lamina_forward(
            **arrays, **running, activation=name, p=p, seed=1, layer=2, step=3, training=training, **params
        )

    _, saved = forward()
    assert np.abs(saved["normalised"]).min() > KINK_DISTANCE
    gradients = ref.lamina_backward(dy, saved)
    assert set(gradients) == set(arrays)
    for key, array in arrays.items():
        if key == "bias" and normalised and training:
            assert np.abs(gradients[key]).max() < IDENTITY  # batch normalisation takes any bias away again
        else:
            check(lambda: np.sum(dy * forward()[0]), array, gradients[key])
    assert set(ref.lamina_backward(dy, saved, need_dx=False)) == set(arrays) - {"x"}


def check_loss(loss, prediction, targets, reduction, **options):
    _, gradient = loss(prediction, targets, reduction=reduction, **options)
    check(lambda: np.sum(loss(prediction, targets, reduction=reduction, **options)[0]), prediction, gradient)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("kind", ["labels", "probabilities"])
def test_softmax_cross_entropy_gradient(rng, reduction, weighted, smoothing, kind):
    logits = 2.0 * rng.normal(size=(6, 4))
    targets = rng.integers(0, 4, size=6) if kind == "labels" else rng.dirichlet(np.ones(4), size=6)
    weights = dict(sample_weight=rng.random(6)) if weighted else {}
    if weighted and kind == "labels":
        weights["class_weight"] = rng.random(4)
    check_loss(ref.softmax_cross_entropy, logits, targets, reduction, label_smoothing=smoothing, **weights)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_kl_divergence_gradient(rng, reduction, weighted):
    logits, target = 2.0 * rng.normal(size=(6, 4)), rng.dirichlet(np.ones(4), size=6)
    target[rng.random((6, 4)) < 0.3] = 0
    check_loss(ref.kl_divergence, logits, target, reduction, **(dict(sample_weight=rng.random(6)) if weighted else {}))


UNIT_LOSSES = [
    (ref.sigmoid_cross_entropy, {}),
    (ref.squared_error, {}),
    (ref.mean_squared_error, {}),
    (ref.absolute_error, {}),
    (ref.huber, {}),
    (ref.huber, {"delta": 0.3}),
    (ref.poisson_nll, {}),
]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss, constants", UNIT_LOSSES)
def test_unit_loss_gradient(rng, reduction, weighted, loss, constants):
    prediction, target = 2.0 * rng.normal(size=(6, 4)), rng.random(size=(6, 4))
    distance = np.abs(prediction - target)
    for kink in (0, *constants.values()):
        assert np.abs(distance - kink).min() > KINK_DISTANCE
    weights = dict(sample_weight=rng.random(6)) if weighted else {}
    check_loss(loss, prediction, target, reduction, **weights, **constants)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "elu"])
@pytest.mark.parametrize("loss", ["sigmoid_cross_entropy", "squared_error"])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("p", [0.0, 0.3])
def test_autoencoder_gradient(rng, name, loss, tied, p):
    x = rng.random(size=(5, 6))
    parameters = dict(weight=rng.normal(size=(4, 6)), hidden_bias=rng.normal(size=4), visible_bias=rng.normal(size=6))
    if not tied:
        parameters["decoder_weight"] = rng.normal(size=(6, 4))

    def evaluate():
        return ref.autoencoder_loss_and_gradients(
            x, **parameters, activation=name, loss=loss, p=p, seed=1, layer=2, step=3
        )

    gradients = evaluate()[1]
    assert set(gradients) == set(parameters)
    for key, array in parameters.items():
        check(lambda: evaluate()[0], array, gradients[key])


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("chains", [None, 3])
def test_rbm_gradient(rng, visible, chains):
    """Of the mean free energy of the data less that of the chains' ends, which are held fast."""
    weight, c, b = rng.normal(size=(4, 6)), rng.normal(size=6), rng.normal(size=4)
    v = rng.normal(size=(5, 6)) if visible == "gaussian" else (rng.random((5, 6)) < 0.5).astype(np.float64)
    states = ref.rbm_hidden(v, weight, b, sample=True, seed=2) if chains is None else np.ones((chains, 4))
    ends = ref.rbm_visible(states, weight, c, unit=visible, sample=True, seed=2)
    *gradients, _ = ref.rbm_gradient(
        v, weight, c, b, visible=visible, chains=None if chains is None else states, seed=2
    )

    def gap():
        return (
            ref.rbm_free_energy(v, weight, c, b, visible=visible).mean()
            - ref.rbm_free_energy(ends, weight, c, b, visible=visible).mean()
        )

    for array, gradient in zip((weight, c, b), gradients, strict=True):
        check(gap, array, gradient)
