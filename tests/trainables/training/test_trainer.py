from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from spaces.configuration import OFF
from spaces.errors import InputError
from tests.trainables.small_model import SmallModel
from tests.trainables.small_trial import SmallDataset, positions, small_config, small_data, small_schedule, small_split
from trainables.compute.precision import ComputeLayout
from trainables.data.trial_data import TrialData
from trainables.models import registry
from trainables.training.divergence import DivergedError
from trainables.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("small_model")

SCHEDULE = small_schedule()


def trainer(data: TrialData | None = None, *, seed: int = 0, **changes: Any) -> Trainer:
    schedule = changes.pop("schedule", SCHEDULE)
    options = {key: changes.pop(key) for key in ("layout", "loader", "evaluation") if key in changes}
    return Trainer(small_config(**changes), schedule, data or small_data(), seed=seed, **options)


def test_advances_from_evaluation_to_evaluation() -> None:
    training = trainer()
    steps = []
    while not training.finished:
        steps.append(training.advance()["step"])
    assert steps == [4, 8, 10]
    with pytest.raises(RuntimeError, match="finished"):
        training.advance()


def test_metrics() -> None:
    training = trainer()
    metrics = training.advance()
    assert {
        "step", "miou", "best_miou", "iou_0_ground", "iou_1_snake_fruit", "iou_2_road",
        "loss", "loss_cross_entropy", "loss_dice", "loss_focal", "loss_supervised", "loss_selftraining",
        "mask_ratio", "pseudo_share_0_ground", "pseudo_share_1_snake_fruit", "pseudo_share_2_road",
        "pseudo_share_3_never", "learning_rate", "steps_per_second", "images_seen", "unreadable_images",
        "train_seconds", "evaluation_seconds", "data_wait_seconds", "micro_batch",
        "boundary_miou", "calibration_error", "pseudo_precision", "validation_mask_ratio",
        "label_share_0_ground", "label_share_1_snake_fruit", "label_share_2_road", "label_share_3_never",
    } == {name for name in metrics if not name.startswith("pseudo_precision_")}  # fmt: skip
    assert all(np.isfinite(value) for value in metrics.values())
    assert metrics["miou"] == pytest.approx((metrics["iou_1_snake_fruit"] + metrics["iou_2_road"]) / 2)
    assert metrics["images_seen"] == 4 * 2 + 2 * 2
    assert metrics["loss_supervised"] == pytest.approx(
        0.4 * metrics["loss_cross_entropy"] + 0.4 * metrics["loss_dice"] + 0.2 * metrics["loss_focal"], rel=1e-5
    )
    # Half of these four steps had pseudo-labels, and both means are over the steps they belong to.
    assert metrics["loss"] == pytest.approx(
        metrics["loss_supervised"] + 1.5 * metrics["loss_selftraining"] / 2, rel=1e-5
    )
    assert metrics["mask_ratio"] == 1.0
    assert metrics["micro_batch"] == 4
    assert 0 < metrics["data_wait_seconds"] < metrics["train_seconds"]
    assert sum(v for name, v in metrics.items() if name.startswith("label_share")) == pytest.approx(1)
    assert sum(v for name, v in metrics.items() if name.startswith("pseudo_share")) == pytest.approx(1)


def test_it_learns() -> None:
    schedule = replace(SCHEDULE, max_steps=120, eval_every=120, ema_decay=0.9)
    training = trainer(schedule=schedule, batch_size=4, class_weight_cap=2.0)
    untrained = training.evaluate("validation", best=False).miou
    assert training.advance()["miou"] > max(0.5, untrained + 0.2)


def test_without_selftraining_the_teacher_never_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    original = SmallModel.probabilities

    def counted(self: SmallModel, images: Tensor) -> Tensor:
        calls.append(len(images))
        return original(self, images)

    monkeypatch.setattr(SmallModel, "probabilities", counted)
    dataset = SmallDataset()
    data = small_data(dataset)
    evaluation = trainer(data).evaluate("validation", best=False)
    monkeypatch.setattr(Trainer, "_timed_evaluation", lambda self: evaluation)
    without_unlabelled = TrialData(dataset, replace(small_split(dataset), unlabelled=positions(())))
    for training, passes in (
        (trainer(data), 2),
        (trainer(data, threshold_strategy=OFF), 0),
        (trainer(data, selftraining_weight=0.0), 0),
        (trainer(without_unlabelled), 0),
    ):
        calls.clear()
        metrics = training.advance()
        assert len(calls) == passes
        assert (metrics["mask_ratio"] > 0) == (passes > 0)
        assert metrics["images_seen"] == 8 + 2 * passes


