"""What must hold of the reference whatever the numbers: limits, invariances, conservation."""

import numpy as np
import pytest

from lamina import reference as ref
from tolerances import IDENTITY, STANDARDISED, standard_errors

UNIT_LOSSES = [
    ref.sigmoid_cross_entropy, ref.squared_error, ref.mean_squared_error, ref.absolute_error, ref.huber,
    ref.poisson_nll,
]  # fmt: skip


def near(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=IDENTITY, atol=IDENTITY)


def test_activations_at_known_points():
    z = np.array([-np.inf, -1.0, -0.0, 0.0, 1.0, np.inf])
    near(ref.activation_forward(z, "sigmoid"), [0, 1 / (1 + np.e), 0.5, 0.5, np.e / (1 + np.e), 1])
    near(ref.activation_forward(z, "relu"), [0, 0, 0, 0, 1, np.inf])
    near(ref.activation_forward(z[1:], "leaky_relu"), [-0.01, 0, 0, 1, np.inf])
    near(ref.activation_forward(z, "elu", alpha=2.0), [-2, 2 / np.e - 2, 0, 0, 1, np.inf])
    near(ref.activation_forward(z[:2], "selu"), [-1.7580993408473766, -1.1113307378125625])
    near(ref.activation_forward(1000.0 * z[1:5], "sigmoid"), [0, 0.5, 0.5, 1])


def test_activation_slopes_at_the_kink_are_the_left_ones():
    zero, one = np.zeros(1), np.ones(1)
    assert ref.activation_backward(one, zero, "relu") == 0
    assert ref.activation_backward(one, zero, "leaky_relu", negative_slope=0.25) == 0.25
    assert ref.activation_backward(one, zero, "elu", alpha=0.5) == 0.5


@pytest.mark.parametrize("name", ref.activations(fused=True))
def test_activations_keep_nan(name):
    assert np.isnan(ref.activation_forward(np.array([np.nan]), name)).all()


def test_elu_and_tanh_keep_the_digits_of_small_arguments():
    z = np.array([-1e-12])
    for name in ("elu", "tanh"):
        np.testing.assert_allclose(ref.activation_forward(z, name), z, rtol=IDENTITY)


def test_selu_keeps_mean_and_variance(rng):
    y = ref.activation_forward(rng.normal(size=400_000), "selu")
    assert abs(y.mean()) <= standard_errors(1, y.size)
    assert abs(np.mean(y**2) - 1) <= standard_errors(np.std(y**2), y.size)


def test_softmax_rows_are_probabilities(rng):
    x = rng.normal(size=(7, 9)) * 50
    y = ref.softmax_forward(x)
    assert (y >= 0).all()
    near(y.sum(axis=1), np.ones(7))
    near(ref.softmax_forward(x + 1e4), y)
    near(np.exp(ref.log_softmax_forward(x)), y)
    dy = rng.normal(size=x.shape)
    near(ref.softmax_backward(dy, y).sum(axis=1), np.zeros(7))
    near(ref.log_softmax_backward(dy, np.log(y + 1e-300)).sum(axis=1), np.zeros(7))


def test_softmax_of_extreme_logits():
    near(ref.softmax_forward([[1e308, -1e308, 0.0]]), [[1, 0, 0]])
    near(ref.softmax_forward([[-np.inf, 0.0]]), [[0, 1]])
    near(ref.log_softmax_forward([[0.0, -1e5]]), [[0, -1e5]])


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_batchnorm_output_is_standard(rng, offset):
    x = offset + rng.normal(size=(50, 4)) * [0.5, 1, 2, 4]
    y, mean, rstd = ref.batchnorm_forward(x, np.ones(4), np.zeros(4), eps=0.0)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=STANDARDISED)
    np.testing.assert_allclose(y.var(axis=0), 1, atol=STANDARDISED)
    near(mean, x.mean(axis=0))


