"""Native kernels called directly on the caller's arrays; `lamina.reference` has the same functions in NumPy."""

from .activation import activation_backward, activation_forward, activations
from .batchnorm import batchnorm_backward, batchnorm_forward
from .dropout import dropout_backward, dropout_forward, dropout_mask, masking_noise
from .explain import explain
from .gemm import gemm
from .lamina import lamina_backward, lamina_forward
from .linear import linear_backward, linear_forward
from .loss import mean_squared_error, sigmoid_cross_entropy, softmax_cross_entropy, squared_error
from .optimizer import adagrad_step, adam_step, rmsprop_step, sgd_step
from .random import philox, random_normal, random_permutation, random_uniform
from .softmax import log_softmax_backward, log_softmax_forward, softmax_backward, softmax_forward

__all__ = [
    "activation_backward", "activation_forward", "activations", "adagrad_step", "adam_step", "batchnorm_backward",
    "batchnorm_forward", "dropout_backward", "dropout_forward", "dropout_mask", "explain", "gemm", "lamina_backward",
    "lamina_forward", "linear_backward", "linear_forward", "log_softmax_backward", "log_softmax_forward",
    "masking_noise", "mean_squared_error", "philox", "random_normal", "random_permutation", "random_uniform",
    "rmsprop_step", "sgd_step", "sigmoid_cross_entropy", "softmax_backward", "softmax_cross_entropy", "softmax_forward",
    "squared_error",
]  # fmt: skip
