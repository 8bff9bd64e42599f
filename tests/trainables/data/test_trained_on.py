"""What a checkpoint tells of the data it was trained with."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.trainables.small_trial import SmallDataset, small_config, small_schedule, small_split
from trainables.checkpoint import read_checkpoint, write_checkpoint
from trainables.data.split import split_dataset
from trainables.data.trained_on import TrainedOn, recorded_data, trained_on
from trainables.data.trial_data import TrialData
from trainables.training.trainer import Trainer


@pytest.mark.usefixtures("small_model")
def test_a_best_checkpoint_tells_its_data_and_split(tmp_path: Path) -> None:
    dataset = SmallDataset()
    data = TrialData(dataset, replace(small_split(dataset), by="capture", seed=7))
    state = Trainer(small_config(), small_schedule(), data, seed=1).best_model_state()
    write_checkpoint(tmp_path / "best.pt", state)
    assert trained_on(read_checkpoint(tmp_path / "best.pt")) == TrainedOn(dataset.fingerprint, "capture", 7)


def test_a_split_that_was_drawn_tells_its_seed() -> None:
    dataset = SmallDataset()
    assert split_dataset(dataset, by="photo", seed=3).seed == 3


def test_a_split_of_unknown_origin_is_not_recorded() -> None:
    dataset = SmallDataset()
    assert recorded_data(TrialData(dataset, small_split(dataset))) is None


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"data": None},
        {"data": {"fingerprint": "0123"}},
        {"data": {"fingerprint": 5, "split_by": "photo", "split_seed": 0}},
        {"data": {"fingerprint": "0123", "split_by": "patch", "split_seed": 0}},
        {"data": {"fingerprint": "0123", "split_by": "photo", "split_seed": "0"}},
    ],
)
def test_what_does_not_tell_is_none(state: dict[str, Any]) -> None:
    assert trained_on(state) is None
