"""What the command line says and refuses: inputs that would be overwritten, reports, help, and closed pipes."""

import argparse
import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

import lamina
from lamina.bench import BENCHES
from lamina.cli import _BENCHES, main, make_parser
from lamina.commands import constant_loss, describe_end
from lamina.demo import QUICK as QUICK_DEMO
from lamina.demo import Settings
from lamina.io import load_safetensors, save_safetensors
from small_tables import QUICK, assert_one_line_error, read_rows, start, write_flowers, write_line


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def digests(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir() if file.is_file()}


def help_of(*command):
    with pytest.raises(SystemExit) as stop:
        main([*command, "--help"])
    assert stop.value.code == 0


def test_cli_never_overwrites_its_inputs(here, capfd):
    write_flowers("x.csv", 60)
    os.link("x.csv", "linked.csv")
    os.symlink("x.csv", "symbolic.csv")
    os.link("x.csv", "y.tmp")  # what is written before it is renamed to y
    assert main(["train", "x.csv", "--target", "kind", *QUICK, "--epochs", "1"]) == 0
    before = digests(here)
    capfd.readouterr()
    for out in ("x.csv", "./x.csv", "linked.csv", "symbolic.csv", "y"):
        assert_one_line_error(capfd, ["x.csv", "--target", "kind", *QUICK, "--out", out], "would overwrite DATA")
        assert_one_line_error(capfd, ["model.safetensors", "x.csv", "--out", out], "overwrite DATA", "predict")
    out = "../" + here.name + "/model.safetensors"
    assert_one_line_error(capfd, ["model.safetensors", "x.csv", "--out", out], "overwrite MODEL", "predict")
    assert_one_line_error(capfd, ["x.csv", "--target", "kind", *QUICK, "--out", "/dev/null"], "no regular file")
    assert digests(here) == before
    assert main(["train", "x.csv", "--target", "kind", *QUICK, "--epochs", "1"]) == 0  # an older model may go


def test_cli_predict_refuses_a_changed_weight_and_answers_that_are_no_numbers(here, capfd):
    write_flowers("x.csv", 60)
    assert main(["train", "x.csv", "--target", "kind", *QUICK, "--epochs", "1"]) == 0
    capfd.readouterr()
    content = bytearray((here / "model.safetensors").read_bytes())
    content[-5] ^= 0x10
    (here / "bad").write_bytes(content)
    assert_one_line_error(capfd, ["bad", "x.csv"], "checksum", "predict")
    tensors, metadata = load_safetensors("model.safetensors")
    tensors["0.weight"][0, 0] = np.nan
    save_safetensors("nan", tensors, metadata)
    assert_one_line_error(capfd, ["nan", "x.csv"], "answer to row 1 of x.csv is NaN or infinite", "predict")
    (here / "far.csv").write_text("length,width,constant\n1000,0.001,0.1\n1e300,0,0.1\n")
    assert_one_line_error(capfd, ["model.safetensors", "far.csv"], "row 2 of far.csv is NaN or infinite", "predict")
    assert not (here / "predictions.csv").exists()


def test_cli_regression_report_is_in_the_units_of_the_target(here, capfd):
    write_line("line.npz")
    arguments = ["line.npz", "--target", "y", *QUICK, "--validation", "0", "--test", "0"]
    assert main(["train", *arguments]) == 0
    output = capfd.readouterr().out
    assert main(["predict", "model.safetensors", "line.npz"]) == 0
    truth = np.load("line.npz")["y"]
    errors = np.array([float(row["y"]) for row in read_rows("predictions.csv")]) - truth
    (row,) = [line.split() for line in output.splitlines() if line.startswith("training")]
    assert float(row[2]) == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-3)
    assert f"always answering the mean: RMSE {truth.std():.5g}, R² 0" in output
    assert "in units of 'y'" in output and "RMSE" in output and "60 epochs; the last one's weights" in output


