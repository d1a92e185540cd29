"""The estimators: scikit-learn's own checks, its searches, and the same bits as the trainer behind them."""

import importlib
import pickle
import sys

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import lamina
import tolerances
from comparison import assert_same_bits
from lamina.datasets import Standardizer
from lamina.mlp import mlp
from lamina.sklearn import MLPClassifier, MLPRegressor
from small_nets import clouds


@pytest.fixture
def data(rng):
    return clouds(rng)


def classifier(**settings):
    return MLPClassifier(**{"hidden_layer_sizes": (8,), "max_iter": 20, "batch_size": 16, "random_state": 0} | settings)


def regressor(**settings):
    return MLPRegressor(**{"hidden_layer_sizes": (8,), "max_iter": 20, "batch_size": 16, "random_state": 0} | settings)


@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier(),
        MLPRegressor(),
        MLPClassifier(solver="sgd", learning_rate_init=0.1),
        MLPRegressor(loss="huber"),
        MLPRegressor(loss="poisson_nll", learning_rate_init=0.02),
    ],
    ids=str,
)
def test_estimators_pass_scikit_learns_checks(estimator):
    # That check has negative values.
    counts = {"check_regressor_multioutput": "counts are needed"} if estimator.loss == "poisson_nll" else {}
    check_estimator(estimator, on_skip=None, expected_failed_checks=counts)


def test_classifier_is_the_trainer_behind_it(data, dtype):
    x, y = data[0].astype(dtype), data[1]
    fitted = classifier(batch_norm=True, dropout=0.2, activation="tanh", weight_decay=0.01).fit(x, y)
    net = mlp(4, (8,), 3, activation="tanh", batchnorm=True, dropout=0.2, seed=0, dtype=dtype.name)
    trainer = lamina.Trainer(net, optimizer=lamina.Adam(weight_decay=0.01), seed=0)
    z = Standardizer.fit(x).transform(x)
    history = trainer.fit(z, y, epochs=20, batch_size=16, progress=False)
    assert_same_bits(fitted.net_.state_dict(), net.state_dict())
    assert_same_bits(fitted.predict_proba(x), net.predict_proba(z))
    assert fitted.history_["loss"] == history["loss"] and fitted.n_iter_ == 20
    np.testing.assert_allclose(np.exp(fitted.predict_log_proba(x)), fitted.predict_proba(x), rtol=1e-5)
    plain = classifier(standardize=False).fit(x, y)
    assert plain.scalers_ == (None, None)
    assert_same_bits(plain.predict_proba(x), plain.net_.predict_proba(x))


@pytest.mark.parametrize(
    "labels",
    [np.array(["one", "two", "ten"]), np.array([-5, 3, 1000]), np.array([0.5, 1.5, 2.5]).astype(str).astype(object)],
    ids=["text", "numbers", "objects"],
)
def test_classifier_takes_labels_of_any_kind(data, labels):
    x, y = data[0], labels[data[1]]
    fitted = classifier(learning_rate_init=0.02).fit(x, y)
    assert fitted.classes_.tolist() == sorted(labels.tolist())
    assert fitted.predict(x).dtype == y.dtype and fitted.score(x, y) > 0.85
    probabilities = fitted.predict_proba(x)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)
    assert (fitted.classes_[probabilities.argmax(1)] == fitted.predict(x)).all()


def test_classifier_tells_two_classes(data):
    x, y = data[0], data[1] == 1
    fitted = classifier(max_iter=60).fit(x, y)
    assert fitted.predict(x).dtype == bool and fitted.predict_proba(x).shape == (90, 2) and fitted.score(x, y) > 0.85


@pytest.mark.parametrize("make", [classifier, regressor])
def test_estimators_follow_the_dtype_of_x(make, data):
    x, y = data
    for given, options, expected in [
        (x, {}, "float64"),
        (x.astype(np.float32), {}, "float32"),
        ((10 * x).astype(int), {}, "float64"),
        (x, {"dtype": "float32"}, "float32"),
        (x.astype(np.float32), {"dtype": "float64"}, "float64"),
    ]:
        assert make(**options).fit(given, y).net_.dtype == expected


