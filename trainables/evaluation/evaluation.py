"""Evaluation of a model on a part of the data: everything is counted as the windows pass, nothing is kept."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spaces.configuration import TrialConfig
from trainables.compute.precision import ComputeLayout
from trainables.data.dataset import ImageRecord
from trainables.data.trial_data import TrialData
from trainables.data.validation_cells import Cell
from trainables.evaluation.boundary_iou import BoundaryCounts, boundary_counts
from trainables.evaluation.calibration import CalibrationCounts, calibration_counts
from trainables.evaluation.confusion import confusion_matrix, foreground_miou
from trainables.evaluation.pseudo_label_check import PseudoLabelCounts, pseudo_label_counts
from trainables.evaluation.settings import PLAIN_EVALUATION, EvaluationSettings
from trainables.evaluation.sliding_window import Block, NonFinitePredictionError, predicted_blocks
from trainables.evaluation.windows import WantedImage
from trainables.models.segmentation_model import SegmentationModel
from trainables.selftraining.strategy import ThresholdStrategy

__all__ = ["NonFinitePredictionError", "PartEvaluation", "evaluate_part", "predicted_cells"]


@dataclass(frozen=True, slots=True)
class PartEvaluation:
    """What a model made of a part of the data.

    Attributes:
        photos: Names of the source photos, sorted; the units that a bootstrap draws.
        photo_groups: For each photo, its group: its capture where the split is by capture, else the photo
            itself.
        photo_confusion: (P, C, C), pixels by photo; rows the true class, columns the predicted one.
        boundary: Boundary pixels by class.
        calibration: Pixels by confidence.
        pseudo_labels: What the predictions would be worth as pseudo-labels; None where no strategy was given.
    """

    photos: tuple[str, ...]
    photo_groups: tuple[str, ...]
    photo_confusion: NDArray[np.int64]
    boundary: BoundaryCounts
    calibration: CalibrationCounts
    pseudo_labels: PseudoLabelCounts | None

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

    @property
    def boundary_ious(self) -> NDArray[np.float64]:
        """Boundary IoU of each class, (C,); NaN for a class without any contour in the truth."""
        return self.boundary.ious

    @property
    def boundary_miou(self) -> float:
        """Mean boundary IoU of the foreground classes; NaN where none has a contour."""
        return self.boundary.miou

    @property
    def calibration_error(self) -> float:
        """Expected calibration error, 0 to 1; NaN where the part has no labelled pixel."""
        return self.calibration.error

    @property
    def pseudo_precision(self) -> float | None:
        """Share of right labels among the trusted pseudo-labels; NaN where none is trusted."""
        return None if self.pseudo_labels is None else self.pseudo_labels.precision

    @property
    def pseudo_precisions(self) -> NDArray[np.float64] | None:
        """The same for each pseudo-label's class, (C,); NaN where none of it is trusted."""
        return None if self.pseudo_labels is None else self.pseudo_labels.precisions

    @property
    def mask_ratio(self) -> float | None:
        """Mean weight of the part's pseudo-labels, 0 to 1."""
        return None if self.pseudo_labels is None else self.pseudo_labels.mask_ratio


def predicted_cells(
    model: SegmentationModel,
    config: TrialConfig,
    data: TrialData,
    records: Sequence[ImageRecord],
    *,
    cells: Mapping[str, Sequence[Cell]] | None = None,
    layout: ComputeLayout,
    settings: EvaluationSettings = PLAIN_EVALUATION,
) -> Iterator[tuple[ImageRecord, Cell, Tensor]]:
    """Predict images of a data set, rectangle by rectangle.

    Args:
        model: In evaluation mode.
        config: Gives image_scale and crop_size.
        data: Where the images are.
        records: Which images.
        cells: Rectangles wanted, by image name; None for everything.
        layout: Precision and memory layout.
        settings: Overlap and test-time augmentation.

    Yields:
        Image, rectangle of the original image, and its predicted classes (height, width), uint8.

    Raises:
        NonFinitePredictionError: If a probability is NaN or infinite.
    """
    images = wanted_images(records, config, data, cells)
    for blocks in predicted_blocks(model, config, images, settings=settings, layout=layout):
        for block in blocks:
            yield records[block.image], block.cell, block.classes


def wanted_images(
    records: Iterable[ImageRecord], config: TrialConfig, data: TrialData, cells: Mapping[str, Sequence[Cell]] | None
) -> Iterator[WantedImage]:
    """Images to be predicted, at a configuration's scale; `cells` as in `predicted_cells`."""
    for record in records:
        pieces = (Cell(0, record.height, 0, record.width),) if cells is None else cells.get(record.name, ())
        read = partial(data.image, record, config.image_scale)
        yield WantedImage(record.height, record.width, pieces, read)


