"""A training that was stopped and goes on is bit for bit one that was never stopped."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from spaces.schedule import Schedule
from tests.trainables.small_trial import SmallDataset, small_config, small_data
from trainables.checkpoint import read_checkpoint, write_checkpoint
from trainables.precision import Precision
from trainables.trainer import Trainer

SCHEDULE = Schedule(max_steps=8, eval_every=2, warmup_steps=3, selftraining_start=3, ema_decay=0.8)
TIMES = ("steps_per_second", "train_seconds", "evaluation_seconds")

FIELDS: dict[str, Any] = {"multiscale": 2.0, "cutmix": True, "head_dropout": 0.3, "threshold_base": 0.3}


def small_trainer(precision: Precision = "float32", *, channels_last: bool = False, **changes: Any) -> Trainer:
    data = small_data(SmallDataset(broken=("c0/p4_patch_008",)))
    config = small_config(**FIELDS, **changes)
    return Trainer(config, SCHEDULE, data, seed=3, precision=precision, channels_last=channels_last)


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


@pytest.mark.usefixtures("small_model")
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("stopped_after", [1, 2, 3])
@pytest.mark.parametrize(("precision", "channels_last"), [("float32", False), ("bfloat16", True)])
def test_resumed_equals_uninterrupted(
    tmp_path: Path, optimizer: str, stopped_after: int, precision: Precision, channels_last: bool
) -> None:
    straight = small_trainer(precision, channels_last=channels_last, optimizer=optimizer)
    expected = [without_times(straight.advance()) for _ in range(4)]
    first = small_trainer(precision, channels_last=channels_last, optimizer=optimizer)
    for _ in range(stopped_after):
        first.advance()
    write_checkpoint(tmp_path / "last.pt", first.state_dict())
    first.advance()  # going on with the old object must not reach the file
    torch.manual_seed(99)
    resumed = small_trainer(precision, channels_last=channels_last, optimizer=optimizer)
    resumed.load_state_dict(read_checkpoint(tmp_path / "last.pt"))
    assert [without_times(resumed.advance()) for _ in range(4 - stopped_after)] == expected[stopped_after:]
    assert_same(resumed.state_dict(), straight.state_dict())
    assert_same(resumed.best_model_state(), straight.best_model_state())


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
from tests.trainables.test_resume import real_trainer
from trainables.checkpoint import read_checkpoint, write_checkpoint
from trainables.precision import Precision

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
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert without_times(json.loads(done.stdout)) == without_times(metrics)
    assert_same(read_checkpoint(tmp_path / "resumed.pt"), read_checkpoint(tmp_path / "straight.pt"))
