"""What a running training shows: a line for each evaluation, and on a terminal where it stands just now."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from spaces.durations import duration_text

if TYPE_CHECKING:
    from rich.console import Group

    from trainables.full_training.settings import TrainingSettings

REFRESH_SECONDS = 0.5

FORECAST_SECONDS = 20.0
"""After this time of a sitting, and `FORECAST_STEPS`, it is told how long the rest will take."""

FORECAST_STEPS = 3

WORTH_TELLING_SECONDS = 600.0
"""A training that takes less needs no forecast; its first evaluation comes soon enough."""


class Stepping(Protocol):
    """What is shown: a trainer."""

    step: int
    best_miou: float


@dataclass(slots=True)
class Pace:
    """How fast a sitting goes.

    Attributes:
        first_step: Steps that were done when it began.
        began: When it began, on `time.monotonic`'s clock.
    """

    first_step: int
    began: float

    def steps_per_second(self, step: int, now: float) -> float:
        """Steps per second so far, evaluations included; 0 before the first step."""
        return (step - self.first_step) / max(1e-9, now - self.began)

    def seconds_left(self, step: int, max_steps: int, now: float) -> float | None:
        """Time until the last step at this pace; None before the first step."""
        pace = self.steps_per_second(step, now)
        return (max_steps - step) / pace if pace > 0 else None


class TrainingDisplay:
    """Shows one sitting of a training."""

    def __init__(self, settings: "TrainingSettings", trainer: Stepping, write: Callable[[str], None]) -> None:
        """Take what is shown, and where lines go where no terminal is."""
        self._settings = settings
        self._trainer = trainer
        self._write = write
        self._pace = Pace(trainer.step, time.monotonic())
        self._forecast_told = False

    @contextlib.contextmanager
    def showing(self) -> Iterator[None]:
        """Show the training while the block lasts."""
        from rich.console import Console
        from rich.live import Live

        console = Console(file=sys.stdout, highlight=False)
        stop = threading.Event()
        self._pace = Pace(self._trainer.step, time.monotonic())
        with contextlib.ExitStack() as stack:
            live: Live | None = None
            if console.is_terminal:
                live = stack.enter_context(Live(console=console, auto_refresh=False, transient=True))
                # Lines go above the live part, which would otherwise be torn.
                self._write = partial(console.print, markup=False, soft_wrap=True)

            def watch() -> None:
                while not stop.wait(REFRESH_SECONDS):
                    self.tell_forecast(time.monotonic())
                    if live is not None:
                        live.update(self.live_view(time.monotonic()), refresh=True)

            thread = threading.Thread(target=watch, name="display", daemon=True)
            thread.start()
            try:
                yield
            finally:
                stop.set()
                thread.join()

    def evaluated(self, metrics: Mapping[str, Any]) -> None:
        """Tell of an evaluation in a line."""
        now = time.monotonic()
        step, last = metrics["step"], self._settings.max_steps
        line = (
            f"step {step:,} of {last:,}: mIoU {metrics['miou']:.4f}, best {metrics['best_miou']:.4f}, "
            f"loss {metrics['loss']:.4f}, {metrics['steps_per_second']:.3g} steps/s"
        )
        left = self._pace.seconds_left(step, last, now)
        self._write(f"{line}, about {duration_text(left)} left" if left and step < last else line)

    def tell_forecast(self, now: float) -> None:
        """Tell once, early, how long a long training will take."""
        step = self._trainer.step
        if self._forecast_told or step - self._pace.first_step < FORECAST_STEPS:
            return
        if now - self._pace.began < FORECAST_SECONDS:
            return
        self._forecast_told = True
        left = self._pace.seconds_left(step, self._settings.max_steps, now)
        if left is not None and left >= WORTH_TELLING_SECONDS:
            self._write(
                f"{self._settings.max_steps - step:,} steps are left: about {duration_text(left)} at "
                f"{self._pace.steps_per_second(step, now):.3g} steps/s; Ctrl-C ends it, --resume goes on"
            )

    def live_view(self, now: float) -> "Group":
        """Where the training stands at a moment."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        step, last = self._trainer.step, self._settings.max_steps
        left = self._pace.seconds_left(step, last, now)
        best = self._trainer.best_miou
        words = [
            f"step {step:,} of {last:,}",
            f"best mIoU {best:.4f}" if best >= 0 else "not evaluated yet",
            f"{self._pace.steps_per_second(step, now):.3g} steps/s",
            f"{duration_text(now - self._pace.began)} so far",
            *([f"about {duration_text(left)} left"] if left is not None else []),
        ]
        headline = Text.assemble((f"{self._settings.name}  ", "bold"), ", ".join(words))
        return Group(headline, ProgressBar(total=last, completed=step, width=60))
