"""Which part of which image is seen at which step: pure functions of (seed, step, slot), without any state.

A slot is a place in the batch. Since nothing here remembers what came before, a resumed training sees exactly
what an uninterrupted one would have seen, in whatever process or thread its batches are prepared.
"""

from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from spaces.configuration import TrialConfig
from trainables.data.dataset import IGNORE_INDEX
from trainables.data.records import RecordTable

MEAN_COLOUR = (124, 116, 104)
"""RGB of ImageNet's mean, about 0 after normalisation: fills what lies outside of an image."""

SIZE_STEP = 32
"""Crop sizes of multi-scale training differ by this, px: the largest stride of the encoders."""


class Stream(IntEnum):
    """Independent streams of random numbers; the values enter the seeds, so they must never be renumbered."""

    LABELLED_ORDER = 0
    UNLABELLED_ORDER = 1
    LABELLED_CROP = 2
    UNLABELLED_CROP = 3
    CROP_SIZE = 4
    STRONG_VIEW = 5
    CUTMIX = 6
    NETWORK_NOISE = 7
    REPLACEMENT = 8
    INITIAL_WEIGHTS = 9
    LABELLED_COLOUR = 10
    RARE_CLASS = 11
    COMPLEMENTARY_DROPOUT = 12


def stream_seed(seed: int, stream: Stream, *place: int) -> int:
    """A 63-bit seed that depends on all arguments; neighbouring places give unrelated seeds."""
    return int(np.random.SeedSequence((seed, int(stream), *place)).generate_state(1, np.uint64)[0] >> 1)


def random_stream(seed: int, stream: Stream, *place: int) -> np.random.Generator:
    """A generator of random numbers for one place (a step, a slot) of a stream."""
    return np.random.default_rng((seed, int(stream), *place))


def scaled_size(height: int, width: int, image_scale: float) -> tuple[int, int]:
    """(height, width) in px of an image after `TrialConfig.image_scale`."""
    return max(1, round(height * image_scale)), max(1, round(width * image_scale))


def crop_units(records: RecordTable, config: TrialConfig) -> NDArray[np.int64]:
    """How often each image is drawn per epoch: its area in crops, at least once.

    Patches of one size are drawn alike, and a large photo as often as the patches that could be cut from it.
    Images of unknown size (unlabelled files, which nobody has opened yet) are drawn once.
    """
    areas = records.heights.astype(np.float64) * records.widths
    crops = areas * config.image_scale**2 / config.crop_size**2
    return np.maximum(1, np.rint(crops)).astype(np.int64)


class DrawOrder:
    """An endless order of images: every unit once per epoch, newly shuffled for each epoch."""

    def __init__(self, units: NDArray[np.int64], seed: int, stream: Stream) -> None:
        if len(units) == 0:
            raise ValueError("no images to draw from")
        self._images = np.repeat(np.arange(len(units)), units)
        self._seed = seed
        self._stream = stream
        # The last epoch's order; only saves time, so threads may overwrite each other's.
        self._epoch: tuple[int, NDArray[np.int64]] | None = None

    def image_at(self, position: int) -> int:
        """Index of the image at a position, counted from 0 over all epochs."""
        epoch, place = divmod(position, len(self._images))
        known = self._epoch
        if known is None or known[0] != epoch:
            random = random_stream(self._seed, self._stream, epoch)
            known = (epoch, random.permutation(self._images))
            self._epoch = known
        return int(known[1][place])


def crop_size_at(config: TrialConfig, seed: int, step: int) -> int:
    """Side in px of all crops of a step: one of crop_size, + 32, ... up to crop_size * multiscale."""
    choices = int(config.crop_size * (config.multiscale - 1) + 1e-6) // SIZE_STEP
    chosen = int(random_stream(seed, Stream.CROP_SIZE, step).integers(choices + 1))
    return config.crop_size + SIZE_STEP * chosen


@dataclass(frozen=True, slots=True)
class Crop:
    """A square window of an image, and what is made of it.

    Attributes:
        top: First row of the window, px of the (scaled) image; negative where the window exceeds the image.
        left: First column, likewise.
        side: Side of the window, px of the image.
        size: Side that the window is resized to, px.
        mirrored: Left and right are exchanged.
        upside_down: Top and bottom are exchanged; the drone has no upright.
    """

    top: int
    left: int
    side: int
    size: int
    mirrored: bool
    upside_down: bool


