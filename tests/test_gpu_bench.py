"""bench/gpu.py on the emulated device: every row runs, every kernel is in one, and failures are results."""

import argparse
import json
import os
import re
import time
from pathlib import Path

import pytest

import gpu
from gpu_rows import run
from gpu_rows.device import Device, seconds_needed
from lamina import _core
from lamina.bench import readme

pytestmark = pytest.mark.skipif(not _core.emulated(), reason="the device is not emulated in this build")
CUDA = Path(__file__).resolve().parents[1] / "cuda"
# Kernels that need no row, and why.
WITHOUT_ROW: dict[str, str] = {}


def options(only="", limit=60.0, patience=0.0, stage="speed"):
    return argparse.Namespace(stage=stage, small=True, only=only, limit=limit, patience=patience)


def kernels():
    """The names by which kernels are started."""
    text = "\n".join(path.read_text() for path in sorted(CUDA.glob("*.cu*")))
    return set(re.findall(r'\(context, "(\w+)"', text))


@pytest.fixture
def capability():
    yield _core.emulation_set_capability
    _core.emulation_set_capability(8, 0)


@pytest.mark.filterwarnings("default")  # a peer's advice is no failure
def test_every_row_runs_and_every_kernel_is_in_a_row(capability):
    device, before, names = Device(small=True), _core.emulation_kernels(), []
    for version, only in (((8, 0), ""), ((9, 0), "512x128x512 medium")):
        capability(*version)
        for group, row in run.chosen(options(only), device):
            result = run.result_of(group, row, device)
            assert result["failures"] == [], row.name
            assert result["lamina"]["median_s"] > 0 and result["predicted_s"] > 0
            assert result["times_predicted"] == result["lamina"]["median_s"] / result["predicted_s"]
            names.append(f"{group} {result['row']}")
            if group == "training" and row.name.startswith("step "):
                assert result["nodes"] >= 12
                assert result["s_per_node"] == result["lamina"]["median_s"] / result["nodes"]
    ran = {name for name, times in _core.emulation_kernels().items() if times > before.get(name, 0)}
    assert len(names) > 150
    assert kernels() >= {"gemm", "gemm_wgmma", "tail_forward", "adam", "nesterov", "rbm_free_energy", "end_step"}
    assert kernels() - ran == set(WITHOUT_ROW)


def test_ceilings_are_measured():
    device = Device(small=True)
    found = [run.result_of(group, row, device) for group, row in run.chosen(options(stage="ceilings"), device)]
    assert [result["row"] for result in found] == ["copy of 4 GB", "float32 40^3", "tf32 40^3", "bfloat16 40^3"]
    assert found[0]["lamina"]["median_s"] > 0 and not any(result["failures"] for result in found)


def test_rows_have_names_of_their_own():
    """By which a run that goes on behind a failure, a profile, and a reader know them."""
    found = [f"{group} {row.name}" for group, row in run.chosen(options(), Device())]
    assert len(set(found)) == len(found)


def test_a_run_fits_into_ten_minutes():
    needed = sum(seconds_needed(row) for _, row in run.chosen(options(), Device()))
    assert 60 < needed < 400  # beside what building takes


def broken_softmax(options, connection, first):
    _core.emulation_break("softmax_forward")
    run.work(options, connection, first)


def dead_at_the_second(options, connection, first):
    if first:
        run.work(options, connection, first)
    connection.send(("by_rows", "softmax forward 40x40", 10.0))
    connection.send({"bench": "by_rows", "row": "softmax forward 40x40", "failures": []})
    connection.send(("by_rows", "softmax backward 40x40", 10.0))
    os._exit(7)


def never_ends(options, connection, first):
    connection.send(("by_rows", "softmax forward 40x40", 1.0))
    time.sleep(100)


def no_beginning(options, connection, first):
    os._exit(1)


def test_a_device_that_fails_costs_one_row(monkeypatch, capfd):
    monkeypatch.setattr(run, "work", broken_softmax)
    results = list(run.results(options("softmax (for|back)ward")))
    assert [result["row"] for result in results] == [
        f"{name} {way} 40x40" for name in ("softmax", "log_softmax") for way in ("forward", "backward")
    ]
    assert [bool(result["failures"]) for result in results] == [True, False, True, False]
    assert "the kernel started last was softmax_forward" in results[0]["failures"][0]
    assert "softmax_forward: broken for a test" in capfd.readouterr().err


def test_a_process_that_dies_or_hangs_costs_one_row(monkeypatch):
    monkeypatch.setattr(run, "work", dead_at_the_second)
    results = list(run.results(options("(^by_rows softmax forward)|softmax backward")))
    assert [result["failures"] for result in results] == [[], ["the process ended with 7"], []]
    assert results[2]["row"].startswith("log_softmax") and "lamina" in results[2]


def test_time_for_a_row_and_for_all(monkeypatch):
    monkeypatch.setattr(run, "work", never_ends)
    assert next(run.results(options()))["failures"] == ["took longer than 1 s"]
    begun = time.monotonic()
    last = list(run.results(options(limit=2.0, patience=30.0)))
    assert last[-1]["failures"] == ["time was up"] and time.monotonic() - begun < 20
    monkeypatch.setattr(run, "work", no_beginning)
    with pytest.raises(SystemExit, match="does not begin"):
        list(run.results(options()))


def test_what_is_recorded_makes_a_table(tmp_path, capsys, monkeypatch):
    gpu.main(["speed", "--small", "--only", "relu (for|back)ward|mean_squared", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    (part,) = tmp_path.glob("*-speed-part.jsonl")
    assert readme.newest_on_device(tmp_path) is None  # whose table would lack the others
    about, *rows = readme.lines_of(part)
    assert f"{len(rows)} rows in {part}" in printed and "predicted" in printed
    assert part.name.startswith(about["date"][:10]) and re.fullmatch(r"[a-z0-9.-]+", part.name)
    part.rename(tmp_path / "all-speed.jsonl")
    rows.append(run.lost("products", "gemm", "took longer than 40 s"))
    table = readme.device_markdown(about, rows)
    assert "emulated" in table and "| elementwise | relu forward 40x40 |" in table
    assert "| products | gemm | failed |" in table
    (tmp_path / "run.json").write_text('{"command": "lamina bench", "date": "2026-01-01", "machine": {"cpu": "one"}}')
    monkeypatch.setattr(readme, "markdown", lambda document: "of the CPU")
    page = tmp_path / "README.md"
    page.write_text("<!-- bench -->\n<!-- /bench -->\n<!-- bench on a GPU -->\nold\n<!-- /bench on a GPU -->\nafter\n")
    readme.main([str(page), str(tmp_path)])
    text = page.read_text()
    assert "of the CPU" in text and table.splitlines()[3] in text and "old" not in text and text.endswith("after\n")


def test_the_worst_are_profiled(tmp_path, capsys):
    about = json.dumps({"date": "2026-01-01 00:00 UTC"})
    rows = [
        {"bench": "by_rows", "row": "softmax forward 40x40", "predicted_s": 1e-3, "times_predicted": 9.0},
        {"bench": "by_rows", "row": "softmax backward 40x40", "predicted_s": 1e-6, "times_predicted": 99.0},
        {"bench": "training", "row": "step", "predicted_s": 1e-3, "times_predicted": 50.0},
        {"bench": "products", "row": "gemm", "failures": ["no"]},
    ]
    (tmp_path / "2999-speed.jsonl").write_text("\n".join([about, *map(json.dumps, rows)]))
    gpu.main(["why", "--small", "--out", str(tmp_path)])
    assert capsys.readouterr().out == "profiled softmax forward 40x40\n"
