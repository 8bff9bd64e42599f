"""When things happen within one training: steps of the recipe scaled to the length that is trained."""

from dataclasses import dataclass

from spaces.configuration import REFERENCE_STEPS, TrialConfig

SHORTEST_EMA_HORIZON = 2.0
"""Steps. A shorter average is no average: very short trainings keep at least this horizon."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """Steps at which a training of `max_steps` steps changes what it does.

    Attributes:
        max_steps: Optimiser steps of the full training; the cosine ends here.
        eval_every: Steps between evaluations; the last step is always evaluated.
        warmup_steps: Steps of linear warm-up.
        selftraining_start: First step that learns from pseudo-labels, counted from 0.
        selftraining_ramp: Steps from there in which the weight of pseudo-labels grows to all of it.
        ema_decay: Decay of the averaged weights, per step, after its own warm-up.
        threshold_decay: Decay of thresholds that are learned, per step.
    """

    max_steps: int
    eval_every: int
    warmup_steps: int
    selftraining_start: int
    selftraining_ramp: int
    ema_decay: float
    threshold_decay: float

    @property
    def ema_horizon(self) -> float:
        """Steps over which the averaged weights forget: 1 / (1 - decay)."""
        return 1.0 / (1.0 - self.ema_decay)

    def selftraining_share(self, step: int) -> float:
        """Share of the self-training weight that holds at a step: 0 before the start, then a linear ramp to 1."""
        if step < self.selftraining_start:
            return 0.0
        return min(1.0, (step - self.selftraining_start + 1) / max(1, self.selftraining_ramp))

    def next_evaluation(self, step: int) -> int:
        """The first evaluation step after `step`."""
        return min(self.max_steps, (step // self.eval_every + 1) * self.eval_every)


def schedule_for(config: TrialConfig, *, max_steps: int, eval_every: int) -> Schedule:
    """Scale a configuration's step counts, stated for `REFERENCE_STEPS`, to a training of `max_steps`.

    Warm-up and the start and ramp of self-training keep their share of the training. Moving averages keep their
    horizon's share: decay d over 75,000 steps becomes 1 - (1 - d) * 75,000 / max_steps, with a horizon of at least
    `SHORTEST_EMA_HORIZON` steps.
    """
    stretch = max_steps / REFERENCE_STEPS

    def scaled_decay(decay: float) -> float:
        return 1.0 - min((1.0 - decay) / stretch, 1.0 / SHORTEST_EMA_HORIZON)

    return Schedule(
        max_steps=max_steps,
        eval_every=eval_every,
        warmup_steps=round(config.warmup_steps * stretch),
        selftraining_start=round(config.selftraining_start * stretch),
        selftraining_ramp=round(config.selftraining_ramp * stretch),
        ema_decay=scaled_decay(config.ema_decay),
        threshold_decay=scaled_decay(config.threshold_decay),
    )
