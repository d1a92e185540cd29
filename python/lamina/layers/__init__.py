"""The layers a net is put together from: plain descriptions; the weights belong to the net."""

from lamina.layers.activations import ELU, SELU, Activation, LeakyReLU, ReLU, Sigmoid, Tanh, activation_layer
from lamina.layers.basic import BatchNorm, Dropout, Layer, Linear
from lamina.layers.descriptions import describe, from_description

__all__ = [
    "ELU", "SELU", "Activation", "BatchNorm", "Dropout", "Layer", "LeakyReLU", "Linear", "ReLU", "Sigmoid", "Tanh",
    "activation_layer", "describe", "from_description",
]  # fmt: skip
