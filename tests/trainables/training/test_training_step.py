from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.trainables.small_model import SmallModel
from tests.trainables.small_trial import small_config, small_data, small_schedule
from trainables.compute.precision import PLAIN_LAYOUT, ComputeLayout
from trainables.data.batches import Batch
from trainables.data.loader import BatchLoader, BatchTask
from trainables.selftraining.pseudo_labels import PseudoLabels, pseudo_label_loss
from trainables.training.student_batch import weight_by_class
from trainables.training.training_step import StepResult, TrainingStep

SCHEDULE = small_schedule(selftraining_start=1, selftraining_ramp=4)
NAMES = ("ground", "Snake Fruit", "road", "never")


def training_step(layout: ComputeLayout = PLAIN_LAYOUT, **changes: Any) -> TrainingStep:
    config = small_config(**changes)
    torch.manual_seed(0)
    return TrainingStep(
        config,
        SCHEDULE,
        SmallModel(config, classes=4),
        class_names=NAMES,
        class_weights=torch.ones(4),
        layout=layout,
        seed=0,
    )


def batches(step: TrainingStep, count: int) -> list[Batch]:
    with BatchLoader(small_data()).batches(BatchTask(step._config, 0, 1), range(count)) as made:
        return list(made)


def learn(step: TrainingStep, count: int) -> list[StepResult]:
    return [step.learn(number, batch) for number, batch in enumerate(batches(step, count))]


def test_the_weight_of_pseudo_labels_grows_along_the_ramp() -> None:
    results = learn(training_step(selftraining_weight=2.0), 6)
    for number, share in enumerate((0.0, 0.25, 0.5, 0.75, 1.0, 1.0)):
        total, supervised, selftraining = (float(results[number].losses[place]) for place in (0, 4, 5))
        assert total == pytest.approx(supervised + 2.0 * share * selftraining, rel=1e-6)
        assert (selftraining > 0) == (number >= 1)


def test_two_views_are_learned_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    step = training_step(strong_views=2, cutmix=True, threshold_base=0.3, batch_size=4)
    batch = batches(step, 2)[1]
    seen: list[tuple[Tensor, PseudoLabels, float]] = []

    def recorded(logits: Tensor, pseudo: PseudoLabels) -> Tensor:
        loss = pseudo_label_loss(logits, pseudo)
        seen.append((logits.detach(), pseudo, float(loss.detach())))
        return loss

    monkeypatch.setattr("trainables.training.training_step.pseudo_label_loss", recorded)
    result = step.learn(1, batch)
    assert result.images == 12
    assert float(result.losses[5]) == pytest.approx((seen[0][2] + seen[1][2]) / 2)
    (first, first_labels, _), (second, second_labels, _) = seen
    assert first.shape == second.shape == (4, 3, 4, 32, 32)
    assert not torch.equal(first, second)  # other colours
    assert not torch.equal(first_labels.labels, second_labels.labels)  # other boxes


def test_complementary_channels_of_two_views(monkeypatch: pytest.MonkeyPatch) -> None:
    step = training_step(strong_views=2, complementary_dropout=True, batch_size=4)
    scales: list[Any] = []
    original = SmallModel.forward

    def recorded(self: SmallModel, images: Tensor, feature_scales: Any = None) -> Tensor:
        if self.training:
            scales.append(feature_scales)
        return original(self, images, feature_scales)

    monkeypatch.setattr(SmallModel, "forward", recorded)
    learn(step, 2)
    before, (during,) = scales
    assert before is None  # nothing to complement before self-training
    assert during.shape == (12, 8, 1, 1)
    assert (during[:4] == 1).all()
    assert torch.equal(during[4:8] + during[8:], torch.full((4, 8, 1, 1), 2.0))
    assert (during == 0).any()


def test_soft_labels_count_by_their_weight() -> None:
    labels = torch.tensor([[[0, 1], [1, 3]]])
    weights = torch.tensor([[[1.0, 0.5], [0.25, 0.0]]])
    pseudo = PseudoLabels(labels, weights, torch.ones(1, 2, 2, dtype=torch.bool))
    assert weight_by_class(pseudo, 5).tolist() == [1.0, 0.75, 0.0, 0.0, 0.0]


