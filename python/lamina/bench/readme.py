"""Writes the newest recorded run into a README: ``python -m lamina.bench.readme [README.md [bench/results]]``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lamina.bench.report import markdown

START, END = "<!-- bench -->", "<!-- /bench -->"


def newest(folder: Path) -> Path:
    """The recorded run with the latest date in it."""
    runs = list(folder.glob("*.json"))
    if not runs:
        raise ValueError(f"bench: no recorded run in {folder}; make one with: lamina bench --json {folder}/NAME.json")
    return max(runs, key=lambda path: json.loads(path.read_text())["date"])


def rewrite(text: str, table: str) -> str:
    """The text with everything between the markers replaced by the table."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"bench: the file needs the markers {START} and {END}, in this order")
    return f"{before}{START}\n{table}\n{END}{after}"


def main(arguments: list[str]) -> None:
    readme = Path(arguments[0] if arguments else "README.md")
    folder = Path(arguments[1] if len(arguments) > 1 else "bench/results")
    recorded = newest(folder)
    readme.write_text(rewrite(readme.read_text(), markdown(json.loads(recorded.read_text()))))
    print(f"{readme}: table of {recorded}")


if __name__ == "__main__":
    main(sys.argv[1:])
