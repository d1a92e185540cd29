"""The command line, end to end: train, predict, the small commands, mistakes told in one line, Ctrl-C."""

import json
import os
import signal
import time

import numpy as np
import pytest

import lamina
from lamina.cli import main
from lamina.io import load_safetensors, save_safetensors
from lamina.tabular import TableCodec, choose_task
from small_tables import QUICK, assert_one_line_error, read_rows, start, write_flowers, write_line


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    threads = lamina.get_num_threads()
    yield tmp_path
    lamina.set_num_threads(threads)  # --threads sets them for the process


def test_cli_classifies_text_targets(here, capfd):
    write_flowers("train.csv")
    assert main(["train", "train.csv", "--target", "kind", *QUICK, "--seed", "3"]) == 0
    output = capfd.readouterr().out
    assert "classification into 3 classes" in output
    assert all(part in output for part in ("training", "validation", "test", "accuracy"))
    write_flowers("new.csv", seed=9)
    assert main(["predict", "model.safetensors", "new.csv", "--proba"]) == 0
    answers, truth = read_rows("predictions.csv"), read_rows("new.csv")
    assert np.mean([a["kind"] == t["kind"] for a, t in zip(answers, truth, strict=True)]) > 0.95
    names = [f"probability of {kind}" for kind in ("äster", "beech", "clover")]
    probabilities = np.array([[float(answer[name]) for name in names] for answer in answers])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert [names[best][15:] for best in probabilities.argmax(axis=1)] == [answer["kind"] for answer in answers]
    assert not list(here.glob("*.tmp"))


def test_cli_regression_comes_back_in_its_units(here, capfd):
    write_line("line.npz")
    assert main(["train", "line.npz", "--target", "y", *QUICK, "--dropout", "0", "--out", "line.safetensors"]) == 0
    output = capfd.readouterr().out
    assert "regression" in output and "R²" in output
    assert main(["predict", "line.safetensors", "line.npz", "--out", "answers.csv"]) == 0
    answers = np.array([float(row["y"]) for row in read_rows("answers.csv")])
    truth = np.load("line.npz")["y"]
    assert np.abs(answers - truth).mean() < 15 < truth.std()
    assert_one_line_error(capfd, ["line.safetensors", "line.npz", "--proba"], "classification", "predict")


def test_cli_whole_numbers_stay_whole_and_column_order_does_not_matter(here):
    generator = np.random.default_rng(2)
    a, b = generator.normal(size=(2, 200))
    np.savez("x.npz", a=a, b=b, y=np.where(a > b, 7, -1))
    np.savez("turned.npz", extra=b, b=b, a=a)
    assert main(["train", "x.npz", "--target", "y", *QUICK]) == 0
    assert main(["predict", "model.safetensors", "x.npz", "--out", "x.csv"]) == 0
    assert main(["predict", "model.safetensors", "turned.npz", "--out", "turned.csv"]) == 0
    assert {row["y"] for row in read_rows("x.csv")} == {"7", "-1"}
    assert read_rows("x.csv") == read_rows("turned.csv")


