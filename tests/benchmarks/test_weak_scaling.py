"""What a report costs the driver, at a tiny size."""

import multiprocessing
import threading
from pathlib import Path
from typing import Any

import pytest

from benchmarks.controller_cost import our_costs
from benchmarks.reporting_process import report_until_told
from tests.benchmarks.benchmark_command import run_quickly


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_one_row_for_each_number_of_workers_and_processes(tmp_path: Path) -> None:
    written, _ = run_quickly("weak_scaling", tmp_path)
    rows: list[dict[str, Any]] = written["rows"]
    assert [row["workers"] for row in rows] == [1, 20, "1 processes", "2 processes"]
    for row in rows:
        assert row["reports"] >= row["trials"]
        assert row["reports/s"] == pytest.approx(1000 / row["all ms"])
    assert written["findings"]["growth"] == pytest.approx(rows[1]["CPU ms"] / rows[0]["CPU ms"])


def test_every_trial_is_driven_to_its_end_on_many_workers(tmp_path: Path) -> None:
    watch, _ = our_costs(6, tmp_path, (), 3)
    assert watch.reports >= 6
    assert watch.seconds["controller"] >= watch.seconds["decide"] > 0
    assert watch.seconds["controller"] >= watch.seconds["hand out"] > 0


def test_a_process_reports_until_it_is_told() -> None:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    # In a thread: what it does is the same.
    process = threading.Thread(target=report_until_told, args=(theirs, 10, 100))
    process.start()
    ours.send(("unet-001", 20))
    steps, waits = [], []
    for goes_on in (True, True, False):
        trial_id, metrics, waited = ours.recv()
        assert trial_id == "unet-001"
        assert 0 <= metrics["miou"] <= 1
        steps.append(metrics["step"])
        waits.append(waited)
        ours.send(goes_on)
    ours.send(None)
    process.join(timeout=10)
    assert not process.is_alive()
    assert steps == [30, 40, 50]
    assert waits[0] is None
    assert all(waited > 0 for waited in waits[1:])
