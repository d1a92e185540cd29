"""Native kernels called directly on the caller's arrays; `lamina.reference` has the same functions in NumPy."""

from .activation import activation_backward, activation_forward, activations
from .averaging import average_step
from .batchnorm import batchnorm_backward, batchnorm_forward
from .clipping import clip_by_norm, clip_by_value, max_norm
from .dropout import (
    alpha_dropout_backward,
    alpha_dropout_forward,
    dropout_backward,
    dropout_forward,
    dropout_mask,
    masking_noise,
)
from .embedding import embedding_backward, embedding_forward
from .encodings import periodic_backward, periodic_forward, piecewise_linear_backward, piecewise_linear_forward
from .explain import explain
from .gemm import gemm
from .lamina import lamina_backward, lamina_forward
from .layernorm import layernorm_backward, layernorm_forward
from .linear import linear_backward, linear_forward
from .loss import kl_divergence, sigmoid_cross_entropy, softmax_cross_entropy
from .noise import gaussian_noise, salt_and_pepper, zoneout_backward, zoneout_forward
from .optimizer import adagrad_step, adam_step, rmsprop_step, sgd_step
from .random import philox, random_normal, random_permutation, random_uniform
from .rbm import rbm_free_energy, rbm_gradient, rbm_hidden, rbm_visible
from .softmax import log_softmax_backward, log_softmax_forward, softmax_backward, softmax_forward
from .value_loss import absolute_error, huber, mean_squared_error, poisson_nll, squared_error
from .weight_noise import shakeout, whiteout_backward, whiteout_forward

__all__ = [
    "absolute_error", "activation_backward", "activation_forward", "activations", "adagrad_step", "adam_step",
    "alpha_dropout_backward", "alpha_dropout_forward", "average_step", "batchnorm_backward", "batchnorm_forward",
    "clip_by_norm", "clip_by_value", "dropout_backward", "dropout_forward", "dropout_mask", "embedding_backward",
    "embedding_forward", "explain", "gaussian_noise", "gemm", "huber", "kl_divergence", "lamina_backward",
    "lamina_forward", "layernorm_backward", "layernorm_forward", "linear_backward", "linear_forward",
    "log_softmax_backward", "log_softmax_forward", "masking_noise", "max_norm", "mean_squared_error",
    "periodic_backward", "periodic_forward", "philox", "piecewise_linear_backward", "piecewise_linear_forward",
    "poisson_nll", "random_normal", "random_permutation", "random_uniform", "rbm_free_energy", "rbm_gradient",
    "rbm_hidden", "rbm_visible", "rmsprop_step", "salt_and_pepper", "sgd_step", "shakeout", "sigmoid_cross_entropy",
    "softmax_backward", "softmax_cross_entropy", "softmax_forward", "squared_error", "whiteout_backward",
    "whiteout_forward", "zoneout_backward", "zoneout_forward",
]  # fmt: skip
