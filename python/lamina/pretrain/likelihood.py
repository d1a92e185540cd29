"""What a restricted Boltzmann machine's model of the data is worth: free energy, likelihood exact or estimated."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import ops
from lamina._arrays import is_on_device, on_device_of, on_host
from lamina._checks import LEAST, errors_of, finite, matrix, number, one_of, values, whole
from lamina._seeds import LAST_LAYER, SAMPLE_STEP
from lamina.pretrain import partition
from lamina.pretrain.module import Module
from lamina.pretrain.partition import AisEstimate

__all__ = ["Likelihood"]


class Likelihood(Module):
    """The part of `lamina.RBM` that evaluates it."""

    visible: str
    hidden: str

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
        if log_z is None:
            with errors_of(call):
                log_z = partition.exact(weight, visible_bias, hidden_bias, self.visible)
        return float(-energy.mean()) - number(call, "log_z", log_z, least=LEAST)

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
        betas = values(call, "betas", betas, np.dtype("float64"))
        if betas.ndim != 1 or len(betas) < 2 or betas[0] != 0 or betas[-1] != 1 or not (np.diff(betas) > 0).all():
            raise ValueError(f"{call}: betas are {betas}, numbers that ascend from 0 to 1 are needed")
        start = np.zeros(self.n_visible) if base is None else values(call, "base", on_host(base), np.dtype("float64"))
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
        self._bernoulli_hidden(call)
        if self.visible != "bernoulli":
            raise ValueError(f"{call}: visible is {self.visible!r}, it is one of Bernoulli units")
        x = on_host(finite(call, matrix(call, X, self.n_visible, self.dtype)))
        if not np.isin(x, (0, 1)).all():
            raise ValueError(f"{call}: X holds other numbers than 0 and 1, compare it with a threshold first")
        key = {"seed": whole(call, "seed", seed, 0, 2**64 - 1), "layer": LAST_LAYER, "step": SAMPLE_STEP}
        unit = (self.n_visible * ops.random_uniform(len(x), dtype="float64", **key)).astype(np.int64)
        other = x.copy()
        other[np.arange(len(x)), unit] = 1 - other[np.arange(len(x)), unit]
        difference = self.free_energy(other).astype(np.float64) - self.free_energy(x)
        return float(-self.n_visible * np.logaddexp(0, -difference).mean())

    def _bernoulli_hidden(self, call: str) -> None:
        if self.hidden != "bernoulli":
            raise ValueError(
                f"{call}: hidden units are ReLUs, whose free energy has no closed form, hidden='bernoulli' is needed"
            )

    def _arrays(self, call: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weight, visible and hidden bias on the host in float64, of a machine that has a free energy."""
        self._bernoulli_hidden(call)
        p = self.parameters()
        weight, c, b = (on_host(p[name]).astype(np.float64) for name in ("weight", "visible_bias", "hidden_bias"))
        return weight, c, b
