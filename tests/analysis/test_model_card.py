"""The model card: every number from the records, everything else said to be missing, names escaped."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.decision import decide
from analysis.finalists import finalists_of
from analysis.model_card import CARD_FILE, main, model_card
from analysis.model_card_subject import subject_of
from analysis.report import write_report
from analysis.results import SearchResults
from spaces.errors import InputError
from tests.analysis.example_results import CLASSES, make_results
from tests.analysis.hostile_results import EVIL, hostile_results
from tests.analysis.report_folder import write_search


def card_of(results: SearchResults, trial: str | None = None, folder: Path | None = None) -> str:
    card = model_card(results, decide(results), folder, trial)
    assert card is not None
    return card


def row(card: str, label: str) -> list[str]:
    """The cells after a label in a table."""
    (line,) = (line for line in card.splitlines() if line.startswith(f"| {label} |"))
    return [cell.strip() for cell in line.split("|")[2:-1]]


def test_scores_are_those_of_the_finalist_with_their_intervals() -> None:
    results = make_results()
    subject = subject_of(results, decide(results))
    assert subject is not None
    assert subject.finalist is not None
    card, miou = card_of(results), subject.finalist.miou
    assert miou.low is not None
    assert miou.high is not None
    assert row(card, "mIoU of the foreground classes") == [
        f"{100 * miou.value:.2f}",
        f"{100 * miou.low:.2f} to {100 * miou.high:.2f}",
    ]
    for name, _ in CLASSES[1:]:
        assert re.fullmatch(r"\d+\.\d\d to \d+\.\d\d", row(card, f"IoU of {name}")[1])
    assert "8 photos that nothing was chosen on" in card or "8 captures that nothing was chosen on" in card


def test_the_model_is_the_one_that_the_verdict_names_and_of_its_runs_the_best_on_validation() -> None:
    results = make_results()
    decision = decide(results)
    subject = subject_of(results, decision)
    assert subject is not None
    assert subject.is_run
    if decision.winner is not None:
        assert subject.space == decision.winner
    runs = results.trials[(results.trials["space"] == subject.space) & (results.trials["phase"] == "finalist")]
    runs = runs[runs["role"] == subject.trial["role"]]
    assert subject.trial["best_miou"] == runs["best_miou"].max()


def test_an_open_verdict_is_said_to_be_open() -> None:
    results = make_results()
    decision = replace(decide(results), status="undecided", winner=None, settings_of=None)
    subject = subject_of(results, decision)
    assert subject is not None
    assert "the verdict names no model" in subject.why
    standing = [space.best for space in finalists_of(results) if space.best is not None]
    assert subject.finalist is not None
    assert subject.finalist.validation == max(one.validation for one in standing)


def test_a_trial_of_the_search_has_no_score_on_the_test_part_unless_it_was_re_run() -> None:
    results = make_results()
    searched = results.trials[results.trials["phase"] == "search"]
    sources = set(results.trials["source_trial_id"]) - {""}
    again = next(name for name in searched["trial_id"] if name in sources)
    assert "these weights are none of the runs" in card_of(results, again)
    scored = searched[searched["best_miou"].notna() & ~searched["trial_id"].isin(sources)]
    card = card_of(results, str(scored.iloc[0]["trial_id"]))
    assert "was not evaluated on the test part" in card
    assert "mIoU of the foreground classes" not in card


def test_without_finals_the_best_trial_is_described() -> None:
    results = make_results()
    search = results.trials[results.trials["phase"] == "search"].reset_index(drop=True)
    card = card_of(replace(results, trials=search, tests=()))
    assert "no finals have run; this trial is the best on validation" in card


def test_what_is_not_recorded_is_said_and_nothing_else_is_filled_in() -> None:
    results = make_results()
    left_out = {"device", "versions", "encoder_weights", "layouts", "storage", "max_steps", "search_alg", "scheduler"}
    bare = replace(results, settings={name: one for name, one in results.settings.items() if name not in left_out})
    card = card_of(bare)
    assert row(card, "trained on")[0] == "not recorded"
    assert row(card, "energy, emissions")[0] == "not recorded"
    assert "was not at hand: digests not recorded" in card
    assert not re.search(r"\b(nan|None)\b", card)


def test_rare_and_absent_classes_are_named() -> None:
    results = make_results()
    confusion = results.tests[0].confusion.copy()
    confusion[:, 1, :] = 0
    confusion[:, 2, :] = 0
    confusion[0, 2, 2] = 1
    tests = tuple(replace(test, confusion=confusion) for test in results.tests)
    card = card_of(replace(results, tests=tests))
    assert f"Class {CLASSES[1][0]}: the test part has none of it" in card
    assert f"Class {CLASSES[2][0]} is rare in the test part" in card
    assert f"Class {CLASSES[3][0]}" not in card


def test_texts_from_outside_stay_texts() -> None:
    card = card_of(hostile_results())
    outside = re.sub(r"(?ms)^```.*?^```", "", card)
    assert not re.search(r"<\s*[a-z/]", outside, re.IGNORECASE)
    assert "{{" not in EVIL["name"] or "{{" in outside
    for line in outside.splitlines():
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line)
            assert len(cells) in {4, 5, 6}


def test_the_command_writes_it_beside_the_report_with_digests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = make_results()
    folder = write_search(tmp_path / "example", results)
    assert main(["--search", str(folder)]) == 0
    written = Path(capsys.readouterr().out.strip())
    assert written == folder / "report" / CARD_FILE
    card = written.read_text(encoding="utf-8")
    digest = hashlib.sha256((folder / "settings.json").read_bytes()).hexdigest()
    assert row(card, "settings.json")[0] == digest
    other = tmp_path / "card.md"
    trial = str(results.trials["trial_id"].iloc[0])
    assert main(["--search", str(folder), "--trial", trial, "--output", str(other)]) == 0
    assert trial in other.read_text(encoding="utf-8").splitlines()[0]


def test_a_trial_that_is_not_there_is_refused(tmp_path: Path) -> None:
    folder = write_search(tmp_path / "example", make_results())
    with pytest.raises(InputError, match="--trial unet-999: the search has no such trial"):
        main(["--search", str(folder), "--trial", "unet-999"])
    with pytest.raises(InputError, match="no such search"):
        main(["--search", str(tmp_path / "nothing")])


@pytest.mark.slow
def test_the_report_links_it(tmp_path: Path) -> None:
    results = make_results(spaces=("unet",))
    folder = write_search(tmp_path / "example", results)
    page = write_report(results, folder / "report")
    assert (page.parent / CARD_FILE).is_file()
    assert f'href="{CARD_FILE}"' in page.read_text(encoding="utf-8")
