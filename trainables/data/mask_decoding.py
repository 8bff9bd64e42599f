"""What the pixels of a mask mean: class indices out of colours or of stored indices, told apart per file.

RGB files hold the mapping's colours and grey files hold class indices. What else real folders hold, because
programs that shrink PNG files rewrite RGB as palette or grey, and others write indices as RGB:

- A palette file holds colours if more than half of the palette entries it uses are colours of the mapping,
  else class indices. (Reading a shrunken RGB mask by its indices would give a plausible, wrong mask.)
- A grey file holds colours if none of its values is an index and one is a grey of the mapping.
- An RGB file holds indices if all its pixels are grey, all are indices, and at most half of its colours are
  colours of the mapping.

Where the classes have values (`ClassMapping.values`), masks hold these instead: grey files, RGB files all of whose
pixels are grey, and palette files, which hold the greys of their palette or its indices, whichever of the two more
values are known of.

A colour or index of no class becomes `IGNORE_INDEX` and is counted. A stored index of `IGNORE_INDEX` says
"ignored" on purpose, so it is not counted as unknown; nor are the values and colours that the mapping ignores.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.data.dataset import IGNORE_INDEX, ClassMapping
from trainables.data.image_files import MaskPixels, StoredValues

LISTED_UNKNOWN_VALUES = 8
"""Unknown colours kept by name per mask, the most frequent first: a lossy mask holds thousands."""


@dataclass(frozen=True, slots=True)
class DecodedMask:
    """A mask in class indices.

    Attributes:
        labels: (H, W) uint8, the class of each pixel, or `IGNORE_INDEX`.
        unknown_pixels: Pixels whose colour or index is that of no class.
        unknown_values: The most frequent of them as (text, pixels); the text is "0 0 0" or "index 9".
    """

    labels: NDArray[np.uint8]
    unknown_pixels: int
    unknown_values: tuple[tuple[str, int], ...]


def decode_mask(mask: MaskPixels, classes: ClassMapping) -> DecodedMask:
    """Turn a mask's stored pixels into class indices.

    Args:
        mask: The pixels as the file stores them.
        classes: The classes and their colours.
    """
    if classes.values:
        return _decode_values(mask, classes)
    if mask.values.ndim == 3:
        return _decode_colours(mask.values, classes)
    if mask.palette is not None:
        return _decode_palette(mask.values, mask.palette, classes)
    return _decode_grey(mask.values, classes)


def _decode_values(mask: MaskPixels, classes: ClassMapping) -> DecodedMask:
    meaning = {value: index for index, values in enumerate(classes.values) for value in values}
    meaning |= dict.fromkeys(classes.ignored_values, IGNORE_INDEX)
    stored = mask.values
    if mask.palette is not None:
        stored = _grey_or_index(stored, mask.palette, meaning)
    elif stored.ndim == 3:
        if not _is_grey(stored):
            return _decode_colours(stored, classes)
        stored = stored[:, :, 0]
    labels = np.full(int(np.iinfo(stored.dtype).max) + 1, IGNORE_INDEX, dtype=np.uint8)
    for value, index in meaning.items():
        if value < len(labels):
            labels[value] = index
    counts = np.bincount(stored.ravel(), minlength=1)
    found = np.flatnonzero(counts).tolist()
    return _with_unknown(
        labels[stored], {f"value {value}": int(counts[value]) for value in found if value not in meaning}
    )


def _grey_or_index(values: StoredValues, palette: NDArray[np.uint8], known: Collection[int]) -> StoredValues:
    """What a palette file holds: the greys of its palette, or the indices themselves."""
    used = np.flatnonzero(np.bincount(values.ravel(), minlength=1))
    colours = _whole_palette(palette)
    greys = colours[used, 0]
    is_grey = (colours[used] == greys[:, None]).all(axis=1)
    if sum(int(value) in known for value in greys[is_grey]) > sum(int(value) in known for value in used):
        return np.asarray(colours[values, 0], dtype=np.uint8)
    return values


def _decode_colours(values: StoredValues, classes: ClassMapping) -> DecodedMask:
    packed = _pack(values)
    labels = np.full(packed.shape, IGNORE_INDEX, dtype=np.uint8)
    known_colours = 0
    for index, code in enumerate(_codes(classes)):
        found = packed == code
        labels[found] = index
        known_colours += bool(found.any())
    ignored = np.array([_code(colour) for colour in classes.ignored_colours], dtype=np.uint32)
    strangers = packed[(labels == IGNORE_INDEX) & ~np.isin(packed, ignored)]
    if not strangers.size:
        return DecodedMask(labels, 0, ())
    codes, counts = np.unique(strangers, return_counts=True)
    if known_colours <= len(codes) and not classes.values and _holds_indices(values, classes):
        return _decode_indices(values[:, :, 0], classes)
    unknown = {_colour_text(int(code)): int(count) for code, count in zip(codes, counts, strict=True)}
    return _with_unknown(labels, unknown)


def _decode_palette(values: StoredValues, palette: NDArray[np.uint8], classes: ClassMapping) -> DecodedMask:
    used = np.flatnonzero(np.bincount(values.ravel(), minlength=1))
    colours = _whole_palette(palette)
    known = np.isin(_pack(colours[used]), np.array(_codes(classes), dtype=np.uint32))
    if 2 * int(known.sum()) > len(used):
        return _decode_colours(np.asarray(colours[values], dtype=np.uint8), classes)
    return _decode_indices(values, classes)


def _decode_grey(values: StoredValues, classes: ClassMapping) -> DecodedMask:
    used = np.flatnonzero(np.bincount(values.ravel(), minlength=1))
    greys = [red for red, green, blue in classes.colours if red == green == blue]
    no_index = bool(((used >= len(classes.names)) & ~np.isin(used, _meaningless(classes))).all())
    if no_index and np.isin(used, greys).any() and values.dtype == np.uint8:
        return _decode_colours(np.repeat(values[:, :, None], 3, axis=2).astype(np.uint8), classes)
    return _decode_indices(values, classes)


def _decode_indices(values: StoredValues, classes: ClassMapping) -> DecodedMask:
    meaning = np.full(int(np.iinfo(values.dtype).max) + 1, IGNORE_INDEX, dtype=np.uint8)
    meaning[: len(classes.names)] = np.arange(len(classes.names), dtype=np.uint8)
    meaning[[value for value in classes.ignored_values if value < len(meaning)]] = IGNORE_INDEX
    counts = np.bincount(values.ravel(), minlength=1)
    unknown = {
        f"index {value}": int(counts[value])
        for value in np.flatnonzero(counts).tolist()
        if value >= len(classes.names) and value not in _meaningless(classes)
    }
    return _with_unknown(meaning[values], unknown)


def _holds_indices(values: StoredValues, classes: ClassMapping) -> bool:
    if not _is_grey(values):
        return False
    grey = values[:, :, 0]
    return bool(((grey < len(classes.names)) | np.isin(grey, _meaningless(classes))).all())


def _is_grey(values: StoredValues) -> bool:
    grey = values[:, :, 0]
    return bool((grey == values[:, :, 1]).all() and (grey == values[:, :, 2]).all())


def _meaningless(classes: ClassMapping) -> list[int]:
    """Stored values that say "ignored" on purpose."""
    return [IGNORE_INDEX, *classes.ignored_values]


def _whole_palette(palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """256 colours: entries beyond a palette's end are drawn black by every reader."""
    colours = np.zeros((256, 3), dtype=np.uint8)
    colours[: len(palette)] = palette[:256]
    return colours


def _with_unknown(labels: NDArray[np.uint8], unknown: dict[str, int]) -> DecodedMask:
    ordered = sorted(unknown.items(), key=lambda item: (-item[1], item[0]))
    return DecodedMask(labels, sum(unknown.values()), tuple(ordered[:LISTED_UNKNOWN_VALUES]))


def _pack(colours: StoredValues) -> NDArray[np.uint32]:
    wide = colours.astype(np.uint32)
    return np.asarray((wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2], dtype=np.uint32)


def _codes(classes: ClassMapping) -> list[int]:
    return [_code(colour) for colour in classes.colours]


def _code(colour: tuple[int, int, int]) -> int:
    red, green, blue = colour
    return (red << 16) | (green << 8) | blue


def _colour_text(code: int) -> str:
    return f"{code >> 16} {code >> 8 & 255} {code & 255}"
