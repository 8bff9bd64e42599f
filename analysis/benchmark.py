"""What a model costs on this machine: `python -m analysis.benchmark --models unet,deeplabv3plus`.

One fresh process per network and runtime, measured in turn (`analysis.cost_protocol`), without Ray or MLflow. Let
nothing else run on the device meanwhile.
"""

import argparse
import csv
import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from analysis.cost_protocol import measure_networks, tell
from analysis.cost_settings import RECIPE_BATCH, CalibrationData, MeasuredNetwork, Protocol
from spaces.command_line import OneLineArgumentParser, add_debug_option, run_command, terminated_as_interrupted
from spaces.configuration import TrialConfig
from spaces.errors import InputError
from trainables.data.source_options import data_source
from trainables.runtimes.names import EAGER, FLOAT32, INT8, PRECISIONS, RUNTIME_KINDS, Variant, variants_of
from trainables.trained_network import read_trained_network

if TYPE_CHECKING:
    from analysis.costs import NetworkCosts
    from trainables.data.opening import DataSource

DEFAULT_CLASSES = 7

TABLE_COLUMNS = (
    ("parameters", "parameters", ",.0f"),
    ("macs", "MACs, 1e9", ".2f"),
    ("checkpoint_mb", "checkpoint, MB", ".1f"),
    ("exported_mb", "exported, MB", ".1f"),
    ("latency_ms_p50", "latency p50, ms", ".1f"),
    ("latency_ms_p90", "p90, ms", ".1f"),
    ("whole_ms_p50", "file to mask, ms", ".1f"),
    ("throughput_img_s", "images/s", ".1f"),
    ("throughput_batch_size", "at batch", "d"),
    ("peak_memory_mb", "memory, MB", ".0f"),
    ("device_memory_mb", "device, MB", ".0f"),
    ("train_peak_memory_mb", "training, MB", ".0f"),
    ("train_steps_per_second", "steps/s", ".2f"),
    ("train_batch_size", "at batch", "d"),
    ("miou_loss", "mIoU lost, points", ".2f"),
)
"""Columns of the printed table: field of `NetworkCosts`, heading, number format."""

_ONLY_WHERE_MEASURED = ("exported_mb", "miou_loss")


