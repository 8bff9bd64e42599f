"""The end of a full training's sitting: pictures, the rest of MLflow's records, and what is told."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.checkpoint_store import BEST, LAST
from trainables.full_training.run import TrainingState
from trainables.full_training.settings import TrainingSettings
from trainables.tracking.records import PANELS_FOLDER
from trainables.tracking.uri import ui_command

if TYPE_CHECKING:
    from trainables.training.trainer import Trainer

PANELS = 3


@dataclass(frozen=True, slots=True)
class NamedPanel:
    """A picture of predictions.

    Attributes:
        name: Its file name without `.png`.
        caption: What it shows.
        png: The encoded picture.
    """

    name: str
    caption: str
    png: bytes


def write_panels(folder: Path, trainer: "Trainer") -> None:
    """Draw predictions of the best model for some validation windows into the training's folder."""
    from trainables.evaluation.panels import prediction_panels

    place = folder / PANELS_FOLDER
    place.mkdir(exist_ok=True)
    pictures = prediction_panels(trainer.best_model(), trainer.config, trainer.data, PANELS)
    for number, (where, png) in enumerate(pictures, start=1):
        (place / f"best-{number}.png").write_bytes(png)
        (place / f"best-{number}.txt").write_text(f"{where}; image, truth, prediction", encoding="utf-8")


def read_panels(folder: Path) -> list[NamedPanel]:
    """The pictures in a training's folder."""
    return [
        NamedPanel(path.stem, path.with_suffix(".txt").read_text(encoding="utf-8"), path.read_bytes())
        for path in sorted((folder / PANELS_FOLDER).glob("*.png"))
    ]


def best_checkpoint(folder: Path) -> Path | None:
    """The file of the best model so far, if there is one."""
    path = folder / BEST
    return path if path.is_file() else None


def forget_last(folder: Path) -> None:
    """Remove what a training goes on from: it is over."""
    (folder / LAST).unlink(missing_ok=True)


def outcome_lines(settings: TrainingSettings, folder: Path, state: TrainingState) -> list[str]:
    """What a sitting came to, for people."""
    lines = []
    if state.best is not None:
        lines.append(
            f"best foreground mIoU {state.best['miou']:.4f} on validation, at step {state.best['step']:,} of "
            f"{settings.max_steps:,}"
        )
    if state.test_miou is not None:
        lines.append(f"foreground mIoU {state.test_miou:.4f} on the test part")
    path = best_checkpoint(folder)
    if path is not None:
        lines.append(f"best model: {path}")
    lines.append(f"MLflow UI: {ui_command(settings.tracking_uri, folder.parent)}")
    return lines


def resume_command(settings: TrainingSettings, folder: Path) -> str:
    """The command that goes on with a training, to be copied."""
    return f"python -m trainables.train --resume --name {settings.name} --runs {folder.parent}"
