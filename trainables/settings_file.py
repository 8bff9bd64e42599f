"""`settings.json`: everything that defines a search or a full training, in its folder."""

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from spaces.complaints import first_complaint
from spaces.errors import InputError
from trainables.run_folder import HALF_WRITTEN_SETTINGS

FILE_NAME = "settings.json"

_Settings = TypeVar("_Settings", bound=BaseModel)


def write_settings_file(settings: BaseModel, folder: Path) -> None:
    """Write settings into their folder, in one piece."""
    path = folder / FILE_NAME
    temporary = folder / HALF_WRITTEN_SETTINGS
    text = json.dumps(settings.model_dump(mode="json"), indent=2, ensure_ascii=False)
    temporary.write_text(f"{text}\n", encoding="utf-8")
    temporary.replace(path)


def read_settings_file(kind: type[_Settings], folder: Path, *, whose: str) -> _Settings:
    """Read settings of a kind.

    Args:
        kind: The kind.
        folder: Where they are.
        whose: "search" or "training", for messages.

    Raises:
        InputError: If the folder holds none, or they are damaged or of another version.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise InputError(f"{folder} is no {whose}: it has no {FILE_NAME}")
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, InputError) as error:
        complaint = first_complaint(error) if isinstance(error, ValidationError) else error
        raise InputError(f"{path}: {complaint}; only a {whose} that this version began can go on") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} can't be read: {error}") from None
