"""Who may know whom: reads C++ includes and Python imports, and fails on an arrow that points the wrong way."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "lamina"

# base <- math <- vec <- kernels | cuda <- ops <- nn <- bindings. Between the kernels' rooms and the rest stands
# the tables of function pointers: a vector type never leaves its translation unit.
ROOMS = {
    "base": {"base"},
    "math": {"base", "math"},
    "vec": {"base", "math", "vec"},
    "kernels": {"base", "math", "vec", "kernels"},
    "cuda": {"base", "math", "cuda"},
    "ops": {"base", "math", "ops"},
    "nn": {"base", "math", "ops", "nn"},
    "bindings": {"base", "math", "ops", "nn", "bindings"},
}
TABLE = "kernels/kernel_table.h"
INTERFACES = {TABLE: {"kernels", "cuda", "ops"}, "kernels/cuda_device.h": {"kernels", "cuda", "bindings"}}
INTRINSICS = re.compile(r"\b(immintrin|x86intrin|emmintrin|arm_neon|arm_sve)\.h")
PYTHON_HEADERS = re.compile(r"^(pybind11/|Python\.h|numpy/)")

# Python, from the bottom up; a module imports its own room and those below.
LAYERS = [
    {"_core"},
    {"_arrays", "_checks", "_memory", "config", "cuda", "ops"},
    {
        "_seeds",
        "augment",
        "averaging",
        "calibration",
        "callbacks",
        "checkpoint",
        "datasets",
        "diagnosis",
        "ensemble",
        "evaluation",
        "gradcheck",
        "init",
        "io",
        "layers",
        "losses",
        "optim",
        "overfitting",
        "plots",
        "pretrain",
        "progress",
        "pruning",
        "regularizers",
        "schedules",
        "sequential",
        "step_schedules",
        "together",
        "trainer",
        "trainer_state",
    },
    {""},  # lamina itself, which gathers the above
    {"mlp", "tabular"},
    {"bench", "commands", "demo", "sklearn"},
    {"__main__", "cli"},
]
# Third-party modules besides NumPy, and the rooms that may use them when they are installed.
OPTIONAL = {
    "ml_dtypes": {"bench"},
    "optuna": {"pruning"},
    "sklearn": {"bench", "datasets", "sklearn"},
    "threadpoolctl": {"bench"},
    "torch": {"bench"},
    "matplotlib": {"plots"},
    "tqdm": {"callbacks", "progress", "trainer"},
}


def cxx_files():
    files = [path for folder in ("csrc", "cuda") for path in (ROOT / folder).rglob("*") if path.is_file()]
    return sorted(path for path in files if path.suffix in (".h", ".cpp", ".cu", ".cuh"))


def room_of(path):
    parts = path.relative_to(ROOT).parts
    return "cuda" if parts[0] == "cuda" else parts[1]


def includes(path):
    """Included names as (quoted, name), leaving out comments."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    return [(mark == '"', name) for mark, name in re.findall(r'^\s*#\s*include\s*(["<])([^">]+)', text, re.MULTILINE)]


def wrong_include(room, quoted, name):
    """Why a file of this room may not include this, or None."""
    if INTRINSICS.search(name) and room != "vec":
        return "intrinsics stay in csrc/vec and the GEMM files"
    if PYTHON_HEADERS.match(name) and room != "bindings":
        return "only csrc/bindings knows Python"
    if not quoted:
        return None
    if "/" not in name:
        return None  # beside the file
    other = name.split("/")[0]
    if other not in ROOMS:
        return f"{other} is no room"
    if room in INTERFACES.get(name, ()):
        return None
    return None if other in ROOMS[room] else f"{room} may know {', '.join(sorted(ROOMS[room]))} only"


