"""What every contender is given in one repeat, and what it makes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spaces.conditions import Scalar
from spaces.configuration import TrialConfig

WORTH_WINDOW = 3
"""A configuration's true worth is the mean of the last so many evaluations of its full curve."""


class Landscape(Protocol):
    """Curves of whatever a contender proposes."""

    def curves(
        self, drawn: Sequence[Mapping[str, Scalar]], random: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Curves of configurations of the UNet's space, one row each, and their seconds between evaluations."""


@dataclass(frozen=True, slots=True)
class Contest:
    """Configurations in the order in which they are tried, with their full curves.

    Attributes:
        mious: Foreground mIoU, one row per configuration and one column per evaluation; NaN from where it diverged.
        seconds: Time from one evaluation to the next, by configuration.
        spaces: Architecture of each configuration, counted from 0.
        grace: Evaluations before the first rung of rules that know when a comparison begins to mean something.
        seed: Of whatever a contender draws by itself.
        configs: What is trained; None where curves come from formulas.
        landscape: Where contenders that propose configurations by themselves get curves from. The configurations above
            are a random search's then, and what everyone is measured against.
        known_curves: Whole curves of the same source that are not judged here, one row each: what the project's table
            of recoveries (`search.schedulers.recovery`) is derived from. None where the shipped table saw none of the
            contest's curves.
    """

    mious: NDArray[np.float64]
    seconds: NDArray[np.float64]
    spaces: NDArray[np.int64]
    grace: int
    seed: int
    configs: tuple[TrialConfig, ...] | None = None
    landscape: Landscape | None = None
    known_curves: NDArray[np.float64] | None = None

    @property
    def trials(self) -> int:
        """Number of configurations."""
        return len(self.mious)

    @property
    def evaluations(self) -> int:
        """Evaluations of a full training."""
        return int(self.mious.shape[1])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a contender did.

    Attributes:
        evaluations: Evaluations that each trial was trained for.
        seconds: Simulated wall-clock time.
        ranking: The trials, the one that a user of the tool would take first.
        mious: Curves of the trials, where the contender proposed its own configurations; None for the contest's.
    """

    evaluations: NDArray[np.int64]
    seconds: float
    ranking: tuple[int, ...]
    mious: NDArray[np.float64] | None = None


def worth(mious: NDArray[np.float64]) -> NDArray[np.float64]:
    """True worth of each configuration: the mean of its last `WORTH_WINDOW` evaluations, 0 where it diverged."""
    means: NDArray[np.float64] = np.nan_to_num(mious[:, -WORTH_WINDOW:].mean(axis=1), nan=0.0)
    return means


def furthest_then_last(mious: NDArray[np.float64], evaluations: NDArray[np.int64]) -> tuple[int, ...]:
    """Rank trials by how far they got, and by their last value among those that got equally far.

    For the tools that leave the choice to their user this is the kindest reading: the best last value over all trials
    would also take a stopped trial that stood high early. Trials that diverged come last.
    """
    last = mious[np.arange(len(mious)), np.maximum(evaluations, 1) - 1]
    broken = np.isnan(last)
    return tuple(int(trial) for trial in np.lexsort((-np.nan_to_num(last), -evaluations, broken)))


def best_value(mious: NDArray[np.float64], evaluations: NDArray[np.int64]) -> tuple[int, ...]:
    """Rank trials by their highest value so far: where a rule stops trials at different times, each at its best."""
    seen = np.arange(mious.shape[1]) < evaluations[:, None]
    highest = np.where(seen & ~np.isnan(mious), mious, -np.inf).max(axis=1)
    diverged = (np.isnan(mious) & seen).any(axis=1)
    return tuple(int(trial) for trial in np.lexsort((-highest, diverged)))
