"""Where compute went: which trial ran on which worker when, and how each stretch of training ended."""

from typing import TYPE_CHECKING

import numpy as np

from analysis.figures.context import FigureContext
from analysis.figures.figure import Drawing, Figure
from analysis.figures.marks import NEUTRAL, STOP_MARKS, stop_marks
from analysis.figures.text import plain_text
from analysis.figures.theme import bar_marker, new_plot

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from analysis.results import SearchResults

COLUMNS = (
    "lane",
    "trial_id",
    "space",
    "phase",
    "ending",
    "sitting",
    "start_seconds",
    "end_seconds",
    "first_step",
    "last_step",
)
MOST_BARS = 2_000
"""Bars drawn: the longest; the data has all."""
MOST_NAMED = 150
"""Bars up to which each is named, where its name fits."""
TALLEST = 900
UNITS = ((2 * 86_400, 86_400, "days"), (2 * 3_600, 3_600, "hours"), (300, 60, "minutes"), (0, 1, "seconds"))
"""From how many seconds on time is shown in which unit."""


def timeline_data(results: "SearchResults") -> "pd.DataFrame":
    """One row per stretch of training, worker by worker in the order of time."""
    table = results.stretches[list(COLUMNS)]
    return table.sort_values(["lane", "start_seconds"], kind="stable", ignore_index=True)


def draw_timeline(table: "pd.DataFrame", context: FigureContext) -> tuple[Drawing, ...]:
    """One plot: a lane per worker, a bar per stretch in the colour and pattern of its ending."""
    if table.empty:
        return ()
    lanes = int(table["lane"].max()) + 1
    total = float(table["end_seconds"].max())
    unit, unit_name = next((size, name) for least, size, name in UNITS if total >= least)
    spent = (table["end_seconds"] - table["start_seconds"]).to_numpy(dtype=np.float64)
    note = f"{lanes} worker{'' if lanes == 1 else 's'}, busy {spent.sum() / max(total * lanes, 1e-9):.0%} of the time"
    if len(table) > MOST_BARS:
        note += f"; the longest {MOST_BARS:,} of {len(table):,} stretches are drawn"
        table = table.iloc[np.sort(np.argsort(-spent, kind="stable")[:MOST_BARS])]
    plot = new_plot()
    for ending in STOP_MARKS:
        rows = table[table["ending"] == ending]
        if len(rows):
            _add_bars(plot, rows, ending, unit, named=len(table) <= MOST_NAMED)
    _add_moments(plot, table, unit)
    step = max(1, -(-lanes // 30))
    plot.update_yaxes(
        tickvals=list(range(0, lanes, step)),
        ticktext=[f"worker {lane + 1}  " for lane in range(0, lanes, step)],
        range=[lanes - 0.4, -0.75],
        showgrid=False,
        ticks="",
    )
    plot.update_xaxes(title_text=f"time since the search began, {unit_name}", range=[0, total / unit * 1.01])
    plot.update_layout(barmode="overlay", bargap=0, uniformtext={"minsize": 8, "mode": "hide"})
    height = min(TALLEST, 130 + lanes * max(4, 34 - lanes))
    return (Drawing(key="timeline", group="", title="", note=note, height=height, plot=plot),)


def _add_bars(plot: "go.Figure", rows: "pd.DataFrame", ending: str, unit: float, *, named: bool) -> None:
    marks = stop_marks(ending)
    names = [plain_text(trial) for trial in rows["trial_id"]]
    plot.add_bar(
        y=rows["lane"].tolist(),
        base=(rows["start_seconds"] / unit).tolist(),
        x=((rows["end_seconds"] - rows["start_seconds"]) / unit).tolist(),
        width=0.8,
        orientation="h",
        name=marks.label,
        marker=bar_marker(marks.colour, marks.pattern),
        text=names if named else None,
        textposition="inside" if named else "none",
        insidetextanchor="middle",
        textangle=0,
        textfont={"color": "#ffffff"},
        customdata=[
            [name, plain_text(space), "finals" if phase == "finalist" else phase, first, last]
            for name, space, phase, first, last in zip(
                names, rows["space"], rows["phase"], rows["first_step"], rows["last_step"], strict=True
            )
        ],
        hovertemplate="<b>%{customdata[0]}</b> (%{customdata[2]})<br>step %{customdata[3]:,} to %{customdata[4]:,}<br>"
        + marks.label
        + "<extra>%{customdata[1]}</extra>",
    )


def _add_moments(plot: "go.Figure", table: "pd.DataFrame", unit: float) -> None:
    """Lines where the finals begin and where the search was taken up again."""
    finals = table[table["phase"] == "finalist"]
    moments = [(float(finals["start_seconds"].min()), "finals")] if 0 < len(finals) < len(table) else []
    moments += [
        (float(rows["start_seconds"].min()), "resumed") for sitting, rows in table.groupby("sitting") if sitting != 1
    ]
    for seconds, text in moments:
        plot.add_vline(seconds / unit, line={"color": NEUTRAL, "width": 1.5, "dash": "dot"})
        plot.add_annotation(
            x=seconds / unit, y=1, yref="y domain", yanchor="top", xanchor="left", text=text, showarrow=False
        )


FIGURE = Figure(
    name="timeline",
    title="What ran when",
    caption="A lane per worker, a bar per stretch of training without interruption; colour and pattern say how it "
    "ended. Which worker a trial ran on follows from what ran at once. The hours between two sittings of a search are "
    "left out.",
    empty="This search recorded no times of its trials.",
    columns=COLUMNS,
    data=timeline_data,
    draw=draw_timeline,
    wide=True,
)
