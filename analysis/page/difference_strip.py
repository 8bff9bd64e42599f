"""The picture under the verdict: each difference with its interval, between the bounds of the rule."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.decision_record import Decision, PairVerdict

MARGIN = 1.0
"""Points left free beyond the outermost number."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the strip; `left` and `width` in percent of it; `open` where a difference there decides nothing."""

    left: float
    width: float
    open: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """A number under the strip; `left` in percent."""

    left: float
    label: str


@dataclass(frozen=True, slots=True)
class Strip:
    """One difference, placed in percent of the strip's width.

    Attributes:
        outcome: The space that wins this comparison, or "undecided"; empty where it is the only one.
        caption: What is compared, and the numbers.
        lower: Which of the two a difference at the left end speaks for.
        upper: Which a difference at the right end.
        zones: Where a difference speaks for one of the two, and where for neither.
        ticks: The rule's bounds, and zero.
        interval: Where its interval lies; None where it has none.
        point: Where the difference lies.
    """

    outcome: str
    caption: str
    lower: str
    upper: str
    zones: tuple[Zone, ...]
    ticks: tuple[Tick, ...]
    interval: Zone | None
    point: float


def make_strips(decision: "Decision") -> tuple[Strip, ...]:
    """One strip per comparison whose difference is a number: first those that the verdict rests on.

    These are the winner's, or the undecided ones.
    """
    pairs = sorted(
        decision.pairs, key=lambda pair: decision.winner not in {pair.reference, pair.challenger, pair.winner}
    )
    shown = [(pair, _bounds(decision, pair)) for pair in pairs if math.isfinite(pair.difference_points)]
    # One scale for all: intervals are to be compared by eye.
    ends = [_ends(pair, bounds) for pair, bounds in shown]
    return tuple(
        _strip(pair, bounds, min(start for start, _ in ends), max(end for _, end in ends), alone=len(pairs) == 1)
        for pair, bounds in shown
    )


def _bounds(decision: "Decision", pair: "PairVerdict") -> tuple[float, float]:
    """The bounds that were applied to a pair: both 0 where accuracy alone counts."""
    # The size of the configuration that was compared counts.
    rows = sorted(decision.candidates, key=lambda row: row.stands)
    sizes = {row.space: row.costs["parameters"] for row in rows}
    spaces = set(sizes)
    same_size = sizes.get(pair.reference) == sizes.get(pair.challenger)
    if decision.deployment == "server" or len(spaces) == 1 or same_size:
        return 0.0, 0.0
    return decision.rule["lighter_below_points"], decision.rule["heavier_above_points"]


def _ends(pair: "PairVerdict", bounds: tuple[float, float]) -> tuple[float, float]:
    """The points at the ends of a strip that shows a pair."""
    low, high = _interval(pair)
    start = min(low, 0.0, bounds[0]) - MARGIN
    end = max(high, 0.0, bounds[1]) + MARGIN
    # Both sides of the bounds are to be seen.
    room = 0.1 * (end - start)
    return min(start, bounds[0] - room), max(end, bounds[1] + room)


def _interval(pair: "PairVerdict") -> tuple[float, float]:
    """A difference's interval; without one, the difference twice."""
    difference = pair.difference_points
    low = difference if pair.low_points is None else pair.low_points
    return low, difference if pair.high_points is None else pair.high_points


def _strip(pair: "PairVerdict", bounds: tuple[float, float], start: float, end: float, *, alone: bool) -> Strip:
    difference = pair.difference_points
    low, high = _interval(pair)

    def place(points: float) -> float:
        return round(100 * (points - start) / (end - start), 3)

    def zone(first: float, last: float, *, is_open: bool = False) -> Zone:
        return Zone(place(first), round(place(last) - place(first), 3), is_open)

    zones = [zone(start, bounds[0]), zone(bounds[1], end)]
    if bounds[0] < bounds[1]:
        zones.insert(1, zone(*bounds, is_open=True))
    interval = None if pair.low_points is None or pair.high_points is None else zone(low, high)
    numbers = "" if interval is None else f", 95% interval {low:+.2f} to {high:+.2f}"
    summary = f"{pair.challenger} minus {pair.reference}: {difference:+.2f} points of mIoU{numbers}"
    return Strip(
        outcome="" if alone else pair.winner or "undecided",
        # The sentence above gives the reason of a lone comparison.
        caption=summary if alone else pair.reason,
        lower=pair.reference,
        upper=pair.challenger,
        zones=tuple(zones),
        ticks=tuple(Tick(place(value), f"{value:g}") for value in sorted({0.0, *bounds})),
        interval=interval,
        point=place(difference),
    )