@pytest.mark.parametrize("path", cxx_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_cxx_includes_point_down(path):
    room = room_of(path)
    assert room in ROOMS, f"csrc/{room} is no room of DESIGN; add it to ROOMS with those it may know"
    gemm = room == "kernels" and path.name.startswith(("gemm", "amx"))
    wrong = {
        name: wrong_include("vec" if gemm and not quoted else room, quoted, name) for quoted, name in includes(path)
    }
    wrong = {name: reason for name, reason in wrong.items() if reason}
    assert not wrong, "; ".join(f"includes {name}: {reason}" for name, reason in wrong.items())


def test_formulas_hold_no_intrinsics_and_no_containers():
    for path in (ROOT / "csrc" / "math").glob("*.h"):
        names = [name for _, name in includes(path)]
        assert not {"vector", "string", "array", "map", "memory"} & set(names), path.name
        assert not re.search(r"\b_mm\d*_\w+\(", path.read_text()), path.name


def test_wrong_arrows_are_seen():
    """The checks above can fail."""
    assert wrong_include("kernels", True, "cuda/elementwise.cuh")
    assert wrong_include("cuda", True, "kernels/gemm-inl.h")
    assert wrong_include("ops", True, "vec/avx2.h")
    assert wrong_include("math", False, "immintrin.h")
    assert wrong_include("nn", False, "pybind11/numpy.h")
    assert wrong_include("base", True, "math/order.h")
    assert wrong_include("cuda", True, TABLE) is None


def python_files():
    return sorted(PACKAGE.rglob("*.py"))


def room_and_module(path):
    """The first name below lamina ("" for lamina/__init__.py), and the dotted name."""
    parts = list(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return (parts[1] if len(parts) > 1 else ""), ".".join(parts)


def imports(path):
    """(dotted name, whether at module level and unguarded) of everything that a file imports."""
    _, module = room_and_module(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found = []

    def visit(node, soft):
        for child in ast.iter_child_nodes(node):
            inner = soft or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            if isinstance(child, ast.Try):
                inner = inner or any("ImportError" in ast.unparse(handler.type or child) for handler in child.handlers)
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                inner = True
            if isinstance(child, ast.Import):
                found.extend((alias.name, not inner) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    above = package.split(".")[: len(package.split(".")) - child.level + 1]
                    base = ".".join([*above, *filter(None, [child.module])])
                # `from lamina import ops` is an arrow to lamina.ops, `from lamina import Linear` one to lamina.
                modules = [alias.name for alias in child.names if base == "lamina" and is_module(alias.name)]
                found.extend((f"lamina.{name}", not inner) for name in modules)
                if len(modules) < len(child.names):
                    found.append((base, not inner))
            visit(child, inner)

    visit(ast.parse(path.read_text()), False)
    return found


def is_module(name):
    return any(name in rooms for rooms in LAYERS) or (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").exists()


def layer_of(room):
    for height, rooms in enumerate(LAYERS):
        if room in rooms:
            return height
    return None


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_python_imports_point_down(path):
    room, module = room_and_module(path)
    names = [name for name, _ in imports(path) if name.split(".")[0] == "lamina"]
    others = {name.split(".")[1] if "." in name else "" for name in names}
    if room == "reference":
        assert others <= {"reference"}, f"{module}: the reference stands on NumPy alone"
        return
    others -= {"reference"} if room == "" else set()  # lamina offers it, and nothing in the package uses it
    assert "reference" not in others, f"{module}: the reference is for tests, the package does not use it"
    height = layer_of(room)
    assert height is not None, f"{module}: give it a place in LAYERS"
    assert None not in [layer_of(other) for other in others], f"{module} imports {others}: not all have a place"
    above = sorted(other or "lamina" for other in others if layer_of(other) > height)
    assert not above, f"{module} imports {', '.join(above)}, which stand above it"


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_numpy_is_the_only_hard_dependency(path):
    room, module = room_and_module(path)
    for name, hard in imports(path):
        top = name.split(".")[0]
        if top in sys.stdlib_module_names or top in ("", "lamina", "numpy"):
            continue
        assert top in OPTIONAL, f"{module} imports {name}, which is no dependency of lamina"
        assert room in OPTIONAL[top], f"{module} imports {name}; allowed in {', '.join(sorted(OPTIONAL[top]))}"
        door = room == top  # it stands on what it leads to, and its __init__ says so where that is missing
        assert door or not hard, f"{module} imports {name} at the top; import it where it is needed, it is optional"
