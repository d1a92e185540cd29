"""Penalties on the weights, as the lectures write them."""

from __future__ import annotations

from dataclasses import dataclass

from lamina._checks import number

__all__ = ["L1", "L2", "Elastic"]


@dataclass(frozen=True)
class Elastic:
    """Both penalties: Ω = λ₁ Σ|W| + λ₂ ΣW².

    Parameters
    ----------
    l1, l2 : float
        λ₁ and λ₂, at least 0.

    Raises
    ------
    ValueError
        If one is negative or not finite.

    Notes
    -----
    The gradient of the second term is 2 λ₂ W; torch's `weight_decay` is 2 λ₂. The first term is a proximal step of
    lr · λ₁ after each update, so that weights become exactly 0. Biases and batch-norm parameters are spared unless the
    trainer has `decay_all=True`.

    References
    ----------
    .. [1] H. Zou, T. Hastie, "Regularization and variable selection via the elastic net", 2005.
    .. [2] H. Larochelle, "Neural networks", training neural networks: regularization.

    Examples
    --------
    >>> import lamina
    >>> lamina.Elastic(1e-4, 1e-3).weight_decay
    0.002
    """

    l1: float
    l2: float

    def __post_init__(self) -> None:
        number("Elastic", "l1", self.l1)
        number("Elastic", "l2", self.l2)

    @property
    def weight_decay(self) -> float:
        """The factor of W in the gradient: 2 λ₂."""
        return 2.0 * self.l2


class L1(Elastic):
    """Ω = λ Σ|W|, by a proximal step: weights become exactly 0.

    Parameters
    ----------
    strength : float
        λ, at least 0.

    References
    ----------
    H. Larochelle, "Neural networks", training neural networks: regularization.

    Examples
    --------
    >>> import lamina
    >>> lamina.L1(1e-4)
    L1(l1=0.0001, l2=0.0)
    """

    def __init__(self, strength: float) -> None:
        super().__init__(strength, 0.0)


class L2(Elastic):
    """Ω = λ ΣW², whose gradient is 2 λ W.

    Parameters
    ----------
    strength : float
        λ, at least 0.

    References
    ----------
    H. Larochelle, "Neural networks", training neural networks: regularization.

    Examples
    --------
    >>> import lamina
    >>> lamina.L2(1e-4).weight_decay
    0.0002
    """

    def __init__(self, strength: float) -> None:
        super().__init__(0.0, strength)