def test_the_strategy_learns_once_a_step_and_before_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    step = training_step(strong_views=2, threshold_strategy="freematch")
    calls: list[str] = []
    for name in ("update", "mask"):
        original = getattr(step.thresholds, name)

        def recorded(*arguments: Any, name: str = name, original: Any = original) -> Any:
            calls.append(name)
            return original(*arguments)

        monkeypatch.setattr(step.thresholds, name, recorded)
    learn(step, 3)
    assert calls == ["update", "mask"] * 2


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_float16_skips_a_step_whose_gradients_overflow(optimizer: str) -> None:
    """The student stands still, buffers too; the loss is scaled less; later steps are taken."""
    step = training_step(ComputeLayout("float16", channels_last=False), optimizer=optimizer)
    step._scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)
    first, *others = batches(step, 10)
    before = {name: value.clone() for name, value in step.model.state_dict().items()}
    result = step.learn(0, first)
    assert torch.isfinite(result.losses).all()
    assert not result.failed
    for name, value in step.model.state_dict().items():
        assert torch.equal(before[name], value), name
    assert step._scaler.get_scale() == 2.0**39
    for number, batch in enumerate(others, start=1):
        result = step.learn(number, batch)
        assert not result.failed
        step._scaler.update(step._scaler.get_scale() / 8)  # sooner than by halves
    assert not torch.equal(before["encoder.convolution.weight"], step.model.state_dict()["encoder.convolution.weight"])


def test_float16_that_overflows_unscaled_has_diverged() -> None:
    step = training_step(ComputeLayout("float16", channels_last=False))
    with torch.no_grad():
        step.model.encoder.convolution.weight.fill_(float("inf"))
    failed = [bool(step.learn(0, batches(step, 1)[0]).failed) for _ in range(18)]
    assert failed == [False] * 16 + [True] * 2  # 2^16, the first scale, is halved 16 times


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_without_scaling_a_loss_that_is_no_number_has_failed(precision: Any) -> None:
    step = training_step(ComputeLayout(precision, channels_last=False))
    first = batches(step, 1)[0]
    assert not step.learn(0, first).failed
    with torch.no_grad():
        step.model.encoder.convolution.weight.fill_(float("nan"))
    assert step.learn(0, first).failed


def failing_backend(graph: Any, inputs: Any) -> Any:
    raise NotImplementedError("no compiler on this machine\nand a long story")


def test_what_cannot_be_compiled_runs_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=failing_backend))
    plain = training_step(threshold_strategy="freematch")
    step = training_step(ComputeLayout("float32", channels_last=False, compiled=True), threshold_strategy="freematch")
    assert step.compilation.active
    assert step.compilation.note is None
    expected, results = learn(plain, 3), learn(step, 3)
    assert not step.compilation.active
    assert step.compilation.note is not None
    assert "no compiler on this machine" in step.compilation.note
    assert "\n" not in step.compilation.note
    for one, other in zip(expected, results, strict=True):
        assert torch.equal(one.losses, other.losses)
    for name, value in plain.model.state_dict().items():
        assert torch.equal(step.model.state_dict()[name], value), name


def test_compiled_networks_keep_their_names_and_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traced by torch's compiler front, run without generating code, which takes a C++ compiler and minutes."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    plain, step = (
        training_step(head_dropout=0.0),
        training_step(ComputeLayout("float32", channels_last=False, compiled=True), head_dropout=0.0),
    )
    expected, results = learn(plain, 3), learn(step, 3)
    assert step.compilation.note is None
    assert step.state_dict()["model"].keys() == plain.state_dict()["model"].keys()
    assert step.average.model.state_dict().keys() == plain.average.model.state_dict().keys()
    for one, other in zip(expected, results, strict=True):
        torch.testing.assert_close(one.losses, other.losses)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: CPUs have nothing to wait for")
def test_a_step_never_waits_for_the_gpu() -> None:
    device = torch.device("cuda")
    config = small_config(strong_views=2, complementary_dropout=True, cutmix=True, threshold_strategy="freematch")
    step = TrainingStep(
        config,
        SCHEDULE,
        SmallModel(config, classes=4).to(device),
        class_names=NAMES,
        class_weights=torch.ones(4, device=device),
        layout=ComputeLayout("float16", channels_last=False),
        seed=0,
    )
    made = [batch.pin_memory() for batch in batches(step, 6)]
    for number, batch in enumerate(made[:3]):  # optimiser state and memory pools are made in the first steps
        step.learn(number, batch)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for number, batch in enumerate(made[3:], start=3):
            step.learn(number, batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
