"""A training that was stopped and goes on is bit for bit one that was never stopped."""

import functools
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from spaces.configuration import OFF, TrialConfig
from spaces.errors import InputError
from tests.trainables.small_model import SmallModel
from tests.trainables.small_trial import SmallDataset, small_config, small_data, small_schedule
from trainables.checkpoint import read_checkpoint, write_checkpoint
from trainables.compute.precision import ComputeLayout
from trainables.selftraining.strategy import threshold_strategy_names
from trainables.training.trainer import Trainer

SCHEDULE = small_schedule(max_steps=8, eval_every=2, warmup_steps=3, selftraining_start=3, selftraining_ramp=3)
TIMES = ("steps_per_second", "train_seconds", "data_wait_seconds", "evaluation_seconds")
LAYOUTS = {
    "float32": ComputeLayout("float32", channels_last=False),
    "bfloat16": ComputeLayout("bfloat16", channels_last=True),
    "float16": ComputeLayout("float16", channels_last=True),
}

FIELDS: dict[str, Any] = {"multiscale": 2.0, "cutmix": True, "head_dropout": 0.3, "threshold_base": 0.3}


def small_trainer(precision: str = "float32", **changes: Any) -> Trainer:
    data = small_data(SmallDataset(broken=("c0/p4_patch_008",)))
    config = small_config(**FIELDS | changes)
    return Trainer(config, SCHEDULE, data, seed=3, layout=LAYOUTS[precision])


def without_times(metrics: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name not in TIMES}


def assert_same(first: Any, second: Any) -> None:
    """Equal in structure and in every bit, clocks left out."""
    assert type(first) is type(second)
    if isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    elif isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first.keys() - set(TIMES):
            assert_same(first[key], second[key])
    elif isinstance(first, list):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    else:
        assert first == second


@dataclass(frozen=True)
class Straight:
    """A training that was never stopped.

    Attributes:
        folder: A checkpoint of each evaluation, by its number.
        metrics: Of each of its four evaluations.
        state: At its end.
        best: Its best model.
    """

    folder: Path
    metrics: list[dict[str, float]]
    state: dict[str, Any]
    best: dict[str, Any]


def train_straight(folder: Path, precision: str, **changes: Any) -> Straight:
    trainer = small_trainer(precision, **changes)
    metrics = []
    for number in range(1, 5):
        metrics.append(without_times(trainer.advance()))
        write_checkpoint(folder / f"{number}.pt", trainer.state_dict())
    return Straight(folder, metrics, trainer.state_dict(), trainer.best_model_state())


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Straight]:
    """Trains straight on, once for all places at which a training is stopped."""

    @functools.cache
    def train(precision: str, **changes: Any) -> Straight:
        return train_straight(tmp_path_factory.mktemp("straight"), precision, **changes)

    return train


def assert_resumes(straight: Straight, stopped_after: int, precision: str, **changes: Any) -> None:
    """Stop after some of four evaluations, go on in another trainer, and end where one ends that never stopped."""
    torch.manual_seed(99)
    resumed = small_trainer(precision, **changes)
    # The trainer that wrote it went on, which must not have reached the file.
    resumed.load_state_dict(read_checkpoint(straight.folder / f"{stopped_after}.pt"))
    assert [without_times(resumed.advance()) for _ in range(4 - stopped_after)] == straight.metrics[stopped_after:]
    assert_same(resumed.state_dict(), straight.state)
    assert_same(resumed.best_model_state(), straight.best)


@pytest.mark.usefixtures("small_model")
@pytest.mark.parametrize("precision", list(LAYOUTS))
def test_trainings_of_one_seed_are_one_training(straight: Callable[..., Straight], precision: str) -> None:
    again = small_trainer(precision, optimizer="sgd")
    torch.manual_seed(99)
    assert [without_times(again.advance()) for _ in range(4)] == straight(precision, optimizer="sgd").metrics
    assert_same(again.state_dict(), straight(precision, optimizer="sgd").state)


@pytest.mark.usefixtures("small_model")
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("stopped_after", [1, 2, 3])
@pytest.mark.parametrize("precision", list(LAYOUTS))
def test_resumed_equals_uninterrupted(
    straight: Callable[..., Straight], optimizer: str, stopped_after: int, precision: str
) -> None:
    assert_resumes(straight(precision, optimizer=optimizer), stopped_after, precision, optimizer=optimizer)


