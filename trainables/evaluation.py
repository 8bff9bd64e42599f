"""Evaluation of a model on whole images by a grid of windows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from spaces.configuration import TrialConfig
from trainables.confusion import confusion_matrix, foreground_miou
from trainables.data.augmentation import normalised
from trainables.data.dataset import ImageRecord
from trainables.data.sampling import Crop, cut_crop, scaled_size
from trainables.data.trial_data import TrialData
from trainables.data.validation_cells import Cell, grid_cells
from trainables.models.segmentation_model import SegmentationModel
from trainables.precision import ComputeLayout

WINDOWS_PER_BATCH = 16


class NonFinitePredictionError(Exception):
    """A model predicted NaN or infinity."""


@dataclass(frozen=True, slots=True)
class Window:
    """One input of the network, and the pixels for which its answer counts.

    Attributes:
        top: First row, px of the scaled image.
        left: First column, px of the scaled image.
        cell: The pixels of the ORIGINAL image for which the window answers.
    """

    top: int
    left: int
    cell: Cell


@dataclass(frozen=True, slots=True)
class PartEvaluation:
    """What a model made of a part of the data.

    Attributes:
        photos: Names of the source photos, sorted; the units that a bootstrap draws.
        photo_groups: For each photo, its group: its capture where the split is by capture, else the photo
            itself.
        photo_confusion: (P, C, C), pixels by photo; rows the true class, columns the predicted one.
    """

    photos: tuple[str, ...]
    photo_groups: tuple[str, ...]
    photo_confusion: NDArray[np.int64]

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups, sorted."""
        return tuple(sorted(set(self.photo_groups)))

    @property
    def confusion(self) -> NDArray[np.int64]:
        """(G, C, C), pixels by group, in the order of `groups`."""
        places = {group: place for place, group in enumerate(self.groups)}
        total = np.zeros((len(places), *self.photo_confusion.shape[1:]), dtype=np.int64)
        np.add.at(total, [places[group] for group in self.photo_groups], self.photo_confusion)
        return total

    @property
    def total_confusion(self) -> NDArray[np.int64]:
        """(C, C), pixels of the whole part."""
        total: NDArray[np.int64] = self.photo_confusion.sum(axis=0)
        return total

    @property
    def miou(self) -> float:
        """Foreground mIoU over all pixels of the part."""
        return foreground_miou(self.total_confusion)


