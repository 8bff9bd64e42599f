"""Command-line options that say how a training computes and evaluates; torch is not loaded."""

import argparse

from spaces.errors import InputError
from spaces.option_types import amount, not_negative
from trainables.evaluation.settings import MAX_OVERLAP


def add_compute_options(group: argparse._ActionsContainer) -> None:
    """Add `--precision`, `--compile`, `--loader-workers`, `--image-cache-gb`, `--eval-overlap` and `--tta`."""
    group.add_argument(
        "--precision",
        choices=("auto", "float32", "bfloat16", "float16"),
        help="number format of convolutions; auto measures at the start which is fastest (auto)",
    )
    group.add_argument(
        "--compile", action="store_true", default=None, help="try torch.compile, keep it where it works and is faster"
    )
    group.add_argument(
        "--loader-workers",
        type=not_negative,
        metavar="N",
        help="processes that prepare a trial's batches (0 on a CPU; beside a GPU a trial's CPU cores less one)",
    )
    group.add_argument(
        "--image-cache-gb",
        type=amount,
        metavar="GB",
        help="most memory that decoded images take on each machine, GB, 0 for none (a quarter of its memory)",
    )
    group.add_argument(
        "--eval-overlap",
        type=_overlap,
        metavar="SHARE",
        help=f"of a window's side that evaluations cover twice, 0 to {MAX_OVERLAP} (0)",
    )
    group.add_argument(
        "--tta",
        action="store_true",
        default=None,
        help="evaluate on images and their mirror images, 4 times the cost",
    )


def _overlap(text: str) -> float:
    return amount(text, MAX_OVERLAP)


def check_precision(precision: str | None, device_kind: str) -> None:
    """Refuse a precision that a device is not made for.

    Raises:
        InputError: If it is.
    """
    if precision == "float16" and device_kind == "cpu":
        raise InputError("--precision float16 goes with a GPU; on a CPU take bfloat16 or float32")
