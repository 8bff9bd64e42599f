"""Where compute went, as the journal tells it."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.compute_tables import decisions_frame, stretches_frame
from analysis.results import read_search_folder
from search.compute_records import ComputeRecords, Stretch, compute_records, rows_of
from search.history import history_of
from search.outputs import write_tables
from search.settings import write_settings
from tests.search.searching import KilledError, LocalRun, make_settings
from trainables.journal import Event, read_journal


def proposed(trial_id: str, time: float = 0.0) -> Event:
    return {"event": "proposed", "time": time, "trial_id": trial_id, "space": "unet", "phase": "search"}


def started(trial_id: str, time: float) -> Event:
    return {"event": "started", "time": time, "trial_id": trial_id}


def reported(trial_id: str, time: float, step: int, miou: float = 0.5) -> Event:
    return {"event": "reported", "time": time, "trial_id": trial_id, "step": step, "metrics": {"miou": miou}}


def decided(trial_id: str, time: float, step: int, action: str, **content: Any) -> Event:
    head = {"event": "decided", "time": time, "trial_id": trial_id, "step": step, "action": action}
    return {**head, "stop_reason": None, "rung": None, "cutoff": None, **content}


def ended(trial_id: str, time: float, reason: str) -> Event:
    return {"event": "ended", "time": time, "trial_id": trial_id, "step": 0, "stop_reason": reason}


def opened(time: float) -> Event:
    return {"event": "opened", "time": time}


def spans(records: ComputeRecords) -> list[tuple[str, float, float, int, int, str, int]]:
    return [
        (one.trial_id, one.start_seconds, one.end_seconds, one.first_step, one.last_step, one.ending, one.lane)
        for one in records.stretches
    ]


def test_a_trial_that_pauses_has_two_stretches_and_a_promotion() -> None:
    records = compute_records(
        [
            opened(100.0),
            proposed("a", 100.0),
            started("a", 101.0),
            reported("a", 110.0, 10, 0.25),
            decided("a", 110.0, 10, "pause", rung=10, cutoff=0.5),
            {"event": "promoted", "time": 130.0, "trial_id": "a"},
            started("a", 131.0),
            reported("a", 140.0, 20),
            decided("a", 140.0, 20, "stop", stop_reason="completed"),
            ended("a", 141.0, "completed"),
        ]
    )
    assert spans(records) == [("a", 1.0, 10.0, 0, 10, "paused", 0), ("a", 31.0, 41.0, 10, 20, "completed", 0)]
    (decision,) = records.decisions
    assert (decision.rung, decision.outcome, decision.score, decision.cutoff) == (10, "promoted", 0.25, 0.5)


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ([decided("a", 3.0, 10, "continue", rung=10)], "passed"),
        ([decided("a", 3.0, 10, "stop", rung=10, stop_reason="pruned"), ended("a", 3.0, "pruned")], "stopped"),
        ([decided("a", 3.0, 10, "continue", rung=10, audited=True)], "audited"),
        ([decided("a", 3.0, 10, "pause", rung=10)], "paused"),
        ([decided("a", 3.0, 10, "pause", rung=10), ended("a", 9.0, "pruned")], "stopped"),
        ([decided("a", 3.0, 10, "pause", rung=10), ended("a", 9.0, "interrupted")], "paused"),
        ([decided("a", 3.0, 10, "pause", rung=10), {"event": "audited", "time": 9.0, "trial_id": "a"}], "audited"),
    ],
)
def test_what_became_of_a_trial_at_its_rung(events: list[Event], outcome: str) -> None:
    records = compute_records([proposed("a"), started("a", 1.0), reported("a", 2.0, 10), *events])
    assert [decision.outcome for decision in records.decisions] == [outcome]


def test_hours_between_two_sittings_are_left_out() -> None:
    records = compute_records(
        [
            opened(0.0),
            proposed("a"),
            started("a", 1.0),
            reported("a", 5.0, 10),
            # Killed here, and taken up again the next day.
            opened(86_400.0),
            started("a", 86_402.0),
            ended("a", 86_405.0, "completed"),
        ]
    )
    assert spans(records) == [("a", 1.0, 5.0, 0, 10, "interrupted", 0), ("a", 7.0, 10.0, 10, 10, "completed", 0)]
    assert [one.sitting for one in records.stretches] == [1, 2]


def test_a_process_that_was_started_again_begins_a_new_stretch() -> None:
    records = compute_records([proposed("a"), started("a", 1.0), started("a", 4.0), reported("a", 6.0, 10)])
    assert spans(records) == [("a", 1.0, 4.0, 0, 0, "restarted", 0), ("a", 4.0, 6.0, 0, 10, "", 0)]


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 20)), max_size=30))
def test_no_lane_holds_two_stretches_at_once_and_none_is_needed_more_than_ran_at_once(
    given_spans: list[tuple[float, float]],
) -> None:
    records = ComputeRecords()
    for number, (start, length) in enumerate(given_spans):
        records.stretches.append(
            Stretch(
                trial_id=str(number),
                space="unet",
                phase="search",
                sitting=1,
                start_seconds=start,
                end_seconds=start + length,
                first_step=0,
                last_step=1,
            )
        )
    records.finish()
    for one in records.stretches:
        for other in records.stretches:
            if one is not other and one.lane == other.lane:
                assert one.end_seconds <= other.start_seconds or other.end_seconds <= one.start_seconds
    at_once = [
        sum(other.start_seconds <= one.start_seconds <= other.end_seconds for other in records.stretches)
        for one in records.stretches
    ]
    assert len({one.lane for one in records.stretches}) <= max(at_once, default=0)


def test_the_tables_of_a_search_agree_with_its_history(tmp_path: Path) -> None:
    run = LocalRun(make_settings(trials_per_space=9), tmp_path)
    with pytest.raises(KilledError):
        run.run(die_after=20)
    history = run.run(phases=("search", "finalist"))
    write_settings(run.settings, tmp_path)
    write_tables(tmp_path, history)
    results = read_search_folder(tmp_path)
    stretches, decisions = results.stretches, results.decisions
    last = stretches.groupby("trial_id").last()
    for trial_id, trial in history_of(read_journal(tmp_path)).trials.items():
        paused_to_the_end = trial.stop_reason == "pruned" and last["ending"][trial_id] == "paused"
        assert last["ending"][trial_id] == trial.stop_reason or paused_to_the_end
        assert last["last_step"][trial_id] == trial.step
    judged = Counter(event["rung"] for event in read_journal(tmp_path) if event.get("rung") is not None)
    assert decisions["rung"].value_counts().to_dict() == judged
    assert set(decisions["outcome"]) <= {"passed", "promoted", "stopped"}
    records = compute_records(read_journal(tmp_path))
    assert stretches.equals(stretches_frame(rows_of(records.stretches)))
    assert decisions.equals(decisions_frame(rows_of(records.decisions)))


def test_a_folder_of_an_older_search_has_no_rows(tmp_path: Path) -> None:
    run = LocalRun(make_settings(trials_per_space=3), tmp_path)
    write_settings(run.settings, tmp_path)
    write_tables(tmp_path, run.run())
    for name in ("stretches.parquet", "decisions.parquet"):
        (tmp_path / name).unlink()
    results = read_search_folder(tmp_path)
    assert list(results.stretches.columns) == list(stretches_frame([]).columns) and results.stretches.empty
    assert list(results.decisions.columns) == list(decisions_frame([]).columns) and results.decisions.empty
