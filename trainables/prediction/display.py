"""What a running prediction shows: a bar on a terminal, lines where its output is piped."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from spaces.durations import duration_text

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SECONDS_BETWEEN_LINES = 10.0

MEGAPIXEL = 1e6
"""Pixels."""


class PredictionDisplay:
    """Shows how far the prediction of some photos has come.

    Args:
        photos: How many there are to predict.
        clock: Seconds that only ever grow.
    """

    def __init__(self, photos: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._photos = photos
        self._clock = clock
        self._began = self._told = clock()
        self._done = 0
        self._pixels = 0
        self._partly = 0.0
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    @contextlib.contextmanager
    def showing(self) -> Iterator[None]:
        """Show a bar while the block lasts, on a terminal."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(file=sys.stdout, highlight=False)
        if not console.is_terminal:
            yield
            return
        columns = (BarColumn(), TextColumn("{task.description}", markup=False), TimeRemainingColumn())
        # Standard error may be a file while the bar is on a terminal.
        with Progress(*columns, console=console, transient=True, redirect_stderr=sys.stderr.isatty()) as bar:
            self._bar, self._task = bar, bar.add_task(self._state(), total=self._photos)
            try:
                yield
            finally:
                self._bar = None

    def advanced(self, pixels: int, share: float) -> None:
        """Tell of rows that are predicted: their pixels, and what share of their photo is."""
        self._pixels += pixels
        self._partly = share
        self._show()

    def ended(self) -> None:
        """Tell that a photo is done, or has failed."""
        self._done += 1
        self._partly = 0.0
        self._show()

    def failed(self, line: str) -> None:
        """Tell what is wrong with a photo, on standard error."""
        if self._bar is not None and sys.stderr.isatty():
            # Above the bar, which would otherwise be torn.
            self._bar.console.print(f"failed: {line}", markup=False, soft_wrap=True)
            return
        sys.stderr.write(f"failed: {line}\n")
        sys.stderr.flush()

    def _show(self) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done + self._partly, description=self._state())
            return
        now = self._clock()
        if now - self._told >= SECONDS_BETWEEN_LINES:
            self._told = now
            done = self._done + self._partly
            left = (now - self._began) * (self._photos - done) / done if done else 0.0
            rest = f", about {duration_text(left)} left" if left >= 1 else ""
            say(f"{self._state()}{rest}")

    def _state(self) -> str:
        pixels = self._pixels / MEGAPIXEL
        pace = pixels / max(1e-9, self._clock() - self._began)
        return f"{self._done:,} of {self._photos:,} photos, {pixels:,.1f} megapixels, {pace:.3g} a second"


def say(line: str) -> None:
    """Write a line to standard output, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
