"""Writes the newest recorded run into a README: ``python -m lamina.bench.readme [README.md [bench/results]]``.

Between other markers goes the newest run of bench/gpu.py, where one is recorded.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lamina.bench.report import device_markdown, markdown


def newest(folder: Path) -> Path:
    """The recorded run with the latest date in it, but for those forced to an instruction set."""
    runs = [path for path in folder.glob("*.json") if "--isa" not in json.loads(path.read_text())["command"]]
    if not runs:
        raise ValueError(f"bench: no recorded run in {folder}; make one with: lamina bench --json {folder}/NAME.json")
    return max(runs, key=lambda path: json.loads(path.read_text())["date"])


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
    text = rewrite(readme.read_text(), markdown(json.loads(recorded.read_text())))
    if on_device:
        about, *rows = lines_of(on_device)
        text = rewrite(text, device_markdown(about, rows), "bench on a GPU")
    readme.write_text(text)
    print(f"{readme}: {' and '.join(f'table of {path}' for path in (recorded, on_device) if path)}")


if __name__ == "__main__":
    main(sys.argv[1:])
