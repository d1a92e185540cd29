"""Writes each processor's newest run into a README: ``python -m lamina.bench.readme [README.md [bench/results]]``.

Between other markers goes the newest run of bench/gpu.py, where one is recorded.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lamina.bench.report import device_markdown, markdown


def newest(folder: Path) -> list[dict[str, Any]]:
    """Each processor's latest recorded run, but for those forced to an instruction set; the newest first."""
    runs = sorted((json.loads(path.read_text()) for path in folder.glob("*.json")), key=lambda run: run["date"])
    of_processor = {run["machine"]["cpu"]: run for run in runs if "--isa" not in run["command"]}
    if not of_processor:
        raise ValueError(f"bench: no recorded run in {folder}; make one with: lamina bench --json {folder}/NAME.json")
    return sorted(of_processor.values(), key=lambda run: run["date"], reverse=True)


def newest_on_device(folder: Path) -> Path | None:
    """The recorded run on a device with the latest date in its first line."""
    return max(folder.glob("*-speed.jsonl"), key=lambda path: lines_of(path)[0]["date"], default=None)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def rewrite(text: str, table: str, name: str = "bench") -> str:
    """The text with everything between the markers of this name replaced by the table."""
    first, last = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, start, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not start or not end:
        raise ValueError(f"bench: the file needs the markers {first} and {last}, in this order")
    return f"{before}{first}\n{table}\n{last}{after}"


def main(arguments: list[str]) -> None:
    readme = Path(arguments[0] if arguments else "README.md")
    folder = Path(arguments[1] if len(arguments) > 1 else "bench/results")
    recorded, on_device = newest(folder), newest_on_device(folder)
    text = rewrite(readme.read_text(), "\n\n".join(map(markdown, recorded)))
    if on_device:
        about, *rows = lines_of(on_device)
        text = rewrite(text, device_markdown(about, rows), "bench on a GPU")
    readme.write_text(text)
    shown = [run["machine"]["cpu"] for run in recorded] + ([on_device.name] if on_device else [])
    print(f"{readme}: tables of {', '.join(shown)}")


if __name__ == "__main__":
    main(sys.argv[1:])
