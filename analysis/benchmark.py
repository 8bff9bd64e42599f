"""What a model costs on this machine: `python -m analysis.benchmark --models unet,deeplabv3plus`.

One fresh process per network (`analysis.costs` has the protocol), without Ray or MLflow. Let nothing else run on
the device meanwhile.
"""

import argparse
import csv
import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from spaces.command_line import OneLineArgumentParser, add_debug_option, run_command
from spaces.configuration import TrialConfig
from spaces.errors import InputError

if TYPE_CHECKING:
    from analysis.costs import NetworkCosts

DEFAULT_CLASSES = 7

TABLE_COLUMNS = (
    ("parameters", "parameters", ",.0f"),
    ("macs", "MACs, 1e9", ".2f"),
    ("checkpoint_mb", "checkpoint, MB", ".1f"),
    ("latency_ms_p50", "latency p50, ms", ".1f"),
    ("latency_ms_p90", "p90, ms", ".1f"),
    ("throughput_img_s", "images/s", ".1f"),
    ("throughput_batch_size", "at batch", "d"),
    ("peak_memory_mb", "memory, MB", ".0f"),
    ("train_peak_memory_mb", "training, MB", ".0f"),
    ("train_batch_size", "at batch", "d"),
)
"""Columns of the printed table: field of `NetworkCosts`, heading, number format."""


@dataclass(frozen=True)
class Subject:
    """A network to measure: its name in the table, its configuration, its number of classes."""

    name: str
    config: TrialConfig
    classes: int