def test_classifier_early_stopping_sets_rows_of_each_class_aside(data):
    x, y = data
    fitted = classifier(
        early_stopping=True, validation_fraction=0.2, n_iter_no_change=3, max_iter=500, solver="rmsprop"
    )
    fitted.fit(x, y)
    losses = fitted.history_["val_loss"]
    assert fitted.n_iter_ == len(losses) == int(np.argmin(losses)) + 4 < 500
    training, watched, _ = lamina.datasets.split(90, 0.2, 0, labels=y, seed=0)
    z = fitted.scalers_[0].transform(x)
    assert_same_bits(fitted.scalers_[0].mean, Standardizer.fit(x[training]).mean)
    assert fitted.trainer_.evaluate(z[watched], y[watched])["loss"] == min(losses)


def test_regressor_early_stopping_restores_its_best(data):
    x = data[0]
    fitted = regressor(early_stopping=True, n_iter_no_change=3, max_iter=3000, learning_rate_init=0.02).fit(x, x[:, 0])
    assert fitted.n_iter_ < 3000 and fitted.score(x, x[:, 0]) > 0.8


def test_classifier_rows_of_weight_zero_are_not_there(data, rng):
    x, y = data
    weight = rng.integers(0, 2, 90) * rng.random(90)
    kept = weight > 0
    x[~kept] = 1e6
    some = classifier(dtype="float32").fit(x[kept], y[kept], weight[kept])
    assert_same_bits(classifier(dtype="float32").fit(x, y, weight).net_.state_dict(), some.net_.state_dict())
    assert not np.array_equal(classifier(dtype="float32").fit(x[kept], y[kept]).predict_proba(x), some.predict_proba(x))


def test_regressor_answers_in_the_units_of_y(data):
    x = data[0]
    y = np.stack([x @ [1.0, 2.0, 0.0, -1.0], x[:, 0]], axis=1)
    scale = np.array([1e6, 1e-6])
    fitted = regressor(max_iter=200).fit(x, y)
    assert fitted.predict(x).shape == (90, 2) and fitted.score(x, y) > 0.9
    other = regressor(max_iter=200).fit(x, y * scale + scale)
    np.testing.assert_allclose(other.predict(x) / scale - 1, fitted.predict(x), rtol=0, atol=1e-3)
    assert regressor().fit(x, y[:, 0]).predict(x).shape == (90,)
    assert regressor(standardize=False).fit(x, y[:, :1]).predict(x).shape == (90, 1)


def test_classifier_partial_fit_goes_on_epoch_by_epoch(data):
    x, y = data
    whole, parts = classifier(max_iter=3).fit(x, y), classifier()
    for classes in ([2, 1, 0], None, [0, 1, 2]):
        parts.partial_fit(x, y, classes=classes)
        parts = pickle.loads(pickle.dumps(parts))
    assert_same_bits(parts.net_.state_dict(), whole.net_.state_dict())
    assert parts.n_iter_ == 3
    few = classifier().partial_fit(x[y != 1], y[y != 1], classes=[0, 1, 2])
    assert few.predict_proba(x).shape == (90, 3)
    whole.partial_fit(x, y)
    assert_same_bits(whole.net_.state_dict(), classifier(max_iter=4).fit(x, y).net_.state_dict())


def test_regressor_partial_fit_goes_on_epoch_by_epoch(data):
    x, whole, parts = data[0], regressor(max_iter=2), regressor()
    whole.fit(x, x[:, 1])
    for _ in range(2):
        parts.partial_fit(x, x[:, 1])
    assert_same_bits(parts.predict(x), whole.predict(x))


def test_estimators_clone_and_pickle(data):
    x, y = data
    fitted = classifier(schedule=lamina.CosineDecay(20), loss=lamina.Loss("cross_entropy", [1, 2, 1], 0.1)).fit(x, y)
    assert_same_bits(pickle.loads(pickle.dumps(fitted)).predict_proba(x), fitted.predict_proba(x))
    assert_same_bits(clone(fitted).fit(x, y).predict_proba(x), fitted.predict_proba(x))
    assert clone(fitted).set_params(dropout=0.5).get_params()["dropout"] == 0.5
    with pytest.raises(NotFittedError):
        clone(fitted).predict(x)


