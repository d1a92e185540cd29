"""The layers a net is put together from: plain descriptions; the weights belong to the net."""

from lamina.layers.activations import (
    ELU,
    GELU,
    SELU,
    Activation,
    GELUTanh,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Step,
    Tanh,
)
from lamina.layers.basic import BatchNorm, Dropout, Layer, LayerNorm, Linear
from lamina.layers.columns import Category, Column, Columns, Numeric, Periodic, PiecewiseLinear
from lamina.layers.descriptions import describe, from_description
from lamina.layers.lone_activations import LogSoftmax, PReLU, RReLU, Softmax, activation_layer
from lamina.layers.noise import AlphaDropout, GaussianNoise, MaskingNoise, SaltAndPepper
from lamina.layers.python_layer import Mode, PythonLayer
from lamina.layers.residual import Residual
from lamina.layers.traversal import activation_after, walk
from lamina.layers.weight_noise import DropConnect, Shakeout, Whiteout, Zoneout

__all__ = [
    "Activation", "AlphaDropout", "BatchNorm", "Category", "Column", "Columns", "DropConnect", "Dropout", "ELU", "GELU",
    "GELUTanh", "GaussianNoise", "Layer", "LayerNorm", "LeakyReLU", "Linear", "LogSoftmax", "MaskingNoise", "Mode",
    "Numeric", "PReLU", "Periodic", "PiecewiseLinear", "PythonLayer", "RReLU", "ReLU", "Residual", "SELU",
    "SaltAndPepper", "Shakeout", "SiLU", "Sigmoid", "Softmax", "Softplus", "Softsign", "Step", "Tanh", "Whiteout",
    "Zoneout", "activation_after", "activation_layer", "describe", "from_description", "walk",
]  # fmt: skip
