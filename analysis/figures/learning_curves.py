"""Validation mIoU of every trial over its steps, and where and why each one ended."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.best_trials import best_trials
from analysis.figures.context import FigureContext
from analysis.figures.figure import Drawing, Figure, LegendEntry
from analysis.figures.marks import NEUTRAL, STOP_MARKS, SpaceMarks, space_marks, stop_marks
from analysis.figures.rows import numbers, spread_over_ranks
from analysis.figures.text import element_key, plain_text
from analysis.figures.theme import add_floors, new_plot
from analysis.finalist_choice import standing_roles

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from analysis.results import SearchResults

COLUMNS = ("space", "phase", "trial_id", "kind", "step", "miou", "last", "stop_reason")
MOST_LINES = 300
"""Lines drawn in one plot; the data has them all."""


def learning_curves_data(results: "SearchResults") -> "pd.DataFrame":
    """One row per evaluation, in the order of trials and steps.

    `kind` is best, baseline or other; `last` marks the evaluation after which the trial ended for `stop_reason`.
    Evaluations whose mIoU is no finite number are left out.
    """
    import pandas as pd

    curves = results.curves
    table = pd.DataFrame(
        {
            "space": curves["space"].astype(str) if "space" in curves else [],
            "phase": curves["phase"].astype(str) if "phase" in curves else [],
            "trial_id": curves["trial_id"].astype(str) if "trial_id" in curves else [],
            "step": numbers(curves, "step"),
            "miou": numbers(curves, "miou"),
        }
    )
    trials = results.trials
    ids = trials["trial_id"].astype(str) if "trial_id" in trials else pd.Series([], dtype=str)
    reasons = dict(zip(ids, trials["stop_reason"], strict=True)) if "stop_reason" in trials else {}
    roles = dict(zip(ids, trials["role"], strict=True)) if "role" in trials else {}
    best = {str(row["trial_id"]) for row in best_trials(results).values()} | _runs_of_standing(results)
    table = table[table["miou"].notna() & table["step"].notna()].sort_values(
        ["space", "phase", "trial_id", "step"], kind="stable", ignore_index=True
    )
    table["kind"] = [_kind(trial, roles, best) for trial in table["trial_id"]]
    table["last"] = ~table.duplicated("trial_id", keep="last")
    table["stop_reason"] = [str(reasons.get(trial, "")) for trial in table["trial_id"]]
    return table[list(COLUMNS)]


def _kind(trial: str, roles: dict[str, Any], best: set[str]) -> str:
    if trial in best:
        return "best"
    return "baseline" if roles.get(trial) == "baseline" else "other"


def _runs_of_standing(results: "SearchResults") -> set[str]:
    """The runs of the finalists that stand for their spaces."""
    trials = results.trials
    standing = standing_roles(results)
    return {
        str(row["trial_id"])
        for _, row in (trials[trials["phase"] == "finalist"] if standing else trials.iloc[:0]).iterrows()
        if standing.get(str(row["space"])) == row["role"]
    }


def draw_learning_curves(table: "pd.DataFrame", context: FigureContext) -> tuple[Drawing, ...]:
    """One plot per space and phase: other trials faint, baseline dashed, best strong, a mark at each end."""
    return tuple(_drawings(table, context))


def _drawings(table: "pd.DataFrame", context: FigureContext) -> Iterator[Drawing]:
    marks = space_marks(context.spaces)
    finalists = (table["phase"] == "finalist").any()
    for phase in ("search", "finalist"):
        heading = "Finalists, one line per seed" if phase == "finalist" else "The search" if finalists else ""
        for space in context.spaces:
            rows = table[(table["space"] == space) & (table["phase"] == phase)]
            if rows.empty:
                continue
            shown, note = _thinned(rows)
            rungs = context.rungs.get(space, ()) if phase == "search" else ()
            yield Drawing(
                key=element_key(space, phase),
                group=heading,
                title=space,
                note=note,
                height=290,
                plot=_plot(shown, marks[space], rungs, context),
                legend=_legend(shown),
            )


def _legend(rows: "pd.DataFrame") -> tuple[LegendEntry, ...]:
    kinds = (("best", "━━", "best found"), ("baseline", "╍╍", "baseline"), ("other", "──", "other trials"))
    lines = [LegendEntry(character, NEUTRAL, label) for kind, character, label in kinds if (rows["kind"] == kind).any()]
    endings = [stop_marks(reason) for reason in STOP_MARKS if (rows["stop_reason"] == reason).any()]
    return (*lines, *(LegendEntry(marks.character, marks.colour, marks.label) for marks in endings))


def _thinned(rows: "pd.DataFrame") -> tuple["pd.DataFrame", str]:
    tops = rows.groupby("trial_id", sort=False)["miou"].max()
    chosen = tops.index[spread_over_ranks(tops.to_numpy(dtype=np.float64), MOST_LINES)]
    count = len(tops)
    if len(chosen) == count:
        return rows, f"{count} trial{'' if count == 1 else 's'}"
    keep = rows["trial_id"].isin(chosen) | (rows["kind"] != "other")
    return rows[keep], f"{len(chosen)} of {count} trials drawn"


def _plot(rows: "pd.DataFrame", marks: SpaceMarks, rungs: tuple[int, ...], context: FigureContext) -> "go.Figure":
    plot = new_plot()
    last_step = float(rows["step"].max())
    for rung in rungs:
        if rung <= last_step:
            plot.add_vline(rung, line={"color": NEUTRAL, "width": 1, "dash": "dot"}, opacity=0.5, layer="below")
    _add_lines(plot, rows[rows["kind"] == "other"], "other trials", {"color": NEUTRAL, "width": 1}, 0.45)
    baseline = {"color": marks.colour, "width": 2, "dash": "dash"}
    _add_lines(plot, rows[rows["kind"] == "baseline"], "baseline", baseline, 1.0)
    _add_lines(plot, rows[rows["kind"] == "best"], "best found", {"color": marks.colour, "width": 3}, 1.0)
    ends = rows[rows["last"]]
    for reason in dict.fromkeys(ends["stop_reason"]):
        _add_ends(plot, ends[ends["stop_reason"] == reason], str(reason))
    add_floors(plot, context.floors)
    plot.update_xaxes(title_text="step", rangemode="tozero")
    plot.update_yaxes(title_text="mIoU, validation", rangemode="tozero")
    plot.update_layout(showlegend=False)
    return plot


def _add_lines(plot: "go.Figure", rows: "pd.DataFrame", name: str, line: dict[str, Any], opacity: float) -> None:
    """All lines of one kind as one trace with gaps: a trace per trial would make large searches slow to open."""
    if rows.empty:
        return
    steps: list[float | None] = []
    scores: list[float | None] = []
    trials: list[str] = []
    for trial, curve in rows.groupby("trial_id", sort=False):
        steps += [*curve["step"].tolist(), None]
        scores += [*curve["miou"].tolist(), None]
        trials += [plain_text(trial)] * (len(curve) + 1)
    single = rows["trial_id"].nunique() == len(rows)
    plot.add_scatter(
        x=steps,
        y=scores,
        customdata=trials,
        mode="lines+markers" if single else "lines",
        line=line,
        marker={"size": 4, "color": line["color"]},
        opacity=opacity,
        name=name,
        hovertemplate="%{customdata}<br>step %{x:,}: %{y:.4f}<extra>" + name + "</extra>",
    )


def _add_ends(plot: "go.Figure", rows: "pd.DataFrame", reason: str) -> None:
    marks = stop_marks(reason)
    plot.add_scatter(
        x=rows["step"].tolist(),
        y=rows["miou"].tolist(),
        customdata=[plain_text(trial) for trial in rows["trial_id"]],
        mode="markers",
        name=marks.label,
        marker={
            "symbol": marks.symbol,
            "size": 8,
            "color": marks.colour,
            "line": {"width": 1.5, "color": marks.colour},
        },
        hovertemplate="%{customdata}<br>" + marks.label + " at step %{x:,}: %{y:.4f}<extra></extra>",
    )


FIGURE = Figure(
    name="learning_curves",
    title="Learning curves, and where trials were stopped",
    caption="Validation mIoU of the averaged weights. Vertical dotted lines are the rungs at which trials are "
    "compared; the mark at a line's end says why it ended. Where a space has very many trials, "
    "its best and a sample are drawn.",
    empty="No trial has been evaluated yet.",
    columns=COLUMNS,
    data=learning_curves_data,
    draw=draw_learning_curves,
)
