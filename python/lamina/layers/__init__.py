"""The layers a net is put together from: plain descriptions; the weights belong to the net."""

from lamina.layers.activations import (
    ELU,
    GELU,
    SELU,
    Activation,
    GELUTanh,
    LeakyReLU,
    PReLU,
    ReLU,
    RReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Step,
    Tanh,
    activation_layer,
)
from lamina.layers.basic import BatchNorm, Dropout, Layer, LayerNorm, Linear
from lamina.layers.columns import Category, Column, Columns, Numeric, Periodic, PiecewiseLinear
from lamina.layers.descriptions import describe, from_description

__all__ = [
    "ELU", "GELU", "SELU", "Activation", "BatchNorm", "Category", "Column", "Columns", "Dropout", "GELUTanh", "Layer",
    "LayerNorm", "LeakyReLU", "Linear", "Numeric", "PReLU", "Periodic", "PiecewiseLinear", "RReLU", "ReLU", "SiLU",
    "Sigmoid", "Softplus", "Softsign", "Step", "Tanh", "activation_layer", "describe", "from_description",
]  # fmt: skip
