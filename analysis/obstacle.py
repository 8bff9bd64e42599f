"""What keeps a search from having a verdict at all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from analysis.finalists import Finalist, SpaceFinalists
from analysis.results import SearchResults

RESUME = "Resuming the search, which then does it."


@dataclass(frozen=True)
class Obstacle:
    """Why there can be no verdict, and what would help; both sentences."""

    reason: str
    would_help: str


def find_obstacle(results: SearchResults, spaces: Sequence[SpaceFinalists]) -> Obstacle | None:
    """The first thing that prevents a fair comparison of the search's finalists; None where nothing does."""
    several = len(spaces) > 1
    if several and not results.settings["equal_starts"]:
        return Obstacle(
            "the spaces started unequally, some encoders pretrained and some not, so their difference says"
            " nothing about the networks.",
            "A search in which every encoder is pretrained, or none is.",
        )
    for space in spaces:
        missing = _missing(space, several)
        if missing:
            return missing
    rivals = [one for space in spaces for one in ((space.best,) if several else (space.best, space.baseline))]
    return _unmatched([rival for rival in rivals if rival is not None])


def _missing(space: SpaceFinalists, several: bool) -> Obstacle | None:
    """What a comparison needs to know of one space and does not."""
    if space.best is None:
        return Obstacle(f"the finalists of {space.space} have not been run on the test part.", RESUME)
    if not several and space.baseline is None and not space.best_is_baseline:
        return Obstacle(f"the baseline of {space.space} has not been run on the test part.", RESUME)
    if math.isnan(space.best.miou.value):
        return Obstacle("the test part contains no foreground class.", "A test part with labelled foreground.")
    if several and math.isnan(space.best.costs["parameters"]):
        return Obstacle(f"the size of the network of {space.space} was not measured.", RESUME)
    return None


def _unmatched(rivals: Sequence[Finalist]) -> Obstacle | None:
    for one, other in combinations(rivals, 2):
        if not {test.seed for test in one.evaluations} & {test.seed for test in other.evaluations}:
            return Obstacle("the finalists have no seed in common, so they can't be matched.", RESUME)
    return None