def test_batchnorm_gradient_is_orthogonal_to_one_and_to_the_normalised_input(rng):
    x, dy, gamma = rng.normal(size=(8, 3)), rng.normal(size=(8, 3)), rng.normal(size=3)
    y, mean, rstd = ref.batchnorm_forward(x, np.ones(3), np.zeros(3), eps=0.0)
    dx, dgamma, dbeta = ref.batchnorm_backward(dy, x, gamma, mean, rstd)
    near(dx.sum(axis=0), np.zeros(3))
    near((dx * y).sum(axis=0), np.zeros(3))
    near(dgamma, (dy * y).sum(axis=0))
    near(dbeta, dy.sum(axis=0))


def test_batchnorm_running_statistics_follow_torch(rng):
    x = rng.normal(size=(5, 2))
    mean, var = np.zeros(2), np.ones(2)
    ref.batchnorm_forward(x, np.ones(2), np.zeros(2), mean, var)
    near(mean, 0.1 * x.mean(axis=0))
    near(var, 0.9 + 0.1 * x.var(axis=0, ddof=1))
    ref.batchnorm_forward(x, np.ones(2), np.zeros(2), mean, var, momentum=1.0, unbiased_running_var=False)
    near(var, x.var(axis=0))
    y, used, rstd = ref.batchnorm_forward(x, np.ones(2), np.zeros(2), mean, var, training=False)
    near(used, mean)
    near(rstd, 1 / np.sqrt(var + 1e-5))
    near(y, (x - mean) / np.sqrt(var + 1e-5))


def test_layernorm_is_the_transposed_batchnorm(rng):
    x, dy = 1e6 + rng.normal(size=(5, 40)), rng.normal(size=(5, 40))
    y, mean, rstd = ref.layernorm_forward(x)
    turned = ref.batchnorm_forward(x.T, np.ones(5), np.zeros(5))
    for ours, theirs in zip((y, mean, rstd), turned, strict=True):
        near(ours, theirs.T)
    dx, *sums = ref.layernorm_backward(dy, x, None, mean, rstd)
    near(dx, ref.batchnorm_backward(dy.T, x.T, np.ones(5), mean, rstd)[0].T)
    assert sums == [None, None]


def test_softmax_cross_entropy_of_labels_is_that_of_their_indicator(rng):
    logits, labels = rng.normal(size=(6, 3)), np.array([0, 2, 1, 1, 0, 2])
    options = dict(sample_weight=rng.random(6), class_weight=rng.random(3), label_smoothing=0.2)
    dense = dict(sample_weight=options["sample_weight"] * options["class_weight"][labels], label_smoothing=0.2)
    for reduction in ("mean", "sum", "none"):
        by_label = ref.softmax_cross_entropy(logits, labels, reduction=reduction, **options)
        by_row = ref.softmax_cross_entropy(logits, np.eye(3)[labels], reduction=reduction, **dense)
        near(by_label[0], by_row[0])
        near(by_label[1], by_row[1])
    plain, _ = ref.softmax_cross_entropy(logits, labels)
    near(plain, -np.mean(np.log(ref.softmax_forward(logits))[np.arange(6), labels]))


def test_losses_of_extreme_logits_are_finite():
    loss, gradient = ref.softmax_cross_entropy([[1e4, 0.0]], [1])
    assert loss == 1e4 and np.isfinite(gradient).all()
    loss, gradient = ref.sigmoid_cross_entropy([[1e4, -1e4]], [[0.0, 1.0]])
    assert loss == 2e4 and np.isfinite(gradient).all()


def test_sigmoid_cross_entropy_is_the_two_class_softmax(rng):
    z, t = rng.normal(size=(7, 1)), rng.integers(0, 2, size=7)
    by_softmax, _ = ref.softmax_cross_entropy(np.hstack([np.zeros((7, 1)), z]), t)
    by_sigmoid, _ = ref.sigmoid_cross_entropy(z, t[:, None].astype(float))
    near(by_sigmoid, by_softmax)


