"""The restricted Boltzmann machine: Bernoulli, Gaussian and ReLU units, learning by contrastive divergence."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from lamina import _core, ops, optim
from lamina._arrays import copied, is_on_device, on_device_of, on_host
from lamina._checks import finite, flag, matrix, number, one_of, values, whole
from lamina._seeds import SAMPLE_STEP
from lamina.init import Initializer, initializer
from lamina.pretrain.likelihood import Likelihood

__all__ = ["RBM", "chains_of"]

_SMALL = Initializer("normal", 0.01)


class RBM(Likelihood):
    """Learns the distribution of its inputs with a layer of hidden units.

    Parameters
    ----------
    n_visible, n_hidden : int
        Columns of the data, and hidden units.
    visible : {"bernoulli", "gaussian"}
        For data in [0, 1], or for real numbers of variance 1.
    hidden : {"bernoulli", "relu"}
        What the hidden units are.
    optimizer : str, or SGD, Adagrad, RMSProp, Adam or AdamW
        With it momentum and weight decay. "sgd", "adagrad", "rmsprop", "adam" and "adamw" mean the defaults.
    sparsity_target : float in [0, inf)
        The mean that each hidden unit is drawn to.
    sparsity_cost : float in [0, inf)
        How strongly; 0 for not at all.
    init : str or lamina.init.Initializer
        How the weight starts, normal with deviation 0.01 unless given; biases start at 0.
    seed : int in [0, 2**64)
        Settles initial weights, shuffles and draws.
    layer : int in [0, 2**24)
        Keys the random numbers together with the seed, so that the modules of a stack differ.
    dtype : {"float32", "float64"}
        Of parameters and data.
    device : {"cpu", "cuda"}
        Where the arrays are and everything is computed.

    Attributes
    ----------
    history : dict of str to list of float
        "loss" and "seconds", one entry per epoch over all fits. The loss is half the squared distance from a row to
        where its chain ends, the mean over rows; NaN where chains are persistent and do not start at rows.

    Raises
    ------
    ValueError
        If a name is unknown or a number out of range.

    Notes
    -----
    E(v, h) = −hᵀWv − cᵀv − bᵀh, and ½ vᵀv more with Gaussian visible units; p(v, h) = e^−E / Z. ReLU hidden units are
    noisy rectified linear ones. The gradient that learning follows is written at `lamina.ops.rbm_gradient`; with a
    sparsity target ρ that of b has cost (q − ρ) added, q the mean of the hidden units over the batch.

    References
    ----------
    .. [1] H. Larochelle, "Neural networks", restricted Boltzmann machine.
    .. [2] G. Hinton, "A practical guide to training restricted Boltzmann machines", 2010.
    .. [3] H. Lee, C. Ekanadham, A. Ng, "Sparse deep belief net model for visual area V2", NIPS 2008.

    Examples
    --------
    >>> import lamina, numpy as np
    >>> X = np.repeat([[1, 1, 0, 0], [0, 0, 1, 1]], 10, axis=0)
    >>> rbm = lamina.RBM(4, 2, optimizer=lamina.SGD(lr=0.3), seed=1)
    >>> round(rbm.log_likelihood(X), 2)  # all 16 states alike: -log 16
    -2.77
    >>> history = rbm.fit(X, epochs=200, progress=False)
    >>> -1 < rbm.log_likelihood(X) < -0.69  # the two patterns alone would have -log 2
    True
    """

    _counters = ("step", "sampled", "epoch")

    def __init__(
        self,
        n_visible: int,
        n_hidden: int,
        *,
        visible: str = "bernoulli",
        hidden: str = "bernoulli",
        optimizer: str | optim.Optimizer = "sgd",
        sparsity_target: float = 0.1,
        sparsity_cost: float = 0.0,
        init: Any = _SMALL,
        seed: int = 0,
        layer: int = 0,
        dtype: Any = "float32",
        device: str = "cpu",
    ) -> None:
        call = "RBM"
        super().__init__(n_visible, n_hidden, optimizer, seed, layer, dtype, device)
        self.visible = one_of(call, "visible", visible, ("bernoulli", "gaussian"))
        self.hidden = one_of(call, "hidden", hidden, ("bernoulli", "relu"))
        self.sparsity_target = number(call, "sparsity_target", sparsity_target)
        self.sparsity_cost = number(call, "sparsity_cost", sparsity_cost)
        scheme = initializer(call, init)
        self._core = self._new_core()
        self.set_weights(scheme.draw((self.n_hidden, self.n_visible), seed=self.seed, layer=self.layer))

    def _new_core(self) -> Any:
        return _core.RBM(
            self.n_visible, self.n_hidden, self.dtype.name, self.visible, self.hidden, self.optimizer.settings(),
            self.sparsity_target, self.sparsity_cost, self.seed, self.layer, self.device,
        )  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_chains": copied(self._core.chains())}

    def __setstate__(self, state: dict[str, Any]) -> None:
        chains = state.pop("_chains")
        super().__setstate__(state)
        self._core.start_chains(len(chains))
        self._core.chains()[...] = chains

    def __repr__(self) -> str:
        return f"RBM({self.n_visible}, {self.n_hidden}, visible={self.visible!r}, hidden={self.hidden!r})"

    def set_weights(
        self, weight: Any, visible_bias: np.ndarray | float = 0.0, hidden_bias: np.ndarray | float = 0.0
    ) -> None:
        """Start from a weight (n_hidden, n_visible) and biases (n_visible,) and (n_hidden,).

        Raises
        ------
        ValueError
            If a shape is wrong.
        """
        call = "RBM.set_weights"
        given = {"weight": weight, "visible_bias": visible_bias, "hidden_bias": hidden_bias}
        views = self.parameters()
        arrays = {name: values(call, name, on_host(value), self.dtype) for name, value in given.items()}
        for name, array in arrays.items():
            if array.shape != tuple(views[name].shape) and (array.ndim or name == "weight"):
                raise ValueError(f"{call}: {name} has shape {array.shape}, {tuple(views[name].shape)} is needed")
        for name, array in arrays.items():
            views[name][...] = array

    def fit(
        self,
        X: Any,
        *,
        k: int = 1,
        persistent: bool | int = False,
        epochs: int = 10,
        batch_size: int = 10,
        shuffle: bool = True,
        progress: bool = True,
    ) -> dict[str, list[float]]:
        """Train for some more epochs by contrastive divergence.

        Parameters
        ----------
        X : array_like of shape (rows, n_visible)
            In [0, 1] for Bernoulli visible units.
        k : int
            Steps of Gibbs sampling for each update, at least 1.
        persistent : bool or int
            Whether chains go on from update to update, `batch_size` of them, or how many. They start with hidden units
            of 0 and are kept for the next fit with as many.
        epochs, batch_size : int
            At least 0, at least 1.
        shuffle : bool
            Whether each epoch takes the rows in a new order.
        progress : bool
            Whether a progress bar is shown on standard error.

        Returns
        -------
        dict of str to list of float
            `history`, over all fits.

        Raises
        ------
        ValueError
            If X has another shape, no rows, or values that the units do not take.
        KeyboardInterrupt
            On Ctrl-C; what was reached is kept.

        Warns
        -----
        RuntimeWarning
            When the biases are no finite numbers any more after an epoch.
        """
        return self._fit("RBM.fit", X, k, persistent, epochs, batch_size, shuffle, progress, "epochs")

    def _fit(
        self, call: str, X: Any, k: int, persistent: bool | int, epochs: int, batch_size: int, shuffle: bool,
        progress: bool, description: str,
    ) -> dict[str, list[float]]:  # fmt: skip
        epochs, batch_size = whole(call, "epochs", epochs, 0), whole(call, "batch_size", batch_size, 1)
        shuffle, progress = flag(call, "shuffle", shuffle), flag(call, "progress", progress)
        k = whole(call, "k", k, 1)
        x = self._data(call, X)
        chains = chains_of(call, persistent, batch_size)

        def run() -> float:
            loss = self._core.run_epoch(x, batch_size, shuffle, float(self.optimizer.lr), k, chains)
            self._warn_of_strange_biases(call)
            return np.nan if chains else loss

        return self._epochs(call, epochs, progress, description, run)

    def _warn_of_strange_biases(self, call: str) -> None:
        p = self.parameters()
        if not all(np.isfinite(on_host(p[name])).all() for name in ("hidden_bias", "visible_bias")):
            text = f"{call}: the biases are no finite numbers any more, a lower learning rate may help"
            warnings.warn(text, RuntimeWarning, stacklevel=5)

    def transform(self, X: Any) -> np.ndarray:
        """Return the means of the hidden units (rows, n_hidden) given data (rows, n_visible)."""
        return self._units("RBM.transform", X, self.n_visible, False)

    def reconstruct(self, X: Any) -> np.ndarray:
        """Return the means of the visible units given the means of the hidden ones given X, (rows, n_visible)."""
        return self._visible("RBM.reconstruct", self._units("RBM.reconstruct", X, self.n_visible, False))

    def _units(self, call: str, X: Any, columns: int, sample: bool, **key: int) -> Any:
        x, p = matrix(call, X, columns, self.dtype), self.parameters()
        there = on_device_of(self._core, x)
        h = ops.rbm_hidden(there, p["weight"], p["hidden_bias"], unit=self.hidden, sample=sample, **key)
        return h if is_on_device(x) else on_host(h)

    def _visible(self, call: str, H: Any, sample: bool = False, **key: int) -> Any:
        h, p = matrix(call, H, self.n_hidden, self.dtype, "H"), self.parameters()
        there = on_device_of(self._core, h)
        v = ops.rbm_visible(there, p["weight"], p["visible_bias"], unit=self.visible, sample=sample, **key)
        return v if is_on_device(h) else on_host(v)

    def _data(self, call: str, X: Any) -> Any:
        given = matrix(call, X, self.n_visible, self.dtype)
        x = on_host(finite(call, given))
        if self.visible == "bernoulli" and (x.min() < 0 or x.max() > 1):
            raise ValueError(
                f"{call}: X holds numbers from {x.min():g} to {x.max():g}, Bernoulli units need [0, 1]; "
                "scale them, or take visible='gaussian'"
            )
        return on_device_of(self._core, given)

    def sample(self, n: int, *, steps: int = 1000, start: Any = None, seed: int = 0) -> np.ndarray:
        """Draw rows (n, n_visible) by Gibbs sampling: of the model where `steps` are many.

        Parameters
        ----------
        n : int
            How many rows, at least 1.
        steps : int
            Of Gibbs sampling, at least 1.
        start : array_like of shape (n, n_visible), optional
            Visible states to start from; otherwise all hidden units start at 0.
        seed : int in [0, 2**64)

        Raises
        ------
        ValueError
            If a number is out of range or start has another shape.
        """
        call = "RBM.sample"
        n = whole(call, "n", n, 1)
        steps = whole(call, "steps", steps, 1, SAMPLE_STEP - 1)
        key = {"seed": whole(call, "seed", seed, 0, 2**64 - 1), "layer": self.layer}
        if start is None:
            h = on_device_of(self._core, np.zeros((n, self.n_hidden), self.dtype))
        else:
            if np.shape(start) != (n, self.n_visible):
                raise ValueError(f"{call}: start has shape {np.shape(start)}, {(n, self.n_visible)} is needed")
            h = self._units(call, start, self.n_visible, True, step=SAMPLE_STEP, **key)
        for step in range(SAMPLE_STEP + 1, SAMPLE_STEP + steps + 1):
            v = self._visible(call, h, True, step=step, **key)
            if step < SAMPLE_STEP + steps:
                h = self._units(call, v, self.n_visible, True, step=step, **key)
        return on_host(v)


def chains_of(call: str, persistent: Any, batch_size: int) -> int:
    """How many chains go on from update to update: none, as many as rows in a batch, or a number given.

    Examples
    --------
    >>> chains_of("fit", False, 10), chains_of("fit", True, 10), chains_of("fit", 3, 10)
    (0, 10, 3)
    """
    if isinstance(persistent, (bool, np.bool_)):
        return batch_size if persistent else 0
    return whole(call, "persistent", persistent, 1, 2**31 - 1)
