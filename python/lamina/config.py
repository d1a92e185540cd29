"""What lamina computes with: instruction set, threads, precision, and a report of all that."""

import contextlib
import importlib.metadata
import importlib.util

from lamina import _core

OPTIONAL_PACKAGES = ("torch", "sklearn", "optuna", "matplotlib", "tqdm", "safetensors")
PRECISIONS = ("highest", "high", "medium")


def available_isas():
    """Return the instruction sets that this build and this machine have, slowest first."""
    return _core.available_isas()


def get_isa():
    """Return the instruction set in use."""
    return _core.get_isa()


def set_isa(name):
    """Compute with this instruction set from now on; the environment variable LAMINA_ISA sets the first one.

    Parameters
    ----------
    name : str
        One of `available_isas()`. Results do not depend on it.

    Raises
    ------
    ValueError
        If it is not one of them.
    """
    if not isinstance(name, str):
        raise TypeError(f"set_isa: name is {name!r}, needs one of {', '.join(available_isas())}")
    _core.set_isa(name)


def get_num_threads():
    """Return how many threads an op may use."""
    return _core.get_num_threads()


def set_num_threads(n):
    """Let ops use up to n threads from now on.

    Parameters
    ----------
    n : int
        1 to 1024. Results do not depend on it. The first value comes from LAMINA_NUM_THREADS, else OMP_NUM_THREADS,
        else the number of processors.

    Raises
    ------
    ValueError
        If it is out of range.
    """
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"set_num_threads: n is {n!r}, needs a whole number")
    _core.set_num_threads(n)


def get_precision():
    """Return the precision of float32 products: "highest", "high" or "medium"."""
    return _core.get_precision()


def set_precision(name):
    """Set the precision of float32 products for this process.

    Parameters
    ----------
    name : {"highest", "high", "medium"}
        "highest" is float32 in a fixed order, the same bits everywhere. "high" and "medium" go through bfloat16 on
        machines that have a unit for it: errors below 2⁻¹⁵ and about 2⁻⁸, relative to the magnitudes multiplied, and
        the same bits for any number of threads. Where no unit is faster they compute at "highest"; `config` tells.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    if not isinstance(name, str):
        raise TypeError(f"set_precision: name is {name!r}, needs one of {', '.join(PRECISIONS)}")
    _core.set_precision(name)


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
    previous = get_precision()
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
        version, compiler, cuda (why it can or cannot be used), isa, available_isas, threads, devices, precision, units
        (what multiplies on each device at each precision) and packages (optional ones, and whether they are installed).

    Examples
    --------
    >>> import lamina
    >>> lamina.config()["isa"] in lamina.available_isas()
    True
    """
    build = _core.build()
    devices = ["cpu", "cuda"] if _core.cuda_available() else ["cpu"]
    return {
        "version": _version(),
        "compiler": build["compiler"],
        "cuda": build["cuda"],
        "isa": get_isa(),
        "available_isas": available_isas(),
        "threads": get_num_threads(),
        "devices": devices,
        "precision": get_precision(),
        "units": {device: _units(device) for device in devices},
        "packages": {name: importlib.util.find_spec(name) is not None for name in OPTIONAL_PACKAGES},
    }


def _units(device):
    return {name: _core.precision_unit(name, device) or "fma" for name in PRECISIONS}


def _version():
    try:
        return importlib.metadata.version("lamina")
    except importlib.metadata.PackageNotFoundError:
        return "unknown: on the path, but not installed"


def _in_words(value):
    if isinstance(value, dict):
        return ", ".join(
            f"{name} ({_in_words(item)})" if isinstance(item, dict) else f"{name} {_in_words(item)}"
            for name, item in value.items()
        )
    if isinstance(value, list):
        return ", ".join(value)
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


def show_config():
    """Print `config()`, a line each."""
    for key, value in config().items():
        print(f"{key:15} {_in_words(value)}")


__all__ = [
    "available_isas", "config", "get_isa", "get_num_threads", "get_precision", "precision", "set_isa",
    "set_num_threads", "set_precision", "show_config",
]  # fmt: skip
