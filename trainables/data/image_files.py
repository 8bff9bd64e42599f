"""Decoding image and mask files with Pillow: the one place that knows file formats.

Stored orientation (EXIF, or the orientation tag of TIFF) is ignored for images and for masks: pixels come as
they are stored, so that an image and its mask always fit. Only who asks for it gets an image upright, as it is
shown. Transparency is dropped. Of a TIFF with several pages the first is read.
"""

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from trainables.data.dataset import UnreadableImageError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff"})
MASK_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".gif", ".bmp"})

_PLAIN_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
_WIDE_GREY_MODES = frozenset({"I;16", "I;16L", "I;16B"})
_ORIENTATION_TAG = 0x0112
_UNDO_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
# Only quarter turns are not their own inverse.
_FOLLOW_ORIENTATION = _UNDO_ORIENTATION | {6: Image.Transpose.ROTATE_270, 8: Image.Transpose.ROTATE_90}
# What Pillow's decoders are known to raise on damaged files, besides OSError.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


StoredValues: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class MaskPixels:
    """A mask as its file stores it.

    Attributes:
        values: (H, W, 3) uint8 for RGB; (H, W) uint8 or uint16 for grey, bilevel (0 and 1) and palette files.
        palette: (P, 3) uint8 RGB of a palette file's entries; None for the others.
    """

    values: StoredValues
    palette: NDArray[np.uint8] | None = None


def read_bytes(path: Path) -> bytes:
    """Read a whole file.

    Raises:
        UnreadableImageError: The file can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableImageError(f"{path}: {error.strerror or error}") from error


def decode_image(data: bytes, path: Path, *, upright: bool = False) -> NDArray[np.uint8]:
    """Decode an image: (H, W, 3) uint8, RGB. Of 16-bit samples the upper 8 bits are kept.

    Args:
        data: The file's content.
        path: Where it came from, for messages.
        upright: Turn it as its stored orientation says.

    Raises:
        UnreadableImageError: It can't be decoded, or holds samples that can't be turned into 8-bit RGB.
    """
    image = _load(data, path, upright=upright)
    if image.mode in _WIDE_GREY_MODES:
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode not in _PLAIN_MODES:
        raise UnreadableImageError(
            f"{path}: pixels of kind {image.mode!r}; save it with 8 bits per channel, RGB or grey"
        )
    image.info.pop("transparency", None)  # else Pillow warns about what is dropped on purpose
    return np.asarray(image.convert("RGB"), dtype=np.uint8).copy()


def decode_mask_pixels(data: bytes, path: Path) -> MaskPixels:
    """Decode a mask's file without giving its values a meaning yet.

    Args:
        data: The file's content.
        path: Where it came from, for messages.

    Raises:
        UnreadableImageError: It can't be decoded, or its kind of pixels can't be a mask's.
    """
    image = _load(data, path)
    match image.mode:
        case "P":
            colours = np.array(image.getpalette("RGB") or [], dtype=np.uint8).reshape(-1, 3)
            return MaskPixels(np.asarray(image, dtype=np.uint8).copy(), colours)
        case "1" | "L":
            return MaskPixels(np.asarray(image).astype(np.uint8))
        case "LA":
            return MaskPixels(np.asarray(image, dtype=np.uint8)[:, :, 0].copy())
        case "RGB" | "RGBA" | "RGBX":
            return MaskPixels(np.asarray(image, dtype=np.uint8)[:, :, :3].copy())
        case mode if mode in _WIDE_GREY_MODES:
            return MaskPixels(np.asarray(image).astype(np.uint16))
        case mode:
            raise UnreadableImageError(
                f"{path}: pixels of kind {mode!r}; a mask is RGB, palette or grey with 8 or 16 bits"
            )


def _load(data: bytes, path: Path, *, upright: bool = False) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data))
        is_tiff = image.format == "TIFF"
        # Pillow turns TIFFs as their orientation tag says when it loads them, and only those.
        orientation = _orientation(image) if is_tiff != upright else None
        image.load()
    except UnidentifiedImageError as error:
        raise UnreadableImageError(f"{path}: not an image, or a damaged one ({len(data)} bytes)") from error
    except Image.DecompressionBombError as error:
        raise UnreadableImageError(
            f"{path}: more pixels than are read at once; cut it into parts, or predict it as a TIFF"
        ) from error
    except _DECODER_ERRORS as error:
        raise UnreadableImageError(f"{path}: damaged: {' '.join(str(error).split())}") from error
    turns = _UNDO_ORIENTATION if is_tiff else _FOLLOW_ORIENTATION
    return image.transpose(turns[orientation]) if orientation in turns else image


def _orientation(image: Image.Image) -> int | None:
    """The stored orientation, 1 to 8; None where there is none, or none that can be read."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG)
    except _DECODER_ERRORS:
        # A photo with damaged notes about it is still a photo.
        return None
    return value if isinstance(value, int) else None
