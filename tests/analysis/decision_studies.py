"""Searches whose finalists have exactly the mIoU that a test says: what the tests of the verdict work on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from analysis.results import SearchResults, TestEvaluation
from tests.analysis.example_results import make_results, with_validation

PAIR = ("unet", "deeplabv3plus")
ALL = ("unet", "unetplusplus", "deeplabv3plus")
GROUPS = tuple(f"photo{index}" for index in range(6))
PIXELS = 100_000
Points = Mapping[str | tuple[str, str], Sequence[float]]


def study(points: Points, *, equal_starts: bool = True) -> SearchResults:
    """A search whose finalists have exactly these mIoU, in points, seed by seed; (space, role) or a space's best."""
    named = {key if isinstance(key, tuple) else (key, "best"): values for key, values in points.items()}
    spaces = tuple(dict.fromkeys(space for space, _ in named))
    tests = []
    for (space, role), values in named.items():
        for seed, value in enumerate(values):
            hits = round(value / 100 * PIXELS)
            one = np.array([[PIXELS, 0], [PIXELS - hits, hits]], dtype=np.int64)
            confusion = np.repeat(one[None], len(GROUPS), axis=0)
            tests.append(TestEvaluation(f"{space}-{role}-seed{seed}", space, role, seed, GROUPS, confusion))
    results = make_results(spaces=spaces, seeds=(0, 1, 2, 3), ranks=2, equal_starts=equal_starts)
    # No finalist without an evaluation: they are no part of the study.
    trials = results.trials[(results.trials["phase"] == "search") | results.trials["trial_id"].isin(ids_of(tests))]
    return replace(results, trials=trials.reset_index(drop=True), tests=tuple(tests))


def ids_of(tests: Sequence[TestEvaluation]) -> list[str]:
    return [test.trial_id for test in tests]


def ended(results: SearchResults, trial_id: str, stop_reason: str) -> SearchResults:
    """The same study with one finalist's run ended otherwise, and therefore without its evaluation."""
    trials = results.trials.copy()
    assert trial_id in set(trials["trial_id"])
    trials.loc[trials["trial_id"] == trial_id, "stop_reason"] = stop_reason
    return replace(results, trials=trials, tests=tuple(test for test in results.tests if test.trial_id != trial_id))


def spread(mean: float, width: float = 0.1) -> list[float]:
    """Three seeds: with another space's seeds all equal, the interval is mean +- 2.484 width."""
    return [mean - width, mean, mean + width]


def two_finalists(best: float, second: float, *, validation: tuple[float, float]) -> SearchResults:
    """A search of two spaces; of the UNet two configurations were re-run, with these mIoU on test and validation."""
    points: Points = {
        ("unet", "best"): [best] * 3,
        ("unet", "best-2"): [second] * 3,
        ("deeplabv3plus", "best"): [60.0] * 3,
    }
    scores = dict(zip(("best", "best-2"), validation, strict=True))
    levels = {f"unet-{role}-seed{seed}": score for role, score in scores.items() for seed in range(3)}
    return with_validation(study(points), levels)
