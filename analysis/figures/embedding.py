"""Plots for a page: as JSON for plotly.js, plotly.js itself, and as picture files where a browser is at hand."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.figures.text import plain_text
from analysis.figures.theme import template

if TYPE_CHECKING:
    import plotly.graph_objects as go

PICTURE_FORMATS = ("svg", "png")
PICTURE_WIDTH = 900
TITLE_HEIGHT = 90


class PicturesUnavailableError(Exception):
    """Picture files can't be made on this machine; its text says what is missing."""


def plot_specification(plot: "go.Figure") -> dict[str, Any]:
    """Traces and layout of a plot as plain JSON values, NaN and infinity as null; the same at every call."""
    return dict(json.loads(plot.to_json(validate=False)))


def plotly_javascript() -> str:
    """The source of plotly.js, to be put into a page once."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


@dataclass(frozen=True, slots=True)
class Picture:
    """A plot to be written as picture files: `path` has no ending, `height` is in px, `title` stands above the plot."""

    plot: "go.Figure"
    path: Path
    height: int
    title: str


def write_pictures(pictures: Sequence[Picture]) -> tuple[Path, ...]:
    """Write plots in light colours as SVG and PNG, all with one start of the browser; the plots are not changed.

    Returns:
        The files.

    Raises:
        PicturesUnavailableError: kaleido, or the browser that it drives, is not there or fails.
    """
    import plotly.io

    if find_spec("kaleido") is None:
        raise PicturesUnavailableError("the package kaleido is not installed")
    for name in ("choreographer", "kaleido"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    jobs = [(_on_paper(one), one, f"{one.path}.{ending}") for one in pictures for ending in PICTURE_FORMATS]
    try:
        plotly.io.write_images(
            fig=[plot for plot, _, _ in jobs],
            file=[file for _, _, file in jobs],
            width=PICTURE_WIDTH,
            height=[one.height + TITLE_HEIGHT for _, one, _ in jobs],
            scale=2,
        )
    except Exception as error:
        # kaleido, its driver and the browser each fail in ways of their own; pictures are a courtesy.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise PicturesUnavailableError(f"no browser could draw them ({reason})") from error
    return tuple(Path(file) for _, _, file in jobs)


def _on_paper(picture: Picture) -> "go.Figure":
    """A copy of a plot on white, with a title."""
    import plotly.graph_objects as go

    look = template(dark=False)
    look["layout"]["paper_bgcolor"] = "#ffffff"
    title = {"text": plain_text(picture.title), "x": 0.01, "y": 0.98, "yanchor": "top"}
    return go.Figure(picture.plot).update_layout(template=look, title=title, margin_t=TITLE_HEIGHT)
