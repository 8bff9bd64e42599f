"""Proposing configurations of a space, told the truth about how each trial ended."""

import math
from collections.abc import Sequence

import numpy as np
from optuna.trial import TrialState

from search.history import TrialHistory
from search.samplers.live_study import LiveStudy
from search.samplers.registry import SAMPLERS
from search.samplers.sources import RecordedSource
from search.samplers.trial_states import directions, evaluations, state_and_values
from search.samplers.unguided import random_point
from search.samplers.untried import content_of, untried
from spaces.configuration import TrialConfig
from spaces.space import Space

ATTEMPTS = 3
"""How often a way of proposing may come up with what was tried before; then untried configurations are drawn."""

RANDOM_ATTEMPTS = 20


class SpaceSampler:
    """Proposes configurations of one space.

    The Optuna study behind it lives in memory and is fed from the search's history: trials trained to their end with
    their score, stopped ones as pruned with their evaluations, diverged and broken ones as failed.

    The same trials give the same proposals, in whatever order their evaluations and ends were told.
    """

    def __init__(
        self, space: Space, algorithm: str, *, seed: int, trials: int, objectives: Sequence[str] = ("miou",)
    ) -> None:
        """Start without any trial.

        Args:
            space: The space.
            algorithm: A name in `search.samplers.registry.SAMPLERS`.
            seed: Seed of all draws.
            trials: Trials that the search will make of this space.
            objectives: What is optimised, `miou` first.
        """
        self._space = space
        self._seed = seed
        self._objectives = tuple(objectives)
        self._study = LiveStudy(directions(objectives))
        self._proposer = SAMPLERS[algorithm](space, self._study, seed, trials)
        self._numbers: dict[str, int] = {}
        self._tried: set[str] = set()

    def propose(self, trial_id: str, config: TrialConfig | None = None) -> TrialConfig:
        """Propose a configuration for a new trial, or take note that `config` is being tried.

        No configuration is proposed twice, unless the space has no other left.
        """
        if config is None:
            config = self._proposal(len(self._numbers))
        # Drawing the known values once more gives Optuna the distribution of each.
        recorded = RecordedSource(self._space.suggestions_of(config))
        self._space.sample(recorded)
        self._numbers[trial_id] = self._study.add(recorded.drawn, recorded.distributions)
        self._tried.add(content_of(config))
        return config

    def reported(self, trial_id: str, step: int, miou: float) -> None:
        """Take in an evaluation of a trial that was proposed and has not ended; one that is no number is passed over.

        Args:
            trial_id: The trial.
            step: Its step.
            miou: Foreground mIoU on the validation part.
        """
        if math.isfinite(miou):
            self._study.report(self._numbers[trial_id], step, miou)

    def tell(self, history: TrialHistory, costs: tuple[float, ...] = ()) -> None:
        """Take in how an ended trial went.

        Args:
            history: The trial; one that was never proposed here is added as it was.
            costs: What its network costs, one number per cost objective.
        """
        job = history.job
        if job.trial_id not in self._numbers:
            self.propose(job.trial_id, job.config)
        number = self._numbers[job.trial_id]
        known = self._study.trial(number).intermediate_values
        for step, miou in evaluations(history).items():
            if known.get(step) != miou:
                self._study.report(number, step, miou)
        state, values = state_and_values(history, costs, self._objectives)
        self._study.tell(number, state, values, history.stop_reason)

    def states(self) -> list[tuple[str, float | None]]:
        """State of each trial as the study has it, in order, and its first value where it is complete."""
        return [
            (trial.state.name, trial.values[0] if trial.state == TrialState.COMPLETE else None)
            for trial in self._study.trials()
        ]

    def _proposal(self, number: int) -> TrialConfig:
        for attempt in range(ATTEMPTS):
            config = self._proposer.propose(number, attempt)
            if content_of(config) not in self._tried:
                return config
        for attempt in range(ATTEMPTS, ATTEMPTS + RANDOM_ATTEMPTS):
            config = random_point(self._space, self._seed, number, attempt)
            if content_of(config) not in self._tried:
                return config
        left = untried(self._space, self._tried)
        if not left:
            return config
        stream = np.random.default_rng(np.random.SeedSequence((self._seed, number)))
        return left[int(stream.integers(len(left)))]