def evaluate_part(
    model: SegmentationModel,
    config: TrialConfig,
    data: TrialData,
    part: str,
    layout: ComputeLayout,
    *,
    settings: EvaluationSettings = PLAIN_EVALUATION,
    strategy: ThresholdStrategy | None = None,
) -> PartEvaluation:
    """Compare a model's predictions with the masks of a part of the data, at the masks' own resolution.

    Contours are judged in pieces: whole images where the part is covered in full, else its single windows.

    Args:
        model: In evaluation mode.
        config: Gives image_scale and crop_size.
        data: The data; it may limit "validation" to some windows, while other parts are always covered in
            full.
        part: "validation" or "test".
        layout: Precision and memory layout.
        settings: Overlap and test-time augmentation.
        strategy: Weighs the predictions as if they were pseudo-labels, to see how many of those it trusts are
            right.

    Raises:
        NonFinitePredictionError: If a probability is NaN or infinite.
    """
    records = records_of(data, part)
    counts = PartCounts(records, data, strategy)
    images = wanted_images(records, config, data, data.cells(part))
    for blocks in predicted_blocks(model, config, images, settings=settings, layout=layout):
        counts.add(blocks)
    return counts.evaluation()


def records_of(data: TrialData, part: str) -> tuple[ImageRecord, ...]:
    """The images of a part that are looked at."""
    cells = data.cells(part)
    return tuple(record for record in data.records(part) if cells is None or record.name in cells)


class PartCounts:
    """Counts blocks as they come, and puts the pieces together whose contours are judged."""

    def __init__(self, records: Sequence[ImageRecord], data: TrialData, strategy: ThresholdStrategy | None) -> None:
        """Begin with nothing counted; blocks name their image by its place in `records`."""
        self._records = records
        self._data = data
        self._strategy = strategy
        by_capture = data.split.by == "capture"
        self._group_of = {record.photo: record.capture if by_capture else record.photo for record in records}
        self._photos = tuple(sorted(self._group_of))
        self._places = {photo: place for place, photo in enumerate(self._photos)}
        self._classes = len(data.classes.names)
        self._confusion = np.zeros((len(self._photos), self._classes, self._classes), dtype=np.int64)
        self._boundary = BoundaryCounts.none(self._classes)
        self._calibration = CalibrationCounts.none()
        self._pseudo_labels = None if strategy is None else PseudoLabelCounts.none(self._classes)
        # Predictions of pieces that are not complete, and how many of their pixels are missing.
        self._pieces: dict[tuple[int, Cell], tuple[NDArray[np.uint8], int]] = {}

    def add(self, blocks: Sequence[Block]) -> None:
        """Count a batch's blocks, the neighbours of one photo together."""
        for photo, of_photo in groupby(blocks, key=lambda block: self._records[block.image].photo):
            self._add_photo(photo, list(of_photo))

    def _add_photo(self, photo: str, blocks: Sequence[Block]) -> None:
        masks = [self._mask(block.image, block.cell).ravel() for block in blocks]
        prediction = _flat([block.classes for block in blocks])
        confidence = _flat([block.confidence for block in blocks])
        truth = torch.from_numpy(np.concatenate(masks)).to(prediction.device, non_blocking=True)
        self._confusion[self._places[photo]] += confusion_matrix(truth, prediction, self._classes)
        self._calibration += calibration_counts(truth, prediction, confidence)
        if self._strategy is not None and self._pseudo_labels is not None:
            self._pseudo_labels += pseudo_label_counts(truth, prediction, confidence, self._strategy, self._classes)
        # One transfer for all blocks; each keeps its place in the row of pixels.
        pixels = prediction.cpu().numpy()
        first = 0
        for block in blocks:
            self._add_to_piece(block, pixels[first : first + block.classes.numel()].reshape(block.classes.shape))
            first += block.classes.numel()

    def _add_to_piece(self, block: Block, prediction: NDArray[np.uint8]) -> None:
        piece, cell = block.piece, block.cell
        if cell != piece:
            key = (block.image, piece)
            height, width = piece.bottom - piece.top, piece.right - piece.left
            if key not in self._pieces:
                self._pieces[key] = (np.empty((height, width), dtype=np.uint8), height * width)
            whole, missing = self._pieces.pop(key)
            rows = slice(cell.top - piece.top, cell.bottom - piece.top)
            whole[rows, cell.left - piece.left : cell.right - piece.left] = prediction
            missing -= prediction.size
            if missing:
                self._pieces[key] = (whole, missing)
                return
            prediction = whole
        self._boundary += boundary_counts(self._mask(block.image, piece), prediction, self._classes)

    def _mask(self, image: int, cell: Cell) -> NDArray[np.uint8]:
        return self._data.mask(self._records[image])[cell.top : cell.bottom, cell.left : cell.right]

    def evaluation(self) -> PartEvaluation:
        """All that was counted."""
        return PartEvaluation(
            photos=self._photos,
            photo_groups=tuple(self._group_of[photo] for photo in self._photos),
            photo_confusion=self._confusion,
            boundary=self._boundary,
            calibration=self._calibration,
            pseudo_labels=self._pseudo_labels,
        )


def _flat(values: Sequence[Tensor]) -> Tensor:
    return torch.cat([value.flatten() for value in values])
