"""How long every trial runs before it may be stopped."""

import math

from spaces.configuration import OFF, TrialConfig
from spaces.schedule import Schedule, schedule_for
from spaces.space import Space

EMA_HORIZONS = 2
"""After this many horizons what came before counts e^-2 = 14 % in the averaged weights that are evaluated. Initial
weights count nothing from the beginning, since averages start as plain means."""

FEWEST_EVALUATIONS = 4
"""Ranks of trials at their first evaluations say little about their end, however short the training."""


def default_grace_steps(space: Space, *, max_steps: int, eval_every: int) -> int:
    """The first step at which a comparison of the space's trials means something, moved up to an evaluation.

    Warm-up must be over and self-training must have begun in every trial, however late the space lets it begin: a rung
    before that would judge a trial by what it is without what makes it. From there, `EMA_HORIZONS` horizons must pass
    so that what is evaluated is no longer what was there before, and the longest ramp must be over; both run at the
    same time.

    The horizon is the baseline's. The slowest average that the built-in spaces propose has one of a seventh of the
    training, and waiting for some of those would leave nothing to stop early; it carries only older weights of its own
    trial.
    """
    schedule = schedule_for(_latest(space), max_steps=max_steps, eval_every=eval_every)
    settled = selftraining_settled(schedule)
    # 1 / (1 - decay) is a little more than the horizon that was meant: that must not cost an evaluation.
    evaluations = max(FEWEST_EVALUATIONS, math.ceil(settled / eval_every - 1e-6))
    return min(max_steps, evaluations * eval_every)


def selftraining_settled(schedule: Schedule) -> float:
    """Steps after which warm-up, start and ramp of self-training are over and the average has followed."""
    begun = max(schedule.warmup_steps, schedule.selftraining_start)
    return begun + max(EMA_HORIZONS * schedule.ema_horizon, schedule.selftraining_ramp)


def _latest(space: Space) -> TrialConfig:
    """The baseline with the latest warm-up, start and ramp that the space may propose."""
    fields = ("warmup_steps", "selftraining_start", "selftraining_ramp")
    latest = {name: max(map(int, space.values_of(name))) for name in fields}
    if space.values_of("threshold_strategy") == (OFF,):
        latest |= {"selftraining_start": 0, "selftraining_ramp": 0}
    return space.baseline.model_copy(update=latest)
