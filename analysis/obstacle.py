"""What keeps a search from having a verdict at all."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from analysis.finalist_endings import NOT_ENDED, BrokenRuns, broken_runs, runs_to_come
from analysis.finalist_roles import BASELINE, rank_of
from analysis.finalists import Finalist, SpaceFinalists
from analysis.results import SearchResults
from analysis.undecided import SETTLE_BROKEN_RUNS

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
    if not results.tests and results.settings.get("finalist_seeds") in (0, []):
        return Obstacle(
            "the search was to run no finals, on which the verdict rests.", "A search with --finalist-seeds 3."
        )
    to_come = runs_to_come(results)
    if to_come:
        return Obstacle(f"not all runs of the finalists have ended: {', '.join(to_come)}.", RESUME)
    broken = broken_runs(results)
    for space in spaces:
        missing = _never_scored(results, space) or _missing(space, several, broken)
        if missing:
            return missing
    rivals = [one for space in spaces for one in ((space.best,) if several else (space.best, space.baseline))]
    return _unmatched([rival for rival in rivals if rival is not None])


def _never_scored(results: SearchResults, space: SpaceFinalists) -> Obstacle | None:
    """The obstacle of a space whose trials have all ended without a score, so that there is nobody to re-run."""
    trials = results.trials
    own = trials[(trials["phase"] == "search") & (trials["space"] == space.space)]
    scored = "best_miou" in own and bool(own["best_miou"].notna().any())
    if space.best is not None or scored or own.empty or own["stop_reason"].isin(NOT_ENDED).any():
        return None
    return Obstacle(
        f"no trial of {space.space} reached a score.",
        "Settling what ended these trials: their errors stand in the table of trials.",
    )


def _missing(space: SpaceFinalists, several: bool, broken: Mapping[tuple[str, str], BrokenRuns]) -> Obstacle | None:
    """What a comparison needs to know of one space and does not."""
    if space.best is None:
        missing = Obstacle(f"the finalists of {space.space} have not been run on the test part.", RESUME)
        return _all_broken(
            *(runs for (name, role), runs in broken.items() if name == space.space and rank_of(role))
        ) or (missing)
    if not several and space.baseline is None and not space.best_is_baseline:
        missing = Obstacle(f"the baseline of {space.space} has not been run on the test part.", RESUME)
        return _all_broken(*(runs for key, runs in broken.items() if key == (space.space, BASELINE))) or missing
    if math.isnan(space.best.miou.value):
        return Obstacle("the test part contains no foreground class.", "A test part with labelled foreground.")
    if several and math.isnan(space.best.costs["parameters"]):
        return Obstacle(f"the size of the network of {space.space} was not measured.", RESUME)
    return None


def _all_broken(*broken: BrokenRuns) -> Obstacle | None:
    """The obstacle of finalists that have nothing but broken runs; None where there are none."""
    if not broken:
        return None
    which = " ".join(runs.sentence() for runs in broken)
    return Obstacle(f"no run of a finalist reached its end. {which}", SETTLE_BROKEN_RUNS)


def _unmatched(rivals: Sequence[Finalist]) -> Obstacle | None:
    for one, other in combinations(rivals, 2):
        if not {test.seed for test in one.evaluations} & {test.seed for test in other.evaluations}:
            lost = " ".join(finalist.broken.sentence() for finalist in (one, other) if finalist.broken)
            reason = f"the finalists have no seed in common, so they can't be matched. {lost}".rstrip()
            return Obstacle(reason, SETTLE_BROKEN_RUNS if lost else RESUME)
    return None
