"""The figures as the page holds them: headings, places for plots, and the plots' specifications."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from analysis.figures import FIGURES, Drawing, Figure
from analysis.figures.context import FigureContext
from analysis.figures.figure import LegendEntry

if TYPE_CHECKING:
    import pandas as pd

    from analysis.results import SearchResults

FIRST_OF_MANY = 8
"""Of a group of small multiples, this many are shown at once; the others open on demand."""


@dataclass(frozen=True, slots=True)
class DrawnFigure:
    """A figure with its data and its plots."""

    figure: Figure
    data: "pd.DataFrame"
    drawings: tuple[Drawing, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one plot goes: its element id, texts and height in px; `on_demand` is not drawn before it is asked for."""

    identity: str
    title: str
    note: str
    height: int
    description: str
    on_demand: bool


@dataclass(frozen=True, slots=True)
class Block:
    """A figure on the page.

    Attributes:
        name: The figure's name.
        title: Its heading.
        caption: How to read it; says what is missing where there is nothing to draw.
        csv: Name of the file with its data; empty where there is none.
        wide: Each plot takes the whole width.
        legend: Marks explained once above the plots.
        groups: Heading, first places, and places that open on demand.
        places: All its places, those that another part of the page shows included.
    """

    name: str
    title: str
    caption: str
    csv: str
    wide: bool
    legend: tuple[LegendEntry, ...]
    groups: tuple[tuple[str, tuple[Place, ...], tuple[Place, ...]], ...]
    places: tuple[Place, ...]


def draw_figures(results: "SearchResults", context: FigureContext) -> tuple[DrawnFigure, ...]:
    """Compute and draw all registered figures."""
    drawn = []
    for figure in FIGURES:
        data = figure.data(results)
        drawn.append(DrawnFigure(figure, data, figure.draw(data, context)))
    return tuple(drawn)


def csv_name(figure: Figure) -> str:
    """Name of the file that holds a figure's data."""
    return f"{figure.name}.csv"


def place_identity(figure: Figure, drawing: Drawing) -> str:
    """Element id of a plot: the same at every writing of a report."""
    return f"plot-{figure.name.replace('_', '-')}-{drawing.key}"


def make_blocks(drawn: tuple[DrawnFigure, ...], elsewhere: Collection[Place] = ()) -> dict[str, Block]:
    """All figures for the template, by name.

    Args:
        drawn: The figures.
        elsewhere: Places that another part of the page shows.
    """
    return {one.figure.name: _block(one, elsewhere) for one in drawn}


def places_by_key(drawn: tuple[DrawnFigure, ...]) -> dict[str, Place]:
    """Every plot's place by its figure's name, a slash and its drawing's key."""
    return {
        f"{one.figure.name}/{drawing.key}": _place(one.figure, drawing) for one in drawn for drawing in one.drawings
    }


def plot_specifications(drawn: tuple[DrawnFigure, ...]) -> dict[str, dict[str, Any]]:
    """Every plot's traces and layout, by its place's element id."""
    from analysis.figures.embedding import plot_specification

    return {
        place_identity(one.figure, drawing): plot_specification(drawing.plot)
        for one in drawn
        for drawing in one.drawings
    }


def _block(drawn: DrawnFigure, elsewhere: Collection[Place]) -> Block:
    figure = drawn.figure
    groups = []
    for heading, members in groupby(drawn.drawings, key=lambda drawing: drawing.group):
        places = [place for drawing in members if (place := _place(figure, drawing)) not in elsewhere]
        if not places:
            continue
        first = len(places) if not heading else FIRST_OF_MANY
        groups.append((heading, tuple(places[:first]), tuple(places[first:])))
    return Block(
        name=figure.name,
        title=figure.title,
        caption=figure.caption if drawn.drawings else figure.empty,
        csv=csv_name(figure) if len(drawn.data) else "",
        wide=figure.wide,
        legend=tuple(dict.fromkeys(entry for drawing in drawn.drawings for entry in drawing.legend)),
        groups=tuple(groups),
        places=tuple(_place(figure, drawing) for drawing in drawn.drawings),
    )


def _place(figure: Figure, drawing: Drawing) -> Place:
    described = ", ".join(text for text in (figure.title, drawing.group, drawing.title, drawing.note) if text)
    return Place(
        identity=place_identity(figure, drawing),
        title=drawing.title,
        note=drawing.note,
        height=drawing.height,
        description=described,
        on_demand=drawing.on_demand,
    )
