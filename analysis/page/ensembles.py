"""The ensembles of two spaces' finalists: what each reached, what it adds to a member, and which are missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.page.formatting import MISSING, score

if TYPE_CHECKING:
    from analysis.decision_record import Decision, EnsembleRow


@dataclass(frozen=True, slots=True)
class Ensemble:
    """An ensemble as the page shows it.

    Attributes:
        name: The spaces it joins.
        seeds: On how many seeds it was evaluated.
        miou: Test mIoU with its interval, written out.
        member: The better of its members; empty where unknown.
        difference: What it has more than that member, in points, with its interval, written out.
    """

    name: str
    seeds: str
    miou: str
    member: str
    difference: str


def make_ensembles(decision: "Decision") -> tuple[Ensemble, ...]:
    """The ensembles in the order of the decision's."""
    return tuple(
        Ensemble(
            name=row.name,
            seeds=str(row.seeds),
            miou=_score(row),
            member=f"{row.member} {row.member_role}" if row.member else "",
            difference=_difference(row),
        )
        for row in decision.ensembles
    )


def missing_ensembles(summary: Mapping[str, Any]) -> tuple[str, ...]:
    """A line for each ensemble that could not be evaluated and why, from what the search says of itself."""
    found = summary.get("ensembles_missing")
    return tuple(
        f"{one.get('ensemble')}, seed {one.get('seed')}: {one.get('reason')}"
        for one in (found if isinstance(found, list) else ())
        if isinstance(one, Mapping)
    )


def _score(row: "EnsembleRow") -> str:
    value = score(row.miou_points / 100)
    if row.low_points is None or row.high_points is None:
        return value
    return f"{value} ({row.low_points / 100:.3f}\N{EN DASH}{row.high_points / 100:.3f})"


def _difference(row: "EnsembleRow") -> str:
    if row.difference_points is None:
        return MISSING
    value = f"{row.difference_points:+.2f} points"
    if row.difference_low_points is None or row.difference_high_points is None:
        return f"{value} (no interval)"
    return f"{value} ({row.difference_low_points:+.2f} to {row.difference_high_points:+.2f})"
