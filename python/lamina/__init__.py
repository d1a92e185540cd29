"""Fused layers, deep nets and greedy pre-training in native code, the same bits at every ISA level and thread count."""

from lamina import cuda, init, ops, pretrain, reference
from lamina._core import BackendError
from lamina._memory import memory, reset_peak_memory
from lamina.callbacks import Callback, EarlyStopping
from lamina.config import (
    available_isas,
    config,
    get_isa,
    get_num_threads,
    get_precision,
    precision,
    set_isa,
    set_num_threads,
    set_precision,
    show_config,
)
from lamina.gradcheck import gradcheck
from lamina.layers import ELU, SELU, BatchNorm, Dropout, LeakyReLU, Linear, ReLU, Sigmoid, Tanh
from lamina.losses import Loss
from lamina.optim import SGD, Adagrad, Adam, AdamW, RMSProp
from lamina.pretrain import Autoencoder
from lamina.regularizers import L1, L2, Elastic
from lamina.schedules import ExponentialDecay, HalveOnPlateau, StepDecay
from lamina.sequential import Sequential, load
from lamina.trainer import Trainer

__all__ = [
    "Adagrad", "Adam", "AdamW", "Autoencoder", "BackendError", "BatchNorm", "Callback", "Dropout", "ELU",
    "EarlyStopping", "Elastic", "ExponentialDecay", "HalveOnPlateau", "L1", "L2", "LeakyReLU", "Linear", "Loss",
    "RMSProp", "ReLU", "SELU", "SGD", "Sequential", "Sigmoid", "StepDecay", "Tanh", "Trainer", "available_isas",
    "config", "cuda", "get_isa", "get_num_threads", "get_precision", "gradcheck", "init", "load", "memory", "ops",
    "precision", "pretrain", "reference", "reset_peak_memory", "set_isa", "set_num_threads", "set_precision",
    "show_config",
]  # fmt: skip