def draw_crop(
    random: np.random.Generator,
    height: int,
    width: int,
    config: TrialConfig,
    size: int,
    *,
    around: tuple[int, int] | None = None,
) -> Crop:
    """Draw a window of a (scaled) image of height x width px.

    The window's side is crop_size / zoom, the zoom log-uniform between scale_low and scale_high, so that
    enlarging and shrinking are equally likely for a symmetric range. A window larger than the image contains
    all of it. All places that the arguments allow are equally likely.

    Args:
        random: Where the random numbers come from.
        height: Of the image, px.
        width: Of the image, px.
        config: Gives crop_size, scale_low and scale_high.
        size: Side that the window is resized to, from `crop_size_at`.
        around: (row, column) of a pixel of the image that must lie in the window; None for any window.
    """
    zoom = np.exp(random.uniform(np.log(config.scale_low), np.log(config.scale_high)))
    side = max(1, round(config.crop_size / float(zoom)))
    starts = []
    for axis, length in enumerate((height, width)):
        first, last = min(0, length - side), max(0, length - side)
        if around is not None:
            first, last = max(first, around[axis] - side + 1), min(last, around[axis])
        starts.append(int(random.integers(first, last + 1)))
    top, left = starts
    mirrored, upside_down = (bool(flag) for flag in random.integers(2, size=2))
    return Crop(top, left, side, size, mirrored, upside_down)


def cut_crop(
    image: NDArray[np.uint8], mask: NDArray[np.uint8] | None, crop: Crop
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Cut a crop out of an image and its mask.

    Args:
        image: (H, W, 3), RGB.
        mask: (H, W) class indices; None where there is no mask, which counts as class 0 everywhere.
        crop: The window.

    Returns:
        Image (size, size, 3) and mask (size, size), contiguous; outside of the image `MEAN_COLOUR` and
        `IGNORE_INDEX`.
    """
    height, width = image.shape[:2]
    rows = slice(max(0, crop.top), min(height, crop.top + crop.side))
    columns = slice(max(0, crop.left), min(width, crop.left + crop.side))
    image = image[rows, columns]
    above, before = rows.start - crop.top, columns.start - crop.left
    below, behind = crop.side - above - image.shape[0], crop.side - before - image.shape[1]
    border = (above, below, before, behind)
    if mask is not None:
        mask = mask[rows, columns]
    elif any(border):
        mask = np.zeros(image.shape[:2], np.uint8)
    if any(border):
        image = _bordered(image, border, MEAN_COLOUR)
    if crop.side != crop.size:
        image = resize_image(image, crop.size, crop.size)
    if mask is None:
        # Class 0 from border to border: nothing to resize or turn.
        return _flipped(image, crop), np.zeros((crop.size, crop.size), np.uint8)
    if any(border):
        mask = _bordered(mask, border, (IGNORE_INDEX,))
    if crop.side != crop.size:
        mask = resize_mask(mask, crop.size, crop.size)
    return _flipped(image, crop), _flipped(mask, crop)


def _bordered(
    pixels: NDArray[np.uint8], border: tuple[int, int, int, int], value: tuple[int, ...]
) -> NDArray[np.uint8]:
    return np.asarray(cv2.copyMakeBorder(pixels, *border, cv2.BORDER_CONSTANT, value=value), dtype=np.uint8)


def _flipped(pixels: NDArray[np.uint8], crop: Crop) -> NDArray[np.uint8]:
    if crop.mirrored or crop.upside_down:
        # OpenCV counts -1 for both axes, 0 for rows, 1 for columns; ten times as fast as negative strides.
        axes = -1 if crop.mirrored and crop.upside_down else int(crop.mirrored)
        return np.asarray(cv2.flip(pixels, axes), dtype=np.uint8)
    return np.ascontiguousarray(pixels)


def resize_image(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize (H, W, 3): averaging areas where it shrinks, bilinear where it grows."""
    shrinks = height * width < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=method), dtype=np.uint8)


def resize_mask(mask: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize (H, W) class indices to the nearest pixel; classes are never mixed."""
    resized = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized, dtype=np.uint8)
