"""The benchmark's harness: who is measured, what is said of those who are not, and what is recorded."""

import contextlib
import importlib
import io
import json
import platform
import shutil
import statistics
import subprocess
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lamina import bench
from lamina.bench import forced, peers, readme, report, run, suite
from lamina.bench.harness import Contestant, Row, Setup, Timing, measure, summarise


def row(*contestants, **options):
    return Row("work", list(contestants), work=1e9, unit="GFLOP/s", ceiling="fma", **options)


def timing(who, median, variant=""):
    return Timing(who, variant, median, 0.9 * median, 1.1 * median, 5)


@pytest.mark.skipif(platform.machine() != "x86_64" or not shutil.which("g++"), reason="needs GCC for x86-64")
@pytest.mark.parametrize("machine", ["haswell", "skylake-avx512", "cooperlake", "sapphirerapids"])
def test_peak_rates_compile_for_every_unit(machine):
    source = Path(bench.__file__).with_name("peak.cpp")
    subprocess.run(["g++", "-fsyntax-only", "-std=c++17", f"-march={machine}", str(source)], check=True)


def test_measure_gives_median_and_spread_of_each():
    calls = []
    fast = Contestant("lamina", lambda: calls.append("fast"))
    slow = Contestant("numpy", lambda: time.sleep(0.002), steps=2)
    timings, failures = measure([fast, slow], quick=True)
    assert failures == []
    assert [found.who for found in timings] == ["lamina", "numpy"]
    assert all(0 < found.p10 <= found.median <= found.p90 and found.repeats >= 3 for found in timings)
    assert timings[0].median < 1e-3 < timings[1].median + 1e-9  # two steps in a call: about a millisecond each


def test_a_sample_waits_for_threads_that_still_spin():
    """A thread that keeps a core busy for a while after its contestant must not run beside the next one."""
    spinning = threading.Event()

    def spin():
        end = time.perf_counter() + 0.05
        while time.perf_counter() < end:
            sum(range(1000))
        spinning.clear()

    def noisy():
        if not spinning.is_set():
            spinning.set()
            threading.Thread(target=spin).start()

    beside = []
    measure([Contestant("numpy", noisy), Contestant("lamina", lambda: beside.append(spinning.is_set()))], quick=True)
    assert statistics.mean(beside) < 0.5  # all, but where a busy machine keeps the thread from its core


def test_a_failing_contestant_is_named_and_the_others_go_on():
    def broken():
        raise ValueError("gemm: no such shape")

    timings, failures = measure([Contestant("torch", broken, "1 thread"), Contestant("lamina", int)], quick=True)
    assert [found.who for found in timings] == ["lamina"]
    assert failures == ["torch 1 thread: ValueError: gemm: no such shape"]


def test_summary_takes_each_peers_best_and_says_where_lamina_loses():
    timings = [timing("lamina", 2.0), timing("torch", 4.0, "1 thread"), timing("torch", 3.0, "2 threads")]
    timings += [timing("numpy", 1.0), timing("gemm", 0.5)]
    result = summarise(row(yardstick="gemm"), timings, [], {"fma": 2e9})
    assert result["ratio"] == {"torch": 1.5, "numpy": 0.5}
    assert result["of_ceiling"] == 0.25 and result["rate"] == 0.5 and result["times_yardstick"] == 4.0
    assert len(result["measured"]["torch"]) == 2
    assert report.against(result, "torch") == "1.50x (3 s, 2 threads)"
    assert report.against(result, "numpy") == "0.50x slower (1 s)"


def test_a_row_that_lamina_fails_is_printed_as_failed():
    result = summarise(row(), [timing("torch", 1.0)], ["lamina : ValueError: no"], {})
    assert report.cells(result, ["torch"])[1] == "failed"


@pytest.mark.parametrize("seconds, text", [(2.5, "2.5 s"), (0.123, "123 ms"), (4.56e-5, "45.6 us"), (5e-9, "5 ns")])
def test_durations_read_well(seconds, text):
    assert report.duration(seconds) == text