def image_windows(height: int, width: int, config: TrialConfig) -> tuple[Window, ...]:
    """Cover an image with windows of crop_size, each answering for a cell of its own.

    The cells divide the original image into equal rectangles that a window can hold; a window lies centred on
    its cell and is shifted inward at the edges. So every pixel is answered for once, mostly far from a
    window's border. An image smaller than a window gets one window that exceeds it.

    Args:
        height: Of the original image, px.
        width: Of the original image, px.
        config: Gives image_scale and crop_size.
    """
    size = config.crop_size
    scaled_height, scaled_width = scaled_size(height, width, config.image_scale)
    cells = grid_cells(height, width, -(-scaled_height // size), -(-scaled_width // size))

    def start(first: int, end: int, length: int, scaled_length: int) -> int:
        centre = (first + end) / 2 * scaled_length / length
        return min(max(0, round(centre - size / 2)), max(0, scaled_length - size))

    return tuple(
        Window(
            top=start(cell.top, cell.bottom, height, scaled_height),
            left=start(cell.left, cell.right, width, scaled_width),
            cell=cell,
        )
        for cell in cells
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """The part of a window that is wanted: its cell, or what of it lies in a limited validation."""

    record: ImageRecord
    window: Window
    wanted: tuple[Cell, ...]


def _wanted_parts(
    records: Sequence[ImageRecord], config: TrialConfig, cells: Mapping[str, Sequence[Cell]] | None
) -> Iterator[_Part]:
    for record in records:
        for window in image_windows(record.height, record.width, config):
            if cells is None:
                yield _Part(record, window, (window.cell,))
                continue
            shared = [window.cell.intersection(cell) for cell in cells.get(record.name, ())]
            wanted = tuple(cell for cell in shared if cell is not None)
            if wanted:
                yield _Part(record, window, wanted)


@torch.inference_mode()
def predicted_cells(
    model: SegmentationModel,
    config: TrialConfig,
    data: TrialData,
    records: Sequence[ImageRecord],
    *,
    cells: Mapping[str, Sequence[Cell]] | None = None,
    layout: ComputeLayout,
) -> Iterator[tuple[ImageRecord, Cell, Tensor]]:
    """Predict images cell by cell.

    Probabilities are brought to the ORIGINAL image's pixels before the class is chosen, so that
    configurations with different scales answer for the same pixels.

    Args:
        model: In evaluation mode.
        config: Gives image_scale and crop_size.
        data: Where the images are.
        records: Which images.
        cells: Rectangles wanted, by image name; None for everything.
        layout: Precision and memory layout.

    Yields:
        Image, rectangle of the original image, and its predicted classes (height, width), uint8.

    Raises:
        NonFinitePredictionError: If a probability is NaN or infinite.
    """
    device = next(model.parameters()).device
    parts = list(_wanted_parts(records, config, cells))
    for first in range(0, len(parts), WINDOWS_PER_BATCH):
        batch = parts[first : first + WINDOWS_PER_BATCH]
        images = np.stack([_window_image(part, config, data) for part in batch])
        with layout.computing(device):
            probabilities = model.probabilities(normalised(images, device, channels_last=layout.channels_last))
        if not bool(torch.isfinite(probabilities).all()):
            raise NonFinitePredictionError
        for part, of_window in zip(batch, probabilities, strict=True):
            for cell in part.wanted:
                at_original_size = _cell_probabilities(of_window, part, cell, config)
                # max() instead of argmax(), which is five times slower on CPUs.
                yield part.record, cell, at_original_size.max(dim=0).indices.to(torch.uint8)


def _window_image(part: _Part, config: TrialConfig, data: TrialData) -> NDArray[np.uint8]:
    size = config.crop_size
    crop = Crop(part.window.top, part.window.left, size, size, mirrored=False, upside_down=False)
    return cut_crop(data.image(part.record, config.image_scale), None, crop)[0]


def _cell_probabilities(probabilities: Tensor, part: _Part, cell: Cell, config: TrialConfig) -> Tensor:
    """(C, cell height, cell width) of the original image from a window's (C, size, size)."""
    record, window = part.record, part.window
    scaled_height, scaled_width = scaled_size(record.height, record.width, config.image_scale)
    if (scaled_height, scaled_width) == (record.height, record.width):
        rows = slice(cell.top - window.top, cell.bottom - window.top)
        return probabilities[:, rows, cell.left - window.left : cell.right - window.left]
    size = config.crop_size
    y = _centres(cell.top, cell.bottom, scaled_height / record.height) - window.top
    x = _centres(cell.left, cell.right, scaled_width / record.width) - window.left
    # Beyond the image there is padding, beyond the window nothing: both answer with their nearest pixel.
    y = y.clamp(0, min(size, scaled_height - window.top) - 1)
    x = x.clamp(0, min(size, scaled_width - window.left) - 1)
    # grid_sample counts from -1 to 1, from border to border of the window.
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    grid = ((grid + 0.5) * 2 / size - 1).to(probabilities.device)
    sampled = functional.grid_sample(
        probabilities.unsqueeze(0),
        grid.unsqueeze(0),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    return sampled[0]


def _centres(first: int, end: int, scale: float) -> Tensor:
    """Where the centres of original pixels lie in the scaled image, px from the centre of its first one."""
    return (torch.arange(first, end, dtype=torch.float32) + 0.5) * scale - 0.5


def evaluate_part(
    model: SegmentationModel, config: TrialConfig, data: TrialData, part: str, layout: ComputeLayout
) -> PartEvaluation:
    """Compare a model's predictions with the masks of a part of the data, at the masks' own resolution.

    Args:
        model: In evaluation mode.
        config: Gives image_scale and crop_size.
        data: The data; it may limit "validation" to some windows, while other parts are always covered in
            full.
        part: "validation" or "test".
        layout: Precision and memory layout.

    Raises:
        NonFinitePredictionError: If a probability is NaN or infinite.
    """
    records = data.records(part)
    cells = data.cells(part)
    if cells is not None:
        records = tuple(record for record in records if record.name in cells)
    group_of = {record.photo: record.capture if data.split.by == "capture" else record.photo for record in records}
    photos = tuple(sorted(group_of))
    places = {photo: place for place, photo in enumerate(photos)}
    classes = len(data.classes.names)
    confusion = np.zeros((len(photos), classes, classes), dtype=np.int64)
    for record, cell, prediction in predicted_cells(model, config, data, records, cells=cells, layout=layout):
        mask = data.mask(record)[cell.top : cell.bottom, cell.left : cell.right]
        truth = torch.from_numpy(mask.copy()).to(prediction.device)
        confusion[places[record.photo]] += confusion_matrix(truth, prediction, classes)
    return PartEvaluation(photos, tuple(group_of[photo] for photo in photos), confusion)
