"""The roles of the finals, and which of a space's finalists stands for it in the verdict.

The best configurations of a space found by the search are its finalists: `best`, `best-2`, `best-3` by their rank
there. A search of one space re-runs its `baseline`, too. One configuration of each space is compared with those of the
others, chosen by the finals' scores on the validation part, never by those on the test part.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

BEST = "best"
BASELINE = "baseline"
ENSEMBLE = "ensemble"
"""Two spaces' finalists joined: evaluated beside them, and never one of them."""

TOGETHER = " + "
"""Joins the names of the spaces in an ensemble's own."""

_RANKED = re.compile(r"best(?:-([2-9]|[1-9][0-9]+))?")


def role_of_rank(rank: int) -> str:
    """The role of the configuration that the search ranked at this place, 1 being the best."""
    return BEST if rank == 1 else f"{BEST}-{rank}"


def rank_of(role: str) -> int | None:
    """The rank that a role stands for; None for a role that is no rank, such as `baseline`."""
    found = _RANKED.fullmatch(role)
    return None if found is None else int(found.group(1) or 1)


def is_final_role(role: str) -> bool:
    """Whether a run of the finals can have this role."""
    return role == BASELINE or rank_of(role) is not None


@dataclass(frozen=True, kw_only=True)
class ValidationRuns:
    """How the runs of one finalist did on the validation part.

    Attributes:
        scores: `analysis.trial_score.trial_score` of each run by seed, fractions; runs without a score are left out.
        broken: Whether a run ended without reaching its end.
    """

    scores: Mapping[int, float]
    broken: bool

    @property
    def mean(self) -> float:
        """Mean over the seeds; NaN without any."""
        known = [score for score in self.scores.values() if math.isfinite(score)]
        return fmean(known) if known else math.nan


def standing_role(runs: Mapping[str, ValidationRuns]) -> str | None:
    """The finalist that stands for its space: the highest mean on the validation part.

    A finalist with a broken run comes after all whole ones, since what is left of it would flatter it. Of equals the
    one that the search ranked higher is taken.

    Args:
        runs: The finalists of a space by role; roles that are no rank are left out of the choice.

    Returns:
        Its role; None where there is no ranked finalist.
    """
    ranked = sorted((rank, role) for role in runs if (rank := rank_of(role)) is not None)

    def worth(entry: tuple[int, str]) -> tuple[bool, float]:
        found = runs[entry[1]]
        return not found.broken, -math.inf if math.isnan(found.mean) else found.mean

    # `max` takes the first of equals, which is the one of the better rank.
    return max(ranked, key=worth)[1] if ranked else None
