"""What every registered figure promises, in every state of a search."""

import json
from functools import cache

import pandas as pd
import pytest

from analysis.figures import FIGURES, Drawing, Figure
from analysis.figures.context import figure_context
from analysis.figures.embedding import plot_specification
from analysis.results import SearchResults
from tests.analysis.figures.cases import CASES, EVIL_NAMES

figures = pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
cases = pytest.mark.parametrize("case", CASES)


@cache
def results_of(case: str) -> SearchResults:
    return CASES[case]()


@cache
def data_of(name: str, case: str) -> pd.DataFrame:
    return next(figure for figure in FIGURES if figure.name == name).data(results_of(case))


@cache
def drawings_of(name: str, case: str) -> tuple[Drawing, ...]:
    figure = next(figure for figure in FIGURES if figure.name == name)
    return figure.draw(data_of(name, case), figure_context(results_of(case)))


def test_names_are_unique() -> None:
    assert len({figure.name for figure in FIGURES}) == len(FIGURES)


@figures
@cases
def test_data_has_the_expected_columns(figure: Figure, case: str) -> None:
    assert tuple(data_of(figure.name, case).columns) == figure.columns


@figures
@cases
def test_draws_as_json_that_a_browser_reads(figure: Figure, case: str) -> None:
    drawings = drawings_of(figure.name, case)
    assert len({drawing.key for drawing in drawings}) == len(drawings)
    for drawing in drawings:
        specification = plot_specification(drawing.plot)
        assert specification["data"]
        json.dumps(specification, allow_nan=False)


@figures
def test_data_is_repeatable_and_leaves_the_results_alone(figure: Figure) -> None:
    results = CASES["whole"]()
    assert figure.data(results).equals(data_of(figure.name, "whole"))
    assert results.trials.equals(results_of("whole").trials)
    assert results.curves.equals(results_of("whole").curves)


@figures
def test_drawing_is_repeatable_and_leaves_the_data_alone(figure: Figure) -> None:
    table = data_of(figure.name, "whole").copy()
    again = figure.draw(table, figure_context(results_of("whole")))
    assert table.equals(data_of(figure.name, "whole"))
    first = [plot_specification(drawing.plot) for drawing in drawings_of(figure.name, "whole")]
    assert first == [plot_specification(drawing.plot) for drawing in again]


@figures
def test_draws_something_of_a_whole_search(figure: Figure) -> None:
    assert len(data_of(figure.name, "whole"))
    assert drawings_of(figure.name, "whole")


@figures
def test_says_nothing_of_a_search_without_trials(figure: Figure) -> None:
    assert data_of(figure.name, "empty").empty
    assert drawings_of(figure.name, "empty") == ()


@figures
def test_names_from_outside_are_escaped(figure: Figure) -> None:
    for drawing in drawings_of(figure.name, "hostile_names"):
        text = json.dumps(plot_specification(drawing.plot))
        for name in EVIL_NAMES[1:]:
            assert name not in text
