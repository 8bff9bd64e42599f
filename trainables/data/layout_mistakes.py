"""What is wrong where the patterns of a data file fit nothing: the pattern, and the files that are there."""

from collections.abc import Collection
from pathlib import Path

from spaces.complaints import near_name
from spaces.data_description import DataDescription
from spaces.errors import InputError
from spaces.file_patterns import FilePattern
from trainables.data.capture_listing import Capture, FolderListing, Problem

NO_MASKS = "no masks"
KEY_OF_KIND = {"name of no photo": "photo", "name of no capture": "capture", NO_MASKS: "masks"}
"""Which key of a data file is to be corrected, by kind of problem."""

MOST_NAMED = 3


class LayoutError(InputError):
    """A data folder is not laid out as its description says.

    Attributes:
        key: The description's key that does not fit, whose line in the data file is worth naming; None for none.
    """

    def __init__(self, message: str, key: str | None) -> None:
        super().__init__(message)
        self.key = key


def no_image_folder(root: Path, description: DataDescription) -> LayoutError:
    """There is no folder in which the pattern of images could find any."""
    pattern = description.images_pattern
    if pattern.captured and (root / pattern.top).is_dir():
        wanted = "/".join((*pattern.before, "CAPTURE", *pattern.after))
        missing, held = f"no folder {wanted} is in it", _folders(root / pattern.top)
    else:
        missing, held = f"there is no folder {pattern.top} in it", _folders(root)
    near = near_name(pattern.top, held)
    return LayoutError(f"images: {description.images}: {root}: {missing}{near}; it holds {_some(held)}", "images")


def no_image(root: Path, folder: str, description: DataDescription) -> LayoutError:
    """The pattern of images fits no file of the first folder that it names."""
    held = _some(FolderListing(root).files(folder))
    text = f"images: {description.images} fits no PNG, JPEG or TIFF file in {root}; {folder} holds {held}"
    return LayoutError(text, "images")


def no_masks(listing: FolderListing, capture: Capture, description: DataDescription) -> Problem:
    """The pattern of masks gives no image one.

    Args:
        listing: Of the data folder.
        capture: One with images.
        description: Where its files lie.
    """
    if listing.has_folder(capture.masks):
        images, masks = description.images_pattern, description.masks_pattern
        stem = capture.stems[0]
        wanted = _name(masks, stem)
        held = sorted(listing.files(capture.masks))
        if capture.masks == capture.images:
            held = [name for name in held if images.divided(name) is None] or held
        text = (
            f"this fits no image's mask; {capture.masks} holds {_some(held)}; the mask of "
            f"{images.prefix}{stem}{capture.image_ends[0]} would be {wanted}"
        )
    else:
        # The first folder of the path that is not there.
        above, name = "", capture.masks
        for part in capture.masks.split("/"):
            if not listing.has_folder(f"{above}{part}"):
                name = part
                break
            above += f"{part}/"
        held = listing.folders(above or ".")
        near = near_name(name, held)
        text = f"there is no folder {above}{name}{near}; {above.rstrip('/') or 'the data folder'} holds {_some(held)}"
    return Problem("error", NO_MASKS, f"masks: {description.masks}: {text}")


def _name(pattern: FilePattern, stem: str) -> str:
    return f"{pattern.prefix}{stem}{pattern.tail}{'.*' if pattern.any_extension else ''}"


def _folders(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _some(names: Collection[str]) -> str:
    shown = sorted(names)[:MOST_NAMED]
    return (", ".join(shown) + (", ..." if len(names) > MOST_NAMED else "")) or "nothing"