@pytest.mark.slow
@pytest.mark.usefixtures("small_model")
@pytest.mark.parametrize("strategy", threshold_strategy_names())
@pytest.mark.parametrize(
    "views",
    [{}, {"strong_views": 2}, {"strong_views": 2, "complementary_dropout": True}],
    ids=["one", "two", "dropout"],
)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_strategy_resumes(
    straight: Callable[..., Straight], strategy: str, views: dict[str, Any], precision: str
) -> None:
    whole = straight(precision, threshold_strategy=strategy, **views)
    assert_resumes(whole, 2, precision, threshold_strategy=strategy, **views)
    assert (whole.metrics[-1]["loss_selftraining"] > 0) == (strategy != OFF)


@pytest.mark.usefixtures("small_model")
def test_a_resumed_training_keeps_to_its_micro_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = SmallModel.forward

    def hungry(self: SmallModel, images: torch.Tensor, feature_scales: Any = None) -> torch.Tensor:
        if len(images) > 2:
            tried.append((len(images), self.training))
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(self, images, feature_scales)

    tried: list[tuple[int, bool]] = []
    monkeypatch.setattr(SmallModel, "forward", hungry)
    whole = train_straight(tmp_path, "float32")
    assert_resumes(whole, 2, "float32")
    assert whole.metrics[-1]["micro_batch"] == 2
    trained = [images for images, training in tried if training]
    assert trained == [4]  # by the training that began, not by the one that went on
    assert len(tried) > len(trained)  # evaluations made do with fewer windows at once, too


@pytest.mark.usefixtures("small_model")
def test_a_state_in_memory_can_be_taken_up_twice() -> None:
    first = small_trainer()
    first.advance()
    state = first.state_dict()
    resumed = [small_trainer() for _ in range(2)]
    metrics = []
    for training in resumed:
        training.load_state_dict(state)
        metrics.append(without_times(training.advance()))
    assert metrics[0] == metrics[1] == without_times(first.advance())


@pytest.mark.usefixtures("small_model")
def test_clocks_go_on() -> None:
    first = small_trainer()
    before = first.advance()
    resumed = small_trainer()
    resumed.load_state_dict(first.state_dict())
    after = resumed.advance()
    assert after["train_seconds"] > before["train_seconds"] > 0
    assert after["evaluation_seconds"] > before["evaluation_seconds"] > 0


@pytest.mark.usefixtures("small_model")
def test_another_trials_state_is_bad_input() -> None:
    state = small_trainer().state_dict()
    with pytest.raises(InputError, match="checkpoint: its config"):
        small_trainer(momentum=0.5).load_state_dict(state)
    with pytest.raises(InputError, match="checkpoint: its seed is 4"):
        small_trainer().load_state_dict({**state, "seed": 4})


def real_trainer() -> Trainer:
    config = TrialConfig(
        architecture="unet", encoder="mobilenet_v2", crop_size=32, multiscale=2.0, batch_size=2, cutmix=True
    )
    return Trainer(config, SCHEDULE, small_data(), seed=1)


PROCESS = """
import json, sys
from pathlib import Path
import torch
torch.set_num_threads(int(sys.argv[2]))
from tests.trainables.training.test_resume import real_trainer
from trainables.checkpoint import read_checkpoint, write_checkpoint

trainer = real_trainer()
trainer.load_state_dict(read_checkpoint(Path(sys.argv[1], "stopped.pt")))
print(json.dumps(trainer.advance()))
write_checkpoint(Path(sys.argv[1], "resumed.pt"), trainer.state_dict())
"""


@pytest.mark.slow
def test_the_real_network_resumes_in_a_fresh_process(tmp_path: Path) -> None:
    straight = real_trainer()
    for _ in range(2):
        straight.advance()
    write_checkpoint(tmp_path / "stopped.pt", straight.state_dict())
    metrics = straight.advance()
    write_checkpoint(tmp_path / "straight.pt", straight.state_dict())
    command = [sys.executable, "-c", PROCESS, str(tmp_path), str(torch.get_num_threads())]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert without_times(json.loads(done.stdout)) == without_times(metrics)
    assert_same(read_checkpoint(tmp_path / "resumed.pt"), read_checkpoint(tmp_path / "straight.pt"))
