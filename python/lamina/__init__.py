"""Fused layers, deep nets and greedy pre-training in native code, the same bits at every ISA level and thread count."""

from lamina import augment, cuda, datasets, init, ops, plots, pretrain, reference
from lamina._core import BackendError
from lamina._memory import memory, reset_peak_memory
from lamina.averaging import EMA, SWA
from lamina.calibration import calibrate, expected_calibration_error, fit_temperature
from lamina.callbacks import Callback, EarlyStopping, UnfreezeInStages
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
from lamina.datasets import quantile_edges
from lamina.diagnosis import diagnose
from lamina.ensemble import Ensemble, bagging
from lamina.gradcheck import gradcheck
from lamina.layers import (
    ELU,
    GELU,
    SELU,
    AlphaDropout,
    BatchNorm,
    Category,
    Columns,
    DropConnect,
    Dropout,
    GaussianNoise,
    GELUTanh,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    MaskingNoise,
    Numeric,
    Periodic,
    PiecewiseLinear,
    PReLU,
    PythonLayer,
    ReLU,
    Residual,
    RReLU,
    SaltAndPepper,
    Shakeout,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Step,
    Tanh,
    Whiteout,
    Zoneout,
)
from lamina.losses import Loss
from lamina.optim import SGD, Adagrad, Adam, AdamW, RMSProp
from lamina.overfitting import overfit_check
from lamina.pretrain import DBN, RBM, Autoencoder
from lamina.pruning import OptunaPruning
from lamina.regularizers import L1, L2, Elastic
from lamina.schedules import ExponentialDecay, HalveOnPlateau, InverseTimeDecay, StepDecay
from lamina.sequential import Sequential, load
from lamina.step_schedules import CosineDecay, OneCycle, StepSchedule, WarmUp
from lamina.together import fit_together
from lamina.trainer import Trainer

__all__ = [
    "Adagrad", "Adam", "AdamW", "AlphaDropout", "Autoencoder", "BackendError", "BatchNorm", "Callback", "Category",
    "Columns", "CosineDecay", "DBN", "DropConnect", "Dropout", "ELU", "EMA", "EarlyStopping", "Elastic", "Ensemble",
    "ExponentialDecay", "GELU", "GELUTanh", "GaussianNoise", "HalveOnPlateau", "InverseTimeDecay", "L1", "L2",
    "LayerNorm", "LeakyReLU", "Linear", "LogSoftmax", "Loss", "MaskingNoise", "Numeric", "OneCycle", "OptunaPruning",
    "PReLU", "Periodic", "PiecewiseLinear", "PythonLayer", "RBM", "RMSProp", "RReLU", "ReLU", "Residual", "SELU", "SGD",
    "SWA", "SaltAndPepper", "Sequential", "Shakeout", "SiLU", "Sigmoid", "Softmax", "Softplus", "Softsign", "Step",
    "StepDecay", "StepSchedule", "Tanh", "Trainer", "UnfreezeInStages", "WarmUp", "Whiteout", "Zoneout", "augment",
    "available_isas", "bagging", "calibrate", "config", "cuda", "datasets", "diagnose", "expected_calibration_error",
    "fit_temperature", "fit_together", "get_isa", "get_num_threads", "get_precision", "gradcheck", "init", "load",
    "memory", "ops", "overfit_check", "plots", "precision", "pretrain", "quantile_edges", "reference",
    "reset_peak_memory", "set_isa", "set_num_threads", "set_precision", "show_config",
]  # fmt: skip