def test_cli_says_how_training_ended(here, capfd):
    stopping = lamina.EarlyStopping(patience=7)
    assert "no validation loss" in describe_end(5, 5, stopping)
    stopping.best_epoch = 2
    assert describe_end(5, 5, stopping) == "all 5 epochs; kept the weights of epoch 3, whose validation loss is lowest"
    stopped = describe_end(10, 200, stopping)
    assert stopped.startswith("stopped early, after 10 of 200 epochs: 7 without a lower") and "epoch 3," in stopped
    write_line("line.npz")
    assert main(["train", "line.npz", "--target", "y", *QUICK, "--epochs", "500", "--patience", "2"]) == 0
    assert "stopped early, after" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a,y\n1,1.5\n2,2.5\n3,3.5\n", [], "--no-batchnorm"),
        ("a,y\n1,1.5\n2,2.5\n3,3.5\n", ["--batch-size", "1"], "--no-batchnorm"),
        ("a,b,y\n1,1e300,1.5\n2,-1e300,2.5\n" + 9 * "3,1,3.5\n", ["--test", "0"], "column 'b'"),
        ("a,y\n1,1e300\n2,-1e300\n" + 9 * "3,1\n", ["--test", "0", "--task", "regression"], "column 'y'"),
        ("a,y\n1,2\n", ["--pretrain", "denoising", "--hidden", ""], "--pretrain needs a hidden layer"),
    ],
)
def test_cli_messages_speak_of_options_and_columns(here, capfd, text, options, message):
    (here / "x.csv").write_text(text)
    assert_one_line_error(capfd, ["x.csv", "--target", "y", *QUICK, *options], message)


@pytest.mark.parametrize("text", ["a,y\n1,\n", "a,y\n1,p\n2,p\n", "a,y\n1,p\n", ""])
def test_cli_messages_name_no_internal_function(here, capfd, text):
    (here / "x.csv").write_text(text)
    assert main(["train", "x.csv", "--target", "y", *QUICK]) == 2
    error = capfd.readouterr().err
    assert not any(name in error for name in ("read_table", "split:", "choose_task", "Standardizer")), error


def test_cli_pretraining_tells_what_a_constant_answer_costs(here, capfd, rng):
    write_flowers("x.csv")
    options = ["--pretrain", "autoencoder", "--pretrain-epochs", "2", "--activation", "sigmoid", "--no-batchnorm"]
    assert main(["train", "x.csv", "--target", "kind", *QUICK, *options]) == 0
    assert "(always answering the mean: 1)" in capfd.readouterr().out  # two columns of variance 1, a constant one
    x = rng.uniform(size=(50, 3)).astype(np.float32)
    x[:, 1] = 1
    mean = np.repeat(x.mean(axis=0, keepdims=True), 50, axis=0)
    inner = x[:, [0, 2]].astype(float), mean[:, [0, 2]].astype(float)
    entropy = -(inner[0] * np.log(inner[1]) + (1 - inner[0]) * np.log(1 - inner[1])).sum() / 50
    assert constant_loss(x, "sigmoid_cross_entropy") == pytest.approx(entropy, rel=1e-5)
    assert constant_loss(x, "squared_error") == pytest.approx(((x - mean) ** 2).sum() / 100, rel=1e-5)


def test_cli_version_and_help(capfd):
    assert main(["--version"]) == 0
    assert capfd.readouterr().out == f"lamina {lamina.config()['version']}\n"
    assert main([]) == 2
    output, error = capfd.readouterr()
    assert output == "" and error.startswith("usage: lamina") and "train" in error
    help_of("bench")
    shown = " ".join(capfd.readouterr().out.split())
    assert _BENCHES == BENCHES and ", ".join(BENCHES) in shown
    help_of("demo")
    shown = " ".join(capfd.readouterr().out.split())
    assert f"(default: {Settings().draws}; --quick: {QUICK_DEMO.draws})" in shown
    help_of("train")
    shown = " ".join(capfd.readouterr().out.split())
    assert "batch normalisation (default: --batchnorm)" in shown and '"" for none' in shown
    assert "at most 20 different values" in shown and "(default: 0)" in shown
    assert isinstance(make_parser(), argparse.ArgumentParser)


@pytest.mark.parametrize("arguments", [["config"], ["train", "--help"], ["gradcheck"]], ids=" ".join)
def test_cli_closed_pipe_ends_quietly(here, arguments):
    process = start(arguments, here)
    process.stdout.close()
    with process.stderr:
        status, error = process.wait(timeout=60), process.stderr.read()
    assert error == "" and status in ((0, 141) if "--help" in arguments else (141,))  # argparse passes over it


def test_cli_both_pipes_closed_ends_quietly(here):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "lamina", "train", "none.csv", "--target", "y"]
    assert subprocess.run(command, cwd=here, stdout=writing, stderr=writing, timeout=60).returncode == 141
    os.close(writing)
