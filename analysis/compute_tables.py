"""Where compute went, as two tables: what ran when, and what became of the trials at the rungs.

`stretches.parquet` has one row per uninterrupted stretch of a trial's training, `decisions.parquet` one row per trial
and rung at which it was judged. Both follow from the search's journal.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.tables import PHASES, STOP_REASONS, check_values, typed_frame

if TYPE_CHECKING:
    import pandas as pd

PAUSED = "paused"
RESTARTED = "restarted"

ENDINGS = (*STOP_REASONS, PAUSED, RESTARTED, "")
"""How a stretch ends: as its trial did, paused at a rung, started again after a crash, or (empty) not yet."""

PASSED = "passed"
PROMOTED = "promoted"
AUDITED = "audited"
STOPPED = "stopped"

OUTCOMES = (PASSED, PROMOTED, AUDITED, STOPPED, PAUSED)
"""What became of a trial at a rung: it went on at once, went on after a pause, should have been stopped and was trained
on as a check, was stopped there, or still waits."""

_STRETCH_TEXTS = ("trial_id", "space", "phase", "ending")
_STRETCH_INTEGERS = ("lane", "sitting", "first_step", "last_step")
_STRETCH_SECONDS = ("start_seconds", "end_seconds")
_DECISION_TEXTS = ("trial_id", "space", "outcome")
_DECISION_INTEGERS = ("rung",)
_DECISION_NUMBERS = ("seconds", "score", "cutoff")


def stretches_frame(rows: "pd.DataFrame | Sequence[Mapping[str, Any]]") -> "pd.DataFrame":
    """Build the table of stretches of training.

    Columns: `trial_id`, `space`, `phase`; `ending`, one of `ENDINGS`; `lane`, the number of the worker from 0, worked
    out from which stretches ran at once; `sitting` from 1, between two interruptions of the search; `first_step` and
    `last_step`, the trial's evaluated steps before and after; `start_seconds` and `end_seconds` since the search began,
    without the time between its sittings.

    Raises:
        TableError: A column is missing or a value does not fit the schema.
    """
    names = (*_STRETCH_TEXTS, *_STRETCH_INTEGERS, *_STRETCH_SECONDS)
    frame = typed_frame(rows, _STRETCH_TEXTS, _STRETCH_INTEGERS, required=names, numbers=_STRETCH_SECONDS)
    check_values(frame, "phase", PHASES)
    check_values(frame, "ending", ENDINGS)
    return frame[list(names)]


def decisions_frame(rows: "pd.DataFrame | Sequence[Mapping[str, Any]]") -> "pd.DataFrame":
    """Build the table of what became of the trials at the rungs.

    Columns: `trial_id`, `space`; `outcome`, one of `OUTCOMES`; `rung`, its step; `seconds` since the search began at
    which the trial reached it; `score`, what the trial was worth there; `cutoff`, what it had to reach at that moment,
    NaN where it was not compared yet.

    Raises:
        TableError: A column is missing or a value does not fit the schema.
    """
    names = (*_DECISION_TEXTS, *_DECISION_INTEGERS, *_DECISION_NUMBERS)
    frame = typed_frame(rows, _DECISION_TEXTS, _DECISION_INTEGERS, required=names, numbers=_DECISION_NUMBERS)
    check_values(frame, "outcome", OUTCOMES)
    return frame[list(names)]
