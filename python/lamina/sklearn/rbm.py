"""Restricted Boltzmann machines as transformers of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

import lamina
from lamina._checks import whole
from lamina.sklearn.estimator import all_or_nothing

__all__ = ["BernoulliRBM", "GaussianRBM"]

_FLOATS = [np.float64, np.float32]


class _BoltzmannMachine(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What both share: all but the kind of visible units."""

    _visible: str
    rbm_: lamina.RBM

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float = 0.1,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        batch_size: int = 10,
        n_iter: int = 10,
        k: int = 1,
        persistent: bool = True,
        device: str = "cpu",
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.k = k
        self.persistent = persistent
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @all_or_nothing
    def fit(self, X: Any, y: Any = None) -> Any:
        """Learn from X (rows, features); y is not used."""
        X = validate_data(self, X, dtype=_FLOATS)
        machine = self._machine(X)
        self._epochs(machine, X, "fit", whole(type(self).__name__, "n_iter", self.n_iter, 0))
        self.rbm_ = machine
        return self

    @all_or_nothing
    def partial_fit(self, X: Any, y: Any = None) -> Any:
        """Learn for one epoch more, from the state of the last call; y is not used."""
        fresh = not hasattr(self, "rbm_")
        X = validate_data(self, X, dtype=_FLOATS if fresh else self.rbm_.dtype, reset=fresh)
        machine = self._machine(X) if fresh else self.rbm_
        self._epochs(machine, X, "partial_fit", 1)
        self.rbm_ = machine
        return self

    def _machine(self, X: np.ndarray) -> lamina.RBM:
        return lamina.RBM(
            X.shape[1],
            self.n_components,
            visible=self._visible,
            optimizer=lamina.SGD(lr=self.learning_rate, momentum=self.momentum, weight_decay=self.weight_decay),
            seed=int(check_random_state(self.random_state).randint(2**31)),
            dtype=X.dtype,
            device=self.device,
        )

    def _epochs(self, machine: lamina.RBM, X: np.ndarray, method: str, epochs: int) -> None:
        call = f"{type(self).__name__}.{method}"
        machine._fit(call, X, self.k, bool(self.persistent), epochs, self.batch_size, True, self.verbose, "epochs")

    def transform(self, X: Any) -> np.ndarray:
        """Return the means of the hidden units (rows, n_components)."""
        return self._fitted().transform(self._rows(X))

    def score_samples(self, X: Any) -> np.ndarray:
        """Return −F(v) of each row: its log-likelihood but for a constant, log Z, that all rows share."""
        return -self._fitted().free_energy(self._rows(X))

    def gibbs(self, v: Any, *, random_state: Any = None) -> np.ndarray:
        """Return the visible units after one step of Gibbs sampling from v (rows, features)."""
        machine, v = self._fitted(), self._rows(v)
        seed = int(check_random_state(random_state).randint(2**31))
        return machine.sample(len(v), steps=1, start=v, seed=seed)

    def _fitted(self) -> lamina.RBM:
        check_is_fitted(self, "rbm_")
        return self.rbm_

    def _rows(self, X: Any) -> np.ndarray:
        return validate_data(self, X, dtype=self.rbm_.dtype, reset=False)

    @property
    def components_(self) -> np.ndarray:
        """Weights (n_components, features)."""
        return self._fitted().parameters()["weight"]

    @property
    def intercept_hidden_(self) -> np.ndarray:
        """Biases of the hidden units."""
        return self._fitted().parameters()["hidden_bias"]

    @property
    def intercept_visible_(self) -> np.ndarray:
        """Biases of the visible units."""
        return self._fitted().parameters()["visible_bias"]

    @property
    def _n_features_out(self) -> int:
        return self._fitted().n_hidden


class BernoulliRBM(_BoltzmannMachine):
    """A restricted Boltzmann machine for data in [0, 1], to stand in for scikit-learn's.

    Parameters
    ----------
    n_components : int
        Hidden units.
    learning_rate, momentum, weight_decay : float
    batch_size : int
    n_iter : int
        Epochs of `fit`.
    k : int
        Steps of Gibbs sampling for each update.
    persistent : bool
        Whether chains go on from update to update, as in scikit-learn; else they start at the data.
    device : {"cpu", "cuda"}
    random_state : int, RandomState or None
    verbose : bool
        Whether a progress bar is shown.

    Attributes
    ----------
    components_, intercept_hidden_, intercept_visible_ : ndarray
        Weights (n_components, features) and biases.
    rbm_ : lamina.RBM
        What has learned: samples, likelihoods.
    n_features_in_ : int

    Examples
    --------
    >>> import numpy as np
    >>> from lamina.sklearn import BernoulliRBM
    >>> X = np.repeat([[1.0, 1, 0, 0], [0, 0, 1, 1]], 10, axis=0)
    >>> model = BernoulliRBM(2, n_iter=100, random_state=0).fit(X)
    >>> model.transform(X).shape
    (20, 2)
    >>> model.score_samples([[1, 1, 0, 0]]) > model.score_samples([[1, 0, 1, 0]])
    array([ True])
    """

    _visible = "bernoulli"


class GaussianRBM(_BoltzmannMachine):
    """A restricted Boltzmann machine for real numbers of mean 0 and variance 1, as of a StandardScaler.

    Parameters and attributes are those of `BernoulliRBM`; rates are some ten times smaller.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina.sklearn import GaussianRBM
    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> GaussianRBM(2, learning_rate=0.01, random_state=0).fit(X).transform(X).shape
    (50, 2)
    """

    _visible = "gaussian"
