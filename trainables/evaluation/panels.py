"""Pictures of predictions: image, truth and prediction side by side, of typical and of the worst windows."""

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from spaces.configuration import TrialConfig
from trainables.compute.precision import PLAIN_LAYOUT, ComputeLayout
from trainables.data.dataset import IGNORE_INDEX, ClassMapping, ImageRecord
from trainables.data.trial_data import VALIDATION_WINDOW_SIZE, TrialData
from trainables.data.validation_cells import Cell, spread_cells
from trainables.evaluation.confusion import confusion_matrix, foreground_miou
from trainables.evaluation.evaluation import predicted_cells
from trainables.models.segmentation_model import SegmentationModel

GAP = 4
"""White columns between the pictures of a panel, px."""

IGNORED_COLOUR = (128, 128, 128)
"""Pixels without a class."""

ERROR_COLOUR = (213, 94, 0)
"""Wrong pixels; a colour that the colour-blind tell from grey."""

MOST_CASES = 200
"""Windows among which the worst are looked for: pictures may cost no more than a moment."""

LEAST_FOREGROUND = 0.01
"""Share of a window's pixels that must have a class other than the background."""


@dataclass(frozen=True, slots=True)
class Case:
    """A window of the test part as a model sees it.

    Attributes:
        name: Unique, of the form "capture/file at row 256, column 512".
        kind: `typical` or `worst`.
        miou: The window's own foreground mIoU.
        of: Among how many windows it was chosen.
        png: PNG file: image | truth | prediction | errors.
    """

    name: str
    kind: Literal["typical", "worst"]
    miou: float
    of: int
    png: bytes


@dataclass(frozen=True, slots=True)
class _Window:
    """A wanted rectangle of an image, and the classes predicted there."""

    record: ImageRecord
    cell: Cell
    predicted: NDArray[np.uint8]

    @property
    def name(self) -> str:
        return f"{self.record.name} at row {self.cell.top}, column {self.cell.left}"

    @property
    def place(self) -> tuple[slice, slice]:
        return slice(self.cell.top, self.cell.bottom), slice(self.cell.left, self.cell.right)


def prediction_panels(
    model: SegmentationModel,
    config: TrialConfig,
    data: TrialData,
    count: int,
    *,
    layout: ComputeLayout = PLAIN_LAYOUT,
) -> list[tuple[str, bytes]]:
    """Draw windows of the validation part, spread evenly over it.

    Args:
        model: In evaluation mode; `Trainer.best_model` for the best of a trial.
        config: What it was trained with.
        data: The data.
        count: Panels at most.
        layout: Precision and memory layout.

    Returns:
        (name, PNG file): image | truth | prediction, in the mapping's colours; pixels without a class are
        grey. Names are unique, of the form "capture/file at row 256, column 512".
    """
    windows = _predicted_windows(model, config, data, "validation", count=count, layout=layout)
    return [(window.name, png_file(side_by_side(*_pictures(window, data)))) for window in windows]


