"""Whatever lamina.ops offers has its reference, a test, a gradient check, a documented example and a benchmark."""

import inspect
import re
from pathlib import Path

import pytest

import lamina
from lamina import losses, ops, reference

TESTS = Path(__file__).resolve().parent
BENCH = TESTS.parent / "python" / "lamina" / "bench"
SECTIONS = ["Parameters", "Returns", "References", "Examples"]

# About the library rather than about arrays: these have neither a reference nor a place in the benchmark.
DESCRIPTIONS = {"activations", "explain"}
OPS = [name for name in ops.__all__ if name not in DESCRIPTIONS]
LOSSES = [name for name in OPS if "reduction" in inspect.signature(getattr(ops, name)).parameters]
OPTIMIZERS = [name for name in OPS if name.endswith("_step")]


# What the lectures name, and what a user of today also expects.
CATALOGUE = {
    "activations": "linear "
    "sigmoid tanh relu leaky_relu prelu rrelu elu selu softsign softplus gelu gelu_tanh silu step",
    "losses": "softmax_cross_entropy sigmoid_cross_entropy squared_error mean_squared_error absolute_error huber "
    "kl_divergence poisson_nll",
    "optimizers": "SGD Adagrad RMSProp Adam AdamW",
    "initialisers": "zeros constant normal uniform lecun_uniform lecun_normal glorot_uniform glorot_normal he_uniform "
    "he_normal orthogonal",
    "schedules": "HalveOnPlateau StepDecay ExponentialDecay InverseTimeDecay CosineDecay WarmUp OneCycle",
    "regularisers": "L1 L2 Elastic",
    "modules": "Autoencoder RBM DBN",
    "noise": "Dropout AlphaDropout GaussianNoise MaskingNoise SaltAndPepper DropConnect Shakeout Whiteout Zoneout",
    "generated data": "rectangles shapeset bars_and_stripes spirals xor",
}


def text_of(folder, pattern, leave_out=()):
    return "\n".join(path.read_text() for path in sorted(folder.glob(pattern)) if path.name not in leave_out)


TEST_TEXT = text_of(TESTS, "*.py", {Path(__file__).name})
GRADIENT_TEXT = text_of(TESTS, "test_*gradient*.py")
BENCH_TEXT = text_of(BENCH, "*.py")


def names(text, name):
    return re.search(rf"\b{re.escape(name)}\b", text) is not None


def parameters(function):
    """Name, kind and default of each parameter, arrays in the defaults left out of the comparison."""
    listed = inspect.signature(function).parameters.values()
    return [(parameter.name, parameter.kind.name, repr(parameter.default)) for parameter in listed]


def test_the_catalogue_is_covered_by_name():
    offered = {
        "activations": ops.activations(),
        "losses": losses.NAMES,
        "optimizers": vars(lamina),
        "initialisers": lamina.init.NAMES,
        "schedules": vars(lamina),
        "regularisers": vars(lamina),
        "modules": vars(lamina),
        "noise": vars(lamina),
        "generated data": lamina.datasets.__all__,
    }
    missing = {what: set(names.split()) - set(offered[what]) for what, names in CATALOGUE.items()}
    assert not any(missing.values()), missing


def test_the_catalogue_is_not_empty():
    assert {"gemm", "linear_forward", "lamina_backward", "philox"} <= set(OPS)
    assert len(LOSSES) >= 4 and len(OPTIMIZERS) >= 2
    assert set(DESCRIPTIONS) & set(ops.__all__)


@pytest.mark.parametrize("name", OPS)
def test_op_has_its_reference_with_the_same_signature(name):
    assert hasattr(reference, name), f"lamina.reference lacks {name}"
    assert parameters(getattr(reference, name)) == parameters(getattr(ops, name))


@pytest.mark.parametrize("name", ops.__all__)
def test_op_is_named_by_a_test(name):
    assert names(TEST_TEXT, name), f"no file in tests/ names {name}"


@pytest.mark.parametrize("name", ops.__all__)
def test_op_is_documented(name):
    text = inspect.getdoc(getattr(ops, name)) or ""
    needed = set(SECTIONS if name not in DESCRIPTIONS else ["Returns", "Examples"])
    needed -= {"Returns"} if name in OPTIMIZERS else set()  # they work in place
    needed -= {"References"} if name.endswith("_backward") else set()  # its forward cites them
    missing = [section for section in sorted(needed) if not re.search(rf"^{section}\n-+$", text, re.MULTILINE)]
    assert not missing, f"{name}: the docstring lacks {', '.join(missing)}"
    assert re.search(r"^(Notes|Raises)\n-+$", text, re.MULTILINE) or name in DESCRIPTIONS, (
        f"{name}: no Notes, no Raises"
    )
    assert ">>>" in text, f"{name}: the docstring has no example that runs"


@pytest.mark.parametrize("name", OPS)
def test_op_has_a_benchmark(name):
    assert names(BENCH_TEXT, name), f"no file in python/lamina/bench names {name}"


def test_every_activation_has_its_reference():
    assert reference.activations() == ops.activations()


def test_every_activation_is_checked_by_differences():
    """The gradient checks run over the reference's whole list, which the test above holds equal to the ops'."""
    assert names(GRADIENT_TEXT, "activations")


def test_every_loss_is_an_op_and_trains():
    """The names come from the native lists; "cross_entropy" is short for another."""
    assert sorted(set(losses.NAMES) - {"cross_entropy"}) == sorted(LOSSES)


@pytest.mark.parametrize("name", LOSSES)
def test_loss_is_checked_by_differences(name):
    assert names(GRADIENT_TEXT, name), f"no gradient check names {name}"


@pytest.mark.parametrize("name", [name for name in OPS if name.endswith("_backward")])
def test_backward_is_checked_by_differences(name):
    assert names(GRADIENT_TEXT, name), f"no gradient check names {name}"
