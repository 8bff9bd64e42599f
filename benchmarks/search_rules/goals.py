"""What the search is held to, met or not."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.search_rules.comparison import BEHIND, OURS, behind, close_share
from benchmarks.search_rules.contenders import CONTENDERS
from benchmarks.search_rules.tournament import Cell, Figures


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on one source of curves.

    Attributes:
        source: The source.
        trials: Configurations of each repeat.
        compute: Share of full compute, at most.
        close: Share of repeats that end close to the best, at least.
    """

    source: str
    trials: int
    compute: float
    close: float


GOALS = (
    Goal("recorded", 32, 0.25, 0.95),
    Goal("recorded", 64, 0.25, 0.95),
    Goal("recipe", 32, 0.15, 0.95),
    Goal("recipe", 64, 0.15, 0.95),
)


def goals(figures: Mapping[Cell, Figures]) -> dict[str, str]:
    """Each goal with what became of it, for every number of workers, and how often ours is behind a peer."""
    found = {}
    for goal in GOALS:
        for cell, result in figures.items():
            if (cell.source, cell.trials, cell.contender) == (goal.source, goal.trials, OURS):
                compute, close = float(result.compute.mean()), close_share(result)
                met = "met" if compute <= goal.compute and close >= goal.close else "NOT MET"
                found[f"{goal.source}, {goal.trials} trials, {cell.workers} workers"] = (
                    f"{met}: {compute:.1%} of compute (at most {goal.compute:.0%}), "
                    f"{close:.1%} close (at least {goal.close:.0%})"
                )
    compared = dominated = 0
    for cell, result in figures.items():
        peer = CONTENDERS[cell.contender].peer
        own = figures.get(Cell(cell.source, cell.trials, cell.workers, OURS))
        if peer and own is not None:
            compared += 1
            dominated += behind(own, result)[0]
    if compared:
        found["ours behind a peer"] = f"{dominated} of {compared} comparisons ({BEHIND})"
    return found
