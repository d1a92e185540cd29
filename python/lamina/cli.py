"""The command line: `lamina config | train | predict | demo | bench | gradcheck`; the work is done in other rooms."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from lamina.layers.lone_activations import ACTIVATIONS
from lamina.optim import NAMES as OPTIMIZERS

__all__ = ["main"]

# Functions that a user of the commands never called; classes such as Adam and Dropout do say what is meant.
_INTERNAL = re.compile(
    r"^(?:bench|choose_task|digits|greedy|load|load_safetensors|plots|read_table|save_safetensors|split"
    r"|(?:LabelEncoder|Sequential|Standardizer|TableCodec|Trainer)(?:\.\w+)?): "
)
_SEED_LIMIT = 2**64
# As in lamina.bench.BENCHES, which takes longer to import than all other help.
_BENCHES = (
    "gemm", "linear", "lamina", "batchnorm", "layernorm", "dropout", "noise", "activation", "loss", "embedding",
    "encodings", "optimizer", "random", "step", "predict", "fit", "rbm", "memory",
)  # fmt: skip


class _Parser(argparse.ArgumentParser):
    """Tells of a mistake in one line, as every other error of the commands is told."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Tells defaults, where there are any to tell."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if isinstance(action, argparse.BooleanOptionalAction):  # until Python 3.13 it adds a default of its own
            text = (action.help or "").removesuffix(" (default: %(default)s)")
            return f"{text} (default: {action.option_strings[not action.default]})"
        return action.help if action.nargs == 0 or action.default is None else super()._get_help_string(action)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    int
        The exit status: 0, 1 if a check failed, 2 after an error, 130 after Ctrl-C, 141 if nobody reads the output.

    Examples
    --------
    >>> main(["train", "missing.csv", "--target", "y"])
    2
    """
    try:
        try:
            return _run(argv)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        for stream in (sys.stdout, sys.stderr):  # or Python tries again when it ends, and tells of it
            try:
                stream.flush()
            except BrokenPipeError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return 141


def _run(argv: Sequence[str] | None) -> int:
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.version:
        import lamina

        print(f"lamina {lamina.config()['version']}")
        return 0
    if arguments.command is None:
        parser.print_help(sys.stderr)
        return 2
    name = f"lamina {arguments.command}"
    try:
        if getattr(arguments, "threads", None) is not None:
            import lamina

            lamina.set_num_threads(arguments.threads)
        return arguments.run(arguments)
    except KeyboardInterrupt:
        print(f"\n{name}: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
        print(f"{name}: {reason}", file=sys.stderr)
    except (ValueError, TypeError, ImportError, MemoryError, RuntimeError) as error:
        text = _INTERNAL.sub("", " ".join(str(error).split()))
        print(f"{name}: {text or type(error).__name__}", file=sys.stderr)
    return 2


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; each sets `run`, a function of the parsed arguments."""
    parser = _Parser(prog="lamina", description="Deep networks of fused layers, in native code.")
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)

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
    demo.add_argument(
        "--seeds", type=_whole, default=None, metavar="N", help="draws of labels and weights (default: 10; --quick: 2)"
    )
    demo.add_argument("--quick", action="store_true", help="a run of seconds, too small to conclude from")
    bench = add("bench", _bench, "Measure speed, beside other libraries if asked.")
    bench.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(_BENCHES)} (all of them unless given)")
    bench.add_argument(
        "--against",
        default=None,
        metavar="PEERS",
        help="comma-separated, of torch, sklearn, numpy (those installed unless given)",
    )
    bench.add_argument("--json", default=None, metavar="FILE", help="also write the results there")
    bench.add_argument("--quick", action="store_true", help="fewer repeats, and without the largest shapes")
    bench.add_argument("--isa", default=None, metavar="avx2", help="lamina and all peers at this instruction set")
    add(
        "gradcheck",
        _gradcheck,
        "Compare gradients with central differences, in float64, for every activation and loss.",
    )
    return parser


def _add_train(train: argparse.ArgumentParser) -> None:
    train.add_argument("data", metavar="DATA", help="CSV file with a header, or NPZ file of vectors and matrices")
    train.add_argument("--target", required=True, metavar="COLUMN", help="name of the column to predict")
    train.add_argument(
        "--task",
        choices=("auto", "classification", "regression"),
        default="auto",
        help="auto takes text for classes, and whole numbers too if they have at most 20 different values, each met "
        "twice on average; all else is a regression",
    )
    train.add_argument(
        "--hidden",
        type=_widths,
        default="128,128",
        metavar="WIDTHS",
        help='hidden layers\' widths, with commas; "" for none, a linear model',
    )
    train.add_argument("--activation", choices=tuple(ACTIVATIONS), default="relu", help="of the hidden layers")
    train.add_argument("--batchnorm", action=argparse.BooleanOptionalAction, default=True, help="batch normalisation")
    train.add_argument("--dropout", type=float, default=0.2, help="probability, 0 for none")
    train.add_argument("--epochs", type=_whole, default=200, help="most epochs")
    train.add_argument("--batch-size", type=_whole, default=128, help="rows in a step")
    train.add_argument("--lr", type=float, default=1e-3, help="learning rate")
    train.add_argument(
        "--schedule",
        choices=("constant", "plateau", "cosine", "one-cycle"),
        default="constant",
        help="learning rate over the epochs: plateau halves it when the loss stops falling, curves end with --epochs",
    )
    train.add_argument(
        "--clip-norm", type=float, default=None, help="largest norm of the gradients (default: not clipped)"
    )
    train.add_argument("--optimizer", choices=tuple(OPTIMIZERS), default="adam", help="update rule")
    train.add_argument("--weight-decay", type=float, default=0.0, help="L2 penalty on weights")
    train.add_argument("--validation", type=float, default=0.15, help="share of the rows to stop early by")
    train.add_argument("--test", type=float, default=0.15, help="share of the rows kept for the final score")
    train.add_argument(
        "--pretrain",
        choices=("autoencoder", "denoising"),
        default=None,
        help="pre-train layer by layer first, as plain or denoising autoencoders (default: not at all)",
    )
    train.add_argument("--pretrain-epochs", type=_whole, default=20, help="epochs of each layer's pre-training")
    train.add_argument("--patience", type=_whole, default=20, help="epochs without progress before stopping")
    train.add_argument("--seed", type=_seed, default=0, help="settles split, weights, shuffles and masks")
    train.add_argument("--out", default="model.safetensors", help="model file to write")
    train.add_argument("--threads", type=_whole, default=None, help="threads to use (all cores unless given)")
    train.add_argument("--no-progress", dest="progress", action="store_false", help="no progress bar")


def _whole(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} given, a whole number from 1 on is needed")


def _seed(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) < _SEED_LIMIT:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} given, a whole number from 0 to 2**64 - 1 is needed")


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

    return run(arguments.names, arguments.against, arguments.json, arguments.quick, arguments.isa)


def _gradcheck(arguments: argparse.Namespace) -> int:
    from lamina.commands import gradcheck

    return gradcheck()
