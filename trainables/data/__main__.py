"""`python -m trainables.data`: look into a data folder, cut photos into patches, count classes, write checksums."""

import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spaces.command_line import EXIT_DONE, OneLineArgumentParser, add_debug_option, run_command
from spaces.errors import InputError

if TYPE_CHECKING:
    from trainables.data.opening import DataSource

SECONDS_BETWEEN_PROGRESS_LINES = 10.0
"""Where output is piped; a terminal is updated ten times a second."""


def main(arguments: Sequence[str]) -> int:
    """Run `check`, `example`, `manifest`, `patchify` or `stats`.

    Raises:
        InputError: The data folder can't be used; `run_command` makes it exit code 2.
    """
    options = _parser().parse_args(arguments)
    command: Callable[[Namespace], int] = options.command
    return command(options)


def _parser() -> OneLineArgumentParser:
    parser = OneLineArgumentParser("python -m trainables.data", "Look into a data folder, and prepare one.")
    commands = parser.add_subparsers(
        title="commands", required=True, metavar="check | example | manifest | patchify | stats"
    )

    check = commands.add_parser(
        "check",
        help="what is in a data folder and what is wrong with it",
        description="Print what is in a data folder and every problem found. Exit code 0: usable, perhaps "
        "with warnings; 2: not usable.",
    )
    _add_folder_options(check)
    check.add_argument(
        "--split-by", choices=("auto", "photo", "capture"), default="auto", help="how the data would be split"
    )
    check.add_argument("--seed", type=int, default=0, help="seed of the split")
    check.add_argument(
        "--labelled-only", action="store_true", help="do not decode unlabelled images, which may take minutes"
    )
    check.set_defaults(command=_check)

    example = commands.add_parser(
        "example",
        help="a small data set to try a data file on",
        description="Write built-in scenes into a new folder: NUMBER_sat.jpg, and for two thirds of them "
        "NUMBER_mask.png, 255 where there is a building and 0 elsewhere.",
    )
    example.add_argument("folder", type=Path, metavar="DIR", help="new folder")
    add_debug_option(example)
    example.set_defaults(command=_example)

    manifest = commands.add_parser(
        "manifest",
        help="checksums for data that nodes copy",
        description="Write DIR/manifest.sha256, the checksums of all files. Upload it with the data: nodes of a "
        "cluster that copy them (--data s3://...) check each file against it.",
    )
    manifest.add_argument("folder", type=Path, metavar="DIR", help="data folder: CAPTURE/images and CAPTURE/masks")
    add_debug_option(manifest)
    manifest.set_defaults(command=_manifest)

    patchify = commands.add_parser(
        "patchify",
        help="cut photos and masks into patches",
        description="Cut photos and their masks into patches PHOTO_patch_ROW_COLUMN.png. The last patches of "
        "a row and column are shifted inward, so that every pixel is in a full patch.",
    )
    patchify.add_argument("source", type=Path, metavar="SRC", help="data folder with the photos")
    patchify.add_argument("destination", type=Path, metavar="DST", help="new folder for the patches")
    patchify.add_argument("--size", type=int, default=256, help="side of a patch, px")
    patchify.add_argument("--stride", type=int, help="px from one patch to the next; the size if not given")
    _add_class_mapping_option(patchify)
    add_debug_option(patchify)
    patchify.set_defaults(command=_patchify)

    stats = commands.add_parser(
        "stats",
        help="class shares",
        description="Print the share of each class among the labelled pixels, in all and by capture.",
    )
    _add_folder_options(stats)
    stats.set_defaults(command=_stats)
    return parser


def _add_folder_options(parser: OneLineArgumentParser) -> None:
    parser.add_argument(
        "folder",
        metavar="DIR",
        help="data folder: CAPTURE/images and CAPTURE/masks; or a YAML file that describes data, or a URI",
    )
    _add_class_mapping_option(parser)
    parser.add_argument(
        "--labeled-list",
        type=Path,
        metavar="TXT",
        help="labelled source photos; DIR/labeled_files.txt if there",
    )
    add_debug_option(parser)


def _add_class_mapping_option(parser: OneLineArgumentParser) -> None:
    parser.add_argument(
        "--class-mapping",
        type=Path,
        metavar="CSV",
        help="class names and colours; the folder's class_mapping.csv",
    )


def _source(options: Namespace) -> "DataSource":
    """What the options of `_add_folder_options` name."""
    from trainables.data.opening import DataSource

    return DataSource.named(options.folder, class_mapping=options.class_mapping, labeled_list=options.labeled_list)


def _check(options: Namespace) -> int:
    from trainables.data.check import check_folder
    from trainables.data.layout_mistakes import LayoutError

    source = _source(options)
    with _ProgressLine("decoded") as progress:
        try:
            lines, errors = check_folder(
                **source.folder_arguments(),
                split_by=options.split_by,
                seed=options.seed,
                read_unlabelled=not options.labelled_only,
                progress=progress.show,
                place_of=source.place_of,
            )
        except LayoutError as error:
            raise source.placed(error) from error
    print("\n".join(lines), flush=True)
    if errors:
        raise InputError(
            f"{options.folder}: can't be used until {errors:,} {'error is' if errors == 1 else 'errors are'} "
            "corrected; they are listed above"
        )
    return EXIT_DONE


def _example(options: Namespace) -> int:
    from trainables.data.example import write_example

    print(f"{options.folder}: {write_example(options.folder)} scenes")
    return EXIT_DONE


def _manifest(options: Namespace) -> int:
    from trainables.data.manifest import MANIFEST, write_manifest

    with _ProgressLine("files read") as progress:
        manifest = write_manifest(options.folder, progress.show)
    print(f"{options.folder / MANIFEST}: checksums of {len(manifest.checksums):,} files")
    return EXIT_DONE


def _stats(options: Namespace) -> int:
    from trainables.data.stats import class_shares, share_lines

    with _ProgressLine("decoded") as progress:
        dataset = _source(options).open(progress.show)
    print("\n".join([dataset.description, *share_lines(class_shares(dataset))]))
    return EXIT_DONE


def _patchify(options: Namespace) -> int:
    from PIL import Image

    from trainables.data.patchify import patchify

    # Pillow refuses very large images as a guard against hostile files; the user's orthophotos are none.
    Image.MAX_IMAGE_PIXELS = None
    with _ProgressLine("photos cut") as progress:
        counts = patchify(
            options.source,
            options.destination,
            size=options.size,
            stride=options.stride,
            class_mapping=options.class_mapping,
            progress=progress.show,
        )
    print(
        f"{options.destination}: {counts.patches:,} patches of {counts.photos:,} photos, "
        f"{counts.masks:,} of them with a mask"
    )
    for message in counts.skipped:
        print(f"skipped: {message}")
    return EXIT_DONE


class _ProgressLine:
    """Progress on standard error: a line that is rewritten on a terminal, a line now and then elsewhere."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._terminal = sys.stderr.isatty()
        self._pause = 0.1 if self._terminal else SECONDS_BETWEEN_PROGRESS_LINES
        self._last = time.monotonic()
        self._shown = False

    def __enter__(self) -> "_ProgressLine":
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown and self._terminal:
            sys.stderr.write("\r\x1b[K")

    def show(self, done: int, total: int) -> None:
        """Show how far the work is, unless that was shown a moment ago."""
        now = time.monotonic()
        if now - self._last < self._pause:
            return
        self._last, self._shown = now, True
        text = f"{done:,} of {total:,} {self._what}"
        sys.stderr.write(f"\r{text}\x1b[K" if self._terminal else f"{text}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    run_command(main)
