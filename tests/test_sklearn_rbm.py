"""Boltzmann machines as transformers: scikit-learn's own checks, beside scikit-learn's machine, and in a pipeline."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import BernoulliRBM as TheirRBM
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

import lamina
from comparison import assert_same_bits
from lamina.sklearn import BernoulliRBM, GaussianRBM

PATTERNS = np.repeat([[1.0, 1, 0, 0, 1, 0], [0, 0, 1, 1, 0, 1]], 10, axis=0)


@pytest.mark.parametrize("persistent", [True, False])
def test_gaussian_machines_pass_scikit_learns_checks(persistent):
    check_estimator(GaussianRBM(8, learning_rate=0.001, persistent=persistent, n_iter=3), on_skip=None)


def test_transformer_is_the_machine_behind_it(dtype):
    X = PATTERNS.astype(dtype)
    settings = {"learning_rate": 0.2, "momentum": 0.5, "weight_decay": 1e-3, "n_iter": 5, "k": 2, "batch_size": 8}
    model = BernoulliRBM(5, random_state=3, **settings).fit(X)
    optimizer = lamina.SGD(lr=0.2, momentum=0.5, weight_decay=1e-3)
    rbm = lamina.RBM(6, 5, optimizer=optimizer, seed=3, dtype=dtype)
    rbm.fit(X, epochs=5, k=2, persistent=True, batch_size=8, progress=False)
    assert_same_bits(model.components_, rbm.parameters()["weight"])
    assert_same_bits(model.intercept_hidden_, rbm.parameters()["hidden_bias"])
    assert_same_bits(model.intercept_visible_, rbm.parameters()["visible_bias"])
    assert_same_bits(model.transform(X), rbm.transform(X))
    assert_same_bits(model.score_samples(X), -rbm.free_energy(X))
    assert list(model.get_feature_names_out()) == [f"bernoullirbm{i}" for i in range(5)]
    parts = clone(model)
    for _ in range(5):
        parts.partial_fit(X)
    assert_same_bits(parts.components_, model.components_)
    step = model.gibbs(X, random_state=1)
    assert step.shape == X.shape and set(np.unique(step)) <= {0, 1}


def test_machines_stand_in_for_scikit_learns():
    """The same parameters by name, and of the same weights the same means and free energies."""
    theirs = TheirRBM(5, n_iter=20, random_state=0).fit(PATTERNS)
    ours = BernoulliRBM(**{name: value for name, value in theirs.get_params().items() if name != "verbose"})
    ours.set_params(n_iter=0).fit(PATTERNS)
    ours.rbm_.set_weights(theirs.components_, theirs.intercept_visible_, theirs.intercept_hidden_)
    np.testing.assert_allclose(ours.transform(PATTERNS), theirs.transform(PATTERNS), rtol=1e-12)
    np.testing.assert_allclose(ours.score_samples(PATTERNS), -theirs._free_energy(PATTERNS), rtol=1e-12)


def test_a_machine_stays_as_it_was_when_a_fit_fails():
    model = BernoulliRBM(3, n_iter=1).fit(PATTERNS)
    before = model.transform(PATTERNS)
    with pytest.raises(ValueError):
        model.set_params(batch_size=0).fit(PATTERNS[:, :2])
    assert model.n_features_in_ == 6
    assert_same_bits(model.transform(PATTERNS), before)


def test_machines_refuse_bad_input():
    with pytest.raises(NotFittedError):
        BernoulliRBM().transform(PATTERNS)
    with pytest.raises(ValueError, match=r"BernoulliRBM.fit: X holds .*\[0, 1\]"):
        BernoulliRBM().fit(PATTERNS - 1)
    with pytest.raises(ValueError, match="BernoulliRBM: n_iter"):
        BernoulliRBM(n_iter=-1).fit(PATTERNS)
    for settings, message in (
        ({"n_components": 0}, "BernoulliRBM: n_components"), ({"learning_rate": -1}, "BernoulliRBM.fit: learning_rate"),
        ({"persistent": 0}, "BernoulliRBM.fit: persistent"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            BernoulliRBM(**settings).fit(PATTERNS)
    model = BernoulliRBM(3, n_iter=1).fit(PATTERNS)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        model.fit(2 * PATTERNS[:, 1:])  # and is what it was
    kept = model.components_
    model.set_params(learning_rate=0.0).partial_fit(PATTERNS)
    assert_same_bits(model.components_, kept)
    model.set_params(learning_rate=0.5).partial_fit(PATTERNS)
    assert not np.array_equal(model.components_, kept)
    with pytest.raises(ValueError, match="6 features"):
        model.transform(PATTERNS[:, 1:])


def nudged(X, y):
    """Each digit, and it moved by a pixel to each side."""
    images = X.reshape(-1, 8, 8)
    moved = [images, *(np.zeros_like(images) for _ in range(4))]
    moved[1][:, 1:], moved[2][:, :-1] = images[:, :-1], images[:, 1:]
    moved[3][:, :, 1:], moved[4][:, :, :-1] = images[:, :, :-1], images[:, :, 1:]
    return np.concatenate(moved).reshape(-1, 64), np.tile(y, 5)


@pytest.mark.slow
def test_features_of_digits_beat_their_pixels():
    """scikit-learn's example "Restricted Boltzmann machine features for digit classification"."""
    X, y = nudged(*load_digits(return_X_y=True))
    X = (X / 16).astype(np.float32)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
    features = BernoulliRBM(100, learning_rate=0.06, n_iter=10, random_state=0)
    ours = make_pipeline(features, LogisticRegression(C=6000, max_iter=5000)).fit(X, y).score(X_test, y_test)
    raw = LogisticRegression(C=100, max_iter=5000).fit(X, y).score(X_test, y_test)
    assert 0.92 <= ours <= 0.95 and ours - raw >= 0.12
