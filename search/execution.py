"""Running a search from its first trial, or from where it was left, to its report."""

import contextlib
import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from search.checkpoints import CheckpointCleaner
from search.commands import taking_commands
from search.conclusion import Outcome, conclude
from search.controller import SearchController
from search.costing import measure_networks, measure_objectives
from search.display import notes_line, plain_lines, showing
from search.ensembles import evaluate_ensembles
from search.history import SearchHistory, history_of
from search.outputs import summary_of, write_summary, write_tables
from search.recording import JournalRecorder
from search.settings import SearchSettings
from search.study_database import STUDIES, StudyDatabase
from spaces.command_line import terminated_as_interrupted
from trainables.checkpoint_store import open_store
from trainables.compute.machines import GIGABYTE
from trainables.full_disk import full_disk_error
from trainables.journal import Event, Journal, JournalReader, read_journal
from trainables.ray_trainable import TrialContext
from trainables.tracking.search_recorder import SearchRecorder

_log = logging.getLogger(__name__)


def run_search(
    settings: SearchSettings,
    folder: Path,
    encoder_states: dict[str, dict[str, Any]],
    recorder: SearchRecorder | None,
    write: Callable[[str], None],
    *,
    lines: bool,
) -> Outcome:
    """Run a search to its end, or until it is interrupted or nothing can be kept; Ray must be running.

    Args:
        settings: The search.
        folder: Its folder, locked by the caller.
        encoder_states: Initial weights by encoder.
        recorder: Where MLflow records; None where it can't be reached now.
        write: Takes lines for people.
        lines: Whether to tell of each trial in a line (where no live table is shown).
    """
    began = time.monotonic()
    history = history_of(read_journal(folder))
    store = open_store(settings.storage)
    cleaner = CheckpointCleaner(store, settings, history)
    database = StudyDatabase(folder / STUDIES, settings, history)
    listeners: list[Callable[[Event], None]] = [cleaner.take, database.take]
    if lines:
        listeners.append(plain_lines(settings, history, write))

    def tell(event: Event) -> None:
        for listener in listeners:
            try:
                listener(event)
            except OSError as error:
                # A closed pipe or a file that can't be deleted just now is no reason to end a search.
                _log.warning("%s: %s", event["event"], error)

    for event in read_journal(folder):
        database.take(event)
    with Journal(folder) as journal:
        recording = JournalRecorder(JournalReader(folder), settings, recorder)
        listeners.insert(0, recording.take)
        history.apply(journal.append("opened", settings=settings.name))
        controller = SearchController(settings, history, journal.append, tell)
        failures: list[str] = []
        try:
            with terminated_as_interrupted():
                measure_objectives(settings, controller, write)
                with showing(settings, controller), taking_commands(folder, settings.spaces, controller, write):
                    finished = _run_phases(settings, controller, _context(settings, encoder_states))
                if finished:
                    failures = _after_the_finals(settings, controller, write)
        except KeyboardInterrupt:
            finished = False
        except Exception as error:
            halted = controller.halted or journal.failure
            if halted is None and (full := full_disk_error(error)) is not None:
                halted = f"the disk is full ({full})"
            if halted is None:
                _close(controller, journal, began, finished=False)
                _write_results(settings, folder, history)
                raise
            controller.halt(halted)
            finished = False
        halted = controller.halted or journal.failure
        if halted is not None:
            close = partial(_close, controller, journal, began, finished=False)
            return _halted(settings, folder, history, close, halted)
        _close(controller, journal, began, finished=finished)
    cleaner.clean()
    if (unwritten := database.close()) is not None:
        write(unwritten)
    if (noted := notes_line(history.trials.values())) is not None:
        write(noted)
    return conclude(settings, folder, history, recording, store, failures=failures)


def _halted(
    settings: SearchSettings, folder: Path, history: SearchHistory, close: Callable[[], None], reason: str
) -> Outcome:
    """Leave a search that can't keep what it does: what is on disk stays, and nothing is asked of anybody else."""
    for work in (close, lambda: _write_results(settings, folder, history)):
        with contextlib.suppress(OSError):
            work()
    return Outcome(finished=False, summary={}, report=None, failures=(), halted=reason)


def _write_results(settings: SearchSettings, folder: Path, history: SearchHistory) -> None:
    write_tables(folder, history)
    write_summary(folder, summary_of(settings, history, history.run_seconds, None))


def _close(controller: SearchController, journal: Journal, began: float, *, finished: bool) -> None:
    if not finished:
        controller.interrupt()
    outcome = "finished" if finished else "interrupted"
    controller.history.apply(journal.append("closed", seconds=time.monotonic() - began, outcome=outcome))


def _run_phases(settings: SearchSettings, controller: SearchController, context: TrialContext) -> bool:
    from search.ray_tune import run_phase

    for phase in ("search", "finalist"):
        controller.begin_phase(phase)
        if not controller.phase_done():
            run_phase(settings, controller, context)
        if not controller.phase_done():
            return False
    return True


def _after_the_finals(
    settings: SearchSettings, controller: SearchController, write: Callable[[str], None]
) -> list[str]:
    """Join the finalists and measure the networks; returns what failed, a line each."""
    failures = evaluate_ensembles(settings, controller, write)
    measure_networks(settings, controller, write)
    return failures


def _context(settings: SearchSettings, encoder_states: dict[str, dict[str, Any]]) -> TrialContext:
    return TrialContext(
        data=settings.data.source,
        fingerprint=settings.data.fingerprint,
        split_by=settings.data.split_by,
        split_seed=settings.seed,
        split_hash=settings.data.split_hash,
        encoder_states=encoder_states,
        storage=settings.storage,
        max_steps=settings.max_steps,
        eval_every=settings.eval_every,
        validation_windows=settings.validation_windows,
        device=settings.device.kind,
        layouts={space: layout.compute_layout() for space, layout in settings.layouts.items()},
        evaluation=settings.evaluation,
        loader_workers=settings.device.loader_workers,
        image_cache_bytes=round(settings.device.image_cache_gb * GIGABYTE),
        threads={space: max(1, int(cpus)) for space, cpus in settings.device.cpus_per_trial.items()},
    )