def main(arguments: Sequence[str]) -> int:
    """Measure the networks that the command line names, print a table, write the files asked for."""
    options = _parser().parse_args(arguments)
    subjects = find_subjects(options.models, options.checkpoint, classes=options.classes, size=options.size)
    outputs = [path for path in (options.json, options.csv) if path is not None]
    for path in outputs:
        if not path.absolute().parent.is_dir():
            raise InputError(f"{path}: its folder does not exist; create {path.absolute().parent} first")
    _check_device(options.device)

    from analysis.costs import measure_costs

    rows: list[dict[str, Any]] = []
    for subject in subjects:
        sys.stderr.write(f"measuring {subject.name} at {subject.config.crop_size} px\n")
        costs = measure_costs(
            subject.config,
            classes=subject.classes,
            device=options.device,
            quick=options.quick,
            layout=options.layout,
            threads=options.threads,
        )
        rows.append(row_of(subject, costs))
    _print_table(rows)
    if options.json is not None:
        _write(options.json, json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    if options.csv is not None:
        _write(options.csv, csv_text(rows))
    return 0


def find_subjects(
    models: str | None, checkpoints: Sequence[Path], *, classes: int, size: int | None
) -> tuple[Subject, ...]:
    """Find the networks to measure.

    Args:
        models: Names of spaces (or paths of space files) with commas between, or "all".
        checkpoints: Files with the best weights of a trial; each brings its configuration and classes.
        classes: Number of classes of the networks in `models`.
        size: Side of the input, px; None for each configuration's own.

    Raises:
        InputError: Nothing is named, a space or checkpoint can't be read, or the size does not fit.
    """
    from spaces.loading import load_spaces

    if models is None and not checkpoints:
        raise InputError("nothing to measure: name --models (such as unet,deeplabv3plus or all) or --checkpoint")
    spaces = load_spaces(models) if models is not None else ()
    subjects = [Subject(space.name, _at_size(space.baseline, size), classes) for space in spaces]
    for path in checkpoints:
        config, checkpoint_classes = _read_network(path)
        subjects.append(Subject(path.stem, _at_size(config, size), checkpoint_classes))
    return tuple(subjects)


def row_of(subject: Subject, costs: "NetworkCosts") -> dict[str, Any]:
    """A network's line: its name, all that identifies it (so that a report finds its trials), and its costs."""
    from analysis.tables import CONFIG_PREFIX, NETWORK_COLUMNS

    fields = [column.removeprefix(CONFIG_PREFIX) for column in NETWORK_COLUMNS]
    return {"name": subject.name, **{name: getattr(subject.config, name) for name in fields}, **costs.as_dict()}


def csv_text(rows: Sequence[dict[str, Any]]) -> str:
    """One line per network; device, precision, layout, threads and versions are columns of their own."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _at_size(config: TrialConfig, size: int | None) -> TrialConfig:
    if size is None:
        return config
    try:
        return TrialConfig.model_validate({**config.model_dump(), "crop_size": size})
    except ValidationError as error:
        raise InputError(f"--size {size}: {error.errors()[0]['msg']}") from error


def _read_network(path: Path) -> tuple[TrialConfig, int]:
    from trainables.checkpoint import read_checkpoint

    state = read_checkpoint(path)
    try:
        return TrialConfig.model_validate(state["config"]), len(state["classes"]["names"])
    except (KeyError, TypeError, ValidationError) as error:
        raise InputError(
            f"--checkpoint {path}: holds no configuration and classes; name the best checkpoint of a trial"
        ) from error


def _check_device(device: str) -> None:
    if device == "cpu":
        return
    import torch

    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"--device {device}: not a device; right are cpu, cuda and cuda:N") from error
    if found.type != "cuda":
        raise InputError(f"--device {device}: only cpu and cuda can be measured")
    if not torch.cuda.is_available() or (found.index or 0) >= torch.cuda.device_count():
        raise InputError(f"--device {device}: this PyTorch sees {torch.cuda.device_count()} CUDA devices; use cpu")


def _print_table(rows: Sequence[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    first = rows[0]
    table = Table(
        title=f"{first['device']}, {first['threads']} threads, {first['runtime']} {first['torch_version']},"
        f" {first['precision']}, {first['layout']}, one image unless said"
    )
    table.add_column("model")
    table.add_column("input, px", justify="right")
    for _, heading, _ in TABLE_COLUMNS:
        table.add_column(heading, justify="right")
    for row in rows:
        cells = [_cell(row[name] / 1e9 if name == "macs" else row[name], form) for name, _, form in TABLE_COLUMNS]
        table.add_row(row["name"], str(row["input_size"]), *cells)
    # Piped, the width of a terminal is unknown: never cut a number.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _cell(value: float | None, form: str) -> str:
    return "not measured" if value is None else format(value, form)


def _write(path: Path, text: str) -> None:
    from analysis.tables import write_atomically

    try:
        write_atomically(path, lambda file: file.write_bytes(text.encode()))
    except OSError as error:
        raise InputError(f"{path}: can't be written ({error.strerror}); name a file in a writable folder") from error


def _parser() -> OneLineArgumentParser:
    parser = OneLineArgumentParser(
        prog="python -m analysis.benchmark",
        description="Measure what networks cost on this machine: size, MACs, latency, throughput and memory.",
    )
    add = parser.add_argument
    add("--models", help="spaces with commas between (unet,deeplabv3plus), all, or the path of a space file")
    add("--checkpoint", type=Path, action="append", default=[], help="best checkpoint of a trial; may be repeated")
    add("--classes", type=_at_least(2), default=DEFAULT_CLASSES, help="number of classes of the --models")
    add("--size", type=int, help="side of the input, px, a multiple of 32; else each model's crop size")
    add("--device", default="cpu", help="cpu, cuda or cuda:N")
    add("--threads", type=_at_least(1), help="CPU threads within one operator; else PyTorch's choice")
    add("--layout", choices=("channels_last", "contiguous"), default="channels_last", help="memory layout")
    add("--quick", action="store_true", help="fewer timings, and no training step")
    add("--json", type=Path, metavar="FILE", help="also write the results as JSON")
    add("--csv", type=Path, metavar="FILE", help="also write the results as CSV")
    add_debug_option(parser)
    return parser


def _at_least(least: int) -> Callable[[str], int]:
    def integer(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is too small; the least is {least}")
        return value

    return integer


if __name__ == "__main__":
    run_command(main)