@pytest.mark.parametrize("name", [name for name in suite.BENCHES if name != "memory"])  # which trains
def test_every_bench_makes_its_rows(name):
    setup = Setup(quick=True, threads=1, peers={})
    for made in importlib.import_module(f"lamina.bench.{name}").rows(setup):
        assert any(contestant.who == "lamina" for contestant in made.contestants)
        del made  # a row holds its arrays


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="bench: unknown name sgemm; needed: any of gemm, linear"):
        run(["sgemm"])
    with pytest.raises(ValueError, match="bench: unknown peer jax; needed: any of torch, sklearn, numpy"):
        run(["gemm"], "torch,jax")


def test_a_missing_peer_is_named(monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(peers.importlib, "import_module", absent)
    assert peers.load(["torch", "sklearn"]) == ({}, ["torch", "sklearn"])


def test_chosen_benches_keep_the_suites_order():
    assert suite.chosen(["step", "gemm"]) == ["gemm", "step"]
    assert suite.chosen(None) == list(suite.BENCHES)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """What a short run prints, and the document it writes."""
    path = tmp_path_factory.mktemp("bench") / "run.json"
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert run(["random"], "numpy", path, quick=True) == 0
    return printed.getvalue(), json.loads(path.read_text())


def test_a_run_prints_its_table_and_records_it(recorded):
    printed, document = recorded
    assert "ceilings: " in printed and "faster than numpy" in printed
    assert document["command"] == "lamina bench random --against numpy --quick"
    assert {"cpu", "cores", "threads", "isa"} <= document["machine"].keys()
    assert {"lamina", "numpy"} <= document["versions"].keys()
    assert min(document["ceilings"].values()) > 1e8
    for found in document["results"]["random"]:
        assert found["lamina"]["p10_s"] <= found["lamina"]["median_s"] <= found["lamina"]["p90_s"]
        assert found["ratio"]["numpy"] == found["best"]["numpy"]["median_s"] / found["lamina"]["median_s"]


def test_the_readmes_tables_come_from_the_newest_run_of_each_processor(tmp_path, recorded):
    _, document = recorded
    (tmp_path / "old.json").write_text(json.dumps(document))
    newer = {**document, "commit": "newer", "date": "2999-01-01 00:00 UTC"}
    (tmp_path / "new.json").write_text(json.dumps(newer))
    another = {**document, "commit": "elsewhere", "machine": {**document["machine"], "cpu": "another"}}
    (tmp_path / "another.json").write_text(json.dumps(another))
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n")
    readme.main([str(page), str(tmp_path)])
    text = page.read_text()
    assert text.startswith("before\n<!-- bench -->") and text.endswith("<!-- /bench -->\nafter\n")
    assert 0 < text.index("commit newer") < text.index("commit elsewhere")
    assert text.count("| random | philox 65536 blocks |") == 2 and "old\n" not in text
    with pytest.raises(ValueError, match="bench: the file needs the markers"):
        readme.rewrite("no markers", "table")
    with pytest.raises(ValueError, match="bench: no recorded run"):
        readme.newest(tmp_path / "empty")


def test_a_forced_run_has_a_process_of_its_own_that_everybody_obeys(monkeypatch):
    started = []

    def start(command, env):
        started.append((command[1:], env))
        return SimpleNamespace(returncode=7)

    monkeypatch.setattr(forced.subprocess, "run", start)
    monkeypatch.delenv("LAMINA_ISA", raising=False)
    assert run("gemm", "numpy", quick=True, isa="avx2") == 7
    (command, environment), *others = started
    assert not others
    assert command == ["-m", "lamina.bench", "gemm", "--against", "numpy", "--quick", "--isa", "avx2"]
    assert forced.ENVIRONMENTS["avx2"].items() <= environment.items()
    found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    assert set(environment["NPY_DISABLE_CPU_FEATURES"].split()) <= set(found) - {"X86_V3", "AVX2", "FMA3"}


def test_an_unknown_instruction_set_is_refused():
    with pytest.raises(ValueError, match="isa is 'sse', needs one of avx2"):
        run("gemm", isa="sse")


def test_the_readme_shows_no_forced_run(tmp_path):
    runs = {"best": ("lamina bench", "2026-11-20"), "forced": ("lamina bench --isa avx2", "2026-11-21")}
    for name, (command, date) in runs.items():
        recorded_run = {"command": command, "date": date, "machine": {"cpu": "one"}}
        (tmp_path / f"{name}.json").write_text(json.dumps(recorded_run))
    assert [found["command"] for found in readme.newest(tmp_path)] == ["lamina bench"]
