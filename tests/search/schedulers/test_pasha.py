"""PASHA: how far trials are trained follows from whether longer training still changes their order."""

from tests.search.simulated import EVALUATIONS, noisy_curves, run, settings_for


def parallel_curves(count: int) -> list[list[float]]:
    """Curves that never cross."""
    return [
        [(0.1 + 0.02 * number) * step / (step + 5) for step in range(1, EVALUATIONS + 1)] for number in range(count)
    ]


def longest_proposal(curves: list[list[float]]) -> int:
    history = run(settings_for(len(curves), 4, scheduler="pasha"), curves).history
    return max(trial.step for trial in history.trials.values() if trial.job.role == "proposed")


def test_a_settled_ranking_needs_no_longer_training() -> None:
    assert longest_proposal(parallel_curves(24)) == 6


def test_a_ranking_that_turns_is_followed_further() -> None:
    curves = parallel_curves(24)
    for number in (21, 22, 23):
        curves[number] = [0.9 - 0.1 * step for step in range(EVALUATIONS)]
    for number in (18, 19, 20):
        curves[number] = [0.5 + 0.05 * step for step in range(EVALUATIONS)]
    assert longest_proposal(curves) > 6


def test_the_baseline_is_trained_to_its_end() -> None:
    history = run(settings_for(12, 2, scheduler="pasha"), noisy_curves(12, seed=4)).history
    assert history.trials["unet-000"].stop_reason == "completed"
