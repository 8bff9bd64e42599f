"""The search's Optuna studies in a SQLite file beside it, for Optuna's own dashboard: `python -m search.ui` shows it.

Written from the journal, in the background: the search never waits for it and reads nothing back from it.
"""

import logging
import queue
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from search.history import SearchHistory, TrialJob
from search.network_costs import costs_of
from search.settings import SearchSettings
from trainables.journal import Event

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial, TrialState

STUDIES = "optuna.db"
"""Name of the file in the folder of a search."""

TRIAL_ID = "trial_id"
ROLE = "role"

LOCKED_SECONDS = 10
"""Wait for another program that writes to the file before trying again with the next trial."""

CLOSE_SECONDS = 60.0
"""At the end of a search, the wait for what is not written yet, for each trial."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class EndedTrial:
    """An ended trial, apart from the history, which goes on changing while this is written.

    Attributes:
        job: What it trained.
        stop_reason: Why it ended.
        state: How it ended, in Optuna's terms.
        values: One per objective if it is complete.
        evaluations: mIoU by step.
        started: When it first started, or None: never.
        ended: When it ended.
    """

    job: TrialJob
    stop_reason: str
    state: "TrialState"
    values: list[float] | None
    evaluations: dict[int, float]
    started: datetime | None
    ended: datetime


class StudyDatabase:
    """Writes each ended trial of the search phase once: a study `SEARCH/SPACE` per space.

    What can't be written, because the file is locked or the disk full, is tried again with the next trial. What a
    killed process did not write, the resumed one does, when it is given the journal's events again.

    Attributes:
        problem: Why the latest attempt to write failed, in one line, or None.
    """

    def __init__(self, path: Path, settings: SearchSettings, history: SearchHistory) -> None:
        """Start a thread that writes; the file is made when the first trial ends.

        Args:
            path: The file.
            settings: The search.
            history: What its journal says, kept up to date by the caller.
        """
        self.problem: str | None = None
        self._path = path
        self._settings = settings
        self._history = history
        self._trials: queue.SimpleQueue[EndedTrial | None] = queue.SimpleQueue()
        self._written = 0
        self._file: _StudyFile | None = None
        self._thread = threading.Thread(target=self._write_all, name="optuna.db", daemon=True)
        self._thread.start()

    def take(self, event: Event) -> None:
        """Take in an event that is in the journal and in the history; returns at once."""
        if event["event"] != "ended":
            return
        trial = self._history.trials[event["trial_id"]]
        # An interrupted trial may go on; of one that did, an earlier interruption is no end.
        if trial.job.phase != "search" or not trial.ended or event["stop_reason"] != trial.stop_reason:
            return
        from search.samplers.trial_states import evaluations, state_and_values

        objectives, classes = self._settings.objectives, len(self._settings.data.classes)
        costs = costs_of(trial.job.config, self._history.costs, objectives, classes=classes)
        state, values = state_and_values(trial, costs, objectives)
        self._trials.put(
            EndedTrial(
                job=trial.job,
                stop_reason=str(trial.stop_reason),
                state=state,
                values=values,
                evaluations=evaluations(trial),
                started=None if trial.started_at is None else datetime.fromtimestamp(trial.started_at),
                ended=datetime.fromtimestamp(event["time"]),
            )
        )

    def close(self) -> str | None:
        """Wait until all is written, as long as it gets on.

        Returns:
            What could not be written and why, in one line; None if all is there.
        """
        self._trials.put(None)
        before = -1
        while self._thread.is_alive() and self._written > before:
            before = self._written
            self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            return f"{self._path}: not all trials could be written in time"
        return None if self.problem is None else f"{self._path}: not all trials could be written: {self.problem}"

    def _write_all(self) -> None:
        owed: list[EndedTrial] = []
        open_ended = True
        while open_ended:
            trial = self._trials.get()
            if trial is None:
                open_ended = False
            else:
                owed.append(trial)
                if not self._trials.empty():
                    continue
            owed = self._write(owed)
        if self._file is not None:
            self._file.close()

    def _write(self, trials: list[EndedTrial]) -> list[EndedTrial]:
        """Write trials; those that have to wait for another time are returned."""
        from optuna.exceptions import StorageInternalError
        from sqlalchemy.exc import SQLAlchemyError

        for place, trial in enumerate(trials):
            try:
                if self._file is None:
                    self._file = _StudyFile(self._path, self._settings)
                self._file.add(trial)
            except (SQLAlchemyError, StorageInternalError, OSError) as error:
                self._fail(error)
                return trials[place:]
            except Exception as error:  # noqa: BLE001 - a page for people must neither end a search nor lack the rest
                self._fail(error)
            else:
                self._written += 1
                self.problem = None
        return []

    def _fail(self, error: Exception) -> None:
        cause = error.__cause__ or error
        self.problem = f"{type(cause).__name__}: {cause}".splitlines()[0]
        _log.warning("%s: %s", self._path, self.problem)


class _StudyFile:
    """The studies of one search in an open file."""

    def __init__(self, path: Path, settings: SearchSettings) -> None:
        import optuna
        from sqlalchemy import URL

        from search.samplers.trial_states import directions

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        url = URL.create("sqlite", database=str(path)).render_as_string()
        arguments = {"connect_args": {"timeout": LOCKED_SECONDS}}
        self._storage: RDBStorage = optuna.storages.RDBStorage(url, engine_kwargs=arguments)
        self._spaces = {space.name: space for space in settings.searched_spaces()}
        self._objectives = settings.objectives
        self._studies: dict[str, Study] = {}
        self._known: set[str] = set()
        try:
            for name in self._spaces:
                study = optuna.create_study(
                    storage=self._storage,
                    study_name=f"{settings.name}/{name}",
                    directions=directions(settings.objectives),
                    load_if_exists=True,
                )
                _name_metrics(study, settings.objectives)
                self._studies[name] = study
                self._known |= {trial.user_attrs.get(TRIAL_ID, "") for trial in study.get_trials(deepcopy=False)}
        except BaseException:
            self.close()
            raise

    def add(self, trial: EndedTrial) -> None:
        """Write a trial, all of it or nothing, unless it is there already."""
        if trial.job.trial_id in self._known:
            return
        self._studies[trial.job.space].add_trial(self._frozen(trial))
        self._known.add(trial.job.trial_id)

    def close(self) -> None:
        """Let go of the file."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def _frozen(self, trial: EndedTrial) -> "FrozenTrial":
        from optuna.trial import TrialState, create_trial

        from search.samplers.sources import RecordedSource
        from search.samplers.trial_states import STOP_REASON

        space = self._spaces[trial.job.space]
        recorded = RecordedSource(space.suggestions_of(trial.job.config))
        space.sample(recorded)
        values = trial.values
        if trial.state == TrialState.PRUNED and len(self._objectives) == 1:
            # As Optuna itself does it: what a stopped trial had reached.
            values = [trial.evaluations[max(trial.evaluations)]]
        frozen = create_trial(
            state=trial.state,
            values=values,
            params=recorded.drawn,
            distributions=recorded.distributions,
            user_attrs={TRIAL_ID: trial.job.trial_id, STOP_REASON: trial.stop_reason, ROLE: trial.job.role},
            intermediate_values=trial.evaluations,
        )
        frozen.datetime_start = trial.started or trial.ended
        frozen.datetime_complete = trial.ended
        return frozen


def _name_metrics(study: "Study", objectives: Sequence[str]) -> None:
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.set_metric_names(list(objectives))
