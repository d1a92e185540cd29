"""The command line: `lamina config | train | predict | demo | bench | gradcheck`; the work is done in other rooms."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from lamina.layers.activations import ACTIVATIONS
from lamina.optim import NAMES as OPTIMIZERS

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    """Tells of a mistake in one line, as every other error of the commands is told."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Tells defaults, where there are any to tell."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, True) else super()._get_help_string(action)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    int
        The exit status: 0, 1 if a check failed, 2 after an error, 130 after Ctrl-C.

    Examples
    --------
    >>> main(["train", "missing.csv", "--target", "y"])
    2
    """
    arguments = make_parser().parse_args(argv)
    name = f"lamina {arguments.command}"
    try:
        if getattr(arguments, "threads", None) is not None:
            import lamina

            lamina.set_num_threads(arguments.threads)
        return arguments.run(arguments)
    except KeyboardInterrupt:
        print(f"\n{name}: stopped", file=sys.stderr)
        return 130
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
        print(f"{name}: {reason}", file=sys.stderr)
    except (ValueError, TypeError, ImportError, MemoryError, RuntimeError) as error:
        print(f"{name}: {' '.join(str(error).split()) or type(error).__name__}", file=sys.stderr)
    return 2


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; each sets `run`, a function of the parsed arguments."""
    parser = _Parser(prog="lamina", description="Deep networks of fused layers, in native code.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    def add(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, formatter_class=_Help)
        command.set_defaults(run=run)
        return command

    add("config", _config, "Show what was built, what is available and what is used.")
    _add_train(add("train", _train, "Train a network on a table and save it."))
    predict = add("predict", _predict, "Apply a saved network to a table.")
    predict.add_argument("model", metavar="MODEL", help="file that lamina train saved")
    predict.add_argument("data", metavar="DATA", help="CSV or NPZ file with the columns the model was trained on")
    predict.add_argument("--out", default="predictions.csv", help="CSV file to write")
    predict.add_argument("--proba", action="store_true", help="also write each class's probability")
    demo = add("demo", _demo, "Handwritten digits, few labels: does pre-training help? A table and pictures.")
    demo.add_argument("--out", default="demo-output", help="folder for the pictures")
    demo.add_argument("--seeds", type=_whole, default=None, metavar="N", help="number of draws of labels and weights")
    demo.add_argument("--quick", action="store_true", help="a run of seconds, too small to conclude from")
    bench = add("bench", _bench, "Measure speed, beside other libraries if asked.")
    bench.add_argument("names", nargs="*", metavar="NAME", help="what to measure (all of it unless given)")
    bench.add_argument(
        "--against",
        default=None,
        metavar="PEERS",
        help="comma-separated, of torch, sklearn, numpy (those installed unless given)",
    )
    bench.add_argument("--json", default=None, metavar="FILE", help="also write the results there")
    bench.add_argument("--quick", action="store_true", help="fewer repeats, and without the largest shapes")
    add("gradcheck", _gradcheck, "Compare gradients with central differences, in float64, for every kind of layer.")
    return parser


def _add_train(train: argparse.ArgumentParser) -> None:
    train.add_argument("data", metavar="DATA", help="CSV file with a header, or NPZ file of vectors and matrices")
    train.add_argument("--target", required=True, metavar="COLUMN", help="name of the column to predict")
    train.add_argument(
        "--task", choices=("auto", "classification", "regression"), default="auto", help="auto goes by the values"
    )
    train.add_argument("--hidden", type=_widths, default="128,128", metavar="WIDTHS", help="hidden layers' widths")
    train.add_argument("--activation", choices=tuple(ACTIVATIONS), default="relu", help="of the hidden layers")
    train.add_argument("--batchnorm", action=argparse.BooleanOptionalAction, default=True, help="batch normalisation")
    train.add_argument("--dropout", type=float, default=0.2, help="probability, 0 for none")
    train.add_argument("--epochs", type=_whole, default=200, help="most epochs")
    train.add_argument("--batch-size", type=_whole, default=128, help="rows in a step")
    train.add_argument("--lr", type=float, default=1e-3, help="learning rate")
    train.add_argument("--optimizer", choices=tuple(OPTIMIZERS), default="adam", help="update rule")
    train.add_argument("--weight-decay", type=float, default=0.0, help="L2 penalty on weights")
    train.add_argument("--validation", type=float, default=0.15, help="share of the rows to stop early by")
    train.add_argument("--test", type=float, default=0.15, help="share of the rows kept for the final score")
    train.add_argument(
        "--pretrain",
        nargs="?",
        choices=("autoencoder", "denoising"),
        const="denoising",
        default=None,
        help="pre-train layer by layer first (denoising if no kind is named)",
    )
    train.add_argument("--pretrain-epochs", type=_whole, default=20, help="epochs of each layer's pre-training")
    train.add_argument("--patience", type=_whole, default=20, help="epochs without progress before stopping")
    train.add_argument("--seed", type=int, default=0, help="settles split, weights, shuffles and masks")
    train.add_argument("--out", default="model.safetensors", help="model file to write")
    train.add_argument("--threads", type=_whole, default=None, help="threads to use (all cores unless given)")
    train.add_argument("--no-progress", dest="progress", action="store_false", help="no progress bar")


def _whole(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} given, a whole number from 1 on is needed")


def _widths(text: str) -> tuple[int, ...]:
    return tuple(_whole(part.strip()) for part in text.split(",")) if text.strip() else ()


def _config(arguments: argparse.Namespace) -> int:
    import lamina

    lamina.show_config()
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from lamina.commands import train

    return train(arguments)


def _predict(arguments: argparse.Namespace) -> int:
    from lamina.commands import predict

    return predict(arguments)


def _demo(arguments: argparse.Namespace) -> int:
    from dataclasses import replace
    from pathlib import Path

    from lamina.demo import QUICK, Settings, run

    settings = QUICK if arguments.quick else Settings()
    run(settings if arguments.seeds is None else replace(settings, draws=arguments.seeds), Path(arguments.out))
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    from lamina.bench.suite import run

    return run(arguments.names, arguments.against, arguments.json, arguments.quick)


def _gradcheck(arguments: argparse.Namespace) -> int:
    from lamina.commands import gradcheck

    return gradcheck()
