"""Command-line options that say where images come from and how they are divided; torch is not loaded."""

import argparse
from typing import TYPE_CHECKING

from spaces.errors import InputError

if TYPE_CHECKING:
    from trainables.data.opening import DataSource


def add_data_options(group: argparse._ActionsContainer) -> None:
    """Add `--data`, `--class-mapping`, `--labeled-list`, `--split-by` and `--encoder-weights`."""
    group.add_argument(
        "--data",
        metavar="DIR-or-URI",
        help="folder of captures, a URI that each node copies once, or a YAML file that describes either; without it "
        "a built-in procedural data set",
    )
    group.add_argument("--class-mapping", metavar="CSV", help="class names and colours (DIR/class_mapping.csv)")
    group.add_argument("--labeled-list", metavar="TXT", help="labelled photos, one a line (DIR/labeled_files.txt)")
    group.add_argument("--split-by", choices=("auto", "photo", "capture"), help="what is kept together (auto)")
    group.add_argument(
        "--encoder-weights",
        metavar="WHERE",
        help="imagenet, none, or ENCODER=PATH[,ENCODER=PATH] (imagenet with --data, none without)",
    )


def data_source(options: argparse.Namespace) -> "DataSource":
    """What the options of `add_data_options` name, with absolute paths.

    Raises:
        InputError: If an option is given that goes with `--data` alone, a data file is wrong, or a URI holds keys.
    """
    from trainables.data.opening import DataSource

    if options.data is None:
        for option in ("class_mapping", "labeled_list"):
            if getattr(options, option) is not None:
                raise InputError(f"--{option.replace('_', '-')} goes with --data; the built-in data need none")
        return DataSource()
    return DataSource.named(options.data, class_mapping=options.class_mapping, labeled_list=options.labeled_list)
