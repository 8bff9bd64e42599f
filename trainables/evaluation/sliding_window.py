"""Prediction of images of any size by windows of the network's input size, alone or overlapping and blended."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from spaces.configuration import TrialConfig
from trainables.compute.precision import ComputeLayout
from trainables.data.augmentation import normalised
from trainables.data.sampling import scaled_size
from trainables.data.validation_cells import Cell
from trainables.evaluation.settings import EvaluationSettings
from trainables.evaluation.window_probabilities import probabilities_in_memory
from trainables.evaluation.windows import WantedImage, Window, windows_of
from trainables.models.segmentation_model import SegmentationModel

WINDOWS_PER_BATCH = 16


class NonFinitePredictionError(Exception):
    """A model predicted NaN or infinity."""


@dataclass(frozen=True, slots=True)
class Block:
    """A rectangle whose prediction is final; the blocks of a piece cover it once.

    Attributes:
        image: Place of the image among those given.
        piece: Which of its pieces the block belongs to.
        cell: Where the block lies, px of the original image.
        classes: (height, width), uint8, the most probable class; on the model's device.
        confidence: (height, width), float32, the probability of that class.
    """

    image: int
    piece: Cell
    cell: Cell
    classes: Tensor
    confidence: Tensor


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a piece, over its whole width, whose probabilities are final.

    Attributes:
        image: Place of the image among those given.
        piece: Which of its pieces the rows belong to.
        cell: Where they lie, px of the original image.
        probabilities: (C, height, width), float32; on the model's device.
    """

    image: int
    piece: Cell
    cell: Cell
    probabilities: Tensor


class _Blend:
    """Sums the weighted probabilities of a piece, and holds no more rows than still wait for windows."""

    def __init__(self, piece: Cell) -> None:
        self._piece = piece
        self._top = piece.top
        self._sums: Tensor | None = None

    def add(self, cell: Cell, probabilities: Tensor) -> None:
        """Add the weighted (C, height, width) of a rectangle of the piece."""
        classes, rows = len(probabilities), cell.bottom - self._top
        held = 0 if self._sums is None else self._sums.shape[1]
        if self._sums is None or held < rows:
            grown = probabilities.new_zeros((classes, rows, self._piece.right - self._piece.left))
            if self._sums is not None:
                grown[:, :held] = self._sums
            self._sums = grown
        columns = slice(cell.left - self._piece.left, cell.right - self._piece.left)
        self._sums[:, cell.top - self._top : rows, columns] += probabilities

    def take_to(self, bottom: int) -> tuple[Cell, Tensor]:
        """Hand out the rows above `bottom`: their rectangle, and its (C, height, width)."""
        assert self._sums is not None  # noqa: S101 - a share was added before it can complete rows
        cell = Cell(self._top, bottom, self._piece.left, self._piece.right)
        rows = bottom - self._top
        complete, self._sums = self._sums[:, :rows], self._sums[:, rows:].clone()
        self._top = bottom
        return cell, complete


@torch.inference_mode()
def predicted_blocks(
    model: SegmentationModel,
    config: TrialConfig,
    images: Iterable[WantedImage],
    *,
    settings: EvaluationSettings,
    layout: ComputeLayout,
    batch_size: int = WINDOWS_PER_BATCH,
) -> Iterator[list[Block]]:
    """Predict images, holding the probabilities of a batch of windows and of one row of windows at most.

    Probabilities are brought to the ORIGINAL image's pixels before the class is chosen, so that configurations
    with different scales answer for the same pixels.

    Args:
        model: In evaluation mode.
        config: Gives image_scale and crop_size.
        images: Read one after the other.
        settings: Overlap and test-time augmentation.
        layout: Precision and memory layout.
        batch_size: Windows of a batch at most, of one image or of several.

    Yields:
        The blocks that each batch of windows completes; in every piece from top to bottom.

    Raises:
        NonFinitePredictionError: If a probability is NaN or infinite.
    """
    blends: dict[tuple[int, Cell], _Blend] = {}
    windows = _predicted_windows(model, config, images, settings=settings, layout=layout, batch_size=batch_size)
    for batch, probabilities in windows:
        if settings.overlap == 0:
            blocks = _separate_blocks(batch, probabilities, config)
        else:
            blocks = _blended_blocks(batch, probabilities, config, blends)
        if blocks:
            yield blocks


@torch.inference_mode()
def predicted_rows(
    model: SegmentationModel,
    config: TrialConfig,
    images: Iterable[WantedImage],
    *,
    settings: EvaluationSettings,
    layout: ComputeLayout,
    batch_size: int = WINDOWS_PER_BATCH,
) -> Iterator[Rows]:
    """Predict images as `predicted_blocks` does, and give the probabilities themselves.

    Yields:
        The rows of every piece from top to bottom, image by image.

    Raises:
        NonFinitePredictionError: If a probability is NaN or infinite.
    """
    blends: dict[tuple[int, Cell], _Blend] = {}
    windows = _predicted_windows(model, config, images, settings=settings, layout=layout, batch_size=batch_size)
    for batch, probabilities in windows:
        yield from _blended_rows(batch, probabilities, config, blends)