def test_estimators_take_the_solver_with_its_rate(data):
    solver = lamina.SGD(lr=0.5, momentum=0.9, weight_decay=0.1)
    fitted = classifier(solver=solver, learning_rate_init=0.25).fit(*data)
    assert fitted.trainer_.optimizer == lamina.SGD(lr=0.25, momentum=0.9, weight_decay=0.1)
    assert classifier(solver="sgd").fit(*data).trainer_.optimizer == lamina.SGD()
    assert_same_bits(
        classifier(activation="logistic", hidden_layer_sizes=8).fit(*data).predict_proba(data[0]),
        classifier(activation="sigmoid").fit(*data).predict_proba(data[0]),
    )


def test_estimators_take_what_searches_try(data):
    settings = dict(solver="sgd", learning_rate_init=0.05, momentum=0.8, l1=0.01, clip_norm=0.5)
    fitted = classifier(**settings).fit(*data)
    assert fitted.trainer_.optimizer == lamina.SGD(lr=0.05, momentum=0.8, l1=0.01)
    assert fitted.trainer_.clip_norm == 0.5 and settings.items() <= fitted.get_params().items()


def test_classifier_weighs_classes(data, rng):
    x, y, weight = *data, rng.random(90)
    labels = np.array(["a", "b", "c"])
    counts = np.bincount(y, weight)
    given = {"a": 1.0, "b": 2.5}
    for class_weight, expected in (("balanced", weight.sum() / (3 * counts)), (given, [1, 2.5, 1])):
        fitted = classifier(class_weight=class_weight).fit(x, labels[y], weight)
        other = classifier(loss=lamina.Loss("cross_entropy", class_weight=expected)).fit(x, y, weight)
        assert_same_bits(fitted.predict_proba(x), other.predict_proba(x))
    assert not np.array_equal(fitted.predict_proba(x), classifier().fit(x, y, weight).predict_proba(x))
    two = classifier(class_weight=given | {"c": 1.0}).fit(x[y > 0], labels[y[y > 0]])
    assert two.trainer_.loss.class_weight == [2.5, 1.0]
    assert clone(fitted).get_params()["class_weight"] == given
    few = classifier(class_weight=given).partial_fit(x, labels[y], classes=labels)
    assert few.trainer_.loss.class_weight == [1.0, 2.5, 1.0]
    assert "class_weight" not in regressor().get_params()


def test_regressor_of_counts_answers_with_rates(rng):
    x = rng.normal(size=(400, 2))
    rates = np.exp(1 + 0.7 * x[:, 0] - 0.4 * x[:, 1])
    y = rng.poisson(rates)
    fitted = regressor(loss="poisson_nll", hidden_layer_sizes=(), max_iter=100, learning_rate_init=0.02).fit(x, y)
    assert fitted.scalers_[1] is None
    answers = fitted.predict(x)
    assert_same_bits(answers, np.exp(fitted.net_.predict(fitted.scalers_[0].transform(x))[:, 0]))
    assert np.abs(answers / rates - 1).max() < 0.3
    fitted.set_params(loss=None)
    assert_same_bits(fitted.predict(x), answers)


def test_estimators_random_states(data):
    def probabilities(state):
        return classifier(random_state=state).fit(*data).predict_proba(data[0])

    assert_same_bits(probabilities(np.random.RandomState(3)), probabilities(np.random.RandomState(3)))
    assert not np.array_equal(probabilities(1), probabilities(2))
    assert not np.array_equal(probabilities(None), probabilities(None))


def test_classifier_on_a_device_is_the_same(data):
    if not lamina.cuda.is_available():
        pytest.skip(lamina.cuda.status())
    there = classifier(device="cuda").fit(*data)
    assert_same_bits(there.predict_proba(data[0]), classifier().fit(*data).predict_proba(data[0]))
    assert there.net_.device == "cuda"


