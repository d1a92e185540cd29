"""The emulated device itself: barriers, shuffles, what it says of wrong kernels, whether it sees a missing barrier."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from comparison import assert_same_bits
from lamina import _core, cuda, ops

ROOT = Path(__file__).resolve().parents[1]
EMULATED = ROOT / "cuda" / "emulated"
# The scheduler switches between threads in ways that ThreadSanitizer would take for races.
SCHEDULER = [EMULATED / "fiber.cpp", EMULATED / "hopper.cpp", EMULATED / "model.cpp"]
RUNTIME = [EMULATED / f"{name}.cpp" for name in ("cuda_runtime", "memory", "streams")]
KERNELS = [ROOT / "tests/emulated_model.cpp", *RUNTIME, ROOT / "csrc/base/fp_environment.cpp"]
needs_emulation = pytest.mark.skipif(not _core.emulated(), reason="the device is not emulated in this build")
NUMBERS = [i * i % 101 for i in range(384)]


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """Compile the kernels of emulated_model.cpp, with flags; once for each set of them."""
    folder, built = tmp_path_factory.mktemp("emulated"), {}
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")

    def build(*flags):
        if flags not in built:
            includes = [f"-I{ROOT / place}" for place in ("csrc", ".", "cuda/emulated")]
            command = [compiler, "-std=c++20", "-O1", "-g", "-DLAMINA_CUDA_EMULATED", "-pthread", *includes]
            objects = []
            for source in SCHEDULER + KERNELS:
                objects.append(folder / f"{source.stem}{len(built)}.o")
                chosen = [flag for flag in flags if source in KERNELS or flag != "-fsanitize=thread"]
                subprocess.run([*command, *chosen, "-c", source, "-o", objects[-1]], check=True, timeout=300)
            built[flags] = folder / f"model{len(built)}"
            subprocess.run([*command, *flags, *objects, "-o", built[flags]], check=True, timeout=300)
        return built[flags]

    return build


def output(program, *arguments, **environment):
    done = subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=60, env={**os.environ, **environment}
    )
    return done.stdout.strip(), done.stderr, done.returncode


@pytest.mark.parametrize("seed", [0, 1, 2, 2**63])
def test_emulation_of_blocks_and_warps(program, seed):
    sums = [sum(NUMBERS[128 * block : 128 * block + 128]) for block in range(3)]
    assert output(program(), "tree_sum", seed)[0] == " ".join(map(str, sums))
    expected = []
    for warp in range(3):
        x = NUMBERS[32 * warp : 32 * warp + 32]
        odd = sum(1 << lane for lane in range(32) if x[lane] % 2)
        expected.append(sum(x) + 3 * x[16] + 5 * (odd % 7) + 11 * x[16 + 3])
    assert output(program(), "shuffles", seed)[0] == " ".join(map(str, expected))


@pytest.mark.parametrize("seed", [0, 1])
def test_emulation_of_tensor_cores_and_copies(program, seed):
    numbers = np.array(NUMBERS) % 9 - 4
    product = 1 + numbers[:256].reshape(16, 16) @ numbers[256:].reshape(16, 8)
    checksum = (product.ravel() * np.arange(1, 129)).sum()
    assert output(program(), "tensor_cores", seed)[0] == f"{checksum} {checksum} 0"
    assert output(program(), "copies", seed)[0] == "1 1 1"


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_emulation_of_boxes(program, seed):
    assert output(program(), "boxes", seed)[0] == "1 1 1"


def test_emulation_shows_what_is_wrong(program):
    right = output(program(), "tree_sum")[0]
    assert output(program(), "race")[0] != right, "without barriers the sum should be wrong, at every run"
    assert output(program(), "uninitialised")[0].startswith("1 "), "shared memory should start as NaN"
    place = r"emulated_model.cpp:\d+"
    wrong = {
        "divergent": f"some threads of a block wait at {place}, others at {place}",
        "early_exit": f"a block is stuck: 127 of its threads wait at {place}, 1 have ended",
        "unannounced_bytes": f"a block is stuck: 128 of its threads wait at {place}, 0 have ended",
        "hidden_barrier": f"a copy uses a barrier that has not been shown to it at {place}",
        "too_many_arrive": f"more arrive at a barrier than it awaits at {place}",
        "unfenced_sums": f"sums are used by a product without a fence at {place}",
        "wrong_descriptor": f"a descriptor is of a layout that is not emulated at {place}",
        "foreign_mask": f"a lane meets others of its warp at {place} under a mask that leaves it out",
    }
    for name, message in wrong.items():
        assert re.fullmatch(f"error: {name}: {message}", output(program(), name)[0]), output(program(), name)


def line_of(comment):
    lines = (ROOT / "tests" / "emulated_model.cpp").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if comment in line)


@pytest.mark.slow
def test_thread_sanitizer_names_a_race(program):
    built = program("-fsanitize=thread", "-DLAMINA_TSAN")
    for seed in (0, 7):
        result, report, _ = output(built, "tree_sum", seed, TSAN_OPTIONS="halt_on_error=0")
        assert "WARNING" not in report and result == output(program(), "tree_sum")[0], report
    report = output(built, "race", TSAN_OPTIONS="halt_on_error=0")[1]
    assert "data race" in report and f"emulated_model.cpp:{line_of('the race')}" in report, report


@pytest.mark.slow
def test_address_sanitizer_names_an_overflow(program):
    built = program("-fsanitize=address")
    result, report, _ = output(built, "tree_sum")
    assert "ERROR" not in report and result == output(program(), "tree_sum")[0], report
    report = output(built, "overflow")[1]
    assert "heap-buffer-overflow" in report and f"emulated_model.cpp:{line_of('one too far')}" in report, report


def kernels(rng):
    """Calls that together reach every kernel with a barrier, each on shapes that need all of its barriers."""
    a, b = rng.normal(size=(70, 300)).astype("float32"), rng.normal(size=(300, 90)).astype("float32")
    large = rng.normal(size=(1030, 40)).astype("float32")
    x, labels = rng.normal(size=(9000, 3)), rng.integers(0, 3, 9000)
    weight = rng.random(9000)
    return {
        "gemm": lambda put: ops.gemm(put(a), put(b)),
        "large gemm": lambda put: ops.gemm(put(large), put(large), transpose_b=True),
        "tensor cores": lambda put: ops.gemm(put(a), put(b), precision="medium"),
        "loss": lambda put: ops.softmax_cross_entropy(put(x), put(labels))[0],
        "weighted loss": lambda put: ops.softmax_cross_entropy(put(x), put(labels), sample_weight=put(weight))[0],
    }


def on_host(value):
    return value.numpy() if isinstance(value, cuda.Array) else np.asarray(value)


def expected_results(calls):
    """What the CPU computes, where it has the same order of arithmetic; otherwise the device, undisturbed."""
    return {
        name: on_host(call(cuda.array if name == "tensor cores" else lambda array: array))
        for name, call in calls.items()
    }


@pytest.fixture
def emulation():
    """Put order and barriers back as they were."""
    yield
    _core.emulation_set_order(0)
    _core.emulation_skip_barrier("")


@needs_emulation
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_order_of_threads_does_not_matter(rng, emulation, seed):
    calls = kernels(rng)
    expected = expected_results(calls)
    _core.emulation_set_order(seed)
    for name, call in calls.items():
        assert_same_bits(on_host(call(cuda.array)), expected[name])


# The places of all barriers in cuda/ but those of wgmma, which test_cuda_wgmma.py passes over.
BARRIERS = [
    f"{path.name}:{number}"
    for path in sorted((ROOT / "cuda").glob("*.cu*"))
    if path.name != "gemm_wgmma.cu"
    for number, line in enumerate(path.read_text().splitlines(), 1)
    if "__syncthreads()" in line
]


@needs_emulation
def test_all_barriers_are_met(rng):
    for call in kernels(rng).values():
        on_host(call(cuda.array))
    assert set(BARRIERS) <= set(_core.emulation_barriers())


@needs_emulation
@pytest.mark.slow
@pytest.mark.parametrize("site", BARRIERS)
def test_a_missing_barrier_is_seen(rng, emulation, site):
    wrong, calls = [], kernels(rng)
    expected = expected_results(calls)
    _core.emulation_skip_barrier(site)
    for name, call in calls.items():
        for seed in (0, 1, 2):
            _core.emulation_set_order(seed)
            with contextlib.suppress(AssertionError):
                assert_same_bits(on_host(call(cuda.array)), expected[name])
                continue
            wrong.append((name, seed))
    assert wrong, f"without the barrier at {site} all results are as with it"


@needs_emulation
def test_a_broken_device_says_so_once_and_with_the_kernels_name():
    script = """
import numpy as np, lamina
from lamina import _core, cuda, ops
x = cuda.array(np.ones((300, 300)))
_core.emulation_break("gemm")
y = ops.gemm(x, x)
for attempt in range(2):
    try:
        y.numpy()
    except lamina.BackendError as error:
        print(error)
print(ops.gemm(np.ones((2, 2)), np.ones((2, 2))).sum())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    first, second, cpu = done.stdout.splitlines()
    assert "gemm: broken for a test" in first and "needs to start anew" in first
    assert "gemm" not in second and "needs to start anew" in second
    assert cpu == "8.0"
