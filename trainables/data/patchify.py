"""`python -m trainables.data patchify`: photos and their masks cut into patches, laid out as they are read."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spaces.errors import InputError
from trainables.data.class_mapping import CLASS_MAPPING_FILE, read_class_mapping
from trainables.data.dataset import ImageRecord, UnreadableImageError
from trainables.data.decoding_threads import decoded_in_order
from trainables.data.folder_index import IMAGE_FOLDER, MASK_FOLDER, PATCH_MARK, index_folder
from trainables.data.image_files import MaskPixels, decode_image, decode_mask_pixels, read_bytes
from trainables.data.inspection import Progress
from trainables.data.labelled_list import LABELLED_LIST_FILE
from trainables.data.records import RecordTable

PARTIAL_SUFFIX = ".partial"
PNG_COMPRESSION = 3
"""zlib level of image patches: photos get no smaller at Pillow's 6, which takes twice the time."""


@dataclass(frozen=True, slots=True)
class PatchCounts:
    """What was cut.

    Attributes:
        photos: Photos cut into patches.
        patches: Patches written.
        masks: Patches that have a mask.
        skipped: One line for each unlabelled photo that could not be read.
    """

    photos: int
    patches: int
    masks: int
    skipped: tuple[str, ...]


def patchify(
    source: Path,
    destination: Path,
    *,
    size: int = 256,
    stride: int | None = None,
    class_mapping: Path | None = None,
    progress: Progress | None = None,
) -> PatchCounts:
    """Cut every photo of a data folder, and its mask along with it, into square patches.

    Patches are written as PNG to DESTINATION/CAPTURE/images and /masks under the name
    `<photo>_patch_<row>_<column>.png`, with the class mapping and the list of labelled photos beside them.
    Masks keep their kind: RGB, palette or grey. See `patch_starts` for what happens at the edges.

    Nothing is left behind when it fails or is interrupted: the patches get their final place at the end.

    Args:
        source: The data folder.
        destination: A folder that does not exist yet or is empty.
        size: Side of a patch, px.
        stride: Pixels between the starts of neighbouring patches; `size`, without overlap, by default.
        class_mapping: The CSV of the classes; `class_mapping.csv` in the source by default.
        progress: Told after each photo.

    Raises:
        InputError: The source can't be used or has a broken mask or a broken photo with a mask, the destination
            is occupied or can't be written, or the sizes make no sense.
    """
    step = size if stride is None else stride
    if size < 1 or not 1 <= step <= size:
        raise InputError(f"--size {size} --stride {step}: the stride must be 1 to the size, else pixels get lost")
    index = index_folder(source)
    if errors := [problem for problem in index.problems if problem.severity == "error"]:
        raise InputError(f"{source}: {errors[0].message}")
    mapping = class_mapping or source / CLASS_MAPPING_FILE
    read_class_mapping(mapping)
    _check_destination(source, destination)
    partial = destination.resolve()
    partial = partial.with_name(partial.name + PARTIAL_SUFFIX)
    try:
        partial.mkdir(parents=True)
    except FileExistsError:
        raise InputError(f"{partial}: left over from another run; delete it if none is running") from None
    except OSError as error:
        raise InputError(f"{destination}: can't be written: {error.strerror}") from error
    try:
        counts = _cut_all(index.records, partial, size, step, progress)
        shutil.copyfile(mapping, partial / CLASS_MAPPING_FILE)
        if (source / LABELLED_LIST_FILE).is_file():
            shutil.copyfile(source / LABELLED_LIST_FILE, partial / LABELLED_LIST_FILE)
        if destination.exists():
            destination.rmdir()  # empty, as checked; Windows can't replace a folder
        partial.rename(destination)
    except UnreadableImageError as error:
        raise InputError(str(error)) from error
    except OSError as error:
        raise InputError(f"{destination}: can't be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return counts


def patch_starts(length: int, size: int, stride: int) -> list[int]:
    """Where patches start along one side of a photo.

    Every pixel is in a patch and every patch is full: where the last one would reach over the edge it is
    shifted inward and overlaps its neighbour more. A photo shorter than `size` gives one patch of its own length.

    Args:
        length: Side of the photo, px.
        size: Side of a patch, px.
        stride: Pixels between starts, at most `size`.
    """
    last = max(length - size, 0)
    starts = list(range(0, last, stride))
    return [*starts, last]


def _check_destination(source: Path, destination: Path) -> None:
    if destination.resolve().is_relative_to(source.resolve()):
        raise InputError(f"{destination}: lies in {source}; the patches must go to a folder outside of the photos")
    try:
        occupied = destination.exists() and (not destination.is_dir() or any(destination.iterdir()))
    except OSError as error:
        raise InputError(f"{destination}: can't be used: {error.strerror}") from error
    if occupied:
        raise InputError(f"{destination}: is there already; name a new or an empty folder")


def _cut_all(records: RecordTable, folder: Path, size: int, stride: int, progress: Progress | None) -> PatchCounts:
    for capture in records.captures:
        (folder / capture / IMAGE_FOLDER).mkdir(parents=True)
        (folder / capture / MASK_FOLDER).mkdir(exist_ok=True)
    patches = masks = 0
    skipped: list[str] = []

    def cut(record: ImageRecord) -> int | str:
        try:
            return _cut_photo(record, folder, size, stride)
        except UnreadableImageError as error:
            if record.labelled:
                raise
            return str(error)

    for done, (labelled, result) in enumerate(
        zip(records.labelled, decoded_in_order(cut, records), strict=True), start=1
    ):
        if isinstance(result, str):
            skipped.append(result)
        else:
            patches += result
            masks += result if labelled else 0
        if progress is not None:
            progress(done, len(records))
    return PatchCounts(len(records) - len(skipped), patches, masks, tuple(skipped))


def _cut_photo(record: ImageRecord, folder: Path, size: int, stride: int) -> int:
    """Cut one photo and return the number of its patches."""
    if record.image_path is None:
        raise UnreadableImageError(f"{record.name}: has no image file")
    image = decode_image(read_bytes(record.image_path), record.image_path)
    mask = None
    if record.mask_path is not None:
        mask = decode_mask_pixels(read_bytes(record.mask_path), record.mask_path)
        if mask.values.shape[:2] != image.shape[:2]:
            (mask_height, mask_width), (height, width) = mask.values.shape[:2], image.shape[:2]
            raise UnreadableImageError(
                f"{record.mask_path}: {mask_width} x {mask_height} pixels, but its image has {width} x {height}"
            )
    stem = record.name.removeprefix(f"{record.capture}/")
    count = 0
    for row, column, window in _windows(image.shape[0], image.shape[1], size, stride):
        name = f"{stem}{PATCH_MARK}{row:03d}_{column:03d}.png"
        patch = Image.fromarray(np.ascontiguousarray(image[window]))
        patch.save(folder / record.capture / IMAGE_FOLDER / name, compress_level=PNG_COMPRESSION)
        if mask is not None:
            _mask_image(mask, window).save(folder / record.capture / MASK_FOLDER / name)
        count += 1
    return count


def _windows(height: int, width: int, size: int, stride: int) -> Iterator[tuple[int, int, tuple[slice, slice]]]:
    for row, top in enumerate(patch_starts(height, size, stride)):
        for column, left in enumerate(patch_starts(width, size, stride)):
            yield row, column, (slice(top, top + size), slice(left, left + size))


def _mask_image(mask: MaskPixels, window: tuple[slice, slice]) -> Image.Image:
    values: NDArray[np.generic] = np.ascontiguousarray(mask.values[window])
    image = Image.fromarray(values)
    if mask.palette is not None and len(mask.palette):
        image.putpalette(mask.palette.tobytes())  # turns a grey image into a palette image
    return image
