"""The report's table of what was spent."""

import dataclasses
from pathlib import Path

import pytest

from analysis.page.formatting import MISSING, duration
from analysis.page.spending import make_spending, spending_unit
from analysis.report import write_report
from analysis.results import read_search_folder
from tests.analysis.example_results import make_results
from tests.analysis.report_folder import read_page, write_search

SPACES = ("unet", "deeplabv3plus", "unetplusplus")


def test_rows_add_up_to_the_trials() -> None:
    results = make_results()
    rows = make_spending(results, SPACES)
    for space in SPACES:
        for phase, name in (("search", "search"), ("finalist", "finals")):
            trials = results.trials
            trials = trials[(trials["space"] == space) & (trials["phase"] == phase) & (trials["step"] > 0)]
            (row,) = (row for row in rows if (row["space"], row["phase"]) == (space, name))
            assert row["trials"] == str(len(trials))
            assert row["steps"] == f"{trials['step'].sum():,.0f}"
            assert row["images"] == f"{trials['images_seen'].sum():,.0f}"
            assert row["device_time"] == duration(trials[["train_seconds", "evaluation_seconds"]].sum().sum())


@pytest.mark.parametrize(
    ("device", "unit", "times"),
    [
        ({"cpus_per_trial": {"unet": 3.0}, "gpus_per_trial": {"unet": 0.0}}, "CPU core", 3.0),
        ({"cpus_per_trial": {"unet": 3.0}, "gpus_per_trial": {"unet": 0.5}}, "GPU", 0.5),
        ({}, "CPU core", None),
    ],
)
def test_time_is_that_of_the_devices_of_a_trial(device: dict[str, object], unit: str, times: float | None) -> None:
    results = make_results()
    results = dataclasses.replace(results, settings={**results.settings, "device": device})
    row = make_spending(results, ("unet",))[0]
    trials = results.trials.query("space == 'unet' and phase == 'search' and step > 0")
    seconds = trials[["train_seconds", "evaluation_seconds"]].sum().sum()
    assert row["device_time"] == (MISSING if times is None else duration(seconds * times))
    assert spending_unit(results.settings) == unit


def test_the_page_shows_it(tmp_path: Path) -> None:
    folder = write_search(tmp_path / "search", make_results())
    results = read_search_folder(folder)
    page = read_page(write_report(results, tmp_path / "report"))
    assert "What was spent" in page.text_of("h3")
    steps = make_spending(results, SPACES)[0]["steps"]
    assert steps in page.text_of("td")
