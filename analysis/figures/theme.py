"""The look of plots: one template for light and one for dark pages, and the layout all plots start from."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analysis.figures.context import Floor
from analysis.figures.marks import NEUTRAL
from analysis.figures.text import plain_text, short_number

if TYPE_CHECKING:
    import plotly.graph_objects as go

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def template(*, dark: bool) -> dict[str, Any]:
    """The plotly template of a light or a dark page, as plain JSON values: the page swaps them when the reader does."""
    text, grid, line, paper = (
        ("#d9dde3", "#2b3139", "#4a525d", "#14171b") if dark else ("#22272e", "#e6e8eb", "#b6bcc4", "#ffffff")
    )
    axis = {
        "gridcolor": grid,
        "linecolor": line,
        "zerolinecolor": line,
        "tickcolor": line,
        "zeroline": False,
        "showline": True,
        "ticks": "outside",
        "ticklen": 4,
        "automargin": True,
        "title": {"font": {"size": 13}, "standoff": 8},
    }
    scene_axis = {
        "gridcolor": grid,
        "linecolor": line,
        "zerolinecolor": line,
        "tickcolor": line,
        "showbackground": False,
        "showspikes": False,
    }
    return {
        "layout": {
            "font": {"family": FONT, "size": 12, "color": text},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "hoverlabel": {"bgcolor": paper, "bordercolor": line, "font": {"color": text, "family": FONT}},
            "legend": {"bgcolor": "rgba(0,0,0,0)"},
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": line, "activecolor": text},
            "scene": dict.fromkeys(("xaxis", "yaxis", "zaxis"), scene_axis),
            "annotationdefaults": {"font": {"color": text, "size": 11}},
            "xaxis": axis,
            "yaxis": axis,
        }
    }


def new_plot() -> "go.Figure":
    """An empty plot with the margins and interaction all plots share, and no template of its own."""
    import plotly.graph_objects as go

    plot = go.Figure(layout={"template": {}})
    plot.update_layout(
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hovermode="closest",
        dragmode=False,
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.01, "xanchor": "left", "x": 0},
    )
    return plot


def bar_marker(colour: str, pattern: str) -> dict[str, Any]:
    """Bars told apart by pattern as well as by colour, with a fine line between neighbours."""
    return {
        "color": colour,
        "pattern": {
            "shape": pattern,
            "fillmode": "overlay",
            "fgcolor": "#ffffff",
            "fgopacity": 0.55,
            "size": 7,
            "solidity": 0.2,
        },
        "line": {"width": 1, "color": "rgba(255,255,255,0.6)"},
    }


def log_range(positions: NDArray[np.float64]) -> tuple[float, float]:
    """Ends of a logarithmic axis that shows all positions, as powers of ten."""
    logs = np.log10(positions)
    margin = max(0.08 * float(np.ptp(logs)), 0.12)
    return float(logs.min()) - margin, float(logs.max()) + margin


def log_ticks(low: float, high: float, *, most: int) -> tuple[list[float], list[str]]:
    """Round values for a logarithmic axis, and how they are written.

    Args:
        low: Lower end of the axis, above 0.
        high: Upper end.
        most: How many ticks there is room for.

    Returns:
        1, 2 and 5 times the powers of ten between the ends, or 1 and 5, or 1: the most of them that fit. Where fewer
        than two lie there, the middle of the axis.
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 5), (1, 5), (1,)):
        values = [digit * 10.0**power for power in powers for digit in digits if low <= digit * 10.0**power <= high]
        if 2 <= len(values) <= most:
            return values, [short_number(value) for value in values]
    middle = math.sqrt(low * high)
    return [middle], [short_number(middle)]


def add_front_line(plot: "go.Figure", costs: Sequence[float], scores: Sequence[float], right: float) -> None:
    """Draw a front as a step line over the region that it dominates.

    Args:
        plot: Costs along x, scores along y.
        costs: Of the front's points, in any order.
        scores: The same points' scores, more is better.
        right: Where the line ends: the dearest cost on the axis.
    """
    order = sorted(zip(costs, scores, strict=True))
    plot.add_scatter(
        x=[*(cost for cost, _ in order), right],
        y=[*(score for _, score in order), max(score for _, score in order)],
        mode="lines",
        line={"shape": "hv", "color": NEUTRAL, "width": 1.5},
        fill="tozeroy",
        fillcolor="rgba(133,139,148,0.10)",
        name="front (shaded: dominated)",
        hoverinfo="skip",
    )


def add_floors(plot: "go.Figure", floors: "Sequence[Floor]", *, axis: str = "y") -> None:
    """Draw each floor as a dotted line across a plot whose `axis` is mIoU, all of them named once.

    They are named above the highest line, or at the plot's lower right, where the longest name has room.
    """
    if not floors:
        return
    add_line = plot.add_hline if axis == "y" else plot.add_vline
    for floor in floors:
        add_line(floor.miou, line={"color": NEUTRAL, "width": 1.5, "dash": "dot"}, layer="below")
    names = ", ".join(f"{plain_text(floor.label)} {floor.miou:.3f}" for floor in floors)
    top = max(floor.miou for floor in floors)
    place = (
        {"x": 0.99, "xref": "x domain", "xanchor": "right", "y": top, "yref": "y", "yanchor": "bottom"}
        if axis == "y"
        else {"x": 1.0, "xref": "x domain", "xanchor": "right", "y": 0.0, "yref": "y domain", "yanchor": "bottom"}
    )
    plot.add_annotation(text=names, showarrow=False, font={"size": 10}, **place)
