"""Running a search from its first trial, or from where it was left, to its report."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from search.checkpoints import CheckpointCleaner
from search.conclusion import Outcome, conclude
from search.controller import SearchController
from search.costing import measure_networks
from search.display import notes_line, plain_lines, showing
from search.history import history_of
from search.outputs import write_tables
from search.recording import JournalRecorder
from search.settings import SearchSettings
from spaces.command_line import terminated_as_interrupted
from trainables.checkpoint_store import open_store
from trainables.compute.machines import GIGABYTE
from trainables.data.opening import DataSource
from trainables.journal import Event, Journal, read_journal
from trainables.ray_trainable import TrialContext
from trainables.tracking.search_recorder import SearchRecorder

_log = logging.getLogger(__name__)


def run_search(
    settings: SearchSettings,
    folder: Path,
    encoder_states: dict[str, dict[str, Any]],
    recorder: SearchRecorder,
    write: Callable[[str], None],
    *,
    lines: bool,
) -> Outcome:
    """Run a search to its end, or until it is interrupted; Ray must be running.

    Args:
        settings: The search.
        folder: Its folder, locked by the caller.
        encoder_states: Initial weights by encoder.
        recorder: Where MLflow records.
        write: Takes lines for people.
        lines: Whether to tell of each trial in a line (where no live table is shown).
    """
    began = time.monotonic()
    earlier = list(read_journal(folder))
    history = history_of(earlier)
    recording = JournalRecorder(recorder, settings)
    store = open_store(settings.storage)
    listeners: list[Callable[[Event], None]] = [recording.take, CheckpointCleaner(store, settings, history).take]
    if lines:
        listeners.append(plain_lines(settings, write))

    def tell(event: Event) -> None:
        for listener in listeners:
            try:
                listener(event)
            except OSError as error:
                # A closed pipe or a file that can't be deleted just now is no reason to end a search.
                _log.warning("%s: %s", event["event"], error)

    for event in earlier:
        recording.take(event)
    with Journal(folder) as journal:
        journal.append("opened", settings=settings.name)
        controller = SearchController(settings, history, journal.append, tell)
        try:
            with terminated_as_interrupted():
                with showing(settings, controller):
                    finished = _run_phases(settings, controller, _context(settings, encoder_states))
                if finished:
                    write("measuring the networks, one at a time")
                    measure_networks(settings, controller, write)
        except KeyboardInterrupt:
            finished = False
        except Exception:
            _close(controller, journal, began, finished=False)
            write_tables(folder, history)
            raise
        _close(controller, journal, began, finished=finished)
    if (noted := notes_line(history.trials.values())) is not None:
        write(noted)
    return conclude(settings, folder, history, recording, store)


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


def _context(settings: SearchSettings, encoder_states: dict[str, dict[str, Any]]) -> TrialContext:
    return TrialContext(
        data=DataSource(
            root=settings.data.root,
            class_mapping=settings.data.class_mapping,
            labeled_list=settings.data.labeled_list,
        ),
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
