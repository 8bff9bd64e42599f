"""A trained network as its best checkpoint describes it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from trainables.data.trained_on import TrainedOn, trained_on

if TYPE_CHECKING:
    from torch import Tensor

    from trainables.models.segmentation_model import SegmentationModel

_BLOCK = 1 << 20
_FEWEST_CLASSES = 2
_LARGEST_COLOUR = 255


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedNetwork:
    """What a best checkpoint holds.

    Attributes:
        path: The file.
        config: The network's configuration.
        class_names: Names of the classes, by index.
        class_colours: Their RGB colours, 0 to 255, by index.
        weights: State dict, on the CPU.
        sha256: The file's digest.
        data: The data and the split it was trained with; None where the checkpoint does not tell.
    """

    path: Path
    config: TrialConfig
    class_names: tuple[str, ...]
    class_colours: tuple[tuple[int, int, int], ...]
    weights: "dict[str, Tensor]"
    sha256: str
    data: TrainedOn | None = None

    def model(self) -> "SegmentationModel":
        """The network with its weights, on the CPU, in evaluation mode.

        Raises:
            InputError: The weights are another network's.
        """
        from trainables.models import create_model

        model = create_model(self.config, classes=len(self.class_names))
        try:
            model.load_state_dict(self.weights)
        except RuntimeError as error:
            raise InputError(f"--checkpoint {self.path}: its weights don't fit its configuration") from error
        return model.eval()


def read_trained_network(path: Path) -> TrainedNetwork:
    """Read the best checkpoint of a trial or of a full training.

    Raises:
        InputError: The file can't be read, or holds no configuration, classes or weights.
    """
    from trainables.checkpoint import read_checkpoint

    state = read_checkpoint(path)
    try:
        classes = zip(state["classes"]["names"], state["classes"]["colours"], strict=True)
        names, colours = zip(*((_name(name), _colour(colour)) for name, colour in classes), strict=True)
        _check_names(names)
        return TrainedNetwork(
            path=path,
            config=TrialConfig.model_validate(state["config"]),
            class_names=names,
            class_colours=colours,
            weights=dict(state["model"]),
            sha256=file_digest(path),
            data=trained_on(state),
        )
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise InputError(
            f"--checkpoint {path}: holds no configuration, classes (names and colours) and weights; "
            "name the best checkpoint of a trial"
        ) from error


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no name")
    return value


def _check_names(names: tuple[str, ...]) -> None:
    if len(set(names)) != len(names) or len(names) < _FEWEST_CLASSES:
        raise ValueError(f"{len(names)} classes, or two of one name")


def _colour(values: Any) -> tuple[int, int, int]:
    red, green, blue = values
    if not all(isinstance(value, int) and 0 <= value <= _LARGEST_COLOUR for value in values):
        raise ValueError(f"{values!r} is no colour")
    return red, green, blue
