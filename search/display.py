"""What a running search shows: a live table on a terminal, plain lines elsewhere."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from search.controller import SearchController
from search.history import SearchHistory, TrialHistory
from search.plan import SCHEDULERS_WITH_RUNGS
from search.progress import Progress
from search.schedulers.rule import Action
from search.settings import SearchSettings
from spaces.durations import duration_text
from trainables.journal import Event

REFRESH_SECONDS = 1.0
MOST_OTHERS_SHOWN = 8
PHASE_NAMES = {"search": "search", "finalist": "finals"}


@contextlib.contextmanager
def showing(settings: SearchSettings, controller: SearchController, stream: TextIO | None = None) -> Iterator[None]:
    """Show the controller's progress while the block lasts, where the output is a terminal."""
    console = Console(file=stream or sys.stdout, highlight=False)
    if not console.is_terminal:
        yield
        return
    stop = threading.Event()

    def refresh(live: Live) -> None:
        while not stop.wait(REFRESH_SECONDS):
            live.update(live_view(settings, controller.progress()))

    with Live(console=console, auto_refresh=True, refresh_per_second=2, transient=True) as live:
        thread = threading.Thread(target=refresh, args=(live,), name="display", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def plain_lines(
    settings: SearchSettings, history: SearchHistory, write: Callable[[str], None]
) -> Callable[[Event], None]:
    """A listener that writes one line for each trial that starts, pauses, goes on or ends.

    `history` is that of all sittings, with each event before the listener gets it.
    """
    known = {trial_id for trial_id, trial in history.trials.items() if trial.reports}

    def listen(event: Event) -> None:
        if event["event"] == "noted":
            write(f"{event['trial_id']}: {event['note']}")
        elif event["event"] == "started":
            write(f"{event['trial_id']} {'goes on' if event['trial_id'] in known else 'started'}")
            known.add(event["trial_id"])
        elif event["event"] == "decided" and event["action"] == Action.PAUSE:
            write(f"{event['trial_id']} paused at step {event['step']} of {settings.max_steps}")
        elif event["event"] == "ended":
            best = history.trials[event["trial_id"]].best_miou
            score = "" if best is None else f", best mIoU {best:.3f}"
            write(f"{event['trial_id']} {event['stop_reason']} at step {event['step']} of {settings.max_steps}{score}")
            if event.get("error"):
                write(f"  {event['error'].strip().splitlines()[-1]}")

    return listen


def live_view(settings: SearchSettings, progress: Progress) -> Group:
    """The table of a moment: trials by state, the best ones, rungs, time left."""
    ended = sum(progress.ended.values())
    paused = sum(trial.paused for trial in progress.trials)
    states = ", ".join(f"{count} {reason}" for reason, count in sorted(progress.ended.items()))
    headline = Text.assemble(
        (f"{settings.name}  ", "bold"),
        f"{PHASE_NAMES[progress.phase]}: {ended} of {progress.planned} trials ended",
        f" ({states})" if states else "",
        f", {len(progress.running)} running",
        f", {paused} paused" if paused else "",
        f", {duration_text(progress.seconds)} so far",
        f", about {duration_text(left)} left" if (left := seconds_left(progress)) else "",
    )
    table = Table(box=None, pad_edge=False)
    for column in ("trial", "state", "step", "mIoU", "best mIoU"):
        table.add_column(column, justify="left" if column in {"trial", "state"} else "right")
    for trial in _shown(progress):
        last = trial.reports.get(trial.step, {}).get("miou")
        table.add_row(
            trial.job.trial_id,
            _state(trial),
            f"{trial.step}/{settings.max_steps}",
            "" if last is None else f"{last:.3f}",
            "" if trial.best_miou is None else f"{trial.best_miou:.3f}",
        )
    parts: list[Text | Table] = [headline, table]
    if (noted := notes_line(progress.trials)) is not None:
        parts.append(Text(noted, style="dim"))
    if progress.phase == "search" and settings.scheduler in SCHEDULERS_WITH_RUNGS:
        parts.append(Text(rung_line(settings, progress), style="dim"))
    return Group(*parts)


def rung_line(settings: SearchSettings, progress: Progress) -> str:
    """How many trials have reached each rung, by space."""
    spaces = []
    for space in settings.spaces:
        trials = [trial for trial in progress.trials if trial.job.space == space]
        counts = [sum(rung in trial.reports for trial in trials) for rung in settings.rungs]
        spaces.append(f"{space} " + ", ".join(f"{n} at {r}" for n, r in zip(counts, settings.rungs, strict=True)))
    return "rungs: " + "; ".join(spaces)


def notes_line(trials: Iterable[TrialHistory]) -> str | None:
    """What went otherwise than asked in these trials, each kind with its trials; None if nothing did."""
    noted: dict[str, list[str]] = {}
    for trial in trials:
        for note in trial.notes:
            noted.setdefault(note, []).append(trial.job.trial_id)
    return "; ".join(f"{note} ({', '.join(names)})" for note, names in noted.items()) or None


def seconds_left(progress: Progress) -> float | None:
    """Time left in the phase at this sitting's pace, if trials go on as long as those before them did.

    A paused trial counts as one that stays where it is: most end there, and the steps of the few that go on are in the
    mean as soon as these have ended.
    """
    settled = [trial.step for trial in progress.trials if trial.ended or trial.paused]
    if not settled or not progress.steps:
        return None
    mean_steps = sum(settled) / len(settled)
    running = sum(max(0.0, mean_steps - trial.step) for trial in progress.running)
    waiting = max(0, progress.planned - len(settled) - len(progress.running))
    return progress.seconds / progress.steps * (running + waiting * mean_steps)


def _state(trial: TrialHistory) -> str:
    # One that was interrupted and runs again has no reason any more; a paused one of an earlier sitting has.
    return "paused" if trial.paused else trial.stop_reason or "running"


def _shown(progress: Progress) -> list[TrialHistory]:
    """The running trials, and the best of the others."""
    running = {trial.job.trial_id for trial in progress.running}
    others = [
        trial
        for trial in progress.trials
        if (trial.ended or trial.paused) and trial.job.trial_id not in running and trial.best_miou is not None
    ]
    others.sort(key=lambda trial: trial.best_miou or 0.0, reverse=True)
    return [*progress.running, *others[:MOST_OTHERS_SHOWN]]
