"""Several models as one: averaged at the original pixels, counted as a single model's predictions are."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from spaces.configuration import TrialConfig
from tests.trainables.small_model import SmallModel
from tests.trainables.small_trial import small_config, small_data
from trainables.compute.precision import ComputeLayout
from trainables.data.validation_cells import Cell
from trainables.evaluation.ensemble import Member, averaged_blocks, evaluate_ensemble
from trainables.evaluation.evaluation import evaluate_part
from trainables.evaluation.settings import EvaluationSettings
from trainables.evaluation.sliding_window import Rows

PLAIN = ComputeLayout("float32", channels_last=False)


class SureModel(SmallModel):
    """Says the same of every pixel."""

    def __init__(self, config: TrialConfig, shares: tuple[float, ...]) -> None:
        super().__init__(config, classes=4)
        self.shares = torch.tensor(shares).view(1, 4, 1, 1)

    def probabilities(self, images: Tensor) -> Tensor:
        return self.shares.expand(len(images), 4, *images.shape[2:])


def member(config: TrialConfig, shares: tuple[float, ...] | None = None, seed: int = 0) -> Member:
    torch.manual_seed(seed)
    model = SmallModel(config, classes=4) if shares is None else SureModel(config, shares)
    return Member(model.eval(), config, PLAIN)


@pytest.mark.parametrize("overlap", [0.0, 0.5])
@pytest.mark.parametrize("changes", [{}, {"crop_size": 64, "image_scale": 0.5}])
def test_a_model_with_itself_is_the_model(changes: dict[str, float], overlap: float) -> None:
    config, data, settings = small_config(**({"crop_size": 32} | changes)), small_data(), EvaluationSettings(overlap)
    one = member(config)
    alone = evaluate_part(one.model, config, data, "test", PLAIN, settings=settings)
    together = evaluate_ensemble([one, one], data, "test", settings=settings)
    assert together.photos == alone.photos
    assert (together.photo_confusion == alone.photo_confusion).all()
    assert together.boundary_miou == pytest.approx(alone.boundary_miou, nan_ok=True)
    assert together.calibration_error == pytest.approx(alone.calibration_error)


def test_the_mean_decides_whatever_the_members_window_sizes() -> None:
    """Neither member alone says class 2, and their windows share no border."""
    first = member(small_config(crop_size=32), (0.55, 0.0, 0.45, 0.0))
    second = member(small_config(crop_size=64, image_scale=2.0), (0.0, 0.55, 0.45, 0.0))
    data = small_data()
    predicted = evaluate_ensemble([first, second], data, "test").total_confusion.sum(axis=0)
    truth = evaluate_part(first.model, first.config, data, "test", PLAIN).total_confusion
    assert predicted.tolist() == [0, 0, int(truth.sum()), 0]
    assert np.flatnonzero(truth.sum(axis=0)).tolist() == [0]


def rows_of(*bottoms: int, image: int = 0) -> Iterator[Rows]:
    piece, top = Cell(0, bottoms[-1], 0, 3), 0
    for bottom in bottoms:
        yield Rows(image, piece, Cell(top, bottom, 0, 3), torch.rand(4, bottom - top, 3))
        top = bottom


def test_blocks_cover_each_piece_once() -> None:
    blocks = list(averaged_blocks([rows_of(2, 7, 9), rows_of(5, 9), rows_of(9)]))
    assert [(block.cell.top, block.cell.bottom) for block in blocks] == [(0, 2), (2, 5), (5, 7), (7, 9)]
    assert all(block.classes.shape == (block.cell.bottom - block.cell.top, 3) for block in blocks)


def test_models_that_saw_different_images_are_an_error() -> None:
    with pytest.raises(ValueError, match="different images"):
        list(averaged_blocks([rows_of(4), rows_of(4, image=1)]))
    with pytest.raises(ValueError, match="different images"):
        list(averaged_blocks([rows_of(4), iter(())]))