@pytest.mark.parametrize(
    "options",
    [
        ["--pretrain", "denoising", "--pretrain-epochs", "2"],
        ["--pretrain", "autoencoder", "--pretrain-epochs", "2", "--no-batchnorm", "--activation", "sigmoid"],
        ["--hidden", ""],
        ["--hidden", "8,8", "--activation", "selu", "--optimizer", "sgd", "--weight-decay", "1e-4"],
        ["--optimizer", "rmsprop", "--schedule", "plateau", "--validation", "0"],
        ["--schedule", "cosine", "--clip-norm", "2.5"],
        ["--schedule", "one-cycle", "--lr", "1e-2"],
        ["--validation", "0", "--test", "0"],
        ["--threads", "1"],
    ],
    ids=" ".join,
)
def test_cli_train_options_work(here, options):
    write_flowers("x.csv")
    arguments = ["train", "x.csv", "--target", "kind", *QUICK, "--epochs", "3", *options]
    assert main(arguments) == 0
    first = load_safetensors("model.safetensors")[0]
    assert main(arguments) == 0
    second = load_safetensors("model.safetensors")[0]
    assert all(np.array_equal(first[name], second[name]) for name in first | second)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a,y\n1,2\n", ["--target", "z"], "no column 'z'; its columns are a, y"),
        ("a,y\n1,\n", ["--target", "y"], "row 1, column 'y'"),
        ("a,y\n1,p\n,q\n", ["--target", "y"], "row 2, column 'a'"),
        ("a,y\nred,p\n", ["--target", "y"], "features must be numbers for now"),
        ("a,y\n1,p\n2,p\n", ["--target", "y"], "at least two different"),
        ("a,y\n1,p\n2,q\n", ["--target", "y", "--task", "regression"], "regression needs numbers"),
        ("a,y\n1,p\n2,q\n", ["--target", "y", "--validation", "0.5", "--test", "0.5"], "none is left to train on"),
        ("", ["--target", "y"], "empty"),
        ("a,y\n", ["--target", "y"], "no rows"),
    ],
)
def test_cli_train_tells_of_bad_data_in_one_line(here, capfd, text, options, message):
    (here / "x.csv").write_text(text)
    assert_one_line_error(capfd, ["x.csv", *options, *QUICK], message)
    assert not list(here.glob("*.safetensors*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dropout", "1"], "ropout"),
        (["--lr", "-1"], "lr"),
        (["--clip-norm", "-1"], "clip_norm is -1"),
        (["--lr", "nan"], "lr"),
        (["--out", "none/model.safetensors"], "none"),
    ],
)
def test_cli_train_tells_of_bad_settings_in_one_line(here, capfd, options, message):
    write_flowers("x.csv", 60)
    assert_one_line_error(capfd, ["x.csv", "--target", "kind", *QUICK, *options], message)


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "x.csv"],
        ["train", "x.csv", "--target", "y", "--epochs", "0"],
        ["train", "x.csv", "--target", "y", "--hidden", "8,x"],
        ["train", "x.csv", "--target", "y", "--activation", "magic"],
        ["train", "x.csv", "--target", "y", "--seed", "-1"],
        ["train", "--pretrain", "x.csv", "--target", "y"],
        ["paint"],
    ],
    ids=" ".join,
)
def test_cli_bad_usage_is_one_line_and_status_2(capfd, arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    error = capfd.readouterr().err
    assert stop.value.code == 2 and error.startswith("lamina") and error.count("\n") == 1


def test_cli_missing_files_are_named(here, capfd):
    assert_one_line_error(capfd, ["x.csv", "--target", "y"], "x.csv: No such file")
    assert_one_line_error(capfd, ["x.safetensors", "x.csv"], "x.safetensors: No such file", "predict")


def test_cli_predict_refuses_damaged_and_foreign_models(here, capfd):
    write_flowers("x.csv", 60)
    assert main(["train", "x.csv", "--target", "kind", *QUICK, "--epochs", "1"]) == 0
    capfd.readouterr()
    content = (here / "model.safetensors").read_bytes()
    for number, damaged in enumerate([b"", content[:100], content[:-1], content + b"x", b"\xff" * 64, b"\0" * 64]):
        (here / "bad").write_bytes(damaged)
        assert_one_line_error(capfd, ["bad", "x.csv"], "not a sound safetensors file", "predict")
        assert not (here / "predictions.csv").exists(), number
    tensors, metadata = load_safetensors("model.safetensors")
    save_safetensors("bad", tensors, {})
    assert_one_line_error(capfd, ["bad", "x.csv"], "no net", "predict")
    save_safetensors("bad", tensors, {"lamina": metadata["lamina"]})
    assert_one_line_error(capfd, ["bad", "x.csv"], "a model of lamina train is needed", "predict")
    for damage in ("{", "[]", "{}", json.dumps(json.loads(metadata["lamina.table"]) | {"mean": [1, "x"]})):
        save_safetensors("bad", tensors, metadata | {"lamina.table": damage})
        assert_one_line_error(capfd, ["bad", "x.csv"], "damaged", "predict")
    save_safetensors("bad", tensors | {"0.weight": tensors["0.weight"][:-1]}, metadata)
    assert_one_line_error(capfd, ["bad", "x.csv"], "damaged net", "predict")
    (here / "y.csv").write_text("length,width\n1,2\n")
    assert_one_line_error(capfd, ["model.safetensors", "y.csv"], "no column 'constant'", "predict")


@pytest.mark.parametrize(
    "options", [[], ["--pretrain", "denoising", "--pretrain-epochs", "1000000"]], ids=["training", "pre-training"]
)
def test_cli_interrupt_saves_nothing_and_says_how_far(here, options):
    write_flowers("x.csv", 2000)
    arguments = ["train", "x.csv", "--target", "kind", "--epochs", "1000000", "--patience", "1000000", *options]
    process = start(arguments, here)
    assert "classification" in process.stdout.readline()  # what follows is training
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    last = error.strip().splitlines()[-1]
    assert last.startswith("lamina train: stopped") and "nothing was saved" in last
    assert ("pre-training" in last) == bool(options) and "Traceback" not in error
    assert sorted(os.listdir(here)) == ["x.csv"]


def test_cli_module_runs_as_a_program(here):
    process = start(["config"], here)
    output, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert output.startswith("version")


def test_cli_gradcheck_passes(capfd):
    assert main(["gradcheck"]) == 0
    output = capfd.readouterr().out
    assert "selu" in output
    assert all(f" {name} " in output for name in lamina.losses.NAMES if name != "cross_entropy")


def test_cli_bench_names_its_benches(capfd):
    assert_one_line_error(capfd, ["nothing"], "gemm", "bench")


@pytest.mark.parametrize(
    ("target", "task"),
    [
        (["a", "b"], "classification"),
        ([0.0, 1, 1, 0], "classification"),
        ([0.0, 1, 2, 3], "regression"),
        ([0.5, 1.5, 0.5, 1.5], "regression"),
        (np.repeat(np.arange(20.0), 2), "classification"),
        (np.repeat(np.arange(21.0), 2), "regression"),
    ],
)
def test_cli_chooses_the_task_by_the_target(target, task):
    assert choose_task(np.array(target)) == task


def test_cli_codec_survives_json():
    text = TableCodec.from_json(
        json.dumps(
            {"target": "y", "columns": ["a"], "mean": [0.1], "deviation": [1 / 3], "classes": None}
            | {"target_mean": [1e300], "target_deviation": [5e-324]}
        )
    ).to_json()
    assert TableCodec.from_json(text).to_json() == text
