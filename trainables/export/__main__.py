"""`python -m trainables.export`: a trained network as a file that other programs run, checked against the original."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spaces.command_line import (
    EXIT_DONE,
    EXIT_FAILED,
    OneLineArgumentParser,
    add_debug_option,
    run_command,
    terminated_as_interrupted,
)
from spaces.errors import InputError
from spaces.option_types import positive

if TYPE_CHECKING:
    from trainables.data.trial_data import TrialData
    from trainables.export.calibration import Calibration
    from trainables.export.deployment import ExportSettings
    from trainables.trained_network import TrainedNetwork

FORMATS = ("onnx", "openvino")
PRECISIONS = ("float32", "int8")
CALIBRATION_IMAGES = 64
COMPARED_IMAGES = 16
DYNAMIC = "dynamic"


def main(arguments: Sequence[str]) -> int:
    """Export, compare, and put the file in its place.

    Raises:
        InputError: The checkpoint, the data or an option is wrong.
    """
    options = _parser().parse_args(arguments)
    _check_installed(options.format, options.precision)
    from trainables.export.deployment import SUFFIXES, ExportSettings
    from trainables.trained_network import read_trained_network

    trained = read_trained_network(options.checkpoint)
    settings = ExportSettings(
        format=options.format,
        precision=options.precision,
        size=trained.config.crop_size if options.size in (None, DYNAMIC) else options.size,
        dynamic=options.size == DYNAMIC,
    )
    _check_size(trained, settings)
    suffix = SUFFIXES[settings.format]
    target = options.output or options.checkpoint.with_name(f"{options.checkpoint.stem}-{settings.name}{suffix}")
    _check_target(target, suffix, force=options.force)
    data = _open_data(options, trained)
    with terminated_as_interrupted():
        return _export(trained, target, settings, data, own=options.data is not None)


def _export(
    trained: "TrainedNetwork", target: Path, settings: "ExportSettings", data: "TrialData", *, own: bool
) -> int:
    from trainables.export.deployment import write_deployed_model

    calibration = _calibration(trained, settings, data)
    # Beside the target, so that putting the whole file into its place is one step.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.stem}-") as folder:
        made = Path(folder) / target.name
        write_deployed_model(trained, made, settings, calibration)
        if not _compares_well(made, trained, settings, data, own=own):
            return EXIT_FAILED
        # The .xml last. Until it is there, one from before lies beside weights that are not its own, which its readers
        # are told.
        for file in reversed(_files(made)):
            file.replace(target.with_name(file.name))
    for file in _files(target):
        print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
    print(f"predict with it: python -m trainables.predict --checkpoint {target} IMAGES")
    return EXIT_DONE


def _calibration(trained: "TrainedNetwork", settings: "ExportSettings", data: "TrialData") -> "Calibration | None":
    """What int8 needs; it is told where that may not be enough."""
    from trainables.export.calibration import Calibration, calibration_images
    from trainables.runtimes.names import INT8

    if settings.precision != INT8:
        return None
    config = trained.config.model_copy(update={"crop_size": settings.size})
    images = calibration_images(data, config, CALIBRATION_IMAGES)
    known = trained.data is not None
    sides = "; windows of other sides, which the file takes as well, may lose more" if settings.dynamic else ""
    doubt = "; the checkpoint does not tell its data: they, --split-by and --seed must be those of its training"
    print(f"int8 by the ranges of {len(images)} training images at {settings.size} px{sides}{'' if known else doubt}")
    return Calibration(images=images, data_fingerprint=data.dataset.fingerprint, of_training=known)


def _compares_well(
    made: Path, trained: "TrainedNetwork", settings: "ExportSettings", data: "TrialData", *, own: bool
) -> bool:
    """Print how an exported file differs from the original, and tell whether it may be kept.

    Whatever holds the file ends with this function: on Windows a mapped one can neither be moved nor removed.
    """
    import torch

    from trainables.export.agreement import LEAST_ARGMAX_AGREEMENT
    from trainables.export.calibration import centre_crops
    from trainables.export.verification import compare_with_original, open_exported, validation_miou
    from trainables.runtimes.names import INT8
    from trainables.runtimes.runtime_model import RuntimeModel

    config = trained.config.model_copy(update={"crop_size": settings.size})
    runtime = open_exported(made, trained, settings, torch.get_num_threads())
    exact = settings.precision != INT8
    print(f"compared with the original on validation images of {data.dataset.description}")
    for side in (settings.size, 2 * settings.size) if settings.dynamic else (settings.size,):
        images = centre_crops(data, "validation", config, COMPARED_IMAGES, side)
        found = compare_with_original(runtime, trained, images)
        print(
            f"{len(images)} of them at {side} px: log-probabilities differ by at most "
            f"{found.largest_difference:.2g}, masks agree in {found.argmax_agreement:.4%} of pixels"
            + (f" (tolerance {found.tolerance:.2g})" if exact else "")
        )
        if exact and not found.exact:
            print(
                f"failed: right is at most {found.tolerance:.2g} and at least {LEAST_ARGMAX_AGREEMENT:.1%}; "
                "nothing was written",
                file=sys.stderr,
            )
            return False
    if not exact and own:
        before = validation_miou(trained.model(), trained, data, settings.size)
        after = validation_miou(RuntimeModel(runtime), trained, data, settings.size)
        print(f"validation mIoU {100 * before:.1f}, as int8 {100 * after:.1f}: {100 * (after - before):+.2f} points")
    return True


def _files(path: Path) -> list[Path]:
    """What an exported network consists of: an .xml has its weights beside it."""
    return [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]


def _open_data(options: argparse.Namespace, trained: "TrainedNetwork") -> "TrialData":
    """The data whose training images calibrate and whose validation images are compared, split as in the training."""
    from trainables.data.source_options import data_source
    from trainables.data.split import split_dataset
    from trainables.data.trial_data import TrialData

    dataset = data_source(options).open()
    known = trained.data
    if (options.data is not None or options.precision == "int8") and dataset.classes.names != trained.class_names:
        raise InputError(
            f"--checkpoint {options.checkpoint}: knows the classes {', '.join(trained.class_names)}, the data have "
            f"{', '.join(dataset.classes.names)}; right is --data with what it was trained on"
        )
    if options.precision == "int8" and known is not None and known.fingerprint != dataset.fingerprint:
        raise InputError(
            f"--checkpoint {options.checkpoint}: was not trained on {dataset.description}, and int8 is calibrated on "
            "training images alone; right is --data with what it was trained on"
        )
    fitting = known is not None and known.fingerprint == dataset.fingerprint
    by: Any = options.split_by or (known.split_by if known is not None and fitting else "auto")
    seed = options.seed if options.seed is not None else (known.split_seed if known is not None and fitting else 0)
    split = split_dataset(dataset, by=by, seed=seed)
    if known is not None and fitting and (split.by, split.seed) != (known.split_by, known.split_seed):
        raise InputError(
            f"--split-by {split.by} --seed {split.seed}: the checkpoint says {known.split_by} and {known.split_seed}; "
            "leave both out"
        )
    return TrialData(dataset, split)


def _check_installed(kind: str, precision: str) -> None:
    import importlib.util

    needed = ["onnx", "onnxscript", "onnxruntime"]
    if kind == "openvino":
        needed += ["openvino", *(["nncf"] if precision == "int8" else [])]
    absent = [module for module in needed if importlib.util.find_spec(module) is None]
    if absent:
        raise InputError(
            f'--format {kind}: needs {", ".join(absent)}, not installed; right is pip install -e ".[export]" first'
        )


def _check_size(trained: "TrainedNetwork", settings: "ExportSettings") -> None:
    multiple = trained.model().size_multiple
    if settings.size % multiple:
        raise InputError(f"--size {settings.size}: right is a multiple of {multiple} px, or {DYNAMIC}")


def _check_target(target: Path, suffix: str, *, force: bool) -> None:
    if target.suffix != suffix:
        raise InputError(f"--output {target}: right is a name that ends in {suffix}")
    if not target.absolute().parent.is_dir():
        raise InputError(f"--output {target}: its folder does not exist; create {target.absolute().parent} first")
    for file in _files(target):
        if file.is_dir():
            raise InputError(f"--output {target}: {file} is a folder; name another --output")
        if file.exists() and not force:
            raise InputError(f"{file} exists; name another --output, or add --force to replace it")


def _size(text: str) -> int | str:
    return text if text == DYNAMIC else positive(text)


def _parser() -> OneLineArgumentParser:
    parser = OneLineArgumentParser(
        "python -m trainables.export",
        "Export a trained network to one file, its preprocessing and classes described inside, and compare it with "
        "the original.",
    )
    add = parser.add_argument
    add("--checkpoint", type=Path, required=True, metavar="FILE", help="best checkpoint of a trial or of a training")
    add("--format", choices=FORMATS, required=True, help="onnx, or openvino's .xml and .bin")
    add("--precision", choices=PRECISIONS, default="float32", help="number format; int8 is calibrated statically")
    add("--size", type=_size, metavar="PX", help=f"side of the images, or {DYNAMIC} (that of the training's crops)")
    add("--output", type=Path, metavar="FILE", help="where to (beside the checkpoint, named by precision and size)")
    add("--force", action="store_true", help="replace what is there")
    group = parser.add_argument_group("data: training images calibrate int8, validation images compare")
    group.add_argument("--data", metavar="DIR", help="what the network was trained on; without it the built-in data")
    group.add_argument("--class-mapping", metavar="CSV", help="class names and colours (DIR/class_mapping.csv)")
    group.add_argument("--labeled-list", metavar="TXT", help="labelled photos, one a line (DIR/labeled_files.txt)")
    group.add_argument(
        "--split-by",
        choices=("auto", "photo", "capture"),
        help="what a split keeps together (what the checkpoint says, else auto)",
    )
    group.add_argument("--seed", type=int, help="seed of that split (what the checkpoint says, else 0)")
    add_debug_option(parser)
    return parser


if __name__ == "__main__":
    run_command(main)
