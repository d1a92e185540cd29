"""Prints results as a table: time with its spread, rate, fraction of the ceiling, and the ratio to every peer."""

from __future__ import annotations

from typing import Any


def duration(seconds: float) -> str:
    """Seconds in the unit that keeps three digits."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}" if seconds / scale < 100 else f"{seconds / scale:.0f} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def against(row: dict[str, Any], peer: str) -> str:
    """How many times faster than the peer, with the peer's own time; below 1 lamina loses and the cell says so."""
    if peer not in row.get("ratio", {}):
        return "-"
    best, ratio = row["best"][peer], row["ratio"][peer]
    variant = f", {best['variant']}" if best["variant"] else ""
    return f"{ratio:.2f}x{' slower' if ratio < 1 else ''} ({duration(best['median_s'])}{variant})"


def megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def failed(row: dict[str, Any]) -> bool:
    """Whether lamina could not do the row's work."""
    return "lamina" not in row and "allocated_bytes" not in row


def cells(row: dict[str, Any], peers: list[str]) -> list[str]:
    """A row's columns as text."""
    if failed(row):
        return [row["row"], "failed", "", "", "", *("-" for _ in peers)]
    if "allocated_bytes" in row:
        times = f"{row['times_needed']:.2f}x what is needed"
        return [row["row"], megabytes(row["allocated_bytes"]), "", "", times, *("-" for _ in peers)]
    own = row["lamina"]
    time = f"{duration(own['median_s'])} [{duration(own['p10_s'])}, {duration(own['p90_s'])}]"
    rate = f"{row['rate']:.3g} {row['unit']}" if "rate" in row else ""
    ceiling = f"{100 * row['of_ceiling']:.0f}% {row['ceiling']}" if "of_ceiling" in row else ""
    yardstick = f"{row['times_yardstick']:.2f}x a {row['yardstick']}" if "times_yardstick" in row else ""
    return [row["row"], time, rate, ceiling, yardstick, *(against(row, peer) for peer in peers)]


def header(peers: list[str]) -> list[str]:
    own = ["work", "lamina, median [p10, p90]", "rate", "of ceiling", "beside"]
    return [*own, *(f"faster than {peer}" for peer in peers)]


def columns(rows: list[dict[str, Any]], peers: list[str]) -> list[str]:
    """The peers that appear in any of the rows, in the given order."""
    return [peer for peer in peers if any(peer in row.get("ratio", {}) for row in rows)]


def print_lines(lines: list[list[str]]) -> None:
    """Lines of cells, aligned."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def print_memory(bench: str, rows: list[dict[str, Any]]) -> None:
    """Bytes by purpose, what the counter saw, and how much more than needed that is."""
    purposes = list(rows[0]["planned_bytes"])
    lines = [[bench, *(purpose.replace("_", " ") for purpose in purposes), "allocated", "of needed", "goal"]]
    for row in rows:
        planned = [megabytes(row["planned_bytes"][purpose]) for purpose in purposes]
        ratio = f"{row['times_needed']:.2f}x"
        lines.append([row["row"], *planned, megabytes(row["allocated_bytes"]), ratio, row["goal"]])
    print_lines(lines)
    print(flush=True)


def print_table(bench: str, rows: list[dict[str, Any]], peers: list[str]) -> None:
    """One bench as an aligned table, its failures below it."""
    if all("allocated_bytes" in row for row in rows):
        print_memory(bench, rows)
        return
    shown = columns(rows, peers)
    lines = [header(shown), *(cells(row, shown) for row in rows)]
    lines[0][0] = bench
    print_lines(lines)
    for row in rows:
        for failure in row["failures"]:
            print(f"  {row['row']}: could not run {failure}")
        if "yardstick" in row:
            for peer in shown:
                if peer in row.get("best", {}):
                    times = row["best"][peer]["median_s"] / row["best"][row["yardstick"]]["median_s"]
                    print(f"  {row['row']}: {peer} takes {times:.2f}x a {row['yardstick']}")
    print(flush=True)


def ceilings_text(rates: dict[str, float]) -> str:
    """The ceilings in words."""
    fma, warm, memory = (rates[name] / 1e9 for name in ("fma", "copy L3", "copy memory"))
    half = f", {rates['bfloat16'] / 1e9:.0f} GFLOP/s bfloat16" if "bfloat16" in rates else ""
    copies = f"copies (read + written) of {warm:.1f} GB/s in L3, {memory:.1f} from memory"
    return f"{fma:.0f} GFLOP/s float32 fma{half}, {copies}"


def print_heading(document: dict[str, Any]) -> None:
    """Machine, versions, ceilings and missing peers, before the first table."""
    machine, rates = document["machine"], document["ceilings"]
    print(f"{machine['cpu']}: {machine['cores']} cores, {machine['threads']} threads, isa {machine['isa']}")
    print(f"versions: {versions_text(document)}")
    print(f"ceilings: {ceilings_text(rates)}; fma by {document['fma_source']}")
    for peer in document["missing"]:
        print(f"missing peer: {peer} is not installed; its columns are left out (pip install 'lamina[bench]')")
    print(flush=True)


def markdown_table(rows: list[tuple[str, dict[str, Any]]], against: list[str]) -> list[str]:
    """Lines of Markdown for rows with the names of their benches, losing rows included."""
    peers = columns([row for _, row in rows], against)
    titles = ["bench", *header(peers)]
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    return lines + ["| " + " | ".join([bench, *cells(row, peers)]) + " |" for bench, row in rows]


def versions_text(document: dict[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in document["versions"].items())


def device_markdown(about: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """A run of bench/gpu.py on a device: its first line, and its rows."""
    rates = about["ceilings"]
    products = ", ".join(f"{rates[unit] / 1e12:.0f} TFLOP/s {unit}" for unit in ("float32", "bfloat16"))
    intro = [
        f"`{about['command']}` on {about['device']}, commit {about['commit']}, {about['date']};",
        f"{versions_text(about)}.",
        f"Rates are counted against {products} and copies (read + written) of {rates['copy'] / 1e12:.1f} TB/s.",
    ]
    return "\n".join([*intro, "", *markdown_table([(row["bench"], row) for row in rows], ["torch"])])


def markdown(document: dict[str, Any]) -> str:
    """All tables of a recorded run as one Markdown table."""
    rows = [(bench, row) for bench, found in document["results"].items() for row in found]
    machine = document["machine"]
    intro = [
        f"`{document['command']}` on {machine['cpu']} ({machine['threads']} threads, {machine['isa']}),",
        f"commit {document['commit']}, {document['date']}; {versions_text(document)}.",
        f"Ceilings of that run: {ceilings_text(document['ceilings'])}.",
    ]
    return "\n".join([*intro, "", *markdown_table(rows, document["against"])])
