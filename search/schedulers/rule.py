"""What every rule for stopping trials early is: a scheduler."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum

from spaces.configuration import TrialConfig

STOPPED_FOR_PATIENCE = "patience"
STOPPED_AT_A_RUNG = "pruned"


class Action(StrEnum):
    """What becomes of a trial after an evaluation."""

    CONTINUE = "continue"
    PAUSE = "pause"
    STOP = "stop"


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A trial as a scheduler knows it from the beginning.

    Attributes:
        trial_id: Name of the trial.
        space: Name of its space.
        baseline: Whether it is the space's baseline, which no rung judges; patience, part of the recipe, does.
        config: What it trains.
        costs: What its network costs, one number per cost objective, less is better; empty without such objectives.
    """

    trial_id: str
    space: str
    baseline: bool
    config: TrialConfig
    costs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a scheduler says after one evaluation.

    Attributes:
        action: What becomes of the trial.
        stop_reason: Why it must stop; None unless the action is to stop.
        rung: The rung at which it was judged, if it stands at one.
        cutoff: The value it had to reach there, if it was compared with one.
    """

    action: Action = Action.CONTINUE
    stop_reason: str | None = None
    rung: int | None = None
    cutoff: float | None = None


class Scheduler(ABC):
    """Decides from what it is told alone, so that the same calls in the same order give the same decisions.

    That is how a resumed search gets its rungs back: the journal's events are told once more in their order.

    Trials of different spaces never meet in one comparison, unless costs are objectives: a slow-learning heavy model is
    not judged against a fast light one.
    """

    def added(self, candidate: Candidate) -> None:  # noqa: B027 - nothing to do for most
        """Take in a trial that will be started."""

    def exhausted(self, space: str) -> None:  # noqa: B027 - nothing to do for most
        """Take in that no further trial of a space will be added."""

    @abstractmethod
    def reported(self, trial_id: str, step: int, miou: float) -> Verdict:
        """Judge a trial after an evaluation.

        Args:
            trial_id: The trial.
            step: Its optimiser steps so far; evaluations of a trial come in their order.
            miou: Its foreground mIoU on the validation part, NaN where that is missing.
        """

    def ended(self, trial_id: str, stop_reason: str) -> None:  # noqa: B027 - nothing to do for most
        """Take in that a trial will never run again, whoever decided so."""

    def promotion(self, space: str) -> str | None:
        """The paused trial of a space that should go on now, or None. Asking changes nothing."""
        return None

    def promoted(self, trial_id: str) -> None:  # noqa: B027 - nothing to do for most
        """Take in that a paused trial goes on."""

    def eliminated(self) -> tuple[str, ...]:
        """Paused trials that can never go on any more. Asking changes nothing."""
        return ()
