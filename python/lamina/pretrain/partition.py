"""What a restricted Boltzmann machine's probabilities are divided by: exactly, or estimated by annealing."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lamina import ops

__all__ = ["AisEstimate", "MOST_UNITS", "annealed", "exact"]

MOST_UNITS = 25  # of the layer whose states are listed
_BLOCK = 2**14  # states at a time


class AisEstimate(NamedTuple):
    """An estimate of log Z, and log(mean weight ± 3 standard errors); the lower is −inf where nothing is left."""

    log_z: float
    low: float
    high: float


def exact(weight: Any, visible_bias: Any, hidden_bias: Any, visible: str, over: str = "smaller") -> float:
    """Return log Z of a machine with Bernoulli hidden units, as a sum over the states of one layer.

    Parameters
    ----------
    weight, visible_bias, hidden_bias : ndarray
        (H, V), (V,) and (H,), float64.
    visible : {"bernoulli", "gaussian"}
    over : {"smaller", "visible", "hidden"}
        Which layer; Gaussian visible units leave the hidden one.

    Raises
    ------
    ValueError
        If the layer has more than 25 units.

    Notes
    -----
    Z = Σ_h e^bᵀh Πᵢ (1 + e^(c + Wᵀh)ᵢ) = Σ_v e^−F(v); with Gaussian visible units Σ_h e^bᵀh (2π)^(V/2) e^½‖c + Wᵀh‖².

    Examples
    --------
    >>> import numpy as np
    >>> from lamina.pretrain.partition import exact
    >>> arrays = np.zeros((3, 2)), np.zeros(2), np.zeros(3)
    >>> round(exact(*arrays, "bernoulli"), 6) == round(5 * 0.69314718, 6)  # 2⁵ states alike
    True
    """
    hidden_units, visible_units = weight.shape
    if visible == "gaussian":
        over = "hidden"
    elif over == "smaller":
        over = "visible" if visible_units < hidden_units else "hidden"
    units = visible_units if over == "visible" else hidden_units
    if units > MOST_UNITS:
        raise ValueError(
            f"log Z: the {over} layer has {units} units, at most {MOST_UNITS} can be listed; estimate it by ais"
        )
    total = -np.inf
    for first in range(0, 2**units, _BLOCK):
        states = _states(first, min(_BLOCK, 2**units - first), units)
        if over == "visible":
            logs = -ops.rbm_free_energy(states, weight, visible_bias, hidden_bias)
        elif visible == "bernoulli":  # the machine turned over
            logs = -ops.rbm_free_energy(states, np.ascontiguousarray(weight.T), hidden_bias, visible_bias)
        else:
            means = states @ weight + visible_bias
            logs = states @ hidden_bias + 0.5 * np.sum(means * means, axis=1) + 0.5 * visible_units * np.log(2 * np.pi)
        total = np.logaddexp(total, _log_sum(logs))
    return float(total)


def annealed(
    weight: Any, visible_bias: Any, hidden_bias: Any, visible: str, base: Any, runs: int, betas: Any, seed: int
) -> AisEstimate:
    """Estimate log Z of a machine with Bernoulli hidden units by annealed importance sampling.

    Parameters
    ----------
    weight, visible_bias, hidden_bias : ndarray
        (H, V), (V,) and (H,), float64.
    visible : {"bernoulli", "gaussian"}
    base : ndarray (V,)
        The visible bias of the machine without weights from which the runs start.
    runs : int
    betas : ndarray
        From 0 to 1, ascending.
    seed : int

    Notes
    -----
    p_β(v) = e^((1−β) c₀ᵀv + β cᵀv) Πⱼ (1 + e^(β (Wv + b)ⱼ)) (times e^−½‖v‖² with Gaussian visible units) has a known
    sum at β = 0. A run draws v there, and for each next β multiplies its weight by p_β(v) / p_before(v) and takes a
    Gibbs step that leaves p_β as it is; Z is Z₀ times the mean weight.

    References
    ----------
    R. Neal, "Annealed importance sampling", 2001. R. Salakhutdinov, I. Murray, "On the quantitative analysis of deep
    belief networks", ICML 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from lamina.pretrain.partition import annealed, exact
    >>> arrays = np.eye(3), np.ones(3), np.zeros(3)
    >>> estimate = annealed(*arrays, "bernoulli", np.zeros(3), 200, np.linspace(0, 1, 100), 0)
    >>> abs(estimate.log_z - exact(*arrays, "bernoulli")) < 0.1
    True
    """
    hidden_units, visible_units = weight.shape
    key = {"sample": True, "seed": seed}
    no_weight = np.zeros((1, visible_units))
    v = ops.rbm_visible(np.zeros((runs, 1)), no_weight, base, unit=visible, **key)
    logs = np.zeros(runs)
    for step, (before, beta) in enumerate(zip(betas[:-1], betas[1:], strict=True), 1):
        inputs = ops.linear_forward(v, weight, hidden_bias)
        growth = ops.activation_forward(beta * inputs, "softplus") - ops.activation_forward(before * inputs, "softplus")
        logs += (beta - before) * (v @ (visible_bias - base)) + growth.sum(axis=1)
        h = (ops.random_uniform(inputs.shape, seed=seed, step=step, dtype="float64")
             < ops.activation_forward(beta * inputs, "sigmoid")).astype(np.float64)  # fmt: skip
        bias = (1 - beta) * base + beta * visible_bias
        v = ops.rbm_visible(beta * h, weight, bias, unit=visible, step=step, **key)
    if visible == "bernoulli":
        log_z0 = np.logaddexp(0, base).sum()
    else:
        log_z0 = 0.5 * visible_units * np.log(2 * np.pi) + 0.5 * base @ base
    log_z0 += hidden_units * np.log(2)
    ratios = np.exp(logs - logs.max())
    error = 3 * ratios.std(ddof=1) / np.sqrt(runs) if runs > 1 else np.inf
    with np.errstate(divide="ignore"):
        ends = np.log(np.maximum(ratios.mean() + np.array([0.0, -error, error]), 0))
    return AisEstimate(*(float(end) for end in log_z0 + logs.max() + ends))


def _states(first: int, count: int, units: int) -> np.ndarray:
    """`count` of all states of so many units, from the `first` on."""
    numbers = np.arange(first, first + count, dtype=np.int64)
    return (numbers[:, None] >> np.arange(units) & 1).astype(np.float64)


def _log_sum(logs: np.ndarray) -> float:
    most = logs.max()
    return float(most + np.log(np.exp(logs - most).sum()))
