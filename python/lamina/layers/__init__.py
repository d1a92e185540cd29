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
from lamina.layers.descriptions import describe, from_description
from lamina.layers.noise import AlphaDropout, GaussianNoise, MaskingNoise, SaltAndPepper
from lamina.layers.weight_noise import DropConnect, Shakeout, Whiteout, Zoneout

__all__ = [
    "Activation", "AlphaDropout", "BatchNorm", "DropConnect", "Dropout", "ELU", "GELU", "GELUTanh", "GaussianNoise",
    "Layer", "LayerNorm", "LeakyReLU", "Linear", "MaskingNoise", "PReLU", "RReLU", "ReLU", "SELU", "SaltAndPepper",
    "Shakeout", "SiLU", "Sigmoid", "Softplus", "Softsign", "Step", "Tanh", "Whiteout", "Zoneout", "activation_layer",
    "describe", "from_description",
]  # fmt: skip
