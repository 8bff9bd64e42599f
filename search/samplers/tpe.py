"""The tree-structured Parzen estimator: configurations like the good ones, unlike the bad ones.

Optuna's, multivariate and grouped, so that parameters that condition each other are drawn together (Watanabe,
"Tree-Structured Parzen Estimator", arXiv 2304.11127), with a constant liar for trials that run beside each other, and
in its form for several objectives where costs are optimised too (Ozaki et al., 2020).
"""

import warnings

import numpy as np
import optuna
from optuna.trial import TrialState

from search.samplers.live_study import LiveStudy
from search.samplers.quasi_random import QuasiRandomPoints
from search.samplers.sources import OptunaSource
from spaces.configuration import TrialConfig
from spaces.space import Space

SPREAD_SHARE = 3
"""The first proposals of a space are spread over it: one in this many, within the bounds below."""

FEWEST_SPREAD = 4
MOST_SPREAD = 10


class TreeParzen:
    """Proposes by TPE, and quasi-random points as long as little is known."""

    def __init__(self, space: Space, study: LiveStudy, *, seed: int, trials: int) -> None:
        """Propose configurations of `space`.

        Args:
            space: The space.
            study: What is known; it is asked for each proposal.
            seed: Seed of all draws.
            trials: Trials that will be made of the space.
        """
        self._space = space
        self._study = study
        self._seed = seed
        self._spread = max(FEWEST_SPREAD, min(MOST_SPREAD, trials // SPREAD_SHARE))
        self._points = QuasiRandomPoints(space, seed)

    def propose(self, number: int, attempt: int) -> TrialConfig:
        """See `search.samplers.proposer.Proposer`."""
        evidence = self._study.evidence()
        informed = sum(trial.state != TrialState.RUNNING for trial in evidence)
        if informed < self._spread and attempt == 0:
            return self._points.point(number)
        (stream,) = np.random.SeedSequence((self._seed, number, attempt)).generate_state(1)
        return self._space.sample(OptunaSource(self._study.ask(_sampler(int(stream), self._spread), evidence)))


def _sampler(seed: int, spread: int) -> optuna.samplers.BaseSampler:
    with warnings.catch_warnings():
        # Grouping is called experimental.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            n_startup_trials=spread, multivariate=True, group=True, constant_liar=True, seed=seed
        )
