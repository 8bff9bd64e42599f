"""How many steps the trials of one space take under the search's own scheduler, by simulation."""

import math
from dataclasses import dataclass, field
from functools import lru_cache

from search.history import TrialHistory
from search.settings import SearchSettings
from search.simulation.simulator import Durations, simulate
from search.typical_curves import TypicalCurves
from spaces.configuration import TrialConfig

GROWTH = 1.5
"""Between numbers of trials that are this many times each other, steps are interpolated."""


class FixedSampler:
    """Proposes one configuration only: simulated curves don't depend on it."""

    def __init__(self, config: TrialConfig) -> None:
        """Take the configuration."""
        self._config = config

    def propose(self, trial_id: str, config: TrialConfig | None = None) -> TrialConfig:
        """The configuration."""
        return self._config if config is None else config

    def reported(self, trial_id: str, step: int, miou: float) -> None:
        """Nothing to learn."""

    def tell(self, history: TrialHistory, costs: tuple[float, ...] = ()) -> None:
        """Nothing to learn."""


def expected_steps(settings: SearchSettings, space: str, trials: int) -> float:
    """Steps that so many trials of a space take in all, without its finals.

    Simulations are kept: asking again costs next to nothing.

    Args:
        settings: The search; its own number of trials does not matter.
        space: The space.
        trials: Trials, the baseline included; at least 0.
    """
    below, above = 0, 1
    while above < trials:
        below, above = above, max(above + 1, math.ceil(GROWTH * above))
    low, high = (0.0 if count == 0 else _simulated(_search(settings, space, count)) for count in (below, above))
    return low + (high - low) * (trials - below) / (above - below)


@dataclass(frozen=True, slots=True)
class _Search:
    """A search of one space; two are the same where all that steps depend on is."""

    key: tuple[object, ...]
    settings: SearchSettings = field(compare=False)


def _search(settings: SearchSettings, space: str, trials: int) -> _Search:
    alone = settings.model_copy(
        update={
            "spaces": {space: settings.spaces[space]},
            "trials_per_space": trials,
            "trials_by_space": None,
            "device_seconds_per_space": None,
            "objectives": ("miou",),
            "curve_prediction": False,
            "warm_start": {},
        }
    )
    rules = (alone.max_steps, alone.eval_every, alone.rungs, alone.reduction_factor, alone.scheduler)
    options = (alone.late_promotion, alone.audit_fraction, alone.device.concurrent_trials, alone.search_alg, alone.seed)
    return _Search((trials, space, *rules, *options), alone)


@lru_cache(maxsize=256)
def _simulated(search: _Search) -> float:
    settings = search.settings
    (space,) = settings.searched_spaces()
    curves = TypicalCurves.for_search(settings, seed=0)
    durations = Durations.of_steps({space.name: 1.0})
    history = simulate(settings, curves, durations, samplers={space.name: FixedSampler(space.baseline)}).history
    return float(sum(trial.step for trial in history.of_phase("search", space.name)))