def _predicted_windows(
    model: SegmentationModel,
    config: TrialConfig,
    images: Iterable[WantedImage],
    *,
    settings: EvaluationSettings,
    layout: ComputeLayout,
    batch_size: int,
) -> Iterator[tuple[Sequence[Window], Tensor]]:
    """Batches of windows with what the model says of them, (B, C, size, size)."""
    device = next(model.parameters()).device
    windows = windows_of(images, config, settings.overlap)
    at_once = batch_size
    while batch := list(islice(windows, batch_size)):
        pixels = torch.from_numpy(np.stack([window.pixels for window in batch]))
        inputs = normalised(pixels, device, channels_last=layout.channels_last)
        with layout.computing(device):
            probabilities, at_once = probabilities_in_memory(model, inputs, settings, at_once)
        # NaN and infinity survive in a sum; one check a batch, for it waits for the device.
        if not bool(torch.isfinite(probabilities.sum())):
            raise NonFinitePredictionError
        yield batch, probabilities


def _separate_blocks(batch: Sequence[Window], probabilities: Tensor, config: TrialConfig) -> list[Block]:
    """Blocks of windows that share no pixel."""
    blocks = []
    whole = most_probable(probabilities) if config.image_scale == 1.0 else None
    for place, window in enumerate(batch):
        for share in window.shares:
            if whole is None:
                chosen = most_probable(_at_original_size(probabilities[place], window, share.cell, config)[None])
                confidence, classes = chosen[0][0], chosen[1][0]
            else:
                rows, columns = _inside(window, share.cell)
                confidence, classes = (values[place, rows, columns] for values in whole)
            blocks.append(Block(window.place, share.piece, share.cell, classes, confidence))
    return blocks


def _blended_blocks(
    batch: Sequence[Window],
    probabilities: Tensor,
    config: TrialConfig,
    blends: dict[tuple[int, Cell], _Blend],
) -> list[Block]:
    """Blocks of the rows that overlapping windows complete; `blends` carries the others to the next batch."""
    blocks = []
    for rows in _blended_rows(batch, probabilities, config, blends):
        confidence, classes = most_probable(rows.probabilities[None])
        blocks.append(Block(rows.image, rows.piece, rows.cell, classes[0], confidence[0]))
    return blocks


def _blended_rows(
    batch: Sequence[Window],
    probabilities: Tensor,
    config: TrialConfig,
    blends: dict[tuple[int, Cell], _Blend],
) -> Iterator[Rows]:
    for window, of_window in zip(batch, probabilities, strict=True):
        for share in window.shares:
            key, cell = (window.place, share.piece), share.cell
            blend = blends.setdefault(key, _Blend(share.piece))
            rows = window.rows.weights[cell.top - window.rows.first : cell.bottom - window.rows.first]
            columns = window.columns.weights[cell.left - window.columns.first : cell.right - window.columns.first]
            weights = torch.from_numpy(np.outer(rows, columns)).to(of_window.device, non_blocking=True)
            blend.add(cell, _at_original_size(of_window, window, cell, config) * weights)
            if share.complete_to is None:
                continue
            complete, blended = blend.take_to(share.complete_to)
            if share.complete_to == share.piece.bottom:
                del blends[key]
            if complete.top < complete.bottom:
                yield Rows(window.place, share.piece, complete, blended)


def most_probable(probabilities: Tensor) -> tuple[Tensor, Tensor]:
    """The greatest of the classes' probabilities and whose it is, the first of equals.

    Args:
        probabilities: (B, C, H, W), float32.

    Returns:
        Confidence (B, H, W), float32, and class (B, H, W), uint8.
    """
    # Torch's max over the classes with indices takes more than twice as long on CPUs.
    confidence = probabilities.amax(dim=1)
    classes = probabilities.shape[1]
    rank = torch.zeros(confidence.shape, dtype=torch.uint8, device=confidence.device)
    for index in range(classes):
        is_it = (probabilities[:, index] == confidence).view(torch.uint8)
        torch.maximum(rank, is_it.mul_(classes - index), out=rank)
    return confidence, classes - rank


def _inside(window: Window, cell: Cell) -> tuple[slice, slice]:
    """Rows and columns of a window that sees the image in its own pixels."""
    top, left = window.rows.start, window.columns.start
    return slice(cell.top - top, cell.bottom - top), slice(cell.left - left, cell.right - left)


def _at_original_size(probabilities: Tensor, window: Window, cell: Cell, config: TrialConfig) -> Tensor:
    """(C, cell height, cell width) of the original image from a window's (C, size, size)."""
    height, width = window.image.height, window.image.width
    scaled_height, scaled_width = scaled_size(height, width, config.image_scale)
    if (scaled_height, scaled_width) == (height, width):
        rows, columns = _inside(window, cell)
        return probabilities[:, rows, columns]
    size = config.crop_size
    y = _centres(cell.top, cell.bottom, scaled_height / height) - window.rows.start
    x = _centres(cell.left, cell.right, scaled_width / width) - window.columns.start
    # Beyond the image there is padding, beyond the window nothing: both answer with their nearest pixel.
    y = y.clamp(0, min(size, scaled_height - window.rows.start) - 1)
    x = x.clamp(0, min(size, scaled_width - window.columns.start) - 1)
    # grid_sample counts from -1 to 1, from border to border of the window.
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    grid = ((grid + 0.5) * 2 / size - 1).to(probabilities.device, non_blocking=True)
    sampled = functional.grid_sample(
        probabilities.unsqueeze(0), grid.unsqueeze(0), mode="bilinear", padding_mode="border", align_corners=False
    )
    return sampled[0]


def _centres(first: int, end: int, scale: float) -> Tensor:
    """Where the centres of original pixels lie in the scaled image, px from the centre of its first one."""
    return (torch.arange(first, end, dtype=torch.float32) + 0.5) * scale - 0.5
