"""Which of several finalists of a space stands for it."""

import pytest

from analysis.decision import decide
from analysis.decision_markdown import decision_markdown
from tests.analysis.decision_studies import ended, two_finalists


@pytest.mark.parametrize(("validation", "chosen"), [((0.7, 0.6), "best"), ((0.6, 0.7), "best-2"), ((0.6, 0.6), "best")])
def test_of_several_finalists_the_validation_part_chooses(validation: tuple[float, float], chosen: str) -> None:
    # The test part says the opposite, and is not asked.
    points = (50.0, 65.0) if chosen == "best" else (65.0, 50.0)
    decision = decide(two_finalists(*points, validation=validation))
    (pair,) = decision.pairs
    assert pair.difference_points == pytest.approx(60 - 50)
    rows = {row.role: row for row in decision.candidates if row.space == "unet"}
    assert {role for role, row in rows.items() if row.stands} == {chosen}
    assert rows[chosen].validation_points == pytest.approx(100 * max(validation))
    (choice,) = decision.choices
    assert choice == f"{chosen} of unet (best {100 * validation[0]:.2f}, best-2 {100 * validation[1]:.2f})"
    assert "the test part has no say" in decision.choice_sentence()
    assert decision.choice_sentence() in decision_markdown(decision)
    assert decision.to_json()["choices"] == [choice]


def test_the_settings_of_the_finalist_that_stands_are_named() -> None:
    decision = decide(two_finalists(50.0, 65.0, validation=(0.6, 0.7)))
    assert (decision.winner, decision.settings_of) == ("unet", "best-2")


def test_a_finalist_that_broke_stands_for_its_space_only_where_all_broke() -> None:
    results = two_finalists(50.0, 65.0, validation=(0.7, 0.6))
    broken = ended(results, "unet-best-seed1", "diverged")
    decision = decide(broken)
    assert next(row.role for row in decision.candidates if row.stands and row.space == "unet") == "best-2"
    assert decision.status == "decided"
    assert any("unet (best), seed 1 diverged" in warning for warning in decision.warnings)
    assert "a run broke" in decision.choices[0]
    decision = decide(ended(broken, "unet-best-2-seed1", "error"))
    assert decision.status == "undecided"
