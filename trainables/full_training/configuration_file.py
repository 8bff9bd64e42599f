"""The file that `python -m trainables.train --config` takes: which configuration is trained, and on what.

Three kinds are told apart by their keys: a trial's configuration, which a search leaves behind with where its data,
split and encoder weights came from; a search space, of which the baseline is trained; and a bare mapping of
configuration values.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from spaces.loading import SpaceFile, builtin_space_names, load_space
from spaces.yaml_file import YamlFile, read_mapping, yaml_text

EXPECTED = "values of a configuration (architecture:, encoder:, ...), a space, or a file that a search left behind"


class TrainingData(BaseModel):
    """Where the images of a training come from and how they are divided.

    Attributes:
        root: The data folder, or None for the built-in data.
        class_mapping: The class mapping's file, where it is not the folder's own.
        labeled_list: The list of labelled photos, where it is not the folder's own.
        described: How the folder is read, where a data file said so.
        fingerprint: Of names and contents.
        split_by: `photo` or `capture`: what is kept together.
        split_seed: Seed of the split.
        split_hash: Of the parts' names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: str | None = None
    class_mapping: str | None = None
    labeled_list: str | None = None
    described: str | None = None
    fingerprint: str
    split_by: Literal["photo", "capture"]
    split_seed: int = Field(ge=0)
    split_hash: str


class TrialOrigin(BaseModel):
    """The trial whose configuration a file holds.

    Attributes:
        search: Name of the search.
        trial_id: The trial.
        space: Its space.
        seed: Its seed.
        best_miou: Its best foreground mIoU on the validation part.
        step: Steps it was trained.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    search: str
    trial_id: str
    space: str
    seed: int = Field(ge=0)
    best_miou: float | None
    step: int


class TrialFile(BaseModel):
    """The content of a file that a search leaves behind for one trial.

    Attributes:
        trial: Whose configuration this is.
        data: The images that the trial learned from, and their split.
        encoder_weights: What the encoder started from, as `--encoder-weights` takes it.
        config: The configuration.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trial: TrialOrigin
    data: TrainingData
    encoder_weights: str
    config: TrialConfig


class ChosenConfiguration(BaseModel):
    """What a file, or the name of a built-in space, says about a training.

    Attributes:
        source: What `--config` named.
        config: The configuration.
        space: The space that it belongs to, if that is known.
        trial: The trial that it was, if it was one.
        data: What that trial was trained on.
        data_file: The file that says which data the space is for, if it is a space and one does.
        encoder_weights: What that trial's encoder started from.
    """

    model_config = ConfigDict(frozen=True)

    source: str
    config: TrialConfig
    space: str | None = None
    trial: TrialOrigin | None = None
    data: TrainingData | None = None
    data_file: str | None = None
    encoder_weights: str | None = None


def write_trial_file(path: Path, trial: TrialFile, *, command: Iterable[str]) -> None:
    """Write a trial's file as YAML, in one piece.

    Args:
        path: The file; its folder must exist.
        trial: The content.
        command: Words of the command that trains it, shown in the file's first lines.
    """
    origin = trial.trial
    score = "" if origin.best_miou is None else f", mIoU {origin.best_miou:.4f} after {origin.step} steps"
    head = f"# {origin.trial_id} of the search {origin.search}{score}. Train it in full:\n#   {' '.join(command)}\n"
    # Through JSON's types, since YAML would write tuples and numpy's numbers as Python objects.
    body = yaml_text(trial.model_dump(mode="json"))
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(head + body, encoding="utf-8")
    temporary.replace(path)


def read_configuration(name_or_path: str) -> ChosenConfiguration:
    """Read what `--config` names: a built-in space, or a YAML or JSON file of one of the three kinds.

    Raises:
        InputError: If there is no such thing, or it is wrong; the message has the file's name and line.
    """
    if name_or_path in builtin_space_names():
        return _baseline(name_or_path)
    path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(builtin_space_names())
        raise InputError(f"--config {name_or_path}: there is no such file; give one, or a space of: {known}")
    file = read_mapping(path, "configuration file", EXPECTED)
    keys = {str(key) for key in file.content}
    if keys & (TrialFile.model_fields.keys() - {"encoder_weights", "data"}):
        return _trial(name_or_path, file)
    if keys & SpaceFile.model_fields.keys():
        return _baseline(name_or_path)
    if keys & TrialConfig.model_fields.keys():
        config = _validated(TrialConfig, file)
        return ChosenConfiguration(source=name_or_path, config=config)
    raise InputError(f"{file.what} {path}, line {file.line_of(())}: expected {EXPECTED}")


def _baseline(name_or_path: str) -> ChosenConfiguration:
    space = load_space(name_or_path)
    data_file = None if space.data is None else str(space.data)
    return ChosenConfiguration(source=name_or_path, config=space.baseline, space=space.name, data_file=data_file)


def _trial(source: str, file: YamlFile) -> ChosenConfiguration:
    content: TrialFile = _validated(TrialFile, file)
    return ChosenConfiguration(
        source=source,
        config=content.config,
        space=content.trial.space,
        trial=content.trial,
        data=content.data,
        encoder_weights=content.encoder_weights,
    )


def _validated(model: type[Any], file: YamlFile) -> Any:
    try:
        return model.model_validate(file.content)
    except ValidationError as error:
        raise file.complaint(error, model) from None
