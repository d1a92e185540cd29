"""Build the plain deep net of the command line and the demo: hidden laminae of given widths, then a linear layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lamina
from lamina.layers import activation_layer

__all__ = ["mlp"]


def mlp(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    *,
    activation: str = "relu",
    batchnorm: bool = True,
    dropout: float = 0.0,
    seed: int = 0,
    dtype: str = "float32",
) -> lamina.Sequential:
    """Return a net of linear, batch norm, activation and dropout layers for each width, and a linear layer last.

    Parameters
    ----------
    inputs, outputs : int
        Features of the data; outputs of the net.
    hidden : sequence of int
        Widths of the hidden layers; none gives a linear model.
    activation : str
        A name of `lamina.ops.activations`. Weights start as suits it: He for the ReLU family, LeCun for SELU, Glorot
        otherwise.
    batchnorm : bool
        Whether each hidden layer normalises before its activation.
    dropout : float
        Probability in [0, 1); 0 leaves dropout out.
    seed : int
        Settles the initial weights.
    dtype : {"float32", "float64"}
        Of the net.

    Returns
    -------
    lamina.Sequential

    Raises
    ------
    ValueError
        If the activation is unknown, or a number out of its range.

    Examples
    --------
    >>> [type(layer).__name__ for layer in mlp(4, [8], 3, activation="tanh", dropout=0.5)]
    ['Linear', 'BatchNorm', 'Tanh', 'Dropout', 'Linear']
    """
    layers: list[Any] = []
    for width in hidden:
        layers.append(lamina.Linear(inputs, width))
        if batchnorm:
            layers.append(lamina.BatchNorm(width))
        if (layer := activation_layer("mlp", activation)) is not None:
            layers.append(layer)
        if dropout:
            layers.append(lamina.Dropout(dropout))
        inputs = width
    return lamina.Sequential(*layers, lamina.Linear(inputs, outputs), seed=seed, dtype=dtype)
