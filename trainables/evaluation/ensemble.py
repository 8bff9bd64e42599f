"""Evaluation of several models as one: the mean of their probabilities decides."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from spaces.configuration import TrialConfig
from trainables.compute.precision import ComputeLayout
from trainables.data.trial_data import TrialData
from trainables.data.validation_cells import Cell
from trainables.evaluation.evaluation import PartCounts, PartEvaluation, records_of, wanted_images
from trainables.evaluation.settings import PLAIN_EVALUATION, EvaluationSettings
from trainables.evaluation.sliding_window import Block, Rows, most_probable, predicted_rows
from trainables.models.segmentation_model import SegmentationModel


@dataclass(frozen=True, slots=True)
class Member:
    """One model of an ensemble.

    Attributes:
        model: In evaluation mode; all members' lie on one device.
        config: Gives image_scale and crop_size, which may differ between members.
        layout: Precision and memory layout.
    """

    model: SegmentationModel
    config: TrialConfig
    layout: ComputeLayout


def evaluate_ensemble(
    members: Sequence[Member],
    data: TrialData,
    part: str,
    *,
    settings: EvaluationSettings = PLAIN_EVALUATION,
) -> PartEvaluation:
    """Compare the mean prediction of several models with the masks of a part of the data.

    Counted as in `trainables.evaluation.evaluation.evaluate_part`, at the masks' own resolution: each member's
    probabilities are brought to the original pixels before they are averaged.

    Args:
        members: At least one.
        data: The data.
        part: "validation" or "test".
        settings: Overlap and test-time augmentation, the same for all members.

    Raises:
        NonFinitePredictionError: If a probability is NaN or infinite.
    """
    records = records_of(data, part)
    counts = PartCounts(records, data, None)
    streams = [
        predicted_rows(
            member.model,
            member.config,
            wanted_images(records, member.config, data, data.cells(part)),
            settings=settings,
            layout=member.layout,
        )
        for member in members
    ]
    for block in averaged_blocks(streams):
        counts.add([block])
    return counts.evaluation()


def averaged_blocks(streams: Sequence[Iterator[Rows]]) -> Iterator[Block]:
    """Average what several models say of the same pieces.

    Their windows may differ in size, so rows are held back until every model has answered for them; no more is held
    than one of a model's rows of windows.

    Args:
        streams: One per model, of the same pieces in the same order, each piece from top to bottom.

    Yields:
        Blocks that cover each piece once.

    Raises:
        ValueError: The streams are not of the same pieces.
    """
    held: list[Rows | None] = [None] * len(streams)
    while True:
        for place, stream in enumerate(streams):
            if held[place] is None:
                held[place] = next(stream, None)
        rows = [one for one in held if one is not None]
        if not rows:
            return
        if len(rows) < len(streams) or len({(one.image, one.piece, one.cell.top) for one in rows}) > 1:
            raise ValueError("the models of an ensemble were given different images")
        bottom = min(one.cell.bottom for one in rows)
        yield _averaged(rows, bottom)
        held = [_below(one, bottom) for one in rows]


@torch.inference_mode()
def _averaged(rows: Sequence[Rows], bottom: int) -> Block:
    first = rows[0]
    height = bottom - first.cell.top
    mean: Tensor = torch.stack([one.probabilities[:, :height] for one in rows]).mean(dim=0)
    confidence, classes = most_probable(mean[None])
    cell = Cell(first.cell.top, bottom, first.cell.left, first.cell.right)
    return Block(first.image, first.piece, cell, classes[0], confidence[0])


def _below(rows: Rows, bottom: int) -> Rows | None:
    """What is left of rows under `bottom`; None if nothing is."""
    cell = rows.cell
    if cell.bottom == bottom:
        return None
    rest = Cell(bottom, cell.bottom, cell.left, cell.right)
    return Rows(rows.image, rows.piece, rest, rows.probabilities[:, bottom - cell.top :])
