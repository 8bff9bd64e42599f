"""Both figures at a small size, and how they are read off."""

import json
from pathlib import Path

import pytest

from benchmarks.actor_turnaround import Turnaround, _turnarounds
from benchmarks.controller_cost import our_costs, stock_costs
from benchmarks.formula_trials import formula_metrics
from benchmarks.timed_trainables import NOTES
from benchmarks.turnaround import main
from spaces.errors import InputError
from spaces.loading import load_space
from tests.benchmarks.benchmark_command import run_quickly


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_both_figures_stand_beside_those_of_stock_ray_tune(tmp_path: Path) -> None:
    written, _ = run_quickly("turnaround", tmp_path)
    reports = {row["contender"]: row for row in written["rows"] if row["what"] == "report"}
    assert set(reports) == {"ours", "stock"}
    assert reports["ours"]["all ms"] > reports["ours"]["journal ms"] > 0
    trials = {row["contender"]: row for row in written["rows"] if row["what"] == "unet, next trial"}
    assert set(trials) == {"ours", "stock with reuse", "stock without"}
    assert trials["ours"]["in one process"] == trials["ours"]["trials"] >= 2
    assert trials["stock without"]["in one process"] == 0
    assert trials["stock without"]["median s"] > trials["ours"]["median s"], "a new process has to load torch"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_times_are_told_apart_by_part(tmp_path: Path) -> None:
    watch, memory = our_costs(12, tmp_path, (4, 12))
    assert set(watch.seconds) == {"journal", "scheduler", "searcher", "decide", "hand out", "controller"}
    for parts in (("journal", "scheduler", "searcher"), ("decide", "hand out")):
        assert 0 < sum(watch.seconds[part] for part in parts) <= watch.seconds["controller"]
    assert watch.reports >= 12
    assert set(memory) == {4, 12}
    stock = stock_costs(12, tmp_path)
    assert set(stock.seconds) == {"scheduler", "searcher", "controller"}
    assert stock.reports >= 12


def test_a_turnaround_is_from_a_result_to_the_next_first_step(tmp_path: Path) -> None:
    notes = [
        {"event": "first_step", "time": 1.0, "trial_id": "a", "step": 0, "pid": 7},
        {"event": "returned", "time": 2.0, "trial_id": "a", "step": 8, "pid": 7},
        {"event": "returned", "time": 3.0, "trial_id": "a", "step": 16, "pid": 7},
        {"event": "first_step", "time": 3.25, "trial_id": "b", "step": 0, "pid": 7},
        {"event": "returned", "time": 5.0, "trial_id": "b", "step": 8, "pid": 7},
        {"event": "first_step", "time": 9.0, "trial_id": "c", "step": 8, "pid": 8},
    ]
    (tmp_path / NOTES).write_text("".join(json.dumps(note) + "\n" for note in notes), encoding="utf-8")
    assert _turnarounds(tmp_path) == [
        Turnaround(0.25, resumed=False, reused=True),
        Turnaround(4.0, resumed=True, reused=False),
    ]


def test_scores_by_formula_rise_to_an_end_that_the_configuration_decides() -> None:
    config = load_space("unet").baseline
    good = config.model_copy(update={"learning_rate": 3e-3})
    bad = config.model_copy(update={"learning_rate": 1e-4})
    first, last = (formula_metrics(good, 0, step, 27) for step in (1, 27))
    assert first["miou"] < last["miou"]
    assert formula_metrics(bad, 0, 27, 27)["miou"] < last["miou"]
    assert formula_metrics(good, 0, 27, 27) == last
    assert len(last) > 20


@pytest.mark.parametrize("words", [["--spaces", "resnet"], ["--trials", "0"], ["--formula-trials", "-1"]])
def test_what_can_not_be_measured_is_refused(words: list[str]) -> None:
    with pytest.raises(InputError):
        main(words)
