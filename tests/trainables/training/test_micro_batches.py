"""A step in pieces has the gradients of the whole batch."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.trainables.small_model import SmallModel
from tests.trainables.small_trial import small_config, small_data, small_schedule
from trainables.compute.precision import PLAIN_LAYOUT
from trainables.data.loader import BatchLoader, BatchTask
from trainables.models import registry
from trainables.training.micro_batches import pieces
from trainables.training.student_batch import StudentBatch
from trainables.training.training_step import TrainingStep

SCHEDULE = small_schedule(selftraining_start=1, selftraining_ramp=3)
VIEWS: dict[str, Any] = {"strong_views": 2, "complementary_dropout": True, "cutmix": True, "threshold_base": 0.3}


@given(count=st.integers(2, 200), limit=st.none() | st.integers(2, 200))
def test_pieces_cover_the_batch_and_none_is_a_single_image(count: int, limit: int | None) -> None:
    parts = pieces(count, limit)
    assert [index for part in parts for index in range(count)[part]] == list(range(count))
    sizes = [part.stop - part.start for part in parts]
    assert min(sizes) >= 2
    assert max(sizes) - min(sizes) <= 1
    if limit is not None and (limit > 2 or count % 2 == 0):
        assert max(sizes) <= limit
        assert len(sizes) == -(-count // limit)  # not one pass more than needed


class Plain(SmallModel):
    """Sees every image by itself: no batch norm over the batch, no dropout."""

    def __init__(self, config: Any, *, classes: int) -> None:
        super().__init__(config, classes=classes)
        for module in self.modules():
            if isinstance(module, nn.Dropout2d):
                module.p = 0.0
        self.encoder.norm = nn.GroupNorm(2, 8)


@pytest.fixture(autouse=True)
def plain_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._registered, "plain", Plain)


def training_step(model_class: type[SmallModel], **changes: Any) -> TrainingStep:
    config = small_config(**{"batch_size": 3} | changes)
    torch.manual_seed(0)
    return TrainingStep(
        config,
        SCHEDULE,
        model_class(config, classes=4),
        class_names=("ground", "Snake Fruit", "road", "never"),
        class_weights=torch.tensor([0.5, 1.0, 2.0, 4.0]),
        layout=PLAIN_LAYOUT,
        seed=0,
    )


def learn(step: TrainingStep, steps: int = 4) -> list[Any]:
    with BatchLoader(small_data()).batches(BatchTask(step._config, 0, 1), range(steps)) as batches:
        return [step.learn(number, batch) for number, batch in enumerate(batches)]


def assert_same_training(one: TrainingStep, other: TrainingStep) -> None:
    for name, value in one.model.state_dict().items():
        torch.testing.assert_close(other.model.state_dict()[name], value, rtol=1e-5, atol=1e-6, msg=name)
        torch.testing.assert_close(
            other.average.model.state_dict()[name], one.average.model.state_dict()[name], rtol=1e-5, atol=1e-6
        )
    for name, value in one.thresholds.state_dict().items():
        torch.testing.assert_close(other.thresholds.state_dict()[name], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("limit", [2, 3, 5])
@pytest.mark.parametrize("strategy", ["classwise", "freematch", "softmatch"])
@pytest.mark.parametrize(
    "losses", [{"dice_weight": 1.0, "focal_weight": 0.0}, {"dice_weight": 0.0, "focal_weight": 1.0}, {}]
)
def test_pieces_train_like_the_whole_batch(limit: int, strategy: str, losses: dict[str, float]) -> None:
    changes = VIEWS | losses | {"threshold_strategy": strategy}
    whole, cut = training_step(Plain, **changes), training_step(Plain, **changes)
    cut._micro_batch = limit
    expected, results = learn(whole), learn(cut)
    assert [result.micro_batch for result in expected] == [3, 9, 9, 9]
    assert max(result.micro_batch for result in results) <= max(3, limit)
    assert_same_training(whole, cut)
    for one, other in zip(expected, results, strict=True):
        torch.testing.assert_close(one.losses, other.losses)
        if one.kept is not None:
            torch.testing.assert_close(one.kept, other.kept)
            assert torch.equal(one.valid, other.valid)


def test_a_wrong_share_of_a_piece_would_show() -> None:
    """The mean of the pieces' own losses is another training: the comparison above is no formality."""
    whole, cut = (training_step(Plain, dice_weight=1.0, focal_weight=0.0) for _ in range(2))
    with BatchLoader(small_data()).batches(BatchTask(whole._config, 0, None), range(1)) as batches:
        batch = next(batches)
    student, _ = whole._gradients(0, batch)
    for part in (slice(0, 1), slice(1, 3)):
        logits = cut.model(student.images[part])
        alone = StudentBatch(student.images[part], student.target[part], (), None, None, None)
        own = cut._losses(0, alone, logits)[0]
        torch.autograd.backward(own * (part.stop - part.start) / 3)
    gradients = [(one.grad, other.grad) for one, other in zip(whole._parameters, cut._parameters, strict=True)]
    assert any(not torch.allclose(one, other, rtol=1e-3) for one, other in gradients if one is not None)