@pytest.mark.parametrize("views", [1, 2])
def test_student_forward_runs_once_per_step(monkeypatch: pytest.MonkeyPatch, views: int) -> None:
    batches: list[int] = []
    original = SmallModel.forward

    def counted(self: SmallModel, images: Tensor, feature_scales: Any = None) -> Tensor:
        if self.training:
            batches.append(len(images))
        return original(self, images, feature_scales)

    monkeypatch.setattr(SmallModel, "forward", counted)
    trainer(strong_views=views).advance()
    assert batches == [2, 2, 2 + 2 * views, 2 + 2 * views]


def test_unreadable_unlabelled_images_are_counted() -> None:
    dataset = SmallDataset(broken=("c0/p4_patch_008",))
    schedule = replace(SCHEDULE, max_steps=8, eval_every=8)
    assert trainer(small_data(dataset), schedule=schedule).advance()["unreadable_images"] == 1


def test_best_model_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    training = trainer()
    assert training.best_miou == float("-inf")
    evaluations = []
    scores = iter((0.3, 0.6, 0.5))
    original = Trainer._timed_evaluation

    def scored(self: Trainer) -> Any:
        evaluations.append({name: value.clone() for name, value in self.model.state_dict().items()})
        evaluation = original(self)
        score = next(scores)
        monkeypatch.setattr(type(evaluation), "miou", score)
        return evaluation

    monkeypatch.setattr(Trainer, "_timed_evaluation", scored)
    assert [training.advance()["best_miou"] for _ in range(3)] == [0.3, 0.6, 0.6]
    state = training.best_model_state()
    assert state["step"] == 8
    assert state["miou"] == 0.6
    assert state["classes"]["names"][1] == "Snake Fruit"
    for name, value in state["model"].items():
        assert torch.equal(value, evaluations[1][name])
        assert torch.equal(training.model.state_dict()[name], evaluations[2][name])
    assert not torch.equal(evaluations[1]["encoder.convolution.weight"], evaluations[2]["encoder.convolution.weight"])


def test_not_a_number_ends_the_training_at_its_step() -> None:
    training = trainer(learning_rate=1.0, decoder_learning_rate_factor=1e30, gradient_clip_norm=1e30)
    with pytest.raises(DivergedError) as error:
        while not training.finished:
            training.advance()
    assert error.value.step == training.step < 10
    assert str(training.step) in str(error.value)


def test_a_prediction_that_is_no_number_ends_the_training() -> None:
    training = trainer()
    with torch.no_grad():
        next(training.model.parameters()).fill_(float("nan"))
    with pytest.raises(DivergedError, match="prediction"):
        training.evaluate("validation", best=False)


def test_seeds_decide_everything() -> None:
    first, same, other = (trainer(seed=seed) for seed in (0, 0, 1))
    for training in (first, same, other):
        torch.rand(training._seed + 1)  # what others did to torch's generator does not matter
        training.advance()
    weights = [training.model.state_dict()["encoder.convolution.weight"] for training in (first, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_building_a_trainer_leaves_torchs_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trainer()
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    "layout", [ComputeLayout("bfloat16", True), ComputeLayout("float16", False), ComputeLayout("float32", True)]
)
def test_other_layouts_train_about_the_same(layout: ComputeLayout) -> None:
    plain, other = trainer(), trainer(layout=layout)
    metrics = plain.advance(), other.advance()
    assert metrics[0]["loss"] == pytest.approx(metrics[1]["loss"], rel=0.02)
    assert next(other.model.parameters()).dtype == torch.float32


def test_encoder_weights_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config()
    state = {
        name: torch.full_like(value, 0.125)
        for name, value in SmallModel(config, classes=4).encoder.state_dict().items()
    }
    training = Trainer(config, SCHEDULE, small_data(), seed=0, encoder_state=state)
    assert (training.model.state_dict()["encoder.convolution.weight"] == 0.125).all()
    assert "small" in registry.model_names()


def test_windows_without_foreground_are_bad_input() -> None:
    class Sparse(SmallDataset):
        """Holds foreground only where the one window that is evaluated does not look."""

        def read_mask(self, record: Any) -> Any:
            mask = super().read_mask(record)
            cells = limited.cells("validation")
            assert cells is not None
            for cell in cells.get(record.name, ()):
                mask[cell.top : cell.bottom, cell.left : cell.right] = 0
            return mask

    limited = small_data(validation_windows=1, validation_window_size=16)
    data = small_data(Sparse(), validation_windows=1, validation_window_size=16)
    with pytest.raises(InputError, match="validation windows"):
        trainer(data).advance()


def test_memory_that_ran_out_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    original = SmallModel.forward

    def hungry(self: SmallModel, images: Tensor, feature_scales: Any = None) -> Tensor:
        if len(images) > 2 and self.training:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(self, images, feature_scales)

    training = trainer()
    monkeypatch.setattr(SmallModel, "forward", hungry)
    assert training.notes == ()
    assert training.advance()["micro_batch"] == 2
    assert training.notes == ("memory ran out: 2 of 4 crops at a time",)