def typical_and_worst(
    model: SegmentationModel,
    config: TrialConfig,
    data: TrialData,
    *,
    typical: int,
    worst: int,
    among: int = MOST_CASES,
    layout: ComputeLayout = PLAIN_LAYOUT,
) -> list[Case]:
    """Draw windows of the test part: those in the middle by foreground mIoU, and those with the lowest.

    Windows with hardly any foreground are left out, whose mIoU a few pixels decide.

    Args:
        model: In evaluation mode.
        config: What it was trained with.
        data: The data.
        typical: How many around the median at most.
        worst: How many of the lowest at most.
        among: Windows to choose from at most, spread evenly over the part.
        layout: Precision and memory layout.

    Returns:
        The typical ones, then the worst, the lowest first; no window twice.
    """
    scored: list[tuple[float, _Window]] = []
    for window in _predicted_windows(model, config, data, "test", count=among, layout=layout):
        truth = data.mask(window.record)[window.place]
        foreground = (truth != IGNORE_INDEX) & (truth > 0)
        if foreground.mean() < LEAST_FOREGROUND:
            continue
        matrix = confusion_matrix(
            torch.from_numpy(truth.copy()), torch.from_numpy(window.predicted), len(data.classes.names)
        )
        scored.append((foreground_miou(matrix), window))
    scored.sort(key=lambda entry: (entry[0], entry[1].name))
    lowest = scored[:worst]
    others = scored[worst:]
    first = max(0, min(len(scored) // 2 - worst - typical // 2, len(others) - typical))
    chosen = [("typical", entry) for entry in others[first : first + typical]] + [("worst", entry) for entry in lowest]
    return [
        Case(
            name=window.name,
            kind="typical" if kind == "typical" else "worst",
            miou=miou,
            of=len(scored),
            png=png_file(side_by_side(*_pictures(window, data), _errors(window, data))),
        )
        for kind, (miou, window) in chosen
    ]


def _predicted_windows(
    model: SegmentationModel, config: TrialConfig, data: TrialData, part: str, *, count: int, layout: ComputeLayout
) -> list[_Window]:
    """Windows spread evenly over a part, with what the model makes of them."""
    records = data.records(part)
    cells = spread_cells(records, VALIDATION_WINDOW_SIZE, count)
    windows = {
        (record.name, cell): _Window(
            record, cell, np.full((cell.bottom - cell.top, cell.right - cell.left), IGNORE_INDEX, np.uint8)
        )
        for record in records
        for cell in cells.get(record.name, ())
    }
    chosen = [record for record in records if record.name in cells]
    # A network's windows may cover several wanted cells or parts of them: put the parts together.
    for record, found, predicted in predicted_cells(model, config, data, chosen, cells=cells, layout=layout):
        for cell in cells[record.name]:
            shared = cell.intersection(found)
            if shared is not None:
                rows = slice(shared.top - cell.top, shared.bottom - cell.top)
                columns = slice(shared.left - cell.left, shared.right - cell.left)
                windows[record.name, cell].predicted[rows, columns] = predicted.cpu().numpy()[
                    shared.top - found.top : shared.bottom - found.top,
                    shared.left - found.left : shared.right - found.left,
                ]
    return list(windows.values())


def _pictures(window: _Window, data: TrialData) -> tuple[NDArray[np.uint8], ...]:
    """Image, truth and prediction of a window."""
    return (
        data.image(window.record)[window.place],
        coloured(data.mask(window.record)[window.place], data.classes),
        coloured(window.predicted, data.classes),
    )


def _errors(window: _Window, data: TrialData) -> NDArray[np.uint8]:
    """The image in faint grey, with the wrong pixels in one colour."""
    truth = data.mask(window.record)[window.place]
    grey = data.image(window.record)[window.place].mean(axis=2, keepdims=True)
    picture: NDArray[np.uint8] = np.repeat(128 + grey / 2, 3, axis=2).astype(np.uint8)
    picture[(truth != IGNORE_INDEX) & (truth != window.predicted)] = ERROR_COLOUR
    return picture


def coloured(classes: NDArray[np.uint8], mapping: ClassMapping) -> NDArray[np.uint8]:
    """(H, W) class indices in the mapping's colours: (H, W, 3), RGB."""
    palette = np.full((256, 3), IGNORED_COLOUR, dtype=np.uint8)
    palette[: len(mapping.colours)] = mapping.colours
    return palette[classes]


def side_by_side(*pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pictures of one height, (H, W, 3) each, from left to right with a white gap between them."""
    gap = np.full((pictures[0].shape[0], GAP, 3), 255, dtype=np.uint8)
    row = [part for picture in pictures for part in (gap, picture)]
    return np.concatenate(row[1:], axis=1)


def png_file(picture: NDArray[np.uint8]) -> bytes:
    """A PNG file of an (H, W, 3) RGB picture."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
