"""The layers a net is put together from: plain descriptions; the weights belong to the net."""

from lamina.layers.activations import (
    ELU,
    GELU,
    SELU,
    Activation,
    GELUTanh,
    LeakyReLU,
    LogSoftmax,
    PReLU,
    ReLU,
    RReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Step,
    Tanh,
    activation_layer,
)
from lamina.layers.basic import BatchNorm, Dropout, Layer, LayerNorm, Linear
from lamina.layers.descriptions import describe, from_description
from lamina.layers.python_layer import Mode, PythonLayer
from lamina.layers.residual import Residual
from lamina.layers.walk import activation_after, walk

__all__ = [
    "Activation", "BatchNorm", "Dropout", "ELU", "GELU", "GELUTanh", "Layer", "LayerNorm", "LeakyReLU", "Linear",
    "LogSoftmax", "Mode", "PReLU", "PythonLayer", "RReLU", "ReLU", "Residual", "SELU", "SiLU", "Sigmoid", "Softmax",
    "Softplus", "Softsign", "Step", "Tanh", "activation_after", "activation_layer", "describe", "from_description",
    "walk",
]  # fmt: skip