def test_kl_divergence_is_the_cross_entropy_without_the_entropy(rng):
    z, p = rng.normal(size=(7, 4)), rng.dirichlet(np.ones(4), size=7)
    for reduction, entropy in (("none", -(p * np.log(p)).sum(axis=1)), ("mean", -(p * np.log(p)).sum() / 7)):
        divergence, gradient = ref.kl_divergence(z, p, reduction=reduction)
        cross_entropy, expected = ref.softmax_cross_entropy(z, p, reduction=reduction)
        near(divergence, cross_entropy - entropy)
        near(gradient, expected)
    loss, gradient = ref.kl_divergence(z, ref.softmax_forward(z))
    near(loss, 0)
    near(gradient, np.zeros((7, 4)))
    assert ref.kl_divergence([[1e4, -1e4]], [[0.0, 1.0]])[0] == 2e4


def test_huber_lies_between_squares_and_distances(rng):
    x, t = rng.normal(size=(7, 4)), rng.normal(size=(7, 4))
    squares, distances = ref.mean_squared_error(x, t), ref.absolute_error(x, t)
    for delta, expected, factor in ((1e3, squares, 0.5), (2.0**-60, distances, 2.0**-60)):
        loss, gradient = ref.huber(x, t, delta=delta)
        near(loss / factor, expected[0])
        near(gradient / factor, expected[1])
    assert ref.huber([[0.5]], [[0.0]], delta=0.5)[0] == 0.125  # both formulas meet


def test_poisson_nll_is_least_at_the_logarithm_of_the_count():
    counts = np.array([[1.0, 4.0, 9.0]])
    near(ref.poisson_nll(np.log(counts), counts)[1], np.zeros((1, 3)))
    mean = np.log(counts.mean())  # one rate for all: that of their mean
    near(ref.poisson_nll(np.full((3, 1), mean), counts.T)[1].sum(), 0)


@pytest.mark.parametrize("loss", UNIT_LOSSES)
def test_reductions_agree(rng, loss):
    prediction, target, weight = rng.normal(size=(6, 4)), rng.random((6, 4)), rng.random(6)
    rows, row_gradient = loss(prediction, target, sample_weight=weight, reduction="none")
    total, gradient = loss(prediction, target, sample_weight=weight, reduction="sum")
    mean, mean_gradient = loss(prediction, target, sample_weight=weight)
    near(total, rows.sum())
    near(mean, total / weight.sum())
    near(gradient, row_gradient)
    near(mean_gradient * weight.sum(), gradient)
    repeated = np.repeat(np.arange(6), 2)
    near(loss(prediction[repeated], target[repeated])[0], loss(prediction, target, sample_weight=np.full(6, 2.0))[0])


def test_lamina_is_the_composition_of_its_parts(rng):
    x, weight, bias = rng.normal(size=(6, 5)), rng.normal(size=(3, 5)), rng.normal(size=3)
    gamma, beta = rng.normal(size=3), rng.normal(size=3)
    h, _ = ref.lamina_forward(x, weight, bias, gamma=gamma, beta=beta, activation="tanh", p=0.5, seed=4, layer=1)
    z, *_ = ref.batchnorm_forward(x @ weight.T + bias, gamma, beta)
    near(h, np.tanh(z) * 2.0 * ref.dropout_mask((6, 3), 0.5, seed=4, layer=1))


def test_tied_autoencoder_gradient_is_the_sum_of_the_untied_ones(rng):
    x, weight, b, c = rng.random((5, 4)), rng.normal(size=(3, 4)), rng.normal(size=3), rng.normal(size=4)
    options = dict(activation="sigmoid", loss="sigmoid_cross_entropy", p=0.25, seed=1, layer=0, step=2)
    loss, tied = ref.autoencoder_loss_and_gradients(x, weight, b, c, **options)
    same, untied = ref.autoencoder_loss_and_gradients(x, weight, b, c, decoder_weight=weight.T, **options)
    assert loss == same
    near(tied["weight"], untied["weight"] + untied["decoder_weight"].T)
