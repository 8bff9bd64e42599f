"""Trains the smallest network on the built-in data by the command's `main`, for tests of full trainings."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.trainables.small_trial import small_config
from trainables.journal import TRAINING_FILE, Event, read_journal
from trainables.train import main

SHORT = ("--max-steps", "6", "--eval-every", "2", "--validation-windows", "4", "--threads", "1", "--device", "cpu")


def write_small_config(folder: Path, **changes: Any) -> str:
    """Write a file of configuration values; give back its path."""
    path = folder / "small.json"
    path.write_text(json.dumps(small_config(**changes).model_dump()), encoding="utf-8")
    return str(path)


def train(config: str, name: str, *words: str) -> int:
    """Run a short training in the current folder; its exit code."""
    return main(["--config", config, "--name", name, "--precision", "float32", *SHORT, *words])


def resume(name: str, *words: str) -> int:
    """Go on with a training in the current folder; its exit code."""
    return main(["--resume", "--name", name, *words])


def events(name: str, runs: Path = Path("runs")) -> list[Event]:
    """What a training's journal says."""
    return list(read_journal(runs / name, TRAINING_FILE))


def evaluations(journal: Sequence[Event]) -> list[dict[str, Any]]:
    """The metrics of each evaluation but those that tell the time."""
    timed = {"time", "steps_per_second", "train_seconds", "evaluation_seconds", "data_wait_seconds"}
    return [
        {name: value for name, value in event.items() if name not in timed}
        for event in journal
        if event["event"] == "evaluated"
    ]
