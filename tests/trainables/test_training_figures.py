import pytest
import torch

from trainables.training_figures import TrainingFigures, losses_are_finite
from trainables.training_step import StepResult


def step(loss: float, kept: tuple[int, ...] | None = None, valid: int = 0) -> StepResult:
    return StepResult(
        losses=torch.tensor([loss, 1.0, 2.0, 3.0, 4.0, 5.0 if kept else 0.0]),
        kept=None if kept is None else torch.tensor(kept),
        valid=None if kept is None else torch.tensor(valid),
        learning_rate=loss / 10,
        images=8,
    )


def test_means_and_shares() -> None:
    figures = TrainingFigures()
    for result in (step(1.0), step(2.0, (3, 1), 10), step(6.0, (2, 2), 10)):
        figures.add(result)
    metrics = figures.metrics(("Ground", "Snake Fruit"))
    assert metrics["loss"] == 3.0
    assert metrics["loss_selftraining"] == pytest.approx(5.0)
    assert metrics["learning_rate"] == pytest.approx(0.6)
    assert metrics["mask_ratio"] == pytest.approx(8 / 20)
    assert metrics["pseudo_share_0_ground"] == pytest.approx(5 / 8)
    assert metrics["pseudo_share_1_snake_fruit"] == pytest.approx(3 / 8)


def test_without_pseudo_labels_there_are_no_shares() -> None:
    for results in ((step(1.0),), (step(1.0, (0, 0), 10),)):
        figures = TrainingFigures()
        for result in results:
            figures.add(result)
        metrics = figures.metrics(("Ground", "Snake Fruit"))
        assert metrics["mask_ratio"] == 0
        assert not any(name.startswith("pseudo_share") for name in metrics)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_losses_that_are_no_numbers(loss: float) -> None:
    assert losses_are_finite(step(1.0))
    assert not losses_are_finite(step(loss))
