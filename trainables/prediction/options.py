"""The options of `python -m trainables.predict`; importing this loads neither torch nor rasterio."""

import argparse
import re
from pathlib import Path

from spaces.command_line import OneLineArgumentParser, add_debug_option
from spaces.option_types import amount, positive
from trainables.evaluation.settings import MAX_OVERLAP
from trainables.prediction.mask_kinds import COLOUR, MASK_KINDS
from trainables.runtimes.names import PRECISIONS, RUNTIME_KINDS

DEFAULT_OVERLAP = 0.25
"""Of a window's side. Searches evaluate without, to save time; masks are looked at, and without it seams show."""


def make_parser() -> OneLineArgumentParser:
    """The parser of the command."""
    parser = OneLineArgumentParser(
        "python -m trainables.predict",
        "Predict masks for photos of any size. What is complete already is skipped, so that an interrupted call goes "
        "on when it is given again.",
    )
    parser.add_argument(
        "images", nargs="+", metavar="IMAGES", help="photos, folders, or quoted patterns such as 'flights/*/DJI_*.JPG'"
    )
    what = parser.add_argument_group("what predicts")
    what.add_argument(
        "--checkpoint",
        type=Path,
        action="append",
        metavar="FILE",
        required=True,
        help="a best.pt, or an .onnx or .xml of trainables.export; given several times, the mean of all decides",
    )
    what.add_argument("--runtime", choices=tuple(RUNTIME_KINDS), help="what computes (the file's own)")
    what.add_argument("--precision", choices=PRECISIONS, help="number format (float32, or the exported file's)")
    what.add_argument("--device", type=_device, metavar="DEVICE", help="cpu, cuda or cuda:N (a GPU where it can)")
    what.add_argument("--threads", type=positive, metavar="N", help="CPU threads that compute (all cores)")

    windows = parser.add_argument_group("windows")
    windows.add_argument(
        "--overlap",
        type=_overlap,
        default=DEFAULT_OVERLAP,
        metavar="SHARE",
        help=f"of a window's side in common with its neighbour, blended, 0 to {MAX_OVERLAP}",
    )
    windows.add_argument(
        "--window",
        type=positive,
        metavar="PX",
        help="side of the windows, px of the photo at the network's scale (the crop size of its training)",
    )
    windows.add_argument(
        "--batch",
        type=positive,
        metavar="N",
        help="windows at once (4 of 256 px on a CPU, 16 on a GPU, fewer larger ones)",
    )

    where = parser.add_argument_group("photos and masks")
    where.add_argument("--output", type=Path, default=Path("predictions"), metavar="DIR", help="where masks go")
    where.add_argument(
        "--masks",
        type=_mask_kinds,
        default=COLOUR,
        metavar="KINDS",
        help="colour, index, or both with a comma; each kind has its folder",
    )
    where.add_argument(
        "--summary", type=_csv_name, default="areas.csv", metavar="NAME", help="CSV of class areas in it"
    )
    where.add_argument("--recursive", action="store_true", help="take the folders in folders, too")
    where.add_argument("--force", action="store_true", help="predict all again, whatever masks are there")
    add_debug_option(parser)
    return parser


def _overlap(text: str) -> float:
    return amount(text, MAX_OVERLAP)


def _mask_kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(dict.fromkeys(text.split(",")))
    for kind in kinds:
        if kind not in MASK_KINDS:
            raise argparse.ArgumentTypeError(f"{kind!r} is none of {', '.join(MASK_KINDS)}")
    return kinds


def _device(text: str) -> str:
    if not re.fullmatch(r"cpu|cuda(:[0-9]+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is none of cpu, cuda and cuda:N")
    return text


def _csv_name(text: str) -> str:
    # The ending keeps it from the names of the masks' folders and of the record.
    if Path(text).name != text or Path(text).suffix.lower() != ".csv":
        raise argparse.ArgumentTypeError(f"{text!r} is no name that ends in .csv; the file lies in --output")
    return text
