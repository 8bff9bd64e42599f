"""Pictures of predictions: image, truth and prediction side by side."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spaces.configuration import TrialConfig
from trainables.compute.precision import PLAIN_LAYOUT, ComputeLayout
from trainables.data.dataset import IGNORE_INDEX, ClassMapping
from trainables.data.trial_data import VALIDATION_WINDOW_SIZE, TrialData
from trainables.data.validation_cells import spread_cells
from trainables.evaluation.evaluation import predicted_cells
from trainables.models.segmentation_model import SegmentationModel

GAP = 4
"""White columns between the pictures of a panel, px."""

IGNORED_COLOUR = (128, 128, 128)
"""Pixels without a class."""


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
    records = data.records("validation")
    cells = spread_cells(records, VALIDATION_WINDOW_SIZE, count)
    chosen = [record for record in records if record.name in cells]
    predictions = {
        (record.name, cell): np.full((cell.bottom - cell.top, cell.right - cell.left), IGNORE_INDEX, np.uint8)
        for record in chosen
        for cell in cells[record.name]
    }
    # A network's windows may cover several wanted cells or parts of them: put the parts together.
    for record, part, predicted in predicted_cells(
        model,
        config,
        data,
        chosen,
        cells=cells,
        layout=layout,
    ):
        for cell in cells[record.name]:
            shared = cell.intersection(part)
            if shared is not None:
                rows = slice(shared.top - cell.top, shared.bottom - cell.top)
                columns = slice(shared.left - cell.left, shared.right - cell.left)
                predictions[record.name, cell][rows, columns] = predicted.cpu().numpy()[
                    shared.top - part.top : shared.bottom - part.top,
                    shared.left - part.left : shared.right - part.left,
                ]
    panels = []
    for record in chosen:
        for cell in cells[record.name]:
            place = (slice(cell.top, cell.bottom), slice(cell.left, cell.right))
            panel = side_by_side(
                data.image(record)[place],
                coloured(data.mask(record)[place], data.classes),
                coloured(predictions[record.name, cell], data.classes),
            )
            panels.append((f"{record.name} at row {cell.top}, column {cell.left}", png_file(panel)))
    return panels


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
