"""How long every trial runs before it may be stopped."""

import math

from spaces.schedule import Schedule

EMA_HORIZONS = 4
"""After this many horizons the initial weights count e^-4 = 1.8 % in the averaged weights that are evaluated."""

FEWEST_EVALUATIONS = 4
"""Ranks of trials at their first evaluations say little about their end, however short the training."""


def default_grace_steps(schedule: Schedule) -> int:
    """The first step at which a comparison means something, moved up to an evaluation.

    Warm-up and the start of self-training must be over, and the EMA model must have forgotten its initial weights: a
    rung before that judges noise.
    """
    settled = max(schedule.warmup_steps, schedule.selftraining_start) + EMA_HORIZONS * schedule.ema_horizon
    evaluations = max(FEWEST_EVALUATIONS, math.ceil(settled / schedule.eval_every))
    return min(schedule.max_steps, evaluations * schedule.eval_every)
