"""What became of the trials at each rung: how many reached it, went on, waited or were stopped, and the cut there."""

from typing import TYPE_CHECKING

import numpy as np

from analysis.compute_tables import AUDITED, PASSED, PAUSED, PROMOTED, STOPPED
from analysis.figures.context import FigureContext
from analysis.figures.figure import Drawing, Figure
from analysis.figures.marks import NEUTRAL, StopMarks
from analysis.figures.text import element_key
from analysis.figures.theme import bar_marker, new_plot

if TYPE_CHECKING:
    import pandas as pd

    from analysis.results import SearchResults

OUTCOME_MARKS: dict[str, StopMarks] = {
    PASSED: StopMarks("went on at once", "circle", "●", "#009e73", ""),
    PROMOTED: StopMarks("went on after a pause", "circle-open", "○", "#0072b2", "/"),
    AUDITED: StopMarks("trained on as a check", "diamond", "◆", "#cc79a7", "."),
    PAUSED: StopMarks("still waits", "hourglass-open", "⧖", "#56b4e9", "-"),
    STOPPED: StopMarks("stopped here", "x-thin", "\N{MULTIPLICATION SIGN}", NEUTRAL, "x"),
}
"""In the order of the bars' parts."""

COLUMNS = ("space", "rung", "reached", *OUTCOME_MARKS, "cutoff", "best_stopped", "worst_kept")


def rungs_data(results: "SearchResults") -> "pd.DataFrame":
    """One row per space and rung: trials judged there, how many of each outcome, and scores.

    `cutoff` is the last score that a trial had to reach there, `best_stopped` the highest of a trial that was stopped,
    `worst_kept` the lowest of one that went on, other than as a check; NaN where there is none.
    """
    import pandas as pd

    table = results.decisions
    rows = []
    for (space, rung), judged in table.groupby(["space", "rung"], sort=True):
        outcomes = judged["outcome"]
        cutoffs = judged.sort_values("seconds", kind="stable")["cutoff"].dropna()
        counts = {outcome: int((outcomes == outcome).sum()) for outcome in OUTCOME_MARKS}
        rows.append(
            {
                "space": space,
                "rung": rung,
                "reached": len(judged),
                **counts,
                "cutoff": float(cutoffs.iloc[-1]) if len(cutoffs) else np.nan,
                "best_stopped": float(judged["score"][outcomes == STOPPED].max()),
                "worst_kept": float(judged["score"][outcomes.isin([PASSED, PROMOTED])].min()),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def draw_rungs(table: "pd.DataFrame", context: FigureContext) -> tuple[Drawing, ...]:
    """One plot per space: a bar per rung, divided by what became of the trials, the cut beside it."""
    return tuple(
        _drawing(table[table["space"] == space], space) for space in context.spaces if (table["space"] == space).any()
    )


def _drawing(rows: "pd.DataFrame", space: str) -> Drawing:
    plot = new_plot()
    places = list(range(len(rows)))
    for outcome, marks in OUTCOME_MARKS.items():
        counts = rows[outcome].astype(int).tolist()
        if not any(counts):
            continue
        plot.add_bar(
            y=places,
            x=counts,
            orientation="h",
            name=marks.label,
            marker=bar_marker(marks.colour, marks.pattern),
            text=[str(count) if count else "" for count in counts],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            textfont={"color": "#ffffff"},
            customdata=[f"step {rung:,}" for rung in rows["rung"]],
            hovertemplate="%{customdata}: %{x} " + marks.label + "<extra></extra>",
        )
    for place, reached in zip(places, rows["reached"], strict=True):
        plot.add_annotation(x=float(reached), y=place, xanchor="left", text=f" {reached}", showarrow=False)
    plot.update_yaxes(
        tickvals=places,
        # The cut stands here rather than beside the bar, where a narrow screen would have no room for it.
        ticktext=[
            f"step {rung:,}  " + ("" if np.isnan(cutoff) else f"<br>cut {cutoff:.3f}  ")
            for rung, cutoff in zip(rows["rung"], rows["cutoff"], strict=True)
        ],
        range=[len(rows) - 0.4, -0.6],
        showgrid=False,
        ticks="",
    )
    plot.update_xaxes(title_text="trials", range=[0, float(rows["reached"].max()) * 1.1], nticks=8)
    plot.update_layout(barmode="stack", bargap=0.3)
    return Drawing(
        key=element_key(space), group="", title=space, height=120 + 40 * len(rows), plot=plot, note=_note(rows)
    )


def _note(rows: "pd.DataFrame") -> str:
    stopped = int(rows[STOPPED].sum())
    return f"{stopped} of {int(rows['reached'].max())} stopped at a rung"


FIGURE = Figure(
    name="rungs",
    title="What became of trials at the rungs",
    caption="A bar per rung: the trials that were judged there, divided by what became of them, their number at its "
    "end. The cut is the score that a trial had to reach there in the end: the mean of its last evaluations on the "
    "validation part. The baseline of a space is not judged.",
    empty="No trial was judged at a rung.",
    columns=COLUMNS,
    data=rungs_data,
    draw=draw_rungs,
    wide=True,
)
