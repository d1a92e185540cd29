"""The rows of bench/gpu.py, by group."""

import importlib

GROUPS = (
    "products",
    "training",
    "elementwise",
    "by_rows",
    "optimizers",
    "machines",
    "tables",
)  # what matters most first


def rows(device, groups=GROUPS):
    """Yield group and row; nothing is computed before a row's `make`."""
    for group in groups:
        for row in importlib.import_module(f"gpu_rows.{group}").rows(device):
            yield group, row
