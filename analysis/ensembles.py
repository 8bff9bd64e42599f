"""The ensembles of two spaces' finalists on the test part, each beside the better of its members."""

import math
from collections.abc import Sequence

from analysis.comparison import Estimate, paired_difference, score_estimate
from analysis.decision_record import EnsembleRow
from analysis.finalist_roles import ENSEMBLE, TOGETHER
from analysis.finalists import Finalist, SpaceFinalists
from analysis.results import SearchResults


def ensemble_rows(
    results: SearchResults, spaces: Sequence[SpaceFinalists], *, confidence: float
) -> tuple[EnsembleRow, ...]:
    """Every ensemble that was evaluated, in the order of its evaluations.

    The better member is the one with the higher mean on the validation part: the test part, on which the two are
    compared, has no say in the choice.

    Args:
        results: The search.
        spaces: Its finalists; those that stand for their spaces are the members.
        confidence: Of the intervals.
    """
    members = [space.best for space in spaces if space.best is not None]
    joined = [test for test in results.tests if test.role == ENSEMBLE]
    rows = []
    for name in dict.fromkeys(test.space for test in joined):
        own = [test for test in joined if test.space == name]
        estimate = score_estimate(own, confidence=confidence)
        better = _better_member(name, members)
        difference = None
        if better is not None and {test.seed for test in own} & {test.seed for test in better.evaluations}:
            difference = paired_difference(own, better.evaluations, confidence=confidence)
        if difference is None or math.isnan(difference.value):
            better, difference = None, None
        rows.append(_row(name, estimate, better, difference))
    return tuple(rows)


def _better_member(name: str, members: Sequence[Finalist]) -> Finalist | None:
    """Of the two members of an ensemble the one that is better on the validation part; None if that is unknown."""
    for place, first in enumerate(members):
        for second in members[place + 1 :]:
            if name == TOGETHER.join((first.space, second.space)):
                known = [one for one in (first, second) if math.isfinite(one.validation)]
                return max(known, key=lambda one: one.validation) if len(known) == 2 else None
    return None


def _row(name: str, estimate: Estimate, better: Finalist | None, difference: Estimate | None) -> EnsembleRow:
    return EnsembleRow(
        name=name,
        seeds=estimate.seeds,
        miou_points=100 * estimate.value,
        low_points=_points(estimate.low),
        high_points=_points(estimate.high),
        member=None if better is None else better.space,
        member_role=None if better is None else better.role,
        difference_points=None if difference is None else _points(difference.value),
        difference_low_points=None if difference is None else _points(difference.low),
        difference_high_points=None if difference is None else _points(difference.high),
    )


def _points(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction
