"""Kernels on a GPU against PyTorch's on the same machine: python bench/gpu.py ceilings | speed | why | list.

Every contestant of a row is timed in turns in one process: calls to warm up, then 60 samples of some calls each (fewer
of what is slow), the device waited for after each sample; median and tenth and ninetieth percentile. Inputs are random
and rotate through more memory than the last cache holds. `predicted` is the time that bytes or operations alone would
take at the ceilings seen on an H200 (gpu_rows/device.py).

Rows are measured in another process. Where a row takes too long or the device fails this is written down as the row's
result, and a new process goes on behind it. The first line that is written is about the run, each other one a row's:
`python -m lamina.bench.readme` makes a table of the newest run of `speed`.
"""

import argparse
import json
import os
import re
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path

from gpu_rows.device import CEILINGS, Device, seconds_needed
from gpu_rows.run import chosen, profile, results
from lamina import cuda
from lamina.bench import machine
from lamina.bench.report import duration

WORST = 5
LAUNCHES = 20e-6  # a row that is predicted to take less shows what launches take


def heading(options):
    """What the first line says of the run."""
    return {
        "command": f"bench/gpu.sh {options.stage}" + f" --only '{options.only}'" * bool(options.only),
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": os.environ.get("COMMIT") or machine.commit() or "unknown",
        "device": cuda.status(),
        "versions": machine.versions(["torch"] if find_spec("torch") else []),
        "ceilings": CEILINGS,
    }


def described(result):
    """A result in a line of text."""
    words = [f"{result['bench']}: {result['row']}"]
    for who, variants in result.get("measured", {}).items():
        words += [
            f"{who} {variant['variant']} {duration(variant['median_s'])}".replace("  ", " ") for variant in variants
        ]
    if "predicted_s" in result:
        words.append(f"predicted {duration(result['predicted_s'])}")
    if "s_per_node" in result:
        words.append(f"{result['nodes']} nodes, {duration(result['s_per_node'])} each")
    return ", ".join([*words, *(f"FAILED {failure}" for failure in result["failures"])])


def record(options):
    """Measures; prints and writes a line for each row."""
    about = heading(options)
    words = about["date"][:10], about["device"], about["commit"], options.stage, "part" if options.only else ""
    path = options.out / f"{re.sub(r'[^a-z0-9]+', '-', '-'.join(words).lower()).strip('-')}.jsonl"
    found = []
    with path.open("w") as file:
        file.write(json.dumps(about) + "\n")
        for result in results(options):
            print(described(result), flush=True)
            file.write(json.dumps(result) + "\n")
            file.flush()
            found.append(result)
    print(f"{len(found)} rows in {path}; furthest from what is predicted:")
    for result in worst(found):
        print(f"  {result['times_predicted']:.1f}x: {described(result)}")


def worst(found):
    """The rows furthest from what is predicted; whole trainings left out, which consist of others' kernels."""
    known = [row for row in found if row.get("times_predicted") and row["bench"] != "training"]
    long = [row for row in known if row["predicted_s"] > LAUNCHES]
    return sorted(long, key=lambda row: row["times_predicted"], reverse=True)[:WORST]


def newest(folders):
    """The rows of the newest run of `speed` in one of these folders."""
    runs = [path for folder in folders for path in folder.glob("*-speed.jsonl")]
    if not runs:
        raise SystemExit("gpu: no run of `speed` is recorded: name rows with --only")
    lines = [[json.loads(line) for line in path.read_text().splitlines()] for path in runs]
    return max(lines, key=lambda run: run[0]["date"])[1:]


def explain_worst(options):
    """The rows that `only` names, else the worst of the newest run."""
    if options.only:
        names = [row.name for _, row in chosen(options, Device(small=options.small))]
    else:
        names = [row["row"] for row in worst(newest([options.out, Path(__file__).parent / "results"]))]
    profile(options, names)


def show(options):
    """What would be measured, and about how long that takes."""
    total = 0.0
    for group, row in chosen(options, Device(small=options.small)):
        total += seconds_needed(row)
        print(f"{group}: {row.name}, predicted {duration(row.predicted)}, goal {row.goal or 'none'}")
    print(f"about {total:.0f} s")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stage", choices=["ceilings", "speed", "why", "list"])
    parser.add_argument("--out", default="bench/results", type=Path)
    parser.add_argument("--only", default="", metavar="REGEX", help="rows whose group and name match it")
    parser.add_argument("--limit", default=480.0, type=float, metavar="SECONDS", help="for all rows together")
    parser.add_argument(
        "--patience", default=0.0, type=float, metavar="SECONDS", help="for each row, in place of its own"
    )
    parser.add_argument("--small", action="store_true", help="sizes for an emulated device")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    {"list": show, "why": explain_worst}.get(options.stage, record)(options)


if __name__ == "__main__":
    main()
