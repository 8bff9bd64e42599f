"""The folder of a search: its default name, what lies where, and finding one again."""

from datetime import datetime
from pathlib import Path

from spaces.errors import InputError
from trainables.journal import TRAINING_FILE
from trainables.run_folder import check_name

TRIALS = "trials"
PANELS = "panels"
CONFIGURATIONS = "configurations"
"""A file for each trial with a result that `python -m trainables.train` takes."""

BEST = "best"
"""The same for the best trial of each space, by the space's name."""


def default_name(spaces: list[str], now: datetime) -> str:
    """A dated name, for example unet-20260131-142530."""
    stem = spaces[0] if len(spaces) == 1 else "search"
    return f"{stem}-{now:%Y%m%d-%H%M%S}"


def existing_folder(runs: Path, name: str | None) -> Path:
    """The folder of a search that was begun: by name, or the latest one.

    Raises:
        InputError: If there is none.
    """
    if name is not None:
        folder = runs / check_name(name)
        if (folder / TRAINING_FILE).is_file():
            raise InputError(f"{folder} is a training; go on with it by: python -m trainables.train --resume")
        if not (folder / "settings.json").is_file():
            raise InputError(f"--resume --name {name}: there is no search {folder}")
        return folder
    settings = runs.glob("*/settings.json") if runs.is_dir() else ()
    begun = [path for path in settings if not (path.parent / TRAINING_FILE).is_file()]
    if not begun:
        raise InputError(f"--resume: there is no search in {runs}; give --runs")
    return max(begun, key=lambda path: path.stat().st_mtime).parent
