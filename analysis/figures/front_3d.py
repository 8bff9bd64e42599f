"""The front in space: mIoU against parameters and latency at once."""

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.figures.context import FigureContext
from analysis.figures.figure import Drawing, Figure
from analysis.figures.front import MOST_POINTS
from analysis.figures.marks import SpaceMarks, space_marks
from analysis.figures.rows import measured_trials, numbers, spread_over_ranks
from analysis.figures.text import plain_text, short_number
from analysis.figures.theme import log_range, log_ticks, new_plot
from analysis.ground_latency import GROUND_LATENCY

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from analysis.results import SearchResults

COLUMNS = ("trial_id", "space", "role", "stop_reason", "step", "best_miou", "parameters", GROUND_LATENCY, "on_front")
_IN_SPACE = {"triangle-up": "diamond-open", "star": "x"}
"""Plotly has fewer symbols in space than in the plane."""


def front_3d_data(results: "SearchResults") -> "pd.DataFrame":
    """One row per trial of the search with a score and both costs; `on_front` by all three together."""
    import pandas as pd

    from analysis.front import DEFAULT_OBJECTIVES, non_dominated

    trials, points = measured_trials(results)
    texts = {
        name: trials[name].astype(str).to_numpy() if name in trials else np.full(len(trials), "", dtype=object)
        for name in ("trial_id", "space", "role", "stop_reason")
    }
    table = pd.DataFrame(
        {
            **texts,
            "step": numbers(trials, "step"),
            "best_miou": points[:, 0],
            "parameters": points[:, 1],
            GROUND_LATENCY: points[:, 2],
            "on_front": non_dominated(points, tuple(DEFAULT_OBJECTIVES.values())),
        }
    )
    return table.sort_values(["parameters", "best_miou"], kind="stable", ignore_index=True)


def draw_front_3d(table: "pd.DataFrame", context: FigureContext) -> tuple[Drawing, ...]:
    """One plot: trials as points in space, those on the front strong and on stems, the others faint."""
    if table.empty:
        return ()
    marks = space_marks(context.spaces)
    plot = new_plot()
    bottom = float(table["best_miou"].min())
    for space in context.spaces:
        rows = table[table["space"] == space]
        front, faint = rows[rows["on_front"]], rows[~rows["on_front"]]
        faint = faint[spread_over_ranks(faint["best_miou"].to_numpy(dtype=np.float64), MOST_POINTS)]
        _add_stems(plot, front, marks[space], bottom)
        _add_points(plot, faint, space, marks[space], front=False)
        _add_points(plot, front, space, marks[space], front=True)
        if len(rows):
            # An entry of the legend that no single trace has: full strength, whatever is drawn.
            look = {"symbol": _in_space(marks[space]), "color": marks[space].colour, "size": 7}
            plot.add_scatter3d(x=[None], y=[None], z=[None], mode="markers", name=plain_text(space), marker=look)
    plot.update_layout(
        scene={
            "xaxis": _log_axis(table["parameters"].to_numpy(dtype=np.float64), "parameters"),
            "yaxis": _log_axis(table[GROUND_LATENCY].to_numpy(dtype=np.float64), "ms per megapixel"),
            "zaxis": {"title": {"text": "best mIoU"}},
            # From the side of the diagonal, along which costs rise together: networks stand beside each other.
            "camera": {"eye": {"x": 1.5, "y": -1.5, "z": 0.6}, "center": {"x": 0, "y": 0, "z": -0.15}},
            "aspectmode": "cube",
        },
        dragmode="turntable",
    )
    return (Drawing(key="front", group="", title="", height=520, plot=plot, on_demand=True),)


def _log_axis(values: "np.ndarray[Any, np.dtype[np.float64]]", title: str) -> dict[str, Any]:
    left, right = log_range(values)
    ticks, texts = log_ticks(10**left, 10**right, most=5)
    return {"type": "log", "title": {"text": title}, "range": [left, right], "tickvals": ticks, "ticktext": texts}


def _add_stems(plot: "go.Figure", rows: "pd.DataFrame", marks: SpaceMarks, bottom: float) -> None:
    """A line from each point down to the floor: without it nobody sees where a point in space stands."""
    places: dict[str, list[float | None]] = {"x": [], "y": [], "z": []}
    for parameters, latency, miou in zip(rows["parameters"], rows[GROUND_LATENCY], rows["best_miou"], strict=True):
        places["x"] += [parameters, parameters, None]
        places["y"] += [latency, latency, None]
        places["z"] += [bottom, miou, None]
    if len(rows):
        line = {"color": marks.colour, "width": 3}
        plot.add_scatter3d(**places, mode="lines", line=line, showlegend=False, hoverinfo="skip")


def _add_points(plot: "go.Figure", rows: "pd.DataFrame", space: str, marks: SpaceMarks, *, front: bool) -> None:
    if rows.empty:
        return
    plot.add_scatter3d(
        x=rows["parameters"].tolist(),
        y=rows[GROUND_LATENCY].tolist(),
        z=rows["best_miou"].tolist(),
        mode="markers",
        showlegend=False,
        opacity=1.0 if front else 0.5,
        marker={
            "symbol": _in_space(marks),
            "color": marks.colour,
            "size": 7 if front else 4,
        },
        customdata=[plain_text(trial) for trial in rows["trial_id"]],
        text=[
            f"{short_number(parameters)} parameters<br>{short_number(latency)} ms per megapixel"
            for parameters, latency in zip(rows["parameters"], rows[GROUND_LATENCY], strict=True)
        ],
        hovertemplate="<b>%{customdata}</b><br>mIoU %{z:.4f}<br>%{text}<extra>" + plain_text(space) + "</extra>",
    )


def _in_space(marks: SpaceMarks) -> str:
    return _IN_SPACE.get(marks.symbol, marks.symbol)


FIGURE = Figure(
    name="front_3d",
    title="The front in space: mIoU, parameters and latency",
    caption="One point per trial, on the validation part; drag to turn it. Strong points on stems are on the front of "
    "all three together: nothing tried is at least as good in all of them and better in one.",
    empty="No trial has a score and both costs yet.",
    columns=COLUMNS,
    data=front_3d_data,
    draw=draw_front_3d,
    wide=True,
)
