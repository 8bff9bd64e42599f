"""Delivering the journal to MLflow: in order, once, and without ever holding up the search."""

import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from search.recording import JournalRecorder, recorded_settings
from tests.search.searching import LocalRun, make_settings
from trainables.journal import FILE_NAME, Journal, JournalReader, read_journal
from trainables.tracking import delivery as tracking_delivery
from trainables.tracking.client import TrackingRejected, TrackingUnavailable
from trainables.tracking.records import TrialHeader


class UnsteadyServer:
    """Stands in for `SearchRecorder`; refuses or is away when it is told to."""

    def __init__(self, *, away: int = 0, refuses: str = "", settled: dict[str, int] | None = None) -> None:
        self.away = away
        self.settled = settled or {}
        self.refuses = refuses
        self.calls: list[tuple[str, str, int | str]] = []

    def open_search(self, settings: dict[str, Any]) -> str:
        return "run"

    def settled_trials(self) -> dict[str, int]:
        return dict(self.settled)

    def open_trial(self, trial: TrialHeader) -> str:
        self._take("open", trial.trial_id, trial.seed)
        return trial.trial_id

    def log_evaluation(self, trial_id: str, step: int, metrics: dict[str, float], timestamp_ms: int) -> None:
        self._take("report", trial_id, step)

    def log_rung(self, trial_id: str, rung: int) -> None:
        self._take("rung", trial_id, rung)

    def log_test(self, evaluation: dict[str, Any]) -> None:
        self._take("test", evaluation["trial_id"], evaluation["role"])

    def close_trial(self, trial_id: str, stop_reason: str, step: int, timestamp_ms: int, error: str | None) -> None:
        self._take("close", trial_id, stop_reason)

    def _take(self, kind: str, trial_id: str, what: int | str) -> None:
        if self.away > 0:
            self.away -= 1
            raise TrackingUnavailable("the server is away")
        if trial_id == self.refuses:
            raise TrackingRejected(f"{trial_id} is refused")
        self.calls.append((kind, trial_id, what))


def delivered(folder: Path, server: UnsteadyServer) -> JournalRecorder:
    recorder = JournalRecorder(JournalReader(folder), make_settings(), server)  # type: ignore[arg-type]
    recorder.finish()
    return recorder


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    LocalRun(make_settings(trials_per_space=3), tmp_path).run(phases=("search", "finalist"))
    return tmp_path


def test_every_event_arrives_once_and_in_order(journal: Path) -> None:
    server = UnsteadyServer()
    delivered(journal, server)
    kinds = {"started": "open", "reported": "report", "decided": "rung", "tested": "test", "ended": "close"}
    events = [e for e in read_journal(journal) if e["event"] in kinds]
    at_rungs = [e for e in events if e["event"] != "decided" or e["rung"] is not None]
    expected = [(kinds[e["event"]], e["trial_id"]) for e in at_rungs]
    assert [(kind, trial_id) for kind, trial_id, _ in server.calls] == expected


def test_while_the_server_is_away_nothing_is_lost_or_doubled(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking_delivery, "RETRY_SECONDS", 0.01)
    steady, unsteady = UnsteadyServer(), UnsteadyServer(away=5)
    delivered(journal, steady)
    delivered(journal, unsteady)
    assert unsteady.calls == steady.calls


def test_a_server_that_stays_away_is_told_at_the_end(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking_delivery, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(tracking_delivery, "PATIENCE_SECONDS", 0.2)
    with pytest.raises(TrackingUnavailable, match="of the journal wait"):
        delivered(journal, UnsteadyServer(away=10**9))


def test_what_is_refused_is_told_and_the_rest_arrives(journal: Path) -> None:
    server = UnsteadyServer(refuses="unet-001")
    recorder = delivered(journal, server)
    assert recorder.rejected
    assert {trial_id for _, trial_id, _ in server.calls} >= {"unet-000", "unet-002"}


def test_events_arrive_while_the_journal_grows(tmp_path: Path) -> None:
    server = UnsteadyServer()
    with Journal(tmp_path) as journal:
        recorder = JournalRecorder(JournalReader(tmp_path), make_settings(), server)  # type: ignore[arg-type]
        run = LocalRun(make_settings(trials_per_space=1), tmp_path / "other")
        run.folder.mkdir()
        run.run()
        for event in read_journal(run.folder):
            recorder.take(journal.append(event.pop("event"), **{k: v for k, v in event.items() if k != "time"}))
    recorder.finish()
    assert [call for call in server.calls if call[0] != "report"] == [
        ("open", "unet-000", 0),
        ("close", "unet-000", "completed"),
    ]


def test_what_an_earlier_sitting_delivered_for_sure_is_not_sent_again(journal: Path) -> None:
    endings = {e["trial_id"]: round(e["time"] * 1000) for e in read_journal(journal) if e["event"] == "ended"}
    settled = {name: endings[name] for name in ("unet-000", "unet-002")}
    server = UnsteadyServer(settled=settled)
    delivered(journal, server)
    assert {trial_id for _, trial_id, _ in server.calls} == endings.keys() - settled.keys()


def test_a_trial_that_went_on_after_its_recorded_ending_is_sent_from_there(tmp_path: Path) -> None:
    job = LocalRun(make_settings(trials_per_space=1), tmp_path / "one")
    job.folder.mkdir()
    job.run()
    proposed = next(event for event in read_journal(job.folder) if event["event"] == "proposed")
    del proposed["time"]
    with Journal(tmp_path) as journal:
        journal.append(**proposed)
        journal.append("started", trial_id="unet-000")
        journal.append("reported", trial_id="unet-000", step=10, metrics={"miou": 0.1})
        time.sleep(0.002)
        ended = journal.append("ended", trial_id="unet-000", step=10, stop_reason="interrupted")
        time.sleep(0.002)
        journal.append("started", trial_id="unet-000")
        journal.append("reported", trial_id="unet-000", step=20, metrics={"miou": 0.2})
    server = UnsteadyServer(settled={"unet-000": round(ended["time"] * 1000)})
    delivered(tmp_path, server)
    assert server.calls == [("open", "unet-000", 0), ("report", "unet-000", 20)]


def test_waiting_takes_no_memory(tmp_path: Path) -> None:
    """Events wait on disk: what a thousand of them would take in memory is not there."""
    with Journal(tmp_path) as journal:
        recorder = JournalRecorder(
            JournalReader(tmp_path),
            make_settings(),
            UnsteadyServer(away=10**9),  # type: ignore[arg-type]
        )
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for step in range(1000):
            metrics = {f"metric_{number}": number / 7 for number in range(20)}
            recorder.take(journal.append("reported", trial_id="unet-000", step=step, metrics=metrics))
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    assert (tmp_path / FILE_NAME).stat().st_size > 500_000
    assert grown < 100_000


def test_passwords_are_not_recorded() -> None:
    uri = "http://ann:secret@example.org"
    settings = make_settings(tracking_uri=uri, command=("python", "-m", "search.run", "--tracking-uri", uri))
    assert "secret" not in str(recorded_settings(settings))
    assert "ann" in str(recorded_settings(settings))
