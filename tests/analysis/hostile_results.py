"""A search in which every text from outside tries to become part of the page."""

from dataclasses import replace
from typing import Any

from analysis.results import Panel, SearchResults
from analysis.tables import results_frame
from tests.analysis.figures.cases import CASES

EVIL = {
    "name": "<img src=x onerror=alert(1)>",
    "space": 'unet"><svg onload=alert(2)>',
    "trial": "<iframe src=javascript:alert(3)>",
    "error": "</script><script>alert(4)</script> {{ 7 * 7 }}",
    "file": "<b>bold</b>/DJI \u2028 & 'photo'.JPG",
}
"""What each kind of text is replaced by; the search's name is that of the shared case."""


def hostile_results() -> SearchResults:
    """Space, trials, errors and files named to break a page, besides the classes and the search itself."""
    results = CASES["hostile_names"]()
    trials = _renamed(results.trials)
    trials.loc[trials["error"] != "", "error"] = EVIL["error"]
    settings = {**results.settings, "spaces": {_space(key): value for key, value in results.settings["spaces"].items()}}
    settings["data"] = {**settings["data"], "description": EVIL["file"], "root": EVIL["file"]}
    groups = (EVIL["file"], *results.tests[0].groups[1:])
    return replace(
        results,
        settings=settings,
        trials=results_frame(trials),
        curves=_renamed(results.curves),
        costs=_renamed(results.costs),
        stretches=_renamed(results.stretches),
        decisions=_renamed(results.decisions),
        tests=tuple(
            replace(test, space=_space(test.space), trial_id=_trial(test.trial_id), groups=groups)
            for test in results.tests
        ),
        panels=tuple(Panel(panel.name, EVIL["file"], panel.png) for panel in results.panels),
    )


def _space(name: str) -> str:
    return EVIL["space"] if name == "unet" else name


def _trial(name: str) -> str:
    return EVIL["trial"] if name == "unet-1" else name


def _renamed(table: Any) -> Any:
    table = table.copy()
    for column, rename in (("space", _space), ("trial_id", _trial), ("source_trial_id", _trial)):
        if column in table:
            table[column] = [rename(value) for value in table[column]]
    return table
