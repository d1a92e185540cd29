"""The demo: its quick mode end to end, its table, and conclusions that follow the numbers."""

import numpy as np
import pytest

from lamina import plots
from lamina.cli import main
from lamina.demo import ARMS, Arm, Settings, conclude, format_table
from lamina.demo.report import introduce


def arms_with(*errors):
    return [Arm(*arm, errors=list(each), seconds=[1.0]) for arm, each in zip(ARMS, errors, strict=True)]


def test_demo_quick_run_ends_with_table_and_pictures(tmp_path, monkeypatch, capfd):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--quick"]) == 0
    output = capfd.readouterr().out
    assert [tuple(line.split()[:2]) for line in output.splitlines() if line.startswith("sigmoid ")][:2] == list(
        ARMS[:2]
    )
    assert "too few draws" in output and "the epoch with the lowest validation loss" in output
    assert all(size in output for size in ("64 x 64 units", "60 epochs", "100 to train on"))
    assert max(map(len, output.splitlines())) <= 100 and "4 times as large" in output
    for name in ("errors.png", "curves.png", "filters.png"):
        content = (tmp_path / "demo-output" / name).read_bytes()
        assert content.startswith(b"\x89PNG") and len(content) > 10_000


def test_demo_opening_fits_a_terminal():
    assert max(map(len, introduce(Settings(), 1797).splitlines())) <= 100


def test_demo_conclusions_follow_the_numbers():
    arms = arms_with([12, 13, 14], [8, 9.5, 10], [8, 8, 8], [7, 8, 9], [8, 7.5, 8.5])
    plain, gain, larger, loss, modern, _, note = conclude(arms).splitlines()
    assert plain == "Sigmoid net, pre-trained against plain: pre-training helps"
    assert gain == "  9.17 % against 13.00 %, better in 3 of 3 draws, by 3.83 ± 0.17 points"
    assert larger.endswith("4x weights: no clear difference")
    assert "9.17 % against 8.00 %, better in 0 of 3 draws" in loss
    assert modern.startswith("Modern net") and "no clear difference" in modern
    assert "one standard error" in note
    assert "pre-training harms" in conclude(arms_with([1, 2, 3], [5, 6, 7.5], [1] * 3, [1] * 3, [1] * 3))


def test_demo_table_has_a_line_for_each_arm():
    lines = format_table(arms_with([1, 3], [2], [4, 4], [4, 4], [5, 6])).splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["net", "sigmoid", "sigmoid", "sigmoid", "modern", "modern"]
    assert "over the draws" in lines[-1] and "pre-training and training" in lines[-1]
    assert lines[1].split() == "sigmoid plain 2.00 % 1.41 % 1.00 % 3.00 % 1.00 s".split()


def test_plots_filter_mosaic_places_and_scales():
    mosaic = plots.filter_mosaic(np.array([[1.0, -2, 0, 1], [0, 0, 0, 0], [4, 0, 0, 0]]), (2, 2), columns=2)
    assert mosaic.shape == (5, 5)
    np.testing.assert_array_equal(mosaic[:2, :2], [[0.5, -1], [0, 0.5]])
    assert mosaic[3, 0] == 1 and np.isnan(mosaic[2]).all() and np.isnan(mosaic[:, 2]).all()
    with pytest.raises(ValueError, match="filter_mosaic"):
        plots.filter_mosaic(np.ones((2, 5)), (2, 2), 2)
