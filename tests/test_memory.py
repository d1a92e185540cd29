"""What training takes: the plan by purpose, and the counter that sees every allocation of native code."""

import json
import subprocess
import sys

import numpy as np
import pytest

import lamina
from lamina.bench import report
from lamina.bench.harness import MemoryRow
from small_nets import clouds, make_net

# A fresh process, so that nothing but the fit is counted. The data's rows are few: a batch and a bit.
FIT = """
import json, sys, lamina, numpy as np
threads, batch_size, rows, dtype, *widths = json.loads(sys.argv[1])
lamina.set_num_threads(threads)
layers = []
for n, m in zip(widths, widths[1:-1]):
    layers += [lamina.Linear(n, m), lamina.BatchNorm(m), lamina.ReLU(), lamina.Dropout(0.5)]
net = lamina.Sequential(*layers, lamina.Linear(widths[-2], widths[-1]), dtype=dtype)
trainer = lamina.Trainer(net, optimizer="adam")
x, y = np.random.default_rng(0).random((rows, widths[0])), np.arange(rows) % widths[-1]
trainer.fit(x, y, epochs=2, batch_size=batch_size, progress=False)
print(json.dumps([trainer.memory(batch_size=batch_size, rows=rows), lamina.memory()["peak"]]))
"""
NEEDED = ("parameters", "gradients", "optimizer_state", "activations")


@pytest.fixture(autouse=True)
def one_thread():
    """Workers that start meanwhile would bring their scratch; this thread has its own before the test."""
    previous = lamina.get_num_threads()
    lamina.set_num_threads(1)
    lamina.ops.gemm(np.ones((1, 1)), np.ones((1, 1)))
    yield
    lamina.set_num_threads(previous)


def fit(*case):
    """The plan of a fit in a fresh process, and the most that was allocated."""
    command = [sys.executable, "-c", FIT, json.dumps(case)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.parametrize("case", [(64, 200, "float32", 20, 32, 5), (33, 34, "float64", 100, 7, 9, 3)], ids=str)
def test_the_plan_is_what_a_fit_allocates(case):
    planned, allocated = fit(1, *case)
    assert planned["total"] == allocated == sum(planned[purpose] for purpose in planned if purpose != "total")


def test_threads_add_their_scratch_and_nothing_else():
    alone, _ = fit(1, 128, 300, "float32", 64, 128, 10)
    planned, allocated = fit(3, 128, 300, "float32", 64, 128, 10)
    assert planned == alone | {"scratch": 3 * alone["scratch"], "total": alone["total"] + 2 * alone["scratch"]}
    assert alone["total"] <= allocated <= planned["total"]


def test_a_large_net_takes_little_more_than_it_needs():
    planned, allocated = fit(2, 512, 600, "float32", 784, 2048, 2048, 2048, 10)
    assert allocated <= planned["total"]
    assert allocated <= 1.15 * sum(planned[purpose] for purpose in NEEDED)


def test_the_plan_counts_numbers_by_hand():
    """One lamina keeps h alone, and two gradients are in flight; batch norm keeps z, mean and rstd too."""
    trainer = lamina.Trainer(lamina.Sequential(lamina.Linear(1000, 16), lamina.Tanh()), "squared_error", "sgd")
    plan = trainer.memory(batch_size=16)
    assert plan["activations"] == 3 * 16 * 16 * 4  # no gradient of the wide data
    assert plan["parameters"] == plan["gradients"] == (1000 * 16 + 16) * 4 and plan["optimizer_state"] == 0
    assert plan["batch"] == 16 * (1000 + 16) * 4 + 2 * 16 * 8  # order and losses take 8 bytes a row
    normed = lamina.Trainer(lamina.Sequential(lamina.Linear(10, 16), lamina.BatchNorm(16)), optimizer="adam")
    plan = normed.memory(batch_size=16, rows=16)
    assert plan["activations"] == (4 * 16 * 16 + 2 * 16) * 4 and plan["statistics"] == 2 * 16 * 4
    assert normed.memory(batch_size=16, rows=17)["activations"] == (4 * 17 * 16 + 2 * 16) * 4  # the last row joins


def test_the_counter_follows_what_is_held(rng):
    before = lamina.memory()["current"]
    net = lamina.Sequential(lamina.Linear(512, 512))
    lamina.reset_peak_memory()
    held = lamina.memory()
    assert held["peak"] == held["current"] >= before + 2 * 4 * 512 * 512
    net.loss_and_gradients(rng.random((64, 512)), rng.integers(0, 512, 64))
    grown = lamina.memory()
    assert grown["peak"] >= grown["current"] >= held["current"] + 3 * 4 * 64 * 512
    del net
    assert lamina.memory()["current"] <= before
    assert lamina.memory()["peak"] == grown["peak"]


def test_growing_gives_the_old_memory_back_first(rng):
    net = lamina.Sequential(lamina.Linear(64, 64))
    net.loss_and_gradients(rng.random((1000, 64)), np.zeros(1000, int))
    lamina.reset_peak_memory()
    net.loss_and_gradients(rng.random((1100, 64)), np.zeros(1100, int))
    use = lamina.memory()
    assert use["peak"] == use["current"]


def test_a_product_that_gathers_elsewhere_is_counted(rng):
    a, out = rng.random((256, 600)), np.zeros((256, 256))
    lamina.ops.gemm(a, a, transpose_b=True, out=out)
    lamina.reset_peak_memory()
    before = lamina.memory()["current"]
    lamina.ops.gemm(a, a, transpose_b=True, beta=1.0, out=out)
    assert lamina.memory() == {"current": before, "peak": before + out.nbytes}


def test_mistakes_are_refused(rng):
    trainer = lamina.Trainer(make_net())
    with pytest.raises(ValueError, match="Trainer.memory: batch_size is 0"):
        trainer.memory(batch_size=0)
    with pytest.raises(ValueError, match="Trainer.memory: batch_size is 1, batch norm"):
        trainer.memory(batch_size=1)
    with pytest.raises(ValueError, match="Trainer.memory: rows is 0"):
        trainer.memory(rows=0)
    trainer.fit(*clouds(rng), epochs=1, progress=False)  # as before


def test_the_benchmarks_row_shows_purposes_and_ratio(capsys):
    row = MemoryRow("net", {"parameters": 2_000_000, "batch": 500_000}, 2_100_000, 2_000_000, "<= 1.15x").as_dict()
    assert row["times_needed"] == 1.05 and not report.failed(row)
    report.print_table("memory", [row], ["torch"])
    titles, line = capsys.readouterr().out.splitlines()[:2]
    assert titles.split() == ["memory", "parameters", "batch", "allocated", "of", "needed", "goal"]
    assert line.split() == "net 2.0 MB 0.5 MB 2.1 MB 1.05x <= 1.15x".split()
    assert report.cells(row, ["torch"]) == ["net", "2.1 MB", "", "", "1.05x what is needed", "-"]