def test_estimators_in_searches_and_pipelines(data):
    x, y = data
    grid = GridSearchCV(classifier(), {"learning_rate_init": [0.0, 0.02], "dropout": [0.0, 0.1]}, cv=3).fit(x, y)
    assert grid.best_params_["learning_rate_init"] == 0.02 and grid.best_score_ > 0.8
    pipeline = make_pipeline(StandardScaler(), classifier(standardize=False))
    search = RandomizedSearchCV(
        pipeline, {"mlpclassifier__hidden_layer_sizes": [(), (4,), (8, 8)]}, n_iter=2, cv=3, random_state=0
    ).fit(x, y)
    assert search.best_estimator_.predict(x).shape == (90,)
    same = classifier().fit(x, y).predict(x)
    assert (make_pipeline(StandardScaler(), classifier(standardize=False)).fit(x, y).predict(x) == same).mean() > 0.95
    assert cross_val_score(regressor(max_iter=100), x, x[:, 0], cv=3).min() > 0.7


def test_estimators_in_two_processes_share_the_processors(data, monkeypatch):
    for name in ("LAMINA_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    shares = joblib.Parallel(n_jobs=2)(joblib.delayed(lamina.get_num_threads)() for _ in range(2))
    assert shares == [max(1, joblib.cpu_count() // 2)] * 2
    alone = cross_val_score(classifier(), *data, cv=4)
    for backend in ("loky", "threading"):
        with joblib.parallel_config(backend=backend):
            assert_same_bits(cross_val_score(classifier(), *data, cv=4, n_jobs=2), alone)


def test_classifier_callbacks_watch_what_early_stopping_sets_aside(data):
    seen = []

    class Watch(lamina.Callback):
        monitor = "val_loss"

        def on_epoch_end(self, trainer):
            seen.append(trainer.history["val_loss"][-1])

    fitted = classifier(callbacks=[Watch()], early_stopping=True).fit(*data)
    assert seen == fitted.history_["val_loss"] and np.isfinite(seen).all()
    with pytest.raises(ValueError, match="needs validation_data"):
        classifier(callbacks=[Watch()]).fit(*data)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda x, y: classifier().fit(x, y * 0), ValueError, "MLPClassifier: y has one class"),
        (lambda x, y: classifier().fit(x, x[:, 0]), ValueError, "[Cc]ontinuous"),
        (lambda x, y: classifier(loss="huber").fit(x, y), ValueError, "MLPClassifier: loss is 'huber'.*cross_entropy"),
        (lambda x, y: regressor(loss="kl_divergence").fit(x, y), ValueError, "MLPRegressor: loss is 'kl_divergence'"),
        (lambda x, y: regressor(loss="poisson_nll").fit(x, y - 1), ValueError, "poisson_nll needs finite numbers >= 0"),
        (lambda x, y: classifier(callbacks=5).fit(x, y), TypeError, "MLPClassifier: callbacks is 5, a list"),
        (lambda x, y: classifier(momentum=0.9).fit(x, y), ValueError, "momentum is 0.9, Adam.* has none; sgd"),
        (lambda x, y: classifier(solver="sgd", momentum=2).fit(x, y), ValueError, "SGD: momentum is 2"),
        (lambda x, y: classifier(l1=-1).fit(x, y), ValueError, "Adam: l1 is -1"),
        (lambda x, y: classifier(clip_norm=-1).fit(x, y), ValueError, "clip_norm"),
        (lambda x, y: classifier(class_weight="even").fit(x, y), TypeError, "class_weight is 'even', 'balanced' or a"),
        (lambda x, y: classifier(class_weight=[1, 2, 3]).fit(x, y), TypeError, "a mapping of labels to weights"),
        (lambda x, y: classifier(class_weight={7: 1}).fit(x, y), ValueError, r"7 is no label of y: .* \[0, 1, 2\]"),
        (lambda x, y: classifier(class_weight={0: -1}).fit(x, y), ValueError, "class_weight holds negative"),
        (
            lambda x, y: classifier(class_weight={}, loss=lamina.Loss("cross_entropy", [1, 2, 3])).fit(x, y),
            ValueError,
            "the loss has class weights too",
        ),
        (
            lambda x, y: classifier(class_weight="balanced").partial_fit(x, y, [0, 1, 2]),
            ValueError,
            "partial_fit does not know all rows",
        ),
        (lambda x, y: classifier().partial_fit(x, y * 0, [0]), ValueError, "classes has one class"),
        (lambda x, y: classifier(max_iter=0).fit(x, y), ValueError, "MLPClassifier: max_iter is 0"),
        (lambda x, y: classifier(solver="lbfgs").fit(x, y), ValueError, "MLPClassifier: optimizer is 'lbfgs'"),
        (lambda x, y: classifier(learning_rate_init=-1).fit(x, y), ValueError, "Adam: lr is -1"),
        (lambda x, y: classifier(activation="swish").fit(x, y), ValueError, "swish"),
        (lambda x, y: classifier(hidden_layer_sizes=(8, 0)).fit(x, y), ValueError, "out_features is 0"),
        (lambda x, y: classifier(random_state=-1).fit(x, y), ValueError, "seed is -1"),
        (lambda x, y: classifier(dtype="float16").fit(x, y), ValueError, "float32, float64"),
        (lambda x, y: classifier(validation_fraction=1.5, early_stopping=True).fit(x, y), ValueError, "validation=1.5"),
        (lambda x, y: classifier().fit(x, y, [1, 2]), ValueError, "MLPClassifier: sample_weight has shape"),
        (lambda x, y: classifier().fit(x, y, y * 0), ValueError, "sample_weight .*only zeros"),
        (lambda x, y: classifier().fit(x, y, y - 1.0), ValueError, "sample_weight holds negative"),
        (lambda x, y: classifier().partial_fit(x, y), ValueError, "the first call needs classes"),
        (
            lambda x, y: classifier().partial_fit(x, y, [0, 1]),
            ValueError,
            r"y has labels \[0 1 2\], classes are \[0 1\]",
        ),
        (lambda x, y: classifier().fit(x, y).partial_fit(x, y, [0, 1]), ValueError, r"classes is \[0, 1\]"),
        (lambda x, y: classifier(early_stopping=True).partial_fit(x, y, [0, 1, 2]), ValueError, "early_stopping=False"),
        (lambda x, y: regressor().fit(x, y).partial_fit(x, x), ValueError, "y has 4 columns, the first call had 1"),
    ],
)
def test_estimator_mistakes_are_told(make, error, message, data):
    with pytest.raises(error, match=message):
        make(*data)


