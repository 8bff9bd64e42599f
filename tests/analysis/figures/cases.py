"""Searches in every state that a figure or the report may meet."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from analysis.compute_tables import decisions_frame, stretches_frame
from analysis.finalist_roles import ENSEMBLE
from analysis.results import SearchResults
from analysis.tables import COST_COLUMNS, costs_frame, curves_frame, results_frame
from tests.analysis.example_results import make_results

EVIL_NAMES = ("__background__", "<script>alert('x')</script>", "</script>", "%{x} & <b>")


def empty() -> SearchResults:
    """A search that has not proposed anything."""
    whole = make_results()
    trials = results_frame([])
    return replace(
        whole,
        trials=trials,
        curves=curves_frame([]),
        tests=(),
        costs=costs_frame(trials),
        panels=(),
        stretches=stretches_frame([]),
        decisions=decisions_frame([]),
    )


def bare_settings() -> SearchResults:
    """Settings that say no more than the decision needs."""
    whole = make_results()
    spaces = {name: {} for name in whole.settings["spaces"]}
    return replace(whole, settings={"spaces": spaces, "equal_starts": True, "data": {"split_by": "photo"}})


def best_is_baseline() -> SearchResults:
    """Nothing better than the baseline was found, so only that ran as a finalist."""
    whole = make_results(spaces=("unet",))
    trials = whole.trials[whole.trials["role"] == "baseline"]
    tests = tuple(test for test in whole.tests if test.role == "baseline")
    return replace(whole, trials=results_frame(trials), tests=tests)


def one_trial() -> SearchResults:
    whole = make_results(spaces=("unet",), finalists=False)
    return replace(
        whole,
        trials=results_frame(whole.trials.iloc[:1]),
        curves=curves_frame(whole.curves[whole.curves["trial_id"] == "unet-0"]),
        panels=(),
    )


def not_a_number() -> SearchResults:
    """Every number that could be NaN is, and one is infinite."""
    whole = make_results(finalists=False)
    trials, curves = whole.trials.copy(), whole.curves.copy()
    for name in trials.columns:
        if trials[name].dtype == np.float64:
            trials[name] = np.nan
    for name in curves.columns:
        if curves[name].dtype == np.float64:
            curves[name] = np.nan
    curves.loc[0, "miou"] = np.inf
    trials.loc[0, "best_miou"] = np.inf
    return replace(whole, trials=trials, curves=curves, costs=costs_frame(trials))


def interrupted() -> SearchResults:
    """Ended by Ctrl-C before costs and finalists: some trials interrupted, one without an ending."""
    whole = make_results(finalists=False)
    trials = whole.trials.copy()
    trials["stop_reason"] = "interrupted"
    trials.loc[0, "stop_reason"] = ""
    trials = trials.drop(columns=list(COST_COLUMNS))
    return replace(whole, trials=results_frame(trials), costs=costs_frame(trials))


def hostile_names() -> SearchResults:
    """Classes, and the search itself, named to break a page."""
    whole = make_results(class_names=EVIL_NAMES)
    return replace(whole, settings={**whole.settings, "name": "<img src=x onerror=alert(1)>"})


def ensembles() -> SearchResults:
    """The finalists of two spaces were joined."""
    whole = make_results(spaces=("unet", "deeplabv3plus"))
    members = [test for test in whole.tests if (test.space, test.role) == ("deeplabv3plus", "best")]
    joined = [
        replace(test, trial_id=f"ensemble-seed{test.seed}", space="unet + deeplabv3plus", role=ENSEMBLE)
        for test in members
    ]
    return replace(whole, tests=(*whole.tests, *joined))


def with_classes(count: int) -> SearchResults:
    """The finalists' pixels counted in another number of classes, the background included."""
    names = tuple(f"class {index}" for index in range(count))
    whole = make_results(spaces=("unet",), seeds=(0, 1), class_names=names)
    pixels = np.full((len(whole.tests[0].groups), count, count), 3) + 50 * np.eye(count)
    return replace(whole, tests=tuple(replace(test, confusion=pixels.astype(np.int64)) for test in whole.tests))


def without_times() -> SearchResults:
    """The folder of an older search, which has neither stretches nor decisions."""
    return replace(make_results(), stretches=stretches_frame([]), decisions=decisions_frame([]))


CASES: dict[str, Callable[[], SearchResults]] = {
    "whole": make_results,
    "one_space": lambda: make_results(spaces=("unet",)),
    "two_finalists": lambda: make_results(ranks=2),
    "one_seed": lambda: make_results(seeds=(0,)),
    "empty": empty,
    "bare_settings": bare_settings,
    "best_is_baseline": best_is_baseline,
    "one_trial": one_trial,
    "not_a_number": not_a_number,
    "interrupted": interrupted,
    "hostile_names": hostile_names,
    "ensembles": ensembles,
    "no_finalists": lambda: make_results(finalists=False),
    "background_only": lambda: with_classes(1),
    "forty_classes": lambda: with_classes(40),
    "without_times": without_times,
}
