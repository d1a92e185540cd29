"""The demo: its quick mode end to end, its table, and conclusions that follow the numbers."""

import numpy as np
import pytest
from lamina import plots
from lamina.cli import main
from lamina.demo import FAMILIES, Arm, conclude, format_table


def arms_with(**errors):
    return [
        Arm(family, pretrained, errors=list(errors[f"{family}{'_pretrained' * pretrained}"]), seconds=[1.0])
        for family in FAMILIES
        for pretrained in (False, True)
    ]


def test_demo_quick_run_ends_with_table_and_pictures(tmp_path, monkeypatch, capfd):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--quick"]) == 0
    output = capfd.readouterr().out
    assert output.count("pre-trained") == 2 and "too few draws" in output
    for name in ("errors.png", "curves.png", "filters.png"):
        content = (tmp_path / "demo-output" / name).read_bytes()
        assert content.startswith(b"\x89PNG") and len(content) > 10_000


def test_demo_conclusions_follow_the_numbers():
    text = conclude(
        arms_with(
            sigmoid=[12.0, 13.0, 14.0],
            sigmoid_pretrained=[8.0, 9.5, 10.0],
            modern=[7.0, 8.0, 9.0],
            modern_pretrained=[8.0, 7.5, 8.5],
        )
    ).splitlines()
    assert "errs less than without it: 9.17 % against 13.00 %, lower in 3 of 3 draws" in text[0]
    assert "no clear difference" in text[1]
    assert text[2].startswith("The lowest mean error, 8.00 %")
    worse = conclude(
        arms_with(sigmoid=[1, 2, 3], sigmoid_pretrained=[5, 6, 7.5], modern=[1, 1, 1], modern_pretrained=[1, 1, 1])
    ).splitlines()
    assert "errs more than without it" in worse[0] and "lower in 0 of 3 draws" in worse[0]
    assert "no clear difference" in worse[1]


def test_demo_table_has_a_line_for_each_arm():
    lines = format_table(arms_with(sigmoid=[1, 3], sigmoid_pretrained=[2], modern=[4, 4], modern_pretrained=[5, 6]))
    rows = [line.split() for line in lines.splitlines()]
    assert [row[0] for row in rows] == ["net", "sigmoid", "sigmoid", "modern", "modern"]
    assert rows[1][2] == "2.00" and rows[1][4] == "1.41"


def test_plots_filter_mosaic_places_and_scales():
    mosaic = plots.filter_mosaic(np.array([[1.0, -2, 0, 1], [0, 0, 0, 0], [4, 0, 0, 0]]), (2, 2), columns=2)
    assert mosaic.shape == (5, 5)
    np.testing.assert_array_equal(mosaic[:2, :2], [[0.5, -1], [0, 0.5]])
    assert mosaic[3, 0] == 1 and np.isnan(mosaic[2]).all() and np.isnan(mosaic[:, 2]).all()
    with pytest.raises(ValueError, match="filter_mosaic"):
        plots.filter_mosaic(np.ones((2, 5)), (2, 2), 2)
