"""The card of each space: its best trial, its finalists, and what its network costs."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.best_trials import best_trials
from analysis.figures.marks import space_marks, stop_marks
from analysis.figures.rows import search_trials
from analysis.finalist_roles import BEST
from analysis.page.formatting import MISSING, amount, count, score
from analysis.tables import COST_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

    from analysis.comparison import Estimate
    from analysis.finalists import SpaceFinalists
    from analysis.results import SearchResults


@dataclass(frozen=True, slots=True)
class Card:
    """What the page says of one space.

    Attributes:
        space: Its name.
        colour: Its colour, #rrggbb.
        symbol: Its symbol, one character.
        best_miou: Best validation mIoU, written out.
        best_trial: The trial that reached it; empty without one.
        chosen: Whether the verdict names this space.
        facts: Label and value of each further line.
        trials: How many trials there were, and how they ended.
    """

    space: str
    colour: str
    symbol: str
    best_miou: str
    best_trial: str
    chosen: bool
    facts: tuple[tuple[str, str], ...]
    trials: str


def make_cards(results: "SearchResults", spaces: tuple[str, ...], chosen: str | None) -> tuple[Card, ...]:
    """One card per space, in the spaces' order.

    Args:
        results: The search.
        spaces: Names of the spaces.
        chosen: The space that the verdict names, if any.
    """
    from analysis.finalists import finalists_of

    marks, best = space_marks(spaces), best_trials(results)
    finalists = {one.space: one for one in finalists_of(results)}
    cards = []
    for space in spaces:
        trial = best.get(space)
        cards.append(
            Card(
                space=space,
                colour=marks[space].colour,
                symbol=marks[space].character,
                best_miou=MISSING if trial is None else score(trial["best_miou"]),
                best_trial="" if trial is None else str(trial["trial_id"]),
                chosen=space == chosen,
                facts=(
                    *_test_facts(finalists.get(space)),
                    *_cost_facts(results, space, trial),
                ),
                trials=_endings(results, space),
            )
        )
    return tuple(cards)


def finalist_scores(results: "SearchResults") -> dict[tuple[str, str], str]:
    """MIoU on the test part with its interval, written out, of each space's finalist that stands for it, and baseline.

    By space and `best` or `baseline`.
    """
    from analysis.finalists import finalists_of

    written = {}
    for space in finalists_of(results):
        for role, finalist in (("best", space.best), ("baseline", space.baseline)):
            if finalist is not None:
                written[space.space, role] = with_interval(finalist.miou)
    return written


def _test_facts(space: "SpaceFinalists | None") -> tuple[tuple[str, str], ...]:
    """The test scores of all finalists of a space, the baseline last; where several are ranked, which one stands."""
    facts = []
    ranked = () if space is None else space.ranked or tuple(one for one in (space.best,) if one is not None)
    for one in ranked:
        chosen = " (in the verdict)" if len(ranked) > 1 and space is not None and one is space.best else ""
        role = BEST if len(ranked) == 1 else one.role
        facts.append((f"test mIoU, {role}{chosen}", with_interval(one.miou)))
    baseline = None if space is None else space.baseline
    return (
        *(facts or [("test mIoU, best", MISSING)]),
        ("test mIoU, baseline", MISSING if baseline is None else with_interval(baseline.miou)),
    )


def finalist_means(results: "SearchResults", name: str) -> dict[tuple[str, str], str]:
    """Mean over each finalist's seeds of one of `analysis.results.MEAN_SCORES`, as `finalist_scores` gives mIoU."""
    from analysis.finalists import finalists_of

    return {
        (space.space, role): score(finalist.mean_of(name))
        for space in finalists_of(results)
        for role, finalist in (("best", space.best), ("baseline", space.baseline))
        if finalist is not None
    }


def with_interval(estimate: "Estimate") -> str:
    """A score with its interval, or with its number of seeds where it has none."""
    if estimate.low is None or estimate.high is None:
        return f"{score(estimate.value)} ({estimate.seeds} seed{'' if estimate.seeds == 1 else 's'})"
    return f"{score(estimate.value)} ({estimate.low:.3f}\N{EN DASH}{estimate.high:.3f})"


def _cost_facts(results: "SearchResults", space: str, trial: "pd.Series[Any] | None") -> tuple[tuple[str, str], ...]:
    """Costs of the best trial's network, or of any network of the space that was measured."""
    costs: dict[str, Any] = {} if trial is None else {name: trial.get(name) for name in COST_COLUMNS}
    if all(_unknown(value) for value in costs.values()) and "space" in results.costs:
        measured = results.costs[results.costs["space"] == space]
        if len(measured):
            costs = {name: measured.iloc[0].get(name) for name in COST_COLUMNS}
    return (
        ("parameters", count(costs.get("parameters"))),
        ("latency, 1 image", amount(costs.get("latency_ms_p50"), "ms")),
        ("throughput", amount(costs.get("throughput_img_s"), "images/s")),
        ("peak memory", amount(costs.get("peak_memory_mb"), "MB")),
        ("checkpoint", amount(costs.get("checkpoint_mb"), "MB")),
    )


def _unknown(value: Any) -> bool:
    return value is None or value != value  # noqa: PLR0124 - NaN


def _endings(results: "SearchResults", space: str) -> str:
    trials = search_trials(results)
    mine = trials[trials["space"] == space] if "space" in trials else trials
    endings = Counter(stop_marks(reason).label for reason in mine.get("stop_reason", ()))
    listed = ", ".join(f"{number} {label}" for label, number in endings.most_common())
    return f"{len(mine)} trial{'' if len(mine) == 1 else 's'}" + (f": {listed}" if listed else "")