def test_classifier_stays_as_it_was_when_a_fit_fails(data):
    x, y = data
    fitted = classifier().fit(x, y)
    before = fitted.predict_proba(x)
    for make in (
        lambda: fitted.fit(x, y + 5, [0] * 90),
        lambda: fitted.fit(x[:, :2], y, [0] * 90),
        lambda: fitted.set_params(batch_size=0).fit(x, y + 5),
        lambda: fitted.set_params(solver="zzz").fit(x[:, :2], y),
    ):
        with pytest.raises(ValueError):
            make()
        assert_same_bits(fitted.predict_proba(x), before)
        assert fitted.classes_.tolist() == [0, 1, 2] and fitted.n_features_in_ == 4
    new = classifier(solver="zzz")
    with pytest.raises(ValueError):
        new.fit(x, y)
    assert not hasattr(new, "n_features_in_")
    with pytest.raises(ValueError):
        new.partial_fit(x, y, [0, 1, 2])
    assert not hasattr(new, "n_features_in_")


def test_estimators_say_what_is_missing_without_scikit_learn(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("lamina.sklearn")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn.utils.validation", None)
    with pytest.raises(ImportError, match="lamina.sklearn: scikit-learn 1.6 or newer is needed, run: pip install"):
        importlib.import_module("lamina.sklearn")


def test_standardizer_weights_are_repetitions(rng):
    x, counts = rng.normal(size=(50, 3)) + 7, rng.integers(0, 4, 50)
    weighted, repeated = Standardizer.fit(x, sample_weight=counts), Standardizer.fit(x.repeat(counts, axis=0))
    for name in ("mean", "deviation"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=tolerances.IDENTITY)
