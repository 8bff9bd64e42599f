"""The report's section on early stopping: what it reads from summary.json and how it writes it."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from analysis.page.early_stopping import EarlyStopping, make_early_stopping
from analysis.report import write_report
from analysis.results import SearchResults, read_search_folder
from search.outputs import summary_of
from spaces.errors import InputError
from tests.analysis.example_results import make_results
from tests.analysis.report_folder import read_page, write_search
from tests.search.known_curves import FLAT, RISING, SETTINGS, STEPS, make_history, make_trial


def recorded(*, checked: bool = True) -> dict[str, Any]:
    """What a search recorded: one trial to its end, three stopped, of which one was trained on if `checked`."""
    audited = make_trial(1, FLAT)
    audited.audited_at = 16
    trials = [make_trial(0, RISING), make_trial(2, RISING, 2), make_trial(3, FLAT, 4)]
    history = make_history(*trials, *([audited] if checked else []))
    summary: dict[str, Any] = json.loads(json.dumps(summary_of(SETTINGS, history, 1.0, None)))
    return summary


def with_summary(summary: dict[str, Any]) -> SearchResults:
    return dataclasses.replace(make_results(spaces=("unet",)), summary=summary)


def section(summary: dict[str, Any]) -> EarlyStopping:
    made = make_early_stopping(with_summary(summary))
    assert made is not None
    return made


def test_the_rules_are_this_search_first_then_what_others_would_have_cost() -> None:
    made = section(recorded())
    own, patience, full = made.rules
    spent = STEPS[-1] * 2 + STEPS[1] + STEPS[3]
    assert own.name == "this search (asha)"
    assert own.steps == f"{spent}"
    assert full.steps == f"{4 * STEPS[-1]}"
    assert own.sure == pytest.approx(100 * spent / 400)
    assert own.unsure == 0
    assert (full.sure, full.unsure) == (100, 0)
    assert "to" in patience.steps
    assert "about" in patience.steps
    assert patience.sure + patience.unsure <= 100
    assert patience.unsure > 0
    assert (patience.name, full.name) == ("patience", "full budget")
    assert own.chosen == "unet-1"
    assert full.chosen == "unet-001 or a stopped one"
    assert own.device_time == "12 min 24 s"


def test_checked_trials_are_listed_with_their_difference_to_the_best_of_the_rungs() -> None:
    made = section(recorded())
    (row,) = made.audited
    best = sum(RISING[-3:]) / 3
    assert row == ("unet-001", "unet", "16", "completed", "0.5000", f"{best:.4f}", f"{(0.5 - best) * 100:+.2f}")
    assert made.audit.startswith("1 of 1")


def test_without_a_check_the_section_says_that_nothing_is_known() -> None:
    made = section(recorded(checked=False))
    assert made.audited == ()
    assert "nothing is known" in made.audit


def test_where_every_curve_tells_the_cost_of_patience_is_exact() -> None:
    history = make_history(make_trial(0, RISING), make_trial(1, FLAT))
    made = section(summary_of(SETTINGS, history, 1.0, None))
    assert "exact" in made.note
    assert made.rules[1].unsure == 0


@pytest.mark.parametrize("summary", [{}, {"counterfactuals": None, "audit": None}, {"steps_spent": 3}])
def test_a_search_that_recorded_nothing_of_it_has_no_section(summary: dict[str, Any]) -> None:
    assert make_early_stopping(with_summary(summary)) is None


def test_a_damaged_record_is_refused_in_one_line() -> None:
    summary = recorded()
    summary["counterfactuals"]["steps"] = "many"
    with pytest.raises(InputError, match=r"summary\.json") as caught:
        make_early_stopping(with_summary(summary))
    assert "\n" not in str(caught.value)


def test_the_page_shows_it_in_well_formed_html(tmp_path: Path) -> None:
    folder = write_search(tmp_path / "example", make_results(spaces=("unet",)))
    (folder / "summary.json").write_text(json.dumps(recorded()), encoding="utf-8")
    page = read_page(write_report(read_search_folder(folder), folder / "report"))
    assert page.unbalanced == []
    assert any("rightly stopped" in text for text in page.text_of("h4"))
    assert ("h3", {"id": "stopping"}) in page.tags
    assert ("a", {"href": "#stopping"}) in page.tags


def test_the_page_of_a_search_without_a_summary_has_no_such_section(tmp_path: Path) -> None:
    folder = write_search(tmp_path / "example", make_results(spaces=("unet",)))
    page = read_page(write_report(read_search_folder(folder), folder / "report"))
    assert page.unbalanced == []
    assert not any(attributes.get("id") == "stopping" for _, attributes in page.tags)
    assert ("a", {"href": "#stopping"}) not in page.tags


@pytest.mark.parametrize("content", ["[]", "{", '"text"'])
def test_a_summary_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    folder = write_search(tmp_path / "example", make_results(spaces=("unet",)))
    (folder / "summary.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"summary\.json"):
        read_search_folder(folder)
