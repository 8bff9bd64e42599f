"""Everything that defines a full training, validated and frozen, as `settings.json` keeps it."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from spaces.schedule import Schedule, schedule_for
from trainables.compute.layout_settings import LayoutSettings
from trainables.evaluation.settings import EvaluationSettings
from trainables.full_training.configuration_file import TrainingData
from trainables.journal import TRAINING_FILE
from trainables.run_folder import check_name
from trainables.settings_file import FILE_NAME, read_settings_file, write_settings_file


class Origin(BaseModel):
    """Where a training's configuration came from.

    Attributes:
        file: What `--config` named.
        search: The search whose trial it was, or None.
        trial_id: That trial.
        space: The space that it belongs to, or None.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    search: str | None
    trial_id: str | None
    space: str | None


class TrainingSettings(BaseModel):
    """A training, as it can be repeated.

    Attributes:
        name: Name of its folder under the runs folder.
        created: Local time of its start, ISO 8601.
        command: The command line's words.
        origin: Where the configuration came from.
        config: The configuration.
        seed: Decides initial weights, order of images, augmentation and dropout.
        max_steps: Optimiser steps.
        eval_every: Steps between evaluations.
        data: The data.
        data_description: The data in one line for people.
        classes: Name and colour of each class, by index.
        images: Number of images in each part.
        validation_windows: Evaluation windows at most; None for all.
        encoder_weights: The option's text; `encoder_hash` tells the contents apart.
        encoder_hash: Of the weights that the encoder started from; None for random ones.
        evaluation: How evaluations predict.
        evaluate_test: Whether the best model is evaluated on the test part at the end.
        device: As torch names it.
        device_description: One line for people.
        threads: CPU threads.
        loader_workers: Processes that prepare batches; 0 prepares them in the training's own.
        image_cache_gb: Most memory that decoded images take, GB of 1e9 bytes.
        layout: How the network is computed.
        tracking_uri: Where MLflow records.
        versions: Versions of the parts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    created: str
    command: tuple[str, ...]
    origin: Origin
    config: TrialConfig
    seed: int = Field(ge=0)
    max_steps: int = Field(ge=1)
    eval_every: int = Field(ge=1)
    data: TrainingData
    data_description: str
    classes: tuple[dict[str, Any], ...]
    images: dict[str, int]
    validation_windows: int | None
    encoder_weights: str
    encoder_hash: str | None
    evaluation: EvaluationSettings
    evaluate_test: bool
    device: str
    device_description: str
    threads: int = Field(ge=1)
    loader_workers: int = Field(ge=0)
    image_cache_gb: float = Field(ge=0)
    layout: LayoutSettings
    tracking_uri: str
    versions: dict[str, str]
    kind: Literal["training"] = "training"

    def schedule(self) -> Schedule:
        """When what happens."""
        return schedule_for(self.config, max_steps=self.max_steps, eval_every=self.eval_every)


def write_settings(settings: TrainingSettings, folder: Path) -> None:
    """Write the settings into the training's folder, in one piece."""
    write_settings_file(settings, folder)


def read_settings(folder: Path) -> TrainingSettings:
    """Read a training's settings.

    Raises:
        InputError: If they are damaged.
    """
    return read_settings_file(TrainingSettings, folder, whose="training")


def existing_folder(runs: Path, name: str | None) -> Path:
    """The folder of a training that was begun: by name, or the latest one.

    Raises:
        InputError: If there is none.
    """
    begun = [path.parent for path in runs.glob(f"*/{TRAINING_FILE}")] if runs.is_dir() else []
    begun = [folder for folder in begun if (folder / FILE_NAME).is_file()]
    if name is None:
        if not begun:
            raise InputError(f"--resume: there is no training in {runs}; give --runs")
        return max(begun, key=lambda folder: (folder / TRAINING_FILE).stat().st_mtime)
    folder = runs / check_name(name)
    if folder not in begun:
        known = ", ".join(sorted(path.name for path in begun)) or "none at all"
        raise InputError(f"--resume --name {name}: {runs} has no such training; it has {known}")
    return folder
