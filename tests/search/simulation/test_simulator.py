"""The simulated clock: what it says of times that are known."""

import time

import pytest

from search.controller import SearchController
from search.history import SearchHistory, TrialJob
from search.settings import SearchSettings
from search.simulation.simulator import Durations, SimulationCutError, simulate
from tests.search.simulated import EVALUATIONS, SameConfig, noisy_curves, run, settings_for

STEADY = [0.5] * EVALUATIONS


@pytest.mark.parametrize(("trials", "workers", "rounds"), [(6, 1, 6), (6, 2, 3), (7, 2, 4), (6, 6, 1), (6, 50, 1)])
def test_equal_trials_take_as_many_rounds_as_workers_need(trials: int, workers: int, rounds: int) -> None:
    done = run(settings_for(trials, workers, scheduler="none"), [STEADY] * trials)
    assert done.seconds == pytest.approx(rounds * EVALUATIONS)
    assert done.busy_seconds["unet"] == pytest.approx(trials * EVALUATIONS)


class Steady:
    """All trials alike; the second one diverges at its third evaluation."""

    def miou(self, job: TrialJob, step: int) -> float:
        return float("nan") if job.trial_id == "unet-001" and step == 3 else 0.5


def simulate_steadily(settings: SearchSettings, phases: tuple[str, ...] = ("search",)) -> float:
    durations = Durations(step={"unet": 2.0}, evaluation={"unet": 0.5}, start={"unet": 7.0})
    samplers = {"unet": SameConfig()}
    return simulate(settings, Steady(), durations, samplers=samplers, phases=phases).seconds


def test_steps_evaluations_and_starts_take_their_times_and_a_diverged_trial_takes_no_more() -> None:
    seconds = simulate_steadily(settings_for(2, 1, scheduler="none"))
    assert seconds == pytest.approx(2 * 7.0 + (EVALUATIONS + 3) * 2.5)


def test_finals_take_their_time_too() -> None:
    settings = settings_for(1, 1, scheduler="none", finalist_seeds=2, finalists=1)
    search = simulate_steadily(settings)
    assert simulate_steadily(settings, ("search", "finalist")) == pytest.approx(3 * search)


def test_the_last_evaluation_stands_at_the_last_step() -> None:
    settings = settings_for(1, 1, scheduler="none", max_steps=10, eval_every=4, rungs=(4,))
    history = simulate(settings, Steady(), Durations.of_steps({"unet": 1.0}), samplers={"unet": SameConfig()}).history
    assert list(history.trials["unet-000"].reports) == [4, 8, 10]


def test_a_thousand_workers_take_seconds() -> None:
    began = time.process_time()
    done = run(settings_for(1000, 1000), noisy_curves(1000, seed=0))
    assert time.process_time() - began < 30
    assert len(done.history.trials) == 1000
    assert all(trial.ended for trial in done.history.trials.values())
    # All run beside each other: nobody waits longer than for the slowest to reach a rung.
    assert done.seconds <= 2 * EVALUATIONS


def test_a_cut_leaves_the_trials_as_they_were() -> None:
    history = SearchHistory()
    with pytest.raises(SimulationCutError):
        run(settings_for(4, 2), [STEADY] * 4, history=history, cut_after=5)
    assert sum(len(trial.reports) for trial in history.trials.values()) == 5


def test_a_search_that_stands_still_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SearchController, "next_trial", lambda controller: None)
    with pytest.raises(RuntimeError, match="stands still in phase search"):
        run(settings_for(1, 1), [STEADY])
