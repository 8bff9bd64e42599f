"""Simulated searches over given curves, for tests of schedulers and of the controller."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from search.history import SearchHistory, TrialHistory
from search.settings import SearchSettings
from search.simulation.curves import RecordedCurves
from search.simulation.simulator import Durations, Simulated, SimulationCutError, simulate
from spaces.configuration import TrialConfig
from spaces.loading import load_space
from tests.search.searching import at_once, make_settings

EVALUATIONS = 27
RUNGS = (4, 6, 9, 14, 21)


@cache
def baseline_of(space: str) -> TrialConfig:
    """The baseline of a built-in space."""
    return load_space(space).baseline


@dataclass
class SameConfig:
    """A sampler for searches whose curves come from a table: what is proposed does not matter."""

    def propose(self, trial_id: str, config: TrialConfig | None = None) -> TrialConfig:
        """The baseline, always."""
        return config or baseline_of(trial_id.rpartition("-")[0])

    def reported(self, trial_id: str, step: int, miou: float) -> None:
        """Nothing to learn."""

    def tell(self, history: TrialHistory, costs: tuple[float, ...] = ()) -> None:
        """Nothing to learn."""


@cache
def _settings(spaces: str) -> SearchSettings:
    return make_settings(spaces)


def settings_for(trials: int, workers: int, spaces: str = "unet", **changes: Any) -> SearchSettings:
    """Settings of a search with one step per evaluation."""
    sizes = {"trials_per_space": trials, "max_steps": EVALUATIONS, "eval_every": 1, "grace_steps": 4, "rungs": RUNGS}
    settings = _settings(spaces).model_copy(update=sizes | changes)
    return at_once(settings, workers)


def noisy_curves(count: int, seed: int) -> list[list[float]]:
    """Rising curves that cross: heights, speeds and noise are drawn."""
    draw = random.Random(seed)
    curves = []
    for _ in range(count):
        height, speed = draw.uniform(0.1, 0.7), draw.uniform(1, 12)
        curves.append([height * step / (step + speed) + draw.gauss(0, 0.01) for step in range(1, EVALUATIONS + 1)])
    return curves


def run(
    settings: SearchSettings,
    curves: Sequence[Sequence[float]],
    *,
    history: SearchHistory | None = None,
    cut_after: int | None = None,
    phases: tuple[str, ...] = ("search",),
) -> Simulated:
    """Simulate; trial number i of every space has the curve number i."""
    table = RecordedCurves(
        {
            f"{space}-{number:03d}": curves[number]
            for space in settings.spaces
            for number in range(settings.trials_of(space))
        },
        eval_every=1,
        max_steps=EVALUATIONS,
    )
    return simulate(
        settings,
        table,
        Durations.of_steps(dict.fromkeys(settings.spaces, 1.0)),
        samplers={space: SameConfig() for space in settings.spaces},
        history=history,
        cut_after=cut_after,
        phases=phases,
    )


def run_with_cuts(settings: SearchSettings, curves: Sequence[Sequence[float]], cuts: Sequence[int]) -> SearchHistory:
    """Simulate a search whose process is killed after each of `cuts` evaluations, and goes on each time."""
    history = SearchHistory()
    for cut in cuts:
        try:
            run(settings, curves, history=history, cut_after=cut)
        except SimulationCutError:
            continue
        return history
    run(settings, curves, history=history)
    return history


def outcome(history: SearchHistory) -> dict[str, tuple[str | None, int]]:
    """How and where each trial ended."""
    return {name: (trial.stop_reason, trial.step) for name, trial in history.trials.items()}
