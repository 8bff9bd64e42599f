"""What all benchmarks share: their options, the machine they ran on, the table and the file they leave."""

import argparse
import json
import os
import platform
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spaces.command_line import OneLineArgumentParser, add_debug_option
from spaces.errors import InputError
from trainables.versions import part_versions

Row = Mapping[str, Any]
"""One line of a benchmark's table, by column."""

PARTS = ("torch", "numpy", "opencv-python-headless", "albumentations")


def benchmark_parser(name: str, description: str) -> argparse.ArgumentParser:
    """A parser with the options that every benchmark has."""
    parser = OneLineArgumentParser(prog=f"python -m benchmarks.{name}", description=description)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it runs, its figures mean little")
    parser.add_argument("--json", metavar="FILE", type=_new_file, help="write rows and circumstances to this file, too")
    add_debug_option(parser)
    return parser


def names_among(option: str, known: Collection[str]) -> Callable[[str], tuple[str, ...]]:
    """The type of an option that takes some of the known names, commas between.

    Returns:
        What argparse calls with the option's text; it raises `InputError` for a name that is not known.
    """

    def names(text: str) -> tuple[str, ...]:
        chosen = tuple(text.split(","))
        for name in chosen:
            if name not in known:
                raise InputError(f"{option}: {name!r} is not among {', '.join(known)}")
        return chosen

    return names


def circumstances() -> dict[str, Any]:
    """Date, machine and versions: without them a figure says nothing."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{_processor()}, {_cores()} cores",
        "versions": part_versions(PARTS),
    }


def report(title: str, rows: Sequence[Row], options: argparse.Namespace, **findings: Any) -> None:
    """Print the table, then the findings one a line, and write all of it where `--json` says.

    Args:
        title: Heading of the table.
        rows: Lines of the table; columns are the keys of all rows in order of appearance. Floats are shown with four
            significant digits, missing values as "-".
        options: Parsed options of a `benchmark_parser`.
        findings: What the rows add up to, by name.
    """
    from rich.console import Console
    from rich.table import Table

    around = circumstances()
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = Table(title=title)
    for column in columns:
        table.add_column(column, justify="right" if any(_is_number(row.get(column)) for row in rows) else "left")
    for row in rows:
        table.add_row(*(_shown(row.get(column)) for column in columns))
    # Wide enough for every column, whatever the terminal: tables are piped into files.
    console = Console(width=max(100, 14 * len(columns)), highlight=False)
    console.print(table)
    for name, value in findings.items():
        console.print(f"{name.replace('_', ' ')}: {_shown(value)}")
    console.print(f"{around['date']}, {around['machine']}, torch {around['versions']['torch']}", style="dim")
    if options.json is not None:
        content = {"benchmark": title, "quick": options.quick, **around, "rows": list(rows), "findings": findings}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _new_file(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: must be a file in a folder that is there")
    return path


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if _is_number(value) else str(value)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    """The processor's model where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
