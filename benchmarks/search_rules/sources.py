"""Where the curves of the repeats come from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from benchmarks.curve_surrogate import CurveSurrogate
from benchmarks.parametric_curves import LIGHT_AND_HEAVY, ONE_ARCHITECTURE, Architecture, Noise, draw_curves
from benchmarks.recorded_curves import RecordedCurves
from benchmarks.search_rules.contest import Contest
from search.grace import default_grace_steps
from search.samplers.sources import RecordedSource
from spaces.configuration import REFERENCE_STEPS, TrialConfig
from spaces.drawing import RandomSource
from spaces.loading import load_space

RECIPE_EVAL_EVERY = 500
UNSEEN = 4000
"""Configurations that were never trained, from which the surrogate's repeats draw theirs."""


KNOWN = 64
"""Curves outside of a draw, at most, from which a search knows how far behind a trial can be and still end well: about
as many as the table that ships was derived from."""


class Source(Protocol):
    """Makes the contest of a repeat; the same seed and number of trials always make the same one."""

    def most_trials(self) -> int | None:
        """The most trials that a contest can have, None for any number."""

    def contest(self, trials: int, seed: int) -> Contest:
        """Draw the configurations of one repeat."""


@dataclass(frozen=True, slots=True)
class FixedCurves:
    """Draws without replacement from known curves.

    Attributes:
        curves: The curves.
        configs: Their configurations.
        grace: Evaluations before the first rung.
        landscape: Where contenders get the curves of what they propose by themselves; None: they may not.
    """

    curves: RecordedCurves
    configs: tuple[TrialConfig, ...]
    grace: int
    landscape: CurveSurrogate | None = None

    def most_trials(self) -> int | None:
        """As many as there are curves."""
        return self.curves.count

    def contest(self, trials: int, seed: int) -> Contest:
        """Draw some of the curves, in random order."""
        order = np.random.default_rng((seed, trials)).permutation(self.curves.count)
        rows, others = order[:trials], self.curves.mious[order[trials : trials + KNOWN]]
        return Contest(
            mious=self.curves.mious[rows],
            seconds=self.curves.seconds[rows],
            spaces=np.zeros(trials, dtype=np.int64),
            grace=self.grace,
            seed=seed,
            configs=tuple(self.configs[row] for row in rows),
            landscape=self.landscape,
            known_curves=others[np.isfinite(others).all(axis=1)],
        )


@dataclass(frozen=True, slots=True)
class ParametricCurves:
    """Draws curves from formulas, for as many trials of each architecture.

    Attributes:
        architectures: What is searched.
        evaluations: Evaluations of a full training.
        grace: Evaluations before the first rung.
        noise: Scatter of evaluations.
    """

    architectures: tuple[Architecture, ...]
    evaluations: int
    grace: int
    noise: Noise = field(default_factory=Noise)

    def most_trials(self) -> int | None:
        """Any number."""
        return None

    def contest(self, trials: int, seed: int) -> Contest:
        """Draw curves; architectures take turns."""
        random = np.random.default_rng((seed, trials, self.evaluations))
        kinds = len(self.architectures)
        mious = np.empty((trials, self.evaluations))
        seconds = np.empty(trials)
        for number, architecture in enumerate(self.architectures):
            count = len(range(number, trials, kinds))
            mious[number::kinds], seconds[number::kinds] = draw_curves(
                count, self.evaluations, architecture, random, self.noise
            )
        return Contest(
            mious=mious, seconds=seconds, spaces=np.arange(trials, dtype=np.int64) % kinds, grace=self.grace, seed=seed
        )


def recorded_source(curves: RecordedCurves) -> FixedCurves:
    """Real curves of the UNet."""
    space = load_space("unet")
    configs = tuple(space.sample(RecordedSource(drawn)) for drawn in curves.drawn)
    return FixedCurves(curves, configs, grace_of(curves.steps, curves.eval_every))


def surrogate_source(curves: RecordedCurves, *, proposing: bool = False) -> FixedCurves:
    """Curves of configurations of the UNet that were never trained.

    Args:
        curves: What the surrogate learns from.
        proposing: Whether contenders with a sampler propose configurations by themselves.
    """
    space = load_space("unet")
    draws = RandomSource(seed=1)
    configs = tuple(space.sample(draws) for _ in range(UNSEEN))
    drawn = tuple(space.suggestions_of(config) for config in configs)
    surrogate = CurveSurrogate(curves)
    mious, seconds = surrogate.curves(drawn, np.random.default_rng(1))
    unseen = RecordedCurves(mious, seconds, drawn, curves.steps, curves.eval_every)
    grace = grace_of(curves.steps, curves.eval_every)
    return FixedCurves(unseen, configs, grace, surrogate if proposing else None)


def stretched_source(curves: RecordedCurves) -> FixedCurves:
    """Real curves as they would look at the recipe's own length: its schedule keeps the same shares of the training.

    Between their evaluations they are straight lines, so that evaluations scatter less from one to the next.
    """
    evaluations = REFERENCE_STEPS // RECIPE_EVAL_EVERY
    before, after = curves.mious.shape[1], evaluations
    times = np.arange(1, after + 1) / after
    known = np.arange(0, before + 1) / before
    # An untrained model is worth next to nothing.
    mious = np.array([np.interp(times, known, np.concatenate([[0.0], curve])) for curve in curves.mious])
    longer = RecordedCurves(mious, curves.seconds, curves.drawn, REFERENCE_STEPS, RECIPE_EVAL_EVERY)
    return recorded_source(longer)


def grace_of(steps: int, eval_every: int) -> int:
    """Evaluations of the UNet's default grace period."""
    return default_grace_steps(load_space("unet"), max_steps=steps, eval_every=eval_every) // eval_every


SOURCES: dict[str, Callable[[RecordedCurves], Source]] = {
    "recorded": recorded_source,
    "surrogate": surrogate_source,
    "proposed": lambda curves: surrogate_source(curves, proposing=True),
    "crossing": lambda curves: ParametricCurves(
        ONE_ARCHITECTURE, curves.mious.shape[1], grace_of(curves.steps, curves.eval_every)
    ),
    "architectures": lambda curves: ParametricCurves(
        LIGHT_AND_HEAVY, curves.mious.shape[1], grace_of(curves.steps, curves.eval_every)
    ),
    "recipe": stretched_source,
    "recipe-crossing": lambda curves: ParametricCurves(
        ONE_ARCHITECTURE, REFERENCE_STEPS // RECIPE_EVAL_EVERY, grace_of(REFERENCE_STEPS, RECIPE_EVAL_EVERY)
    ),
}
"""Sources by name: what `--sources` takes."""
