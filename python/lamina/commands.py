"""What `lamina train`, `lamina predict` and `lamina gradcheck` do."""

from __future__ import annotations

import csv
import os
import sys
import time
from argparse import Namespace
from pathlib import Path

import numpy as np

import lamina
from lamina.datasets import LabelEncoder, read_table, split
from lamina.layers.lone_activations import ACTIVATIONS
from lamina.losses import NAMES as LOSSES
from lamina.mlp import mlp
from lamina.optim import NAMES as OPTIMIZERS
from lamina.schedules import Schedule
from lamina.tabular import TableCodec, choose_task

__all__ = ["gradcheck", "predict", "train"]

_KEY = "lamina.table"  # of the model file's metadata


def train(arguments: Namespace) -> int:
    """Run `lamina train`: read, split, standardise, perhaps pre-train, train, report and save.

    Returns
    -------
    int
        The exit status: 0, or 130 after Ctrl-C.
    """
    check_destination(arguments.out, DATA=arguments.data)
    if arguments.pretrain and not arguments.hidden:
        raise ValueError("--pretrain needs a hidden layer, --hidden '' has none")
    table = read_table(arguments.data, target=arguments.target)
    assert table.target is not None
    encoder = LabelEncoder.fit(table.target) if choose_task(table.target, arguments.task) == "classification" else None
    labels = None if encoder is None else encoder.transform(table.target)
    parts = split(len(table.target), arguments.validation, arguments.test, labels=labels, seed=arguments.seed)
    training, validation, _ = parts
    if arguments.batchnorm and arguments.hidden and min(len(training), arguments.batch_size) < 2:
        what = "--batch-size 1 given" if len(training) > 1 else "1 row is left to train on"
        raise ValueError(f"{what}, batch norm needs at least 2: give more, or --no-batchnorm")
    codec = TableCodec.fit(table, arguments.target, encoder, training)
    features, targets = codec.features(table), codec.targets(table.target)
    net = mlp(
        features.shape[1],
        arguments.hidden,
        codec.outputs,
        activation=arguments.activation,
        batchnorm=arguments.batchnorm,
        dropout=arguments.dropout,
        seed=arguments.seed,
    )
    stopping = lamina.EarlyStopping(patience=arguments.patience)
    trainer = lamina.Trainer(
        net,
        loss=codec.loss,
        optimizer=OPTIMIZERS[arguments.optimizer](lr=arguments.lr, weight_decay=arguments.weight_decay),
        schedule=schedule_of(arguments, "val_loss" if len(validation) else "loss"),
        clip_norm=arguments.clip_norm,
        callbacks=[stopping] if len(validation) else [],
        seed=arguments.seed,
    )
    task = "regression" if encoder is None else f"classification into {codec.outputs} classes"
    size = f"{len(targets)} rows, {len(table.columns)} features"
    print(f"{arguments.data}: {size}; {task} by {arguments.target!r}", flush=True)
    start = time.perf_counter()
    stopped = "during pre-training"
    try:
        if arguments.pretrain:
            pretrain(net, features[training], arguments)
        stopped = ""
        trainer.fit(
            features[training],
            targets[training],
            epochs=arguments.epochs,
            batch_size=arguments.batch_size,
            validation_data=(features[validation], targets[validation]) if len(validation) else None,
            progress=arguments.progress,
        )
    except KeyboardInterrupt:
        stopped = stopped or f"after {len(trainer.history['loss'])} of {arguments.epochs} epochs"
        print(f"\nlamina train: stopped {stopped}, nothing was saved", file=sys.stderr)
        return 130
    if not np.isfinite(trainer.history["loss"][-1]):
        raise ValueError(f"training diverged, a learning rate below --lr {arguments.lr:g} is needed; nothing was saved")
    seconds = time.perf_counter() - start
    net.save(arguments.out, extra={_KEY: codec.to_json()})  # before the report: a closed pipe costs no training
    print(f"{describe_end(len(trainer.history['loss']), arguments.epochs, stopping)} ({seconds:.1f} s)\n")
    print(report(trainer, codec, features, targets, parts))
    print(f"\nsaved {arguments.out}; use it: lamina predict {arguments.out} DATA")
    return 0


def schedule_of(arguments: Namespace, monitor: str) -> Schedule | None:
    """Return the schedule that `--schedule` names."""
    if arguments.schedule == "plateau":
        return lamina.HalveOnPlateau(monitor=monitor)
    curves = {"cosine": lamina.CosineDecay, "one-cycle": lamina.OneCycle}
    return curves[arguments.schedule](arguments.epochs) if arguments.schedule in curves else None


def check_destination(path: str, **inputs: str) -> None:
    """Refuse before the work what could not be written after it, or would overwrite one of the inputs."""
    folder = Path(path).resolve().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ValueError(f"cannot write {path}: {folder} is not a folder that can be written to")
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError(f"cannot write {path}: it is there and is no regular file")
    for written in (path, f"{path}.tmp"):  # the second is written first and then renamed
        for name, read in inputs.items():
            if os.path.exists(written) and os.path.exists(read) and os.path.samefile(written, read):
                raise ValueError(f"--out {path} would overwrite {name}, {read}; another file is needed")


def describe_end(epochs: int, most: int, stopping: lamina.EarlyStopping) -> str:
    """Say how many epochs there were, why no more, and whose weights are kept."""
    if stopping.best_epoch is None:
        return f"{epochs} epochs; the last one's weights are kept, there is no validation loss to choose by"
    how = f"all {epochs} epochs"
    if epochs < most:
        how = f"stopped early, after {epochs} of {most} epochs: {stopping.patience} without a lower validation loss"
    return f"{how}; kept the weights of epoch {stopping.best_epoch + 1}, whose validation loss is lowest"


