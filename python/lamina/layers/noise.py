"""Noise on units as layers: in training alone; each runs by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lamina._checks import LEAST, number
from lamina.layers.basic import Layer

__all__ = ["AlphaDropout", "GaussianNoise", "MaskingNoise", "SaltAndPepper"]


@dataclass(frozen=True)
class GaussianNoise(Layer):
    """Adds normal noise in training: y = x + std n.

    Parameters
    ----------
    std : float
        The noise's deviation, at least 0.

    Raises
    ------
    ValueError
        If std is negative or not finite.
    TypeError
        If std is no number.

    Notes
    -----
    dx = dy. The noise depends on seed, layer, step, row and column alone; see `lamina.ops.gaussian_noise`.

    References
    ----------
    P. Vincent et al., "Stacked denoising autoencoders", JMLR 11 (2010), section 3.3.

    Examples
    --------
    >>> import lamina
    >>> lamina.Sequential(lamina.GaussianNoise(0.1), lamina.Linear(2, 1)).explain().splitlines()[0]
    'lamina 0, (batch, 2) -> (batch, 2), layer 0: gaussian noise(0.1)'
    """

    std: float = 0.1

    def __post_init__(self) -> None:
        self._set(std=number("GaussianNoise", "std", self.std))

    def settings(self) -> dict[str, Any]:
        return {"kind": "gaussian_noise", "std": self.std}


@dataclass(frozen=True)
class MaskingNoise(Layer):
    """Sets each value to 0 with probability p in training, and scales nothing.

    Parameters
    ----------
    p : float
        In [0, 1); kept exactly in 65536ths.

    Raises
    ------
    ValueError
        If p is not in [0, 1).
    TypeError
        If p is no number.

    Notes
    -----
    A denoising layer's corruption: inference sees the values as they are. Where their expectation is to stay,
    `Dropout(p, scaling="test")` has the same training. See `lamina.ops.masking_noise`.

    References
    ----------
    P. Vincent et al., "Stacked denoising autoencoders", JMLR 11 (2010), section 3.3.

    Examples
    --------
    >>> import lamina
    >>> lamina.MaskingNoise(0.25)
    MaskingNoise(p=0.25)
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        self._set(p=number("MaskingNoise", "p", self.p, below=1))

    def settings(self) -> dict[str, Any]:
        return {"kind": "masking_noise", "p": self.p}


@dataclass(frozen=True)
class SaltAndPepper(Layer):
    """Sets each value to `low` or `high` with probability p / 2 each, in training.

    Parameters
    ----------
    p : float
        In [0, 1); kept exactly in 65536ths.
    low, high : float
        Finite numbers, in either order.

    Raises
    ------
    ValueError
        If p is not in [0, 1), or low or high are not finite.
    TypeError
        If one of them is no number.

    Notes
    -----
    A denoising layer's corruption: inference sees the values as they are. dx is dy where a value was kept, else 0. See
    `lamina.ops.salt_and_pepper`.

    References
    ----------
    P. Vincent et al., "Stacked denoising autoencoders", JMLR 11 (2010), section 3.3.

    Examples
    --------
    >>> import lamina
    >>> lamina.SaltAndPepper(0.1)
    SaltAndPepper(p=0.1, low=0.0, high=1.0)
    """

    p: float = 0.5
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        call = "SaltAndPepper"
        low, high = (number(call, name, getattr(self, name), least=LEAST) for name in ("low", "high"))
        self._set(p=number(call, "p", self.p, below=1), low=low, high=high)

    def settings(self) -> dict[str, Any]:
        return {"kind": "salt_and_pepper", "p": self.p, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class AlphaDropout(Layer):
    """Dropout for SELU: sets values to its -λα with probability p in training, and keeps mean 0 and variance 1.

    Parameters
    ----------
    p : float
        In [0, 1); kept exactly in 65536ths. Klambauer uses 0.05 and 0.1.

    Raises
    ------
    ValueError
        If p is not in [0, 1).
    TypeError
        If p is no number.

    Notes
    -----
    y = a (x m − λα (1 − m)) + b with a and b of `lamina.ops.alpha_dropout_forward`; inference does nothing.

    References
    ----------
    G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter, "Self-normalizing neural networks", NIPS 2017.

    Examples
    --------
    >>> import lamina
    >>> net = lamina.Sequential(lamina.Linear(8, 4), lamina.SELU(), lamina.AlphaDropout(0.1), lamina.Linear(4, 2))
    >>> net[2]
    AlphaDropout(p=0.1)
    """

    p: float = 0.1

    def __post_init__(self) -> None:
        self._set(p=number("AlphaDropout", "p", self.p, below=1))

    def settings(self) -> dict[str, Any]:
        return {"kind": "alpha_dropout", "p": self.p}
