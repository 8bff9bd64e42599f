"""Ending a trial, a space or a search from another terminal: `python -m search.stop --search NAME [--trial ID]`.

The process that drives the search may run on another machine, if both see the runs folder.
"""

import argparse
import difflib
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spaces.command_line import EXIT_DONE, OneLineArgumentParser, add_debug_option, run_command
from spaces.errors import InputError

if TYPE_CHECKING:
    from search.history import SearchHistory
    from search.settings import SearchSettings

SHOWN_NAMES = 5


def make_parser() -> OneLineArgumentParser:
    """The parser of the command."""
    parser = OneLineArgumentParser(
        "python -m search.stop",
        "End a search in good order, or one trial or space of it, from another terminal or machine.",
    )
    parser.add_argument("--search", required=True, metavar="NAME", help="name of the search")
    parser.add_argument("--runs", default="runs", metavar="DIR", help="folder that holds the searches")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--trial", metavar="ID", help="end this trial alone, for example unet-003")
    what.add_argument("--space", metavar="NAME", help="add no trial of this space and end those that run")
    add_debug_option(parser)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run the command: leave it for the search, say what will happen, and return at once.

    Raises:
        InputError: There is no such search, trial or space, or the search is finished.
    """
    options = make_parser().parse_args(arguments)
    from search.commands import leave_command
    from search.history import history_of
    from search.settings import read_settings
    from trainables.journal import read_journal
    from trainables.run_folder import is_locked

    folder = _folder(Path(options.runs), options.search)
    settings = read_settings(folder)
    history = history_of(read_journal(folder))
    running = is_locked(folder)
    if history.finished and not running:
        raise InputError(f"--search {options.search}: it is finished; there is nothing to stop")
    already = _already(options, settings, history)
    if already is not None:
        _say(already)
        return EXIT_DONE
    from search.commands import StopCommand

    try:
        leave_command(folder, StopCommand(trial_id=options.trial, space=options.space))
    except OSError as error:
        raise InputError(f"{folder}: can't be written ({error.strerror or error}); restore the permission") from None
    _say(_what_follows(options))
    if not running:
        resume = f"python -m search.run --resume --name {options.search} --runs {options.runs}"
        _say(f"{options.search} is not running now: this takes effect when it goes on by {resume}")
    return EXIT_DONE


def _folder(runs: Path, name: str) -> Path:
    from trainables.journal import TRAINING_FILE
    from trainables.run_folder import NAME_PATTERN

    folder = runs / name
    if (folder / TRAINING_FILE).is_file():
        raise InputError(f"--search {name}: {folder} is a training; end it with Ctrl-C in its terminal, or SIGTERM")
    if not NAME_PATTERN.fullmatch(name) or not (folder / "settings.json").is_file():
        searches = [path.parent.name for path in runs.glob("*/settings.json")] if runs.is_dir() else []
        known = [search for search in searches if not (runs / search / TRAINING_FILE).is_file()]
        raise InputError(f"--search {name}: there is no search {folder}; {_near(name, known, f'{runs} holds')}")
    return folder


def _already(options: argparse.Namespace, settings: "SearchSettings", history: "SearchHistory") -> str | None:
    """What to say where nothing is left to be stopped, None where something is; the names are checked, too."""
    if options.trial is not None:
        if options.trial not in history.trials:
            near = _near(options.trial, list(history.trials), f"{settings.name} has")
            raise InputError(f"--trial {options.trial}: {settings.name} has no such trial so far; {near}")
        reason = history.trials[options.trial].stop_reason if history.trials[options.trial].ended else None
        return None if reason is None else f"{options.trial} has ended already: {reason.replace('_', ' ')}"
    if options.space is not None:
        if options.space not in settings.spaces:
            near = _near(options.space, list(settings.spaces), f"{settings.name} has")
            raise InputError(f"--space {options.space}: {settings.name} does not search it; {near}")
        if history.of_phase("finalist"):
            return f"the trials of {options.space} have all ended, the finals run: stop them one by one, or the search"
    return None


def _what_follows(options: argparse.Namespace) -> str:
    if options.trial is not None:
        return f"{options.trial} ends at its next evaluation, or at once if it is waiting"
    if options.space is not None:
        return f"{options.space} gets no further trial, and those that run end at their next evaluation; its finals run"
    return (
        f"{options.search} starts nothing more, and what runs ends at its next evaluation; then come tables and "
        "report, without finals"
    )


def _near(name: str, known: Collection[str], who_has: str) -> str:
    """The known names that are like this one, or else some of all."""
    if not known:
        return f"{who_has} none"
    close = difflib.get_close_matches(name, known, n=3)
    if close:
        return f"near that: {', '.join(close)}"
    listed = sorted(known)
    return f"{who_has} {', '.join(listed[:SHOWN_NAMES])}{', ...' if len(listed) > SHOWN_NAMES else ''}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    run_command(main)
