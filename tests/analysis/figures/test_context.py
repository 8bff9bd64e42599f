"""What all figures of a report share."""

from dataclasses import replace

import pytest

from analysis.figures import finalists
from analysis.figures.context import figure_context
from analysis.scores import floor_miou_majority
from tests.analysis.example_results import make_results


def test_the_floor_of_the_test_part_is_that_of_its_own_pixels() -> None:
    results = make_results()
    results.settings["data"]["floor_miou"] = {"majority_class": 0.9}
    context = figure_context(results)
    (floor,) = context.test_floors
    assert floor.miou == pytest.approx(floor_miou_majority(results.tests[0].confusion.sum(axis=(0, 2))))
    assert [one.miou for one in context.floors] == [0.9]
    (drawing,) = finalists.FIGURE.draw(finalists.finalists_data(results), context)
    drawn = {line["x0"] for line in drawing.plot.to_dict()["layout"].get("shapes", ())}
    assert 0.9 not in drawn


def test_without_a_finalist_there_is_none() -> None:
    assert figure_context(replace(make_results(), tests=())).test_floors == ()
