"""How every command of the project starts, fails and ends.

Exit codes: 0 done, 1 the work failed, 2 bad input, 130 interrupted.
"""

import argparse
import contextlib
import io
import signal
import sys
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from types import FrameType
from typing import NoReturn

from spaces.errors import InputError

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


class _RealDefaultsFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows a default where there is one to show; a default that depends on other things is told in the help text."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or isinstance(action.default, bool):
            return action.help
        return super()._get_help_string(action)


class OneLineArgumentParser(argparse.ArgumentParser):
    """An argument parser whose errors are one line on standard error, without the usage text.

    Defaults are shown in `--help`, and options can't be abbreviated, so that a new option never changes the meaning
    of a command that somebody has in a script.
    """

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            allow_abbrev=False,
            formatter_class=_RealDefaultsFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Raise the parser's complaint as bad input; `run_command` prints it and exits with 2."""
        raise InputError(message)


def check_resume_options(options: argparse.Namespace, may_change: Collection[str], whose: str) -> None:
    """Refuse options that would make what is resumed another one.

    Args:
        options: As they were parsed; None where one was not given.
        may_change: Names of those that may be given.
        whose: "search" or "training".

    Raises:
        InputError: If another one was given.
    """
    for name, value in vars(options).items():
        if value is not None and name not in may_change:
            option = "--" + name.replace("_", "-")
            raise InputError(f"--resume goes on with the {whose}'s own settings; leave out {option}")


def add_debug_option(parser: argparse.ArgumentParser) -> None:
    """Add `--debug`, which shows the traceback behind a one-line error."""
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def run_command(main: Callable[[Sequence[str]], int], arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command's `main` and leave the process with its exit code.

    Args:
        main: Takes the command line's words and returns an exit code.
        arguments: The words; those of the process by default.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A class name that a Windows console has no letter for must not end the work.
            stream.reconfigure(errors="replace")
    try:
        code = main(words)
    except InputError as error:
        code = _report(error, words, EXIT_BAD_INPUT)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: there is nobody left to tell.
        sys.stderr.close()
        code = EXIT_FAILED
    except Exception as error:  # noqa: BLE001 - the last resort of a command: one line, exit code 1
        code = _report(error, words, EXIT_FAILED)
    sys.exit(code)


@contextlib.contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Within it, a request to terminate does what Ctrl-C does, so that a service's stop ends the work in good order."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):
            # Not a bare KeyboardInterrupt: whoever handles Ctrl-C in its own way must see this alike.
            signal.raise_signal(signal.SIGINT)
        else:
            # A shell's background jobs ignore Ctrl-C; a request to terminate is none the less one.
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _report(error: Exception, words: Sequence[str], code: int) -> int:
    if "--debug" in words:
        traceback.print_exception(error)
    else:
        text = " ".join(str(error).split()) or type(error).__name__
        kind = "error" if code == EXIT_BAD_INPUT else f"failed: {type(error).__name__}"
        hint = "" if code == EXIT_BAD_INPUT else " (--debug shows where)"
        sys.stderr.write(f"{kind}: {text}{hint}\n")
    return code
