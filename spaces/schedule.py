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
        selftraining_start: First step that learns from pseudo-labels.
        ema_decay: Decay of the averaged weights, per step, after its own warm-up.
    """

    max_steps: int
    eval_every: int
    warmup_steps: int
    selftraining_start: int
    ema_decay: float

    @property
    def ema_horizon(self) -> float:
        """Steps over which the averaged weights forget: 1 / (1 - decay)."""
        return 1.0 / (1.0 - self.ema_decay)

    def next_evaluation(self, step: int) -> int:
        """The first evaluation step after `step`."""
        return min(self.max_steps, (step // self.eval_every + 1) * self.eval_every)

    def evaluation_steps(self) -> tuple[int, ...]:
        """All steps after which the training is evaluated, the last step included."""
        steps = list(range(self.eval_every, self.max_steps + 1, self.eval_every))
        if not steps or steps[-1] != self.max_steps:
            steps.append(self.max_steps)
        return tuple(steps)


def schedule_for(config: TrialConfig, *, max_steps: int, eval_every: int) -> Schedule:
    """Scale a configuration's step counts, stated for `REFERENCE_STEPS`, to a training of `max_steps`.

    Warm-up and the start of self-training keep their share of the training. The EMA keeps its horizon's share:
    decay d over 75,000 steps becomes 1 - (1 - d) * 75,000 / max_steps, with a horizon of at least
    `SHORTEST_EMA_HORIZON` steps.
    """
    stretch = max_steps / REFERENCE_STEPS
    forgetting = min((1.0 - config.ema_decay) / stretch, 1.0 / SHORTEST_EMA_HORIZON)
    return Schedule(
        max_steps=max_steps,
        eval_every=eval_every,
        warmup_steps=round(config.warmup_steps * stretch),
        selftraining_start=round(config.selftraining_start * stretch),
        ema_decay=1.0 - forgetting,
    )
