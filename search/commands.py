"""Commands to a search: small files in its folder, which the process that drives it takes up about once a second.

Any machine that shares the folder can leave one; nothing listens on the network. A command names what must end. Applied
again it changes nothing, so a command that is taken up just before a crash is simply taken up once more.
"""

import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

if TYPE_CHECKING:
    from search.controller import SearchController

COMMANDS = "commands"
"""Folder of the commands that were not taken up yet, in a search's folder."""

POLL_SECONDS = 1.0

_log = logging.getLogger(__name__)


class StopCommand(BaseModel):
    """What must end: a trial, a space, or, where neither is named, the whole search.

    Attributes:
        trial_id: The trial.
        space: The space.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trial_id: str | None = None
    space: str | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if self.trial_id is not None and self.space is not None:
            raise ValueError("a command names a trial or a space, not both")
        return self


def leave_command(folder: Path, command: StopCommand) -> Path:
    """Leave a command for a search; its reader never sees a part of it.

    Args:
        folder: The search's folder.
        command: The command.

    Returns:
        The file, which goes when the command has been taken up.

    Raises:
        OSError: If the folder can't be written.
    """
    place = folder / COMMANDS
    place.mkdir(exist_ok=True)
    # The time puts commands in their order, the rest keeps two machines from taking the same name.
    path = place / f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(command.model_dump_json(exclude_none=True) + "\n", encoding="utf-8")
    temporary.replace(path)
    return path


@contextlib.contextmanager
def taking_commands(
    folder: Path, spaces: Collection[str], controller: "SearchController", write: Callable[[str], None]
) -> Iterator[None]:
    """Take up commands while the block lasts; those left while nobody drove the search come before the block.

    Args:
        folder: The search's folder.
        spaces: Names of its spaces.
        controller: The search.
        write: Takes a line for each command.
    """
    inbox = Inbox(folder, spaces, controller, write)
    inbox.take()
    stop = threading.Event()

    def poll() -> None:
        while not stop.wait(POLL_SECONDS):
            inbox.take()

    thread = threading.Thread(target=poll, name="commands", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class Inbox:
    """The commands in a search's folder, as its driver takes them up."""

    def __init__(
        self, folder: Path, spaces: Collection[str], controller: "SearchController", write: Callable[[str], None]
    ) -> None:
        """See `taking_commands`."""
        self._place = folder / COMMANDS
        self._spaces = spaces
        self._controller = controller
        self._write = write
        self._done: set[str] = set()

    def take(self) -> None:
        """Apply all commands that are there, the oldest first, and remove them."""
        for path in sorted(self._place.glob("*.json")):
            try:
                said = None
                if path.name not in self._done:
                    said = self._apply(path)
                    self._done.add(path.name)
                path.unlink(missing_ok=True)
                if said is not None:
                    self._write(said)
            except OSError as error:
                # On Windows somebody else may have it open just now, and a full disk ends the search by itself.
                _log.warning("%s: %s; it is tried again", path, error)

    def _apply(self, path: Path) -> str | None:
        try:
            command = StopCommand.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (ValidationError, UnicodeDecodeError):
            return f"{path.name} in {path.parent} is no command of search.stop; it is removed"
        return self._stop(command)

    def _stop(self, command: StopCommand) -> str:
        controller = self._controller
        if command.trial_id is not None:
            if command.trial_id not in controller.history.trials:
                return f"asked to stop {command.trial_id}, which this search does not have"
            controller.stop_trial(command.trial_id)
            return f"asked to stop {command.trial_id}"
        if command.space is not None:
            if command.space not in self._spaces:
                return f"asked to stop space {command.space}, which this search does not have"
            controller.stop_space(command.space)
            return f"asked to stop space {command.space}: what runs ends at its next evaluation"
        controller.stop_search()
        return "asked to stop the search: what runs ends at its next evaluation"
