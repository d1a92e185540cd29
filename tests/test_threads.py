"""The pool's threads: where they may run is the caller's business and stays so; children of a fork have their own."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

import lamina
from lamina import ops

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux's affinities")
A = np.random.default_rng(0).standard_normal((200, 300), dtype=np.float32)


@pytest.fixture(autouse=True)
def two_threads():
    before = lamina.get_num_threads()
    lamina.set_num_threads(2)
    yield
    lamina.set_num_threads(before)


def after_naps(count):
    """Products by workers that were asleep, some with their memory of the core on which they were last."""
    for _ in range(count):
        time.sleep(0.002)
        result = ops.gemm(A, A, transpose_b=True)
    return result


def test_waking_leaves_affinities_alone():
    expected = ops.gemm(A, A, transpose_b=True)
    np.testing.assert_array_equal(after_naps(50), expected)
    time.sleep(0.05)  # a worker that wakes late moves now
    masks = {frozenset(os.sched_getaffinity(int(thread))) for thread in os.listdir("/proc/self/task")}
    assert masks == {frozenset(os.sched_getaffinity(0))}


def test_a_process_with_one_core_computes_the_same(tmp_path):
    program = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "import sys, numpy as np; sys.path.insert(0, sys.argv[1]); import test_threads as t, lamina\n"
        "lamina.set_num_threads(2); np.save(sys.argv[2], t.after_naps(20))\n"
        "assert len(os.sched_getaffinity(0)) == 1\n"
    )
    saved = tmp_path / "result.npy"
    subprocess.run([sys.executable, "-c", program, os.path.dirname(__file__), saved], check=True, timeout=60)
    np.testing.assert_array_equal(np.load(saved), ops.gemm(A, A, transpose_b=True))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own():
    expected = after_naps(1)
    child = os.fork()
    if child == 0:
        same = np.array_equal(after_naps(5), expected)
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
