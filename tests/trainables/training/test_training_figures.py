from dataclasses import replace

import pytest
import torch

from trainables.training.training_figures import TrainingFigures
from trainables.training.training_step import StepResult

LABEL_SHARES = (0.25, 0.75)


def step(loss: float, kept: tuple[float, ...] | None = None, valid: int = 0) -> StepResult:
    return StepResult(
        losses=torch.tensor([loss, 1.0, 2.0, 3.0, 4.0, 5.0 if kept else 0.0]),
        kept=None if kept is None else torch.tensor(kept),
        valid=None if kept is None else torch.tensor(valid),
        failed=torch.tensor(False),
        learning_rate=loss / 10,
        images=8,
        micro_batch=int(loss),
    )


def test_means_and_shares() -> None:
    figures = TrainingFigures()
    for result in (step(1.0), step(2.0, (2.5, 1.5), 10), step(6.0, (2, 2), 10)):
        figures.add(result)
    metrics = figures.metrics(("Ground", "Snake Fruit"), LABEL_SHARES)
    assert metrics["loss"] == 3.0
    assert metrics["loss_selftraining"] == pytest.approx(5.0)
    assert metrics["learning_rate"] == pytest.approx(0.6)
    assert metrics["micro_batch"] == 6
    assert metrics["mask_ratio"] == pytest.approx(8 / 20)
    assert metrics["label_share_0_ground"] == 0.25
    assert metrics["label_share_1_snake_fruit"] == 0.75
    assert metrics["pseudo_share_0_ground"] == pytest.approx(4.5 / 8)
    assert metrics["pseudo_share_1_snake_fruit"] == pytest.approx(3.5 / 8)


def test_without_pseudo_labels_there_are_no_shares() -> None:
    for results in ((step(1.0),), (step(1.0, (0, 0), 10),)):
        figures = TrainingFigures()
        for result in results:
            figures.add(result)
        metrics = figures.metrics(("Ground", "Snake Fruit"), LABEL_SHARES)
        assert metrics["mask_ratio"] == 0
        assert not any(name.startswith("pseudo_share") for name in metrics)


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), -float("inf")])
def test_losses_of_skipped_steps_are_left_out(loss: float) -> None:
    figures = TrainingFigures()
    figures.add(step(1.0))
    figures.add(replace(step(1.0), losses=torch.full((6,), loss)))
    figures.add(step(4.0))
    metrics = figures.metrics(("Ground", "Snake Fruit"), LABEL_SHARES)
    assert metrics["loss"] == 2.5
    assert metrics["loss_dice"] == 2.0


def test_pixels_are_counted_beyond_the_precision_of_float32() -> None:
    figures = TrainingFigures()
    for _ in range(40):
        figures.add(step(1.0, (3_000_001, 1), 3_000_002))
    assert figures.metrics(("Ground", "Snake Fruit"), LABEL_SHARES)["mask_ratio"] == 1.0
