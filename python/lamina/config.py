"""What lamina computes with: instruction set, threads, precision, and a report of all that."""

import contextlib
import importlib.metadata
import importlib.util

from lamina import _core
from lamina._core import available_isas, get_isa, get_num_threads, set_isa, set_num_threads
from lamina.ops.checks import check_precision

OPTIONAL_PACKAGES = ("torch", "sklearn", "matplotlib", "tqdm", "safetensors")
_precision = "highest"


def get_precision():
    """Return the precision of float32 products: "highest", "high" or "medium"."""
    return _precision


def set_precision(name):
    """Set the precision of float32 products for this process.

    Parameters
    ----------
    name : {"highest", "high", "medium"}
        Where the machine has no faster unit for a precision, it computes at "highest".

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    global _precision
    check_precision("set_precision", name)
    _precision = name


@contextlib.contextmanager
def precision(name):
    """Set the precision inside a ``with`` block.

    Examples
    --------
    >>> import lamina
    >>> with lamina.precision("high"):
    ...     lamina.get_precision()
    'high'
    """
    previous = _precision
    set_precision(name)
    try:
        yield
    finally:
        set_precision(previous)


def config():
    """Return what was built, what this machine offers and what is in use.

    Returns
    -------
    dict
        version, compiler, cuda (why it can or cannot be used), isa, available_isas, threads, amx, devices, precision
        and packages (optional packages and whether they are installed).

    Examples
    --------
    >>> import lamina
    >>> lamina.config()["isa"] in lamina.available_isas()
    True
    """
    build = _core.build()
    return {
        "version": _version(),
        "compiler": build["compiler"],
        "cuda": build["cuda"],
        "isa": get_isa(),
        "available_isas": available_isas(),
        "threads": get_num_threads(),
        "amx": "not used by this version",
        "devices": ["cpu"],
        "precision": get_precision(),
        "packages": {name: importlib.util.find_spec(name) is not None for name in OPTIONAL_PACKAGES},
    }


def _version():
    try:
        return importlib.metadata.version("lamina")
    except importlib.metadata.PackageNotFoundError:
        return "unknown: on the path, but not installed"


def show_config():
    """Print `config()`, a line each."""
    for key, value in config().items():
        if isinstance(value, dict):
            value = ", ".join(f"{name} {'yes' if found else 'no'}" for name, found in value.items())
        elif isinstance(value, list):
            value = ", ".join(value)
        print(f"{key:15} {value}")


__all__ = [
    "available_isas", "config", "get_isa", "get_num_threads", "get_precision", "precision", "set_isa",
    "set_num_threads", "set_precision", "show_config",
]  # fmt: skip
