"""The soak at a small size, and what it would find."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.soak import _faults, _growth_kb_per_report, main
from search.history import history_of
from spaces.errors import InputError
from spaces.loading import load_space
from tests.benchmarks.benchmark_command import run_quickly


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_trial_of_a_long_search_is_there_once(tmp_path: Path) -> None:
    written, _ = run_quickly("soak", tmp_path)
    [row] = written["rows"]
    assert row["trials"] == row["MLflow runs"] == 24
    assert row["reports"] > 24
    assert written["findings"]["faults"] == "none"


def example(trials: int = 2) -> list[dict[str, Any]]:
    config = load_space("unet").baseline.model_dump(mode="json")
    events: list[dict[str, Any]] = []
    for number in range(trials):
        name = f"unet-{number:03d}"
        job = {"trial_id": name, "space": "unet", "phase": "search", "role": "proposed", "seed": 0, "config": config}
        events += [
            {"event": "proposed", "time": 1.0, **job},
            {"event": "reported", "time": 2.0, "trial_id": name, "step": 8, "metrics": {"miou": 0.5}},
            {"event": "ended", "time": 3.0, "trial_id": name, "step": 8, "stop_reason": "completed"},
        ]
    return events


def faults(events: list[dict[str, Any]], runs: Counter[tuple[str, str]]) -> list[str]:
    return _faults(2, finished=True, events=events, runs=runs, rejected=(), history=history_of(events))


RUNS = Counter({("unet-000", "FINISHED"): 1, ("unet-001", "KILLED"): 1})


def test_a_sound_search_has_no_faults() -> None:
    assert faults(example(), RUNS) == []


def test_what_is_lost_doubled_or_left_running_is_found() -> None:
    assert faults(example(1), RUNS) == [
        *("trials in the journal: 1, not 2", "proposals: 1, not 2", "ended trials: 1, not 2", "endings: 1, not 2"),
    ]
    assert faults([*example(), example()[1]], RUNS) == ["distinct evaluations: 2, not 3"]
    assert faults([*example(), example()[2]], RUNS) == ["endings: 3, not 2"]
    doubled = RUNS + Counter({("unet-001", "RUNNING"): 1})
    assert faults(example(), doubled) == ["runs in MLflow: 3, not 2", "runs left RUNNING: 1, not 0"]


def test_growth_is_that_of_the_second_half() -> None:
    memory = [(0, 100.0), (100, 300.0), (500, 400.0), (750, 401.0), (1000, 402.0)]
    assert _growth_kb_per_report(memory) == pytest.approx(4.0)
    assert _growth_kb_per_report([(0, 1.0), (0, 2.0)]) == 0.0


def test_bad_words_are_refused() -> None:
    with pytest.raises(InputError):
        main(["--trials", "0"])
