"""Every example runs, saves its picture, and what it says of its numbers is so."""

import importlib
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")
FOLDER = Path(__file__).resolve().parents[1] / "examples"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "common")
NEEDS = {"model_selection": "sklearn", "pruned_search": "optuna"}


def batchnorm_and_learning_rate(numbers):
    without, with_batchnorm = (np.array(numbers[name]) >= 0.95 for name in ("without", "with batch norm"))
    assert without.any() and with_batchnorm.sum() >= without.sum() + 2
    more = np.flatnonzero(with_batchnorm & ~without)
    assert more[0] < np.flatnonzero(without)[0] and more[-1] > np.flatnonzero(without)[-1]


def contrastive_divergence(numbers):
    one, ten, fast, slow = (numbers[name]["curve"] for name in list(numbers)[1:])
    assert numbers["best"] > ten[-1] > max(one) + 0.2 and one[-1] < max(one) - 0.1
    assert fast[-1] < -6 and max(fast) > -4.2 and slow[-1] > one[-1] + 0.2
    assert numbers["CD-10"]["right"] > 0.9


def denoising(numbers):
    plain, denoising = numbers["plain"], numbers["denoising"]
    assert denoising["damaged"] < 0.6 * plain["damaged"] < numbers["damage"]
    assert denoising["mended"] > plain["mended"] + 0.2
    assert plain["undamaged"] < denoising["undamaged"]


def dropout(numbers):
    plain, _, half, most = numbers["test_loss"]
    assert half < 0.85 * plain and most > plain
    assert numbers["test_score"][2] > numbers["test_score"][0] + 0.03
    assert numbers["loss"][2] > numbers["loss"][0]


def dying_relu(numbers):
    relu, leaky = numbers["ReLU"], numbers["leaky ReLU"]
    assert relu["dead_before"][-1] == relu["dead_after"][-1] == 1 and relu["score"][-1] < 0.6
    assert not any(leaky["dead_before"]) and not any(leaky["dead_after"]) and min(leaky["score"]) > 0.98
    assert relu["dead_after"][0] == 0 and relu["score"][0] > 0.98


def early_stopping(numbers):
    assert 0 < numbers["best_epoch"] < 300
    assert numbers["stopped early"] > numbers["trained to the end"] + 0.03


def ensemble(numbers):
    assert min(numbers["vote"], numbers["mean"]) > max(*numbers["members"], numbers["alone"]) + 0.03
    assert abs(numbers["out_of_bag"] - numbers["mean"]) < 0.07


def gradient_checking(numbers):
    assert numbers["central"] < 1e-9 < 1e-8 < numbers["one_sided"] < 1e-6 and 1e-6 < numbers["central_h"] < 1e-4
    assert numbers["net"] < 1e-6 and numbers["wrong"] > 0.1


def l1_and_l2(numbers):
    l1, l2 = numbers["L1"], numbers["L2"]
    assert not any(l2["zeros"]) and l1["zeros_at_best"] >= 40 and l1["kept_at_best"] == 10
    assert l1["test_loss"] < 0.6 * l2["test_loss"]


def learning_rate_schedules(numbers):
    constant = numbers.pop("constant")
    assert len(numbers) == 7 and 0 < max(numbers.values()) < constant / 50


def logistic_regression(numbers):
    assert numbers["cosine"] > 0.999 and numbers["calibration_error"] < 0.08
    assert abs(numbers["accuracy"] - numbers["best_accuracy"]) < 0.005


def model_selection(numbers):
    assert numbers["test_score"] > numbers["best_test_score"] - 0.03 > numbers["worst_test_score"] + 0.3


def optimizers(numbers):
    straight, turned = ({name: steps[title] for name, steps in numbers.items()} for title in numbers["SGD"])
    assert straight["SGD"][-1] > 5 * straight["momentum"][-1] and straight["SGD"][-1] > 30 * straight["SGD"][1]
    assert all(len(set(straight[name])) == 1 for name in ("Adagrad", "RMSProp", "Adam"))
    assert min(turned["Adagrad"][-1], turned["RMSProp"][-1]) > 0.8 * turned["SGD"][-1] > 3 * turned["Adam"][-1]
    assert turned["SGD"] == straight["SGD"]


def perceptron_and_xor(numbers):
    assert list(numbers.values()) == [4, 2, 4, 4]


def pretraining(numbers):
    assert numbers["sigmoid, pre-trained"] < 0.5 * numbers["sigmoid"]
    assert max(numbers["ReLU"], numbers["ReLU, batch norm"]) < 0.6 * numbers["sigmoid"]


def pruned_search(numbers):
    full, pruned = numbers["to the end"], numbers["pruned"]
    assert full["epochs"] == 2400 and pruned["epochs"] < 0.6 * full["epochs"]
    assert pruned["best"] < full["best"] + 0.02


def selu_depth(numbers):
    selu = numbers["SELU"]
    assert max(map(abs, selu["mean"])) < 0.1 and 0.8 < min(selu["variance"]) and max(selu["variance"]) < 1.5
    assert numbers["Tanh"]["variance"][-1] < 0.05 and numbers["Sigmoid"]["variance"][-1] < 0.05

    def spread(name):
        return numbers[f"{name} from 4.0"]["variance"][-1] / numbers[f"{name} from 0.25"]["variance"][-1]

    assert 0.9 < spread("SELU") < 1.1 and spread("ReLU") == pytest.approx(16, rel=1e-3)


def tabular(numbers):
    score, error = numbers["score"], numbers["error"]
    assert score["plain"] + 0.04 < score["encoded"] < score["averaged"] < numbers["best"]
    assert score["calibrated"] == score["averaged"] and error["calibrated"] < 0.25 * error["averaged"]


def transfer_learning(numbers):
    scratch, copied, *stages = numbers.values()
    assert copied > scratch + 0.03 and max(stages) > copied + 0.02


def vanishing_gradients(numbers):
    assert numbers["standard"] == pytest.approx([np.sqrt(1 / 3)] * 4, abs=0.03)
    assert numbers["Glorot"] == pytest.approx([1] * 4, abs=0.05)


# The first seed is what everyone sees; the others say that it was not luck.
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", SCRIPTS)
def test_examples_show_what_they_say(name, seed, tmp_path, monkeypatch, capsys):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    monkeypatch.syspath_prepend(FOLDER)
    start = time.perf_counter()
    numbers = importlib.import_module(name).main(["--out", str(tmp_path / "pictures"), "--seed", str(seed)])
    assert time.perf_counter() - start < 60
    picture = tmp_path / "pictures" / f"{name}.png"
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG") and len(content) > 10_000
    output = capsys.readouterr().out
    assert output.endswith(f"The picture: {picture}\n") and len(output.splitlines()) > 1
    globals()[name](numbers)


def test_examples_run_from_the_command_line(tmp_path):
    script = FOLDER / "perceptron_and_xor.py"
    result = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "2 of 4 for XOR" in result.stdout and not result.stderr
    assert (tmp_path / "perceptron_and_xor.png").exists()
    result = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=True)
    assert "Minsky" in result.stdout and "--seed" in result.stdout


def test_examples_are_listed():
    text = (FOLDER / "README.md").read_text()
    assert [name for name in SCRIPTS if f"`{name}.py`" not in text] == []