def test_running_statistics_move_once() -> None:
    whole, cut = training_step(SmallModel, head_dropout=0.0), training_step(SmallModel, head_dropout=0.0)
    cut._micro_batch = 2
    learn(whole, 2)
    learn(cut, 2)
    first, second = whole.model.encoder.norm, cut.model.encoder.norm
    assert int(second.num_batches_tracked) == int(first.num_batches_tracked) == 2
    # The first convolution of the first step is the same in both: the mean of means is the batch's mean.
    whole, cut = training_step(SmallModel), training_step(SmallModel)
    cut._micro_batch = 2
    learn(whole, 1)
    learn(cut, 1)
    torch.testing.assert_close(cut.model.encoder.norm.running_mean, whole.model.encoder.norm.running_mean)


def test_both_passes_of_a_piece_draw_the_same_dropout(monkeypatch: pytest.MonkeyPatch) -> None:
    step = training_step(SmallModel, head_dropout=0.5)
    step._micro_batch = 2
    seen: list[Tensor] = []
    original = SmallModel.forward

    def recorded(self: SmallModel, images: Tensor, feature_scales: Any = None) -> Tensor:
        logits = original(self, images, feature_scales)
        if self.training:
            seen.append(logits.detach().clone())
        return logits

    monkeypatch.setattr(SmallModel, "forward", recorded)
    learn(step, 2)
    # Step 0 has 3 labelled images, which are one piece; step 1 has 3 and 3 more, three pieces seen twice.
    assert len(seen) == 1 + 6
    for first, second in zip(seen[1:4], seen[4:], strict=True):
        assert torch.equal(first, second)


class Hungry(Plain):
    """Fails with an error of memory where `needed` is more than `free`; what fails is set by the test."""

    free = 1 << 30
    fails_in = ""

    def forward(self, images: Tensor, feature_scales: Any = None) -> Tensor:
        too_much = len(images) > Hungry.free
        if too_much and Hungry.fails_in == ("forward" if self.training else "teacher"):
            raise MEMORY_ERRORS["torch"]
        logits = super().forward(images, feature_scales)
        if too_much and Hungry.fails_in == "backward" and logits.requires_grad:
            logits.register_hook(_fail)
        return logits


def _fail(gradient: Tensor) -> Tensor:
    raise MEMORY_ERRORS["torch"]


MEMORY_ERRORS: dict[str, Exception] = {
    "torch": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    "python": MemoryError("Unable to allocate 2 GiB for an array"),
    "cpu": RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
}


@pytest.fixture
def hungry(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    def set_free(where: str, free: int) -> None:
        monkeypatch.setattr(Hungry, "fails_in", where)
        monkeypatch.setattr(Hungry, "free", free)

    return set_free


@pytest.mark.parametrize("kind", list(MEMORY_ERRORS))
@pytest.mark.parametrize(
    "place", [("forward", 6, 6), ("backward", 4, 3), ("teacher", 3, 3)], ids=lambda place: place[0]
)
def test_out_of_memory_halves_and_changes_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
    hungry: Callable[[str, int], None],
    kind: str,
    place: tuple[str, int, int],
) -> None:
    where, free, micro_batch = place
    monkeypatch.setitem(MEMORY_ERRORS, "torch", MEMORY_ERRORS[kind])
    changes = VIEWS | {"threshold_strategy": "freematch", "batch_size": 4}
    whole, cut = training_step(Hungry, **changes), training_step(Hungry, **changes)
    expected = learn(whole)
    hungry(where, free)
    updates: list[int] = []
    monkeypatch.setattr(cut._optimizer, "step", _counted(cut._optimizer.step, updates))
    results = learn(cut)
    assert len(updates) == 4
    assert [result.micro_batch for result in results] == [4, micro_batch, micro_batch, micro_batch]
    assert cut.state_dict()["micro_batch"] == micro_batch
    assert_same_training(whole, cut)
    for one, other in zip(expected, results, strict=True):
        torch.testing.assert_close(one.losses, other.losses)


def _counted(function: Callable[..., Any], calls: list[int]) -> Callable[..., Any]:
    def counted(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        return function(*arguments, **options)

    return counted


def test_a_failed_attempt_leaves_batch_norm_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes after forward passes have moved the running statistics."""
    expected, failing = training_step(SmallModel), training_step(SmallModel)
    expected._micro_batch = 3  # half of the 3 + 3 images of step 1
    learn(expected, 2)
    original = TrainingStep._losses

    def failed(self: TrainingStep, step: int, student: StudentBatch, logits: Tensor) -> Any:
        if self is failing and step == 1 and self._micro_batch is None:
            raise MEMORY_ERRORS["torch"]
        return original(self, step, student, logits)

    monkeypatch.setattr(TrainingStep, "_losses", failed)
    learn(failing, 2)
    assert failing._micro_batch == expected._micro_batch
    for name, value in expected.model.state_dict().items():
        assert torch.equal(failing.model.state_dict()[name], value), name


def test_memory_for_less_than_two_images_ends_the_training(hungry: Callable[[str, int], None]) -> None:
    hungry("forward", 1)
    step = training_step(Hungry, **VIEWS)
    before = {name: value.clone() for name, value in step.model.state_dict().items()}
    with pytest.raises(MemoryError, match=r"3 images at a time are too many.*Tried to allocate"):
        learn(step)
    for name, value in step.model.state_dict().items():
        assert torch.equal(before[name], value)


def test_other_errors_are_not_taken_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    step = training_step(Plain)
    monkeypatch.setattr(Plain, "forward", lambda self, images, scales=None: images.view(7, -1))
    with pytest.raises(RuntimeError, match="shape"):
        learn(step)
    assert step.state_dict()["micro_batch"] is None
