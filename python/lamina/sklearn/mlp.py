"""A deep net as a classifier and as a regressor."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets

from lamina import ops
from lamina.losses import Loss
from lamina.sklearn.estimator import NetEstimator, all_or_nothing

__all__ = ["MLPClassifier", "MLPRegressor"]


def _with_setting(signature: inspect.Signature, name: str) -> inspect.Signature:
    setting = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None)
    return signature.replace(parameters=[*signature.parameters.values(), setting])


class MLPClassifier(ClassifierMixin, NetEstimator):
    """A deep net that tells classes, with the conventions of scikit-learn.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        Widths of the hidden layers; none gives softmax regression.
    activation : str
        A name of `lamina.ops.activations`, or scikit-learn's "identity" and "logistic".
    batch_norm : bool
        Whether each hidden layer normalises before its activation.
    dropout : float in [0, 1)
        Probability with which hidden units are dropped.
    loss : str or lamina.Loss, optional
        "cross_entropy" unless given; a `Loss` may have class weights, in the order of `classes_`, and label smoothing.
    solver : str, or SGD, Adagrad, RMSProp, Adam or AdamW
        "sgd", "adagrad", "rmsprop", "adam" and "adamw" mean the defaults.
    learning_rate_init, momentum, weight_decay, l1 : float, optional
        Take the place of the solver's own `lr`, `momentum` (SGD and RMSProp have it), `weight_decay` and `l1`.
    clip_norm : float, optional
        The largest norm of the gradient over the net; longer ones are scaled back to it.
    schedule : callable, optional
        Of the learning rate, as of `lamina.Trainer`.
    batch_size : int
        Rows in a step.
    max_iter : int
        Epochs, at least 1; all of them, unless early stopping ends them.
    shuffle : bool
        Whether each epoch takes the rows in a new order.
    early_stopping : bool
        Whether part of the rows is set aside and watched: the net stops when its loss on them no longer improves, and
        goes back to its best weights.
    validation_fraction : float or int
        Share or number of the rows set aside for early stopping, of each class in its proportion.
    n_iter_no_change : int
        Epochs without a new best before the training stops early.
    callbacks : iterable of lamina.Callback
        Of the trainer. Those that monitor "val_loss" need early stopping, which has validation data.
    standardize : bool
        Whether columns are shifted and scaled to mean 0 and deviation 1 over the training rows, weights counted.
    dtype : {"float32", "float64"}, optional
        That of X unless given, float64 for integers. float32 is twice as fast.
    precision : {"highest", "high", "medium"}, optional
        Of float32 products in training; `lamina.set_precision`'s unless given.
    device : {"cpu", "cuda"}
        Where the net is.
    random_state : int, RandomState or None
        Settles weights, shuffles, dropout and the rows set aside; an int is the seed of net and trainer.
    verbose : bool
        Whether a progress bar is shown on standard error.
    class_weight : "balanced" or mapping of labels to float, optional
        What a row counts by its class, beside its sample weight; a label that is not there has 1. "balanced" lets every
        class count alike: total weight of all rows / (classes · that of the class's rows).

    Attributes
    ----------
    classes_ : ndarray of shape (classes,)
        The labels, sorted.
    net_ : lamina.Sequential
        Takes standardised rows.
    trainer_ : lamina.Trainer
    history_ : dict of str to list of float
        The trainer's.
    n_iter_ : int
        Epochs trained.
    scalers_ : tuple
        What standardises rows, or None, and None, since labels are not standardised.
    n_features_in_, feature_names_in_
        As of every estimator.

    Raises
    ------
    ValueError, TypeError
        From `fit`, if a parameter or the data is not as told above.

    Notes
    -----
    Rows of weight 0 count as not given. Every fit with one `random_state` ends in the same bits. Where `n_jobs` makes
    joblib run several fits in processes, each takes its share of the processors, unless LAMINA_NUM_THREADS says else.

    References
    ----------
    L. Buitinck et al., "API design for machine learning software: experiences from the scikit-learn project", 2013.

    Examples
    --------
    >>> import lamina
    >>> from lamina.sklearn import MLPClassifier
    >>> from sklearn.model_selection import GridSearchCV
    >>> X, y = lamina.datasets.digits()
    >>> net = MLPClassifier(max_iter=20, random_state=0)
    >>> search = GridSearchCV(net, {"hidden_layer_sizes": [(4,), (64, 64)]}, cv=3).fit(X, y)
    >>> search.best_params_, bool(search.best_score_ > 0.9)
    ({'hidden_layer_sizes': (64, 64)}, True)
    """

    _loss, _losses = "cross_entropy", ("cross_entropy", "softmax_cross_entropy")
    _values = _scales_values = False
    classes_: np.ndarray

    def __init__(self, *settings: Any, class_weight: Any = None, **others: Any) -> None:
        super().__init__(*settings, **others)
        self.class_weight = class_weight

    # scikit-learn reads the names of all settings off it.
    __init__.__signature__ = _with_setting(inspect.signature(NetEstimator.__init__), "class_weight")  # type: ignore[attr-defined]

    @all_or_nothing
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPClassifier:
        """Train a new net.

        Parameters
        ----------
        X : array_like of shape (rows, columns)
            Finite numbers.
        y : array_like of shape (rows,)
            Labels of any kind that can be sorted.
        sample_weight : array_like of shape (rows,), optional
            Finite, at least 0, not all 0.

        Returns
        -------
        MLPClassifier
            Itself.
        """
        data = self._checked(X, y, sample_weight)
        check_classification_targets(data[1])
        classes, labels = np.unique(data[1], return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"{self._name}: y has one class, {classes[0]!r}, at least two are needed")
        counts = np.bincount(labels, data[2])
        self._train((data[0], labels, data[2]), len(classes), self._weighted_loss(classes, counts))
        self.classes_ = classes
        return self

    @all_or_nothing
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> MLPClassifier:
        """Train one epoch on some rows, from where the net is.

        Parameters
        ----------
        X, y, sample_weight
            As of `fit`. The rows of the first call settle what rows are standardised by.
        classes : array_like of shape (classes,)
            All labels there will be; needed in the first call.

        Returns
        -------
        MLPClassifier
            Itself.
        """
        first = self._is_new
        if first and classes is None:
            raise ValueError("MLPClassifier.partial_fit: the first call needs classes, all labels there will be")
        data = self._checked(X, y, sample_weight, reset=first)
        check_classification_targets(data[1])
        known = np.unique(classes) if first else self.classes_
        if classes is not None and not np.array_equal(np.unique(classes), known):
            raise ValueError(f"MLPClassifier.partial_fit: classes is {classes}, the first call had {known}")
        if not np.isin(data[1], known).all():
            raise ValueError(f"MLPClassifier.partial_fit: y has labels {np.unique(data[1])}, classes are {known}")
        if len(known) < 2:
            raise ValueError(f"{self._name}: classes has one class, {known[0]!r}, at least two are needed")
        labels, loss = np.searchsorted(known, data[1]), self._weighted_loss(known)
        self._train_further((data[0], labels, data[2]), len(known), loss)
        self.classes_ = known
        return self

    def _weighted_loss(self, classes: np.ndarray, counts: np.ndarray | None = None) -> Loss:
        """The loss with the weights of classes whose rows weigh `counts`, if these are known."""
        loss, given = self._loss_given(), self.class_weight
        if given is None:
            return loss
        call = f"{self._name}: class_weight is {given!r}"
        if loss.class_weight is not None:
            raise ValueError(f"{call}, and the loss has class weights too: only one of them is needed")
        if isinstance(given, str) and given == "balanced":
            if counts is None:
                raise ValueError(
                    f"{call}, partial_fit does not know all rows: a mapping of labels to weights is needed"
                )
            return dataclasses.replace(loss, class_weight=counts.sum() / (len(classes) * counts))
        if not isinstance(given, Mapping):
            raise TypeError(f"{call}, 'balanced' or a mapping of labels to weights is needed")
        labels = classes.tolist()
        strangers = [label for label in given if label not in labels]
        if strangers and any(label not in given for label in labels):  # a fold may lack a class, all may be named
            raise ValueError(f"{call}, {strangers[0]!r} is no label of y: those are {labels}")
        return dataclasses.replace(loss, class_weight=[given.get(label, 1.0) for label in labels])

    def predict(self, X: Any) -> np.ndarray:
        """Return the label of each row, of the kind that was given."""
        numbers = self._outputs(X).argmax(axis=1)
        return self.classes_[numbers]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class of `classes_`, (rows, classes)."""
        return ops.softmax_forward(self._outputs(X))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithms of the probabilities."""
        return ops.log_softmax_forward(self._outputs(X))


class MLPRegressor(RegressorMixin, NetEstimator):
    """A deep net that tells values, with the conventions of scikit-learn.

    Parameters
    ----------
    loss : str or lamina.Loss, optional
        "mean_squared_error" unless given; "squared_error", "absolute_error", "huber"; "poisson_nll" for counts, whose
        rates `predict` then returns.
    standardize : bool
        Whether columns of X and y are shifted and scaled to mean 0 and deviation 1 over the training rows: huber's
        delta, `history_` and `trainer_` are then in deviations of y. `predict` and `score` are in its own units.
        Counts stay as they are.
    **others
        As of `MLPClassifier`, but `class_weight`.

    Attributes
    ----------
    scalers_ : tuple
        What standardises X, and y; None where nothing does.
    others
        As of `MLPClassifier`, but `classes_`.

    Raises
    ------
    ValueError, TypeError
        From `fit`, if a parameter or the data is not as told above.

    References
    ----------
    L. Buitinck et al., "API design for machine learning software: experiences from the scikit-learn project", 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina.sklearn import MLPRegressor
    >>> X = np.linspace(-3, 3, 200)[:, None]
    >>> y = 1e6 * np.sin(X[:, 0])
    >>> MLPRegressor((32, 32), activation="tanh", max_iter=500, random_state=0).fit(X, y).score(X, y) > 0.99
    True
    """

    _loss = "mean_squared_error"
    _losses = ("mean_squared_error", "squared_error", "absolute_error", "huber", "poisson_nll")
    _values = True

    @property
    def _scales_values(self) -> bool:  # type: ignore[override]
        return self._loss_given().name != "poisson_nll"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = getattr(self.loss, "name", self.loss) == "poisson_nll"
        return tags

    @all_or_nothing
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train a new net.

        Parameters
        ----------
        X : array_like of shape (rows, columns)
            Finite numbers.
        y : array_like of shape (rows,) or (rows, outputs)
            Finite numbers; at least 0 for poisson_nll.
        sample_weight : array_like of shape (rows,), optional
            Finite, at least 0, not all 0.

        Returns
        -------
        MLPRegressor
            Itself.
        """
        data, flat = self._values_of(X, y, sample_weight)
        self._train(data, data[1].shape[1], self._loss_given())
        self._flat = flat
        return self

    @all_or_nothing
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train one epoch on some rows, from where the net is.

        Parameters
        ----------
        X, y, sample_weight
            As of `fit`. The rows of the first call settle what rows and values are standardised by.

        Returns
        -------
        MLPRegressor
            Itself.
        """
        data, flat = self._values_of(X, y, sample_weight, reset=self._is_new)
        self._train_further(data, data[1].shape[1], self._loss_given())
        self._flat = flat
        return self

    def _values_of(self, X: Any, y: Any, sample_weight: Any, reset: bool = True) -> tuple[tuple, bool]:
        X, y, weight = self._checked(X, y, sample_weight, reset=reset, multi_output=True, y_numeric=True)
        return (X, y.reshape(len(y), -1), weight), y.ndim == 1

    def predict(self, X: Any) -> np.ndarray:
        """Return the values for each row, (rows,) or (rows, outputs) as y was."""
        outputs, scaler = self._outputs(X), self.scalers_[1]
        values = outputs if scaler is None else scaler.inverse_transform(outputs)
        if self.trainer_.loss.name == "poisson_nll":
            values = np.exp(values)
        return values[:, 0] if self._flat else values
