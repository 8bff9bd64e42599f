"""What a figure of the report is: pure data first, a thin drawing of it after."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.figures.context import FigureContext

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from analysis.results import SearchResults


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A mark of several plots, explained once above them: a character in its colour (#rrggbb), and what it means."""

    character: str
    colour: str
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """One plot of a figure; a figure of small multiples has several.

    Attributes:
        key: Part of the plot's element id and file name: an `element_key`, unique in its figure.
        group: Heading that successive plots share, usually the space; empty for none.
        title: Text above the plot; empty where the figure's title says enough.
        height: Height of the plot, px.
        plot: The plot, without colours for text and grid: the page's theme adds them.
        note: A few words beside the title, such as how many trials it shows.
        legend: Marks that the page explains once above all of a figure's plots, instead of in each plot.
        on_demand: Drawn only once the reader asks for it, because it is heavy or says what another plot says, too.
    """

    key: str
    group: str
    title: str
    height: int
    plot: "go.Figure"
    note: str = ""
    legend: tuple[LegendEntry, ...] = ()
    on_demand: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A figure of the report. Listed in `analysis.figures.FIGURES`, it is in the page, the CSV files and the tests.

    Attributes:
        name: Name of its CSV file and of its place in the page: lower case with underscores.
        title: Heading.
        caption: What is shown and how to read it, in one or two sentences.
        empty: What the page says instead when there is nothing to draw.
        columns: Columns of its data, in order.
        data: Takes the results, returns one row per mark. Pure.
        draw: Takes those rows and the context; returns no drawing when there are no rows to show.
        wide: Each plot takes the page's whole width; otherwise plots share a row where there is room.
    """

    name: str
    title: str
    caption: str
    empty: str
    columns: tuple[str, ...]
    data: Callable[["SearchResults"], "pd.DataFrame"]
    draw: Callable[["pd.DataFrame", FigureContext], tuple[Drawing, ...]]
    wide: bool = False
