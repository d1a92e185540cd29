"""The restricted Boltzmann machine: Bernoulli, Gaussian and ReLU units, contrastive divergence and its evaluation."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from lamina import _core, ops, optim
from lamina._arrays import copied, is_on_device, on_device_of, on_host
from lamina._checks import errors_of, finite, matrix, number, one_of, whole
from lamina.init import Initializer, initializer
from lamina.pretrain import partition
from lamina.pretrain.partition import AisEstimate
from lamina.progress import progress_bar

__all__ = ["RBM"]

_SMALL = Initializer("normal", 0.01)


class RBM:
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
        self.n_visible = whole(call, "n_visible", n_visible, 1, 2**31 - 1)
        self.n_hidden = whole(call, "n_hidden", n_hidden, 1, 2**31 - 1)
        self.visible = one_of(call, "visible", visible, ("bernoulli", "gaussian"))
        self.hidden = one_of(call, "hidden", hidden, ("bernoulli", "relu"))
        self.optimizer = optim.optimizer(call, optimizer)
        self.sparsity_target = number(call, "sparsity_target", sparsity_target)
        self.sparsity_cost = number(call, "sparsity_cost", sparsity_cost)
        self.seed = whole(call, "seed", seed, 0, 2**64 - 1)
        self.layer = whole(call, "layer", layer, 0, 2**24 - 1)
        self.dtype = np.dtype(one_of(call, "dtype", np.dtype(dtype).name, ["float32", "float64"]))
        self.device = one_of(call, "device", str(device), ["cpu", "cuda"])
        self.history: dict[str, list[float]] = {"loss": [], "seconds": []}
        scheme = initializer(call, init)
        self._build()
        self.set_weights(scheme.draw((self.n_hidden, self.n_visible), seed=self.seed, layer=self.layer))

    def _build(self) -> None:
        self._core = _core.RBM(
            self.n_visible, self.n_hidden, self.dtype.name, self.visible, self.hidden, self.optimizer.settings(),
            self.sparsity_target, self.sparsity_cost, self.seed, self.layer, self.device,
        )  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        core = self._core
        arrays = {"parameters": core.parameters(), "state": core.state()}
        saved = {name: {key: copied(view) for key, view in views.items()} for name, views in arrays.items()}
        counters = {name: getattr(core, name) for name in ("step", "sampled", "epoch")}
        own = {key: value for key, value in vars(self).items() if key != "_core"}
        return own | {"_saved": {"arrays": saved, "chains": copied(core.chains()), "counters": counters}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        saved = state.pop("_saved")
        vars(self).update(state)
        self._build()
        self._core.start_chains(len(saved["chains"]))
        self._core.chains()[...] = saved["chains"]
        for name, views in (("parameters", self._core.parameters()), ("state", self._core.state())):
            for key, view in views.items():
                view[...] = saved["arrays"][name][key]
        for name, count in saved["counters"].items():
            setattr(self._core, name, count)

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
        arrays = {name: np.asarray(on_host(value), self.dtype) for name, value in given.items()}
        for name, array in arrays.items():
            if array.shape != tuple(views[name].shape) and (array.ndim or name == "weight"):
                raise ValueError(f"{call}: {name} has shape {array.shape}, {tuple(views[name].shape)} is needed")
        for name, array in arrays.items():
            views[name][...] = array

    def parameters(self) -> dict[str, np.ndarray]:
        """Return live views: "weight" (n_hidden, n_visible), "hidden_bias", "visible_bias"."""
        return self._core.parameters()

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
            Whether chains go on from update to update, as many as rows in a batch, or how many. They start with hidden
            units of 0 and are kept for the next fit with as many.
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
        """
        return self._fit("RBM.fit", X, k, persistent, epochs, batch_size, shuffle, progress, "epochs")

    def _fit(
        self, call: str, X: Any, k: int, persistent: bool | int, epochs: int, batch_size: int, shuffle: bool,
        progress: bool, description: str,
    ) -> dict[str, list[float]]:  # fmt: skip
        epochs, batch_size = whole(call, "epochs", epochs, 0), whole(call, "batch_size", batch_size, 1)
        k = whole(call, "k", k, 1)
        x = self._data(call, X)
        if isinstance(persistent, bool):
            chains = min(batch_size, len(x)) if persistent else 0
        else:
            chains = whole(call, "persistent", persistent, 1)
        with progress_bar(epochs, description, progress) as advance:
            for _ in range(epochs):
                start = time.perf_counter()
                with errors_of(call):
                    loss = self._core.run_epoch(x, batch_size, bool(shuffle), float(self.optimizer.lr), k, chains)
                self.history["loss"].append(np.nan if chains else float(loss))
                self.history["seconds"].append(time.perf_counter() - start)
                advance("" if chains else f"loss {loss:.4g}")
        return self.history

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
        n, steps = whole(call, "n", n, 1), whole(call, "steps", steps, 1)
        key = {"seed": whole(call, "seed", seed, 0, 2**64 - 1), "layer": self.layer}
        if start is None:
            h = on_device_of(self._core, np.zeros((n, self.n_hidden), self.dtype))
        else:
            if np.shape(start)[:1] != (n,):
                raise ValueError(f"{call}: start has shape {np.shape(start)}, {(n, self.n_visible)} is needed")
            h = self._units(call, start, self.n_visible, True, **key)
        for step in range(1, steps + 1):
            v = self._visible(call, h, True, step=step, **key)
            h = self._units(call, v, self.n_visible, True, step=step, **key) if step < steps else h
        return on_host(v)

    def free_energy(self, X: Any) -> np.ndarray:
        """Return F(v) = −log Σ_h e^−E(v, h) for each row, (rows,): lower where the model finds it likelier.

        Raises
        ------
        ValueError
            If the hidden units are ReLUs, which have none in closed form.
        """
        call = "RBM.free_energy"
        self._bernoulli_hidden(call)
        x, p = matrix(call, X, self.n_visible, self.dtype), self.parameters()
        there = on_device_of(self._core, x)
        energy = ops.rbm_free_energy(there, p["weight"], p["visible_bias"], p["hidden_bias"], visible=self.visible)
        return energy if is_on_device(x) else on_host(energy)

    def log_partition(self, over: str = "smaller") -> float:
        """Return log Z exactly, as a sum over all states of one layer of at most 25 units.

        Parameters
        ----------
        over : {"smaller", "visible", "hidden"}
            Which layer; with Gaussian visible units it is the hidden one.

        Raises
        ------
        ValueError
            If that layer is larger: `ais` estimates then. If the hidden units are ReLUs.
        """
        call = "RBM.log_partition"
        one_of(call, "over", over, ("smaller", "visible", "hidden"))
        arrays = self._arrays(call)
        with errors_of(call):
            return partition.exact(*arrays, self.visible, over)

    def log_likelihood(self, X: Any, log_z: float | None = None) -> float:
        """Return the mean of log p(v) = −F(v) − log Z over the rows, with the exact log Z unless one is given.

        Raises
        ------
        ValueError
            As `log_partition`, unless log_z is given.
        """
        call = "RBM.log_likelihood"
        weight, visible_bias, hidden_bias = self._arrays(call)
        x = finite(call, matrix(call, on_host(X) if is_on_device(X) else X, self.n_visible, np.dtype("float64")))
        energy = ops.rbm_free_energy(x, weight, visible_bias, hidden_bias, visible=self.visible)
        return float(-energy.mean() - (self.log_partition() if log_z is None else log_z))

    def ais(self, *, runs: int = 100, betas: int | Any = 1000, base: Any = None, seed: int = 0) -> AisEstimate:
        """Estimate log Z by annealed importance sampling, in float64.

        Parameters
        ----------
        runs : int
            At least 2.
        betas : int or array_like
            How many temperatures between 0 and 1, evenly apart, or themselves: ascending from 0 to 1.
        base : array_like of shape (n_visible,), optional
            Visible bias of the machine that the runs start from, the closer the better: log(p / (1 − p)) of the data's
            means p, or with Gaussian units the means. 0 unless given.
        seed : int in [0, 2**64)

        Returns
        -------
        AisEstimate
            `log_z`, `low` and `high`: three standard errors around the mean weight.

        Raises
        ------
        ValueError
            If a number is out of range, a shape is wrong, or the hidden units are ReLUs.

        References
        ----------
        R. Salakhutdinov, I. Murray, "On the quantitative analysis of deep belief networks", ICML 2008.
        """
        call = "RBM.ais"
        arrays = self._arrays(call)
        runs, seed = whole(call, "runs", runs, 2), whole(call, "seed", seed, 0, 2**64 - 1)
        if np.ndim(betas) == 0:
            betas = np.linspace(0, 1, whole(call, "betas", betas, 2))
        betas = np.asarray(betas, np.float64)
        if betas.ndim != 1 or len(betas) < 2 or betas[0] != 0 or betas[-1] != 1 or not (np.diff(betas) > 0).all():
            raise ValueError(f"{call}: betas are {betas}, numbers that ascend from 0 to 1 are needed")
        start = np.zeros(self.n_visible) if base is None else np.asarray(on_host(base), np.float64)
        if start.shape != (self.n_visible,) or not np.isfinite(start).all():
            raise ValueError(f"{call}: base has shape {start.shape}, finite numbers ({self.n_visible},) are needed")
        return partition.annealed(*arrays, self.visible, start, runs, betas, seed)

    def pseudo_likelihood(self, X: Any, *, seed: int = 0) -> float:
        """Return n_visible times the mean of log p(vᵢ | the other units), one random i for each row.

        Of Bernoulli visible units, which hold 0 or 1 here. It needs no Z and follows the likelihood while learning.

        Raises
        ------
        ValueError
            If units are of another kind, or X holds other numbers than 0 and 1.
        """
        call = "RBM.pseudo_likelihood"
        if self.visible != "bernoulli":
            raise ValueError(f"{call}: visible is {self.visible!r}, it is one of Bernoulli units")
        x = on_host(finite(call, matrix(call, X, self.n_visible, self.dtype)))
        if not np.isin(x, (0, 1)).all():
            raise ValueError(f"{call}: X holds other numbers than 0 and 1, compare it with a threshold first")
        unit = np.random.default_rng(whole(call, "seed", seed, 0, 2**64 - 1)).integers(self.n_visible, size=len(x))
        other = x.copy()
        other[np.arange(len(x)), unit] = 1 - other[np.arange(len(x)), unit]
        difference = self.free_energy(other).astype(np.float64) - self.free_energy(x)
        return float(-self.n_visible * np.logaddexp(0, -difference).mean())

    def _bernoulli_hidden(self, call: str) -> None:
        if self.hidden != "bernoulli":
            raise ValueError(f"{call}: hidden units are ReLUs, whose free energy has no closed form")

    def _arrays(self, call: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weight, visible and hidden bias on the host in float64, of a machine that has a free energy."""
        self._bernoulli_hidden(call)
        p = self.parameters()
        weight, c, b = (on_host(p[name]).astype(np.float64) for name in ("weight", "visible_bias", "hidden_bias"))
        return weight, c, b
