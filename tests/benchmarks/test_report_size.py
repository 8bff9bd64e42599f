"""The benchmark of the report's size on a small search, and the results that it is made of."""

import json
from pathlib import Path

import pytest

from benchmarks.report_results import large_results
from benchmarks.report_size import BOUNDS, SIZE, main, missed


def test_every_trial_has_its_evaluations_and_every_space_its_finalists() -> None:
    results = large_results(30, 6)
    searched = results.trials[results.trials["phase"] == "search"]
    assert len(searched) == 30
    assert (results.curves.groupby("trial_id").size() == 6).all()
    assert set(results.curves["trial_id"]) == set(results.trials["trial_id"])
    assert set(results.stretches["trial_id"]) == set(results.decisions["trial_id"]) | {
        test.trial_id for test in results.tests
    }
    assert {test.space for test in results.tests} == set(results.settings["spaces"]) == set(searched["space"])


def test_what_takes_too_long_is_named() -> None:
    rows = [{"what": name, "seconds": bound + 1, "at most, s": bound} for name, bound in BOUNDS.items()]
    assert missed([*rows[:1], {"what": SIZE, "MB": 5.0}, {**rows[1], "seconds": None}]) == [rows[0]["what"]]


@pytest.mark.slow
def test_it_is_written_opened_and_told(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    assert main(["--quick", "--trials", "60", "--json", str(file)]) == 0
    rows = {row["what"]: row for row in json.loads(file.read_text(encoding="utf-8"))["rows"]}
    assert set(rows) == {*BOUNDS, SIZE}
    assert rows["written"]["seconds"] > 0
    assert rows[SIZE]["MB"] > 1