def pretrain(net: lamina.Sequential, x: np.ndarray, arguments: Namespace) -> None:
    """Initialise the hidden layers on the training rows, and say how well each module learned."""
    stages = lamina.pretrain.greedy(
        net,
        x,
        module=arguments.pretrain,
        epochs=arguments.pretrain_epochs,
        batch_size=arguments.batch_size,
        seed=arguments.seed,
        progress=arguments.progress,
    )
    for number, stage in enumerate(stages, 1):
        losses = f"{stage['loss'][0]:.4g} -> {stage['loss'][-1]:.4g}"
        constant = constant_loss(net._core.forward_to(x, stage["layer"]), stage["criterion"])
        print(f"pre-training layer {number}: reconstruction loss {losses} (always answering the mean: {constant:.4g})")


def constant_loss(data: np.ndarray, criterion: str) -> float:
    """Return the reconstruction loss of answering the mean of each column of `data`, whatever the row."""
    if criterion == "squared_error":
        return 0.5 * float(data.var(axis=0, dtype=np.float64).sum())
    mean = data.mean(axis=0, dtype=np.float64)
    mean = mean[(mean > 0) & (mean < 1)]  # a column that is 0 or 1 throughout costs nothing
    return float(-(mean * np.log(mean) + (1 - mean) * np.log1p(-mean)).sum())


def report(
    trainer: lamina.Trainer,
    codec: TableCodec,
    features: np.ndarray,
    targets: np.ndarray,
    parts: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> str:
    """Return a table of loss, or error in the target's units, and score, and what a constant answer would score."""
    names = ("RMSE", "R²") if codec.encoder is None else ("loss", "accuracy")
    lines = [f"{'':12}{'rows':>8}{names[0]:>14}{names[1]:>10}"]
    for name, rows in zip(("training", "validation", "test"), parts, strict=True):
        if len(rows):
            result = trainer.evaluate(features[rows], targets[rows])
            loss = codec.error_in_units(result["loss"]) if codec.encoder is None else result["loss"]
            lines.append(f"{name:12}{len(rows):8}{loss:14.5g}{result['score']:10.4f}")
    if codec.encoder is None:
        constant = codec.error_in_units(float(targets.var(dtype=np.float64)))
        lines.append(f"(RMSE: root of the mean squared error, in units of {codec.target!r};")
        lines.append(f" always answering the mean: RMSE {constant:.5g}, R² 0)")
    else:
        share = np.bincount(targets).max() / len(targets)
        lines.append(f"(always answering the most frequent class: accuracy {share:.4f})")
    return "\n".join(lines)


def predict(arguments: Namespace) -> int:
    """Run `lamina predict`: read a model and a table, and write the answers as CSV."""
    check_destination(arguments.out, MODEL=arguments.model, DATA=arguments.data)
    net = lamina.load(arguments.model)
    if _KEY not in net.extra:
        raise ValueError(f"{arguments.model} says nothing of a table's columns, a model of lamina train is needed")
    codec = TableCodec.from_json(net.extra[_KEY])
    if (net.in_features, net.out_features) != (len(codec.columns), codec.outputs):
        raise ValueError(f"{arguments.model} is damaged: its net and its account of the columns disagree in size")
    features = codec.features(read_table(arguments.data, columns=codec.columns))
    outputs = net.predict(features)
    strange = np.flatnonzero(~np.isfinite(outputs).all(axis=1))
    if len(strange):
        raise ValueError(
            f"the net's answer to row {strange[0] + 1} of {arguments.data} is NaN or infinite; a sound model, and "
            "values nearer to those it was trained on, are needed"
        )
    header, answers = [codec.target], [codec.decode(outputs)]
    if arguments.proba:
        if codec.encoder is None:
            raise ValueError("--proba needs a classification model, this one is a regression")
        header += [f"probability of {label}" for label in codec.encoder.classes]
        answers += list(net.predict_proba(features).T)
    temporary = Path(arguments.out + ".tmp")
    with open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(zip(*(answer.astype(str) for answer in answers), strict=True))
    os.replace(temporary, arguments.out)
    print(f"saved {len(features)} predictions of {codec.target!r} to {arguments.out}")
    return 0


def gradcheck() -> int:
    """Run `lamina gradcheck`: every activation and loss, with and without batch norm, each with dropout.

    Returns
    -------
    int
        The exit status: 0 if all gradients agree with central differences, else 1.
    """
    generator = np.random.default_rng(0)
    x, values = generator.normal(size=(6, 5)), generator.dirichlet(np.ones(3), size=6)
    print(f"{'activation':14}{'loss':24}{'batch norm':14}{'largest relative error':>22}")
    failed = 0
    for activation in ("linear", *ACTIVATIONS):
        for loss in (name for name in LOSSES if name != "cross_entropy"):  # the short name of another
            for batchnorm in (False, True):
                net = mlp(5, (8, 7), 3, activation=activation, batchnorm=batchnorm, dropout=0.25, seed=1)
                targets = values.argmax(axis=1) if loss == "softmax_cross_entropy" else values
                outcome = lamina.gradcheck(net, x, targets, loss=loss)
                failed += not outcome.ok
                worst = outcome.worst
                assert worst is not None  # a net of an mlp has parameters
                verdict = "" if outcome.ok else f"  WRONG at {worst.name}"
                norm = "yes" if batchnorm else "no"
                print(f"{activation:14}{loss:24}{norm:14}{worst.error:22.1e}{verdict}")
    print("all gradients agree with central differences" if not failed else f"{failed} nets have wrong gradients")
    return int(failed > 0)