def main(arguments: Sequence[str]) -> int:
    """Measure the networks that the command line names, print a table, write the files asked for."""
    options = _parser().parse_args(arguments)
    networks = find_networks(options.models, options.checkpoint, classes=options.classes, size=options.size)
    outputs = [path for path in (options.json, options.csv) if path is not None]
    for path in outputs:
        if not path.absolute().parent.is_dir():
            raise InputError(f"{path}: its folder does not exist; create {path.absolute().parent} first")
        if path.is_dir():
            raise InputError(f"{path}: is a folder; name a file in it")
    _check_device(options.device)
    with terminated_as_interrupted():
        measured = measure_networks(networks, _protocol(options, networks), announce=tell)
    rows = [row_of(network, costs) for network, costs in measured]
    _print_table(rows)
    for row in rows:
        if row["disturbed"]:
            tell(
                f"warning: {row['name']}, {row['runtime']} {row['precision']}: {row['disturbed']}; something else ran "
                "on the machine: measure again when it is idle"
            )
    if options.json is not None:
        _write(options.json, json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    if options.csv is not None:
        _write(options.csv, csv_text(rows))
    return 0


def find_networks(
    models: str | None, checkpoints: Sequence[Path], *, classes: int, size: int | None
) -> tuple[MeasuredNetwork, ...]:
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
    networks = [MeasuredNetwork(space.name, _at_size(space.baseline, size), classes) for space in spaces]
    for path in checkpoints:
        trained = read_trained_network(path)
        name = _name_of(path, checkpoints)
        config, known = _at_size(trained.config, size), trained.class_names
        networks.append(MeasuredNetwork(name, config, len(known), path, known, trained.data))
    return tuple(networks)


def row_of(network: MeasuredNetwork, costs: "NetworkCosts") -> dict[str, Any]:
    """A network's line: its name, all that identifies it (so that a report finds its trials), and its costs.

    What each class loses has a column of its own, `loss_` and the class's metric name, in points.
    """
    from analysis.tables import CONFIG_PREFIX, NETWORK_COLUMNS

    fields = [column.removeprefix(CONFIG_PREFIX) for column in NETWORK_COLUMNS]
    plain = costs.as_dict()
    losses = {f"loss_{name}": points for name, points in plain.pop("iou_loss").items()}
    return {"name": network.name, **{name: getattr(network.config, name) for name in fields}, **plain, **losses}


def csv_text(rows: Sequence[dict[str, Any]]) -> str:
    """A first line that says how it was measured, behind a #; then one line per network and runtime.

    Device, precision, layout, threads, batch sizes and versions are columns of their own, too. Cells are empty where
    nothing was measured.
    """
    text = io.StringIO()
    text.write(f"# {_circumstances(rows)}\n")
    columns = dict.fromkeys(name for row in rows for name in row)
    writer = csv.DictWriter(text, fieldnames=list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _circumstances(rows: Sequence[dict[str, Any]]) -> str:
    """What the figures were measured on and with, on one line."""

    def all_of(name: str) -> str:
        return "/".join(dict.fromkeys(str(row[name]) for row in rows if row.get(name) not in (None, "")))

    runtimes = dict.fromkeys(f"{row.get('runtime')} {row.get('runtime_version')}" for row in rows)
    words = f"{all_of('device')}; {all_of('threads')} threads; precision {all_of('precision')}"
    words += f"; layout {all_of('layout')}; latency and memory at batch 1, throughput at batch"
    return f"{words} {all_of('throughput_batch_size')}; {', '.join(runtimes)}; torch {all_of('torch_version')}"


def loses_accuracy(variants: Sequence[Variant]) -> bool:
    """Whether one of them computes in less than float32."""
    return any(variant.precision != FLOAT32 for variant in variants)


def data_of_a_checkpoint(
    source: "DataSource", variants: Sequence[Variant], networks: Sequence[MeasuredNetwork]
) -> bool:
    """Whether a network's loss can be told: it has a checkpoint, and its data are at hand.

    They are where the user names some or wants int8, which is calibrated on them in any case. Otherwise they are the
    built-in ones, of which a checkpoint must tell that it was trained on them.
    """
    trained = [network for network in networks if network.checkpoint is not None]
    if not trained:
        return False
    if source.root is not None or any(variant.precision == INT8 for variant in variants):
        return True
    prints = {network.trained_on.fingerprint for network in trained if network.trained_on is not None}
    return bool(prints) and prints == {source.open().fingerprint}


def _protocol(options: argparse.Namespace, networks: Sequence[MeasuredNetwork]) -> Protocol:
    variants = variants_of(options.runtimes, options.precisions, device=options.device)
    source = data_source(options)
    data = CalibrationData(
        source=asdict(source), split_by=options.split_by, split_seed=options.seed, windows=options.windows
    )
    changes: dict[str, Any] = {
        "variants": variants,
        "data": data,
        "accuracy": loses_accuracy(variants) and data_of_a_checkpoint(source, variants, networks),
    }
    for name in ("samples", "rounds"):
        if getattr(options, name) is not None:
            changes[name] = getattr(options, name)
    if options.train_batch is not None:
        changes["train_batch"] = options.train_batch
    return Protocol.of(options.device, quick=options.quick, layout=options.layout, threads=options.threads, **changes)


def _at_size(config: TrialConfig, size: int | None) -> TrialConfig:
    if size is None:
        return config
    try:
        return TrialConfig.model_validate({**config.model_dump(), "crop_size": size})
    except ValidationError as error:
        raise InputError(f"--size {size}: {error.errors()[0]['msg']}") from error


def _name_of(path: Path, checkpoints: Sequence[Path]) -> str:
    """A file's name, with as many of its folders' as tell it from the others: all of a search are called best.pt."""
    paths = {one.absolute().with_suffix("") for one in checkpoints}
    parts = path.absolute().with_suffix("").parts
    for length in range(1, len(parts)):
        if sum(other.parts[-length:] == parts[-length:] for other in paths) == 1:
            break
    return "/".join(parts[-length:])


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
        title=f"{first['device']}, {first['threads']} threads, torch {first['torch_version']}, {first['layout']},"
        " one image unless said"
    )
    table.add_column("model")
    table.add_column("runtime")
    table.add_column("input, px", justify="right")
    # Columns that no row has a value in would only make numbers narrower; memory of a device is said to be missing.
    shown = [
        column
        for column in TABLE_COLUMNS
        if column[0] not in _ONLY_WHERE_MEASURED or any(row[column[0]] is not None for row in rows)
    ]
    for _, heading, _ in shown:
        table.add_column(heading, justify="right")
    for row in rows:
        cells = [_cell(row[name] / 1e9 if name == "macs" else row[name], form) for name, _, form in shown]
        table.add_row(row["name"], f"{row['runtime']} {row['precision']}", str(row["input_size"]), *cells)
    # Piped, the width of a terminal is unknown: never cut a number.
    Console(width=None if sys.stdout.isatty() else 260).print(table)


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
    add("--threads", type=_at_least(1), help="CPU threads within one operator; else PyTorch's choice, for all runtimes")
    add("--layout", choices=("channels_last", "contiguous"), default="channels_last", help="memory layout")
    add(
        "--runtimes",
        default=EAGER,
        help=f"what runs the networks, commas between, or all: {', '.join(RUNTIME_KINDS)}",
    )
    add("--precisions", default=FLOAT32, help=f"number formats, commas between, or all: {', '.join(PRECISIONS)}")
    add("--samples", type=_at_least(5), help="timings of one image over all rounds (100, quick 20); 1000 give a p99")
    add("--rounds", type=_at_least(1), help="turns of each network and runtime (5, quick 2)")
    add(
        "--train-batch",
        type=_train_batch,
        metavar="N",
        help="images of a training step, or recipe for each model's own (2 on a CPU, else recipe; quick: none)",
    )
    add(
        "--data",
        metavar="DIR",
        help="folder whose validation part says what a --checkpoint loses below float32, and whose training images "
        "calibrate int8; without it the built-in data",
    )
    add("--class-mapping", metavar="CSV", help="class names and colours (DIR/class_mapping.csv)")
    add("--labeled-list", metavar="TXT", help="labelled photos, one a line (DIR/labeled_files.txt)")
    add(
        "--split-by",
        choices=("auto", "photo", "capture"),
        help="what a split of the data keeps together (what the checkpoint says, else auto)",
    )
    add("--seed", type=int, help="seed of that split (what the checkpoint says, else 0)")
    add("--windows", type=_at_least(1), help="evaluate at most so many windows of the validation part, else all")
    add("--quick", action="store_true", help="fewer timings, and no training step")
    add("--json", type=Path, metavar="FILE", help="also write the results as JSON")
    add("--csv", type=Path, metavar="FILE", help="also write the results as CSV")
    add_debug_option(parser)
    return parser


def _train_batch(text: str) -> int:
    return RECIPE_BATCH if text == "recipe" else _at_least(2)(text)


def _at_least(least: int) -> Callable[[str], int]:
    def integer(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is too small; the least is {least}")
        return value

    return integer


if __name__ == "__main__":
    run_command(main)
