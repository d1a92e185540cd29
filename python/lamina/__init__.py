"""Fused layers, deep nets and greedy pre-training in native code, the same bits on every machine."""

from lamina import ops, reference
from lamina._core import BackendError
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

__all__ = [
    "BackendError", "available_isas", "config", "get_isa", "get_num_threads", "get_precision", "ops", "precision",
    "reference", "set_isa", "set_num_threads", "set_precision", "show_config",
]  # fmt: skip
