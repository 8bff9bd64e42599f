"""The front: mIoU against what the network costs, one point per distinct trial, the dominated ones faint."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.figures.context import FigureContext
from analysis.figures.figure import Drawing, Figure
from analysis.figures.marks import NEUTRAL, SpaceMarks, space_marks, stop_marks
from analysis.figures.rows import numbers, search_trials, spread_over_ranks
from analysis.figures.text import plain_text, short_number
from analysis.figures.theme import add_floors, add_front_line, log_range, log_ticks, new_plot
from analysis.ground_latency import GROUND_LATENCY, ground_latencies

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from analysis.results import SearchResults

COST_TITLES = {
    "parameters": "parameters (log scale)",
    GROUND_LATENCY: "latency per megapixel of the photo, median, ms (log scale)",
}
MOST_POINTS = 1_000
"""Dominated points drawn; the front is always drawn whole, and the data has all."""
STRIP = 0.035
"""Half the width over which trials of equal cost are spread, as a share of the axis."""


def front_data(results: "SearchResults", cost: str) -> "pd.DataFrame":
    """One row per trial of the search with a finite best_miou and a measured, positive cost, cheapest first.

    `on_front` marks the non-dominated trials: none is at least as cheap and as good, and better in one; `knee` the one
    of them after which more cost buys less (`analysis.knee`). `position` is
    where the point is drawn: the cost itself on the front, and spread a little about it for the dominated trials,
    because most trials of a space share one network and would cover each other.
    """
    import pandas as pd

    from analysis.front import non_dominated

    trials = search_trials(results)
    scores = numbers(trials, "best_miou")
    costs = ground_latencies(trials) if cost == GROUND_LATENCY else numbers(trials, cost)
    usable = np.isfinite(scores) & np.isfinite(costs) & (costs > 0)
    trials, scores, costs = trials[usable], scores[usable], costs[usable]
    on_front = non_dominated(np.column_stack([scores, costs]), ("max", "min"))
    table = pd.DataFrame(
        {
            "trial_id": trials["trial_id"].astype(str).to_numpy() if "trial_id" in trials else [],
            "space": trials["space"].astype(str).to_numpy() if "space" in trials else [],
            "role": trials["role"].astype(str).to_numpy() if "role" in trials else "",
            "stop_reason": trials["stop_reason"].astype(str).to_numpy() if "stop_reason" in trials else "",
            "step": numbers(trials, "step"),
            "best_miou": scores,
            cost: costs,
            "on_front": on_front,
            "knee": knee_mark(costs, scores, on_front),
            "position": spread_costs(costs, scores, on_front),
        }
    )
    return table.sort_values([cost, "best_miou"], kind="stable", ignore_index=True)


def knee_mark(
    costs: NDArray[np.float64], scores: NDArray[np.float64], on_front: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Mark the knee of the front among all points; nowhere True where it has none."""
    from analysis.knee import knee

    marked = np.zeros(len(costs), dtype=np.bool_)
    places = np.flatnonzero(on_front)
    found = knee(costs[places], scores[places])
    if found is not None:
        marked[places[found]] = True
    return marked


def add_knee(plot: "go.Figure", cost: float, score: float) -> None:
    """Ring the knee of a front, and say what it is."""
    plot.add_scatter(
        x=[cost],
        y=[score],
        mode="markers",
        name="knee: beyond it, more cost buys less",
        marker={"symbol": "circle-open", "size": 22, "color": NEUTRAL, "line": {"width": 2, "color": NEUTRAL}},
        hoverinfo="skip",
    )


def spread_costs(
    costs: NDArray[np.float64], scores: NDArray[np.float64], on_front: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Spread equal costs left and right in the order of their scores, in logarithms, front points excepted."""
    if not len(costs):
        return costs
    logs = np.log10(costs)
    width = STRIP * max(float(np.ptp(logs)), 0.5)
    # Successive multiples of the golden ratio fill an interval evenly without a visible pattern.
    places = np.empty(len(costs))
    for value in np.unique(costs):
        same = np.flatnonzero(costs == value)
        order = same[np.argsort(scores[same], kind="stable")]
        places[order] = (np.arange(1, len(order) + 1) * 0.6180339887498949) % 1.0 * 2 - 1
        if len(order) == 1:
            places[order] = 0.0
    return np.where(on_front, costs, costs * 10 ** (places * width))


def draw_front(table: "pd.DataFrame", context: FigureContext, cost: str) -> tuple[Drawing, ...]:
    """One plot: a mark per trial in its space's colour and symbol, and the front as a step line.

    The mIoU axis begins under the lowest trial that was completed, is a baseline or is on the front; how many trials
    lie below, and the floors there, is written above the plot.
    """
    if table.empty:
        return ()
    marks = space_marks(context.spaces)
    middle = sum(log_range(table["position"].to_numpy(dtype=np.float64))) / 2
    plot = new_plot()
    on_front = table[table["on_front"]]
    right = 10 ** log_range(table["position"].to_numpy(dtype=np.float64))[1]
    add_front_line(plot, on_front[cost].tolist(), on_front["best_miou"].tolist(), right)
    for space in context.spaces:
        rows = table[table["space"] == space]
        faint = rows[~rows["on_front"]]
        chosen = spread_over_ranks(faint["best_miou"].to_numpy(dtype=np.float64), MOST_POINTS)
        faint = faint[chosen | (faint["role"] == "baseline").to_numpy()]
        _add_points(plot, faint, cost, space, marks=marks[space], middle=middle, front=False)
        _add_points(plot, rows[rows["on_front"]], cost, space, marks=marks[space], middle=middle, front=True)
        if len(rows):
            # An entry of the legend that no single trace has: full strength, whatever is drawn.
            look = {"symbol": marks[space].symbol, "color": marks[space].colour, "size": 10}
            plot.add_scatter(x=[None], y=[None], mode="markers", name=plain_text(space), marker=look)
    for _, row in table[table["knee"]].iterrows():
        add_knee(plot, float(row[cost]), float(row["best_miou"]))
    note = _label_axes(plot, table, cost, context)
    return (Drawing(key="front", group="", title="", note=note, height=440, plot=plot),)


def _add_points(
    plot: "go.Figure", rows: "pd.DataFrame", cost: str, space: str, *, marks: SpaceMarks, middle: float, front: bool
) -> None:
    if rows.empty:
        return
    baseline = (rows["role"] == "baseline").to_numpy()
    texts = [
        f"{stop_marks(reason).label} at step {step:,.0f}<br>{short_number(value)} {_unit(cost)}"
        + ("<br>baseline" if role == "baseline" else "")
        for reason, step, value, role in zip(rows["stop_reason"], rows["step"], rows[cost], rows["role"], strict=True)
    ]
    labels = [""] * len(rows)
    if front:
        best = int(rows["best_miou"].to_numpy().argmax())
        labels[best] = f"{plain_text(space)} {rows['best_miou'].iloc[best]:.3f}"
    plot.add_scatter(
        x=rows["position"].tolist(),
        y=rows["best_miou"].tolist(),
        mode="markers+text" if front else "markers",
        showlegend=False,
        customdata=[plain_text(trial) for trial in rows["trial_id"]],
        text=labels,
        # Away from the nearer side of the plot, which would cut the label off on a narrow screen.
        textposition="top left" if np.log10(rows[cost].iloc[0]) > middle else "top right",
        hovertext=texts,
        marker={
            "symbol": marks.symbol,
            "color": marks.colour,
            "size": 13 if front else np.where(baseline, 11, 8).tolist(),
            "opacity": 1.0 if front else np.where(baseline, 1.0, 0.5).tolist(),
            "line": {"width": np.where(baseline, 2.5, 0).tolist(), "color": NEUTRAL},
        },
        hovertemplate="<b>%{customdata}</b><br>mIoU %{y:.4f}<br>%{hovertext}<extra>" + plain_text(space) + "</extra>",
    )


def _unit(cost: str) -> str:
    return "parameters" if cost == "parameters" else "ms per megapixel"


def _label_axes(plot: "go.Figure", table: "pd.DataFrame", cost: str, context: FigureContext) -> str:
    """Set the axes; return what lies below them, in words."""
    left, right = log_range(table["position"].to_numpy(dtype=np.float64))
    values, texts = log_ticks(10**left, 10**right, most=8)
    plot.update_xaxes(type="log", title_text=COST_TITLES[cost], range=[left, right], tickvals=values, ticktext=texts)
    main = table[(table["stop_reason"] == "completed") | (table["role"] == "baseline") | table["on_front"]]
    low, high = float(main["best_miou"].min()), float(main["best_miou"].max())
    margin = max(0.1 * (high - low), 0.02)
    bottom = max(0.0, low - margin)
    plot.update_yaxes(title_text="best mIoU, validation", range=[bottom, high + margin])
    add_floors(plot, tuple(floor for floor in context.floors if floor.miou >= bottom))
    below = int((table["best_miou"] < bottom).sum())
    notes = [f"{below} trial{'' if below == 1 else 's'} stopped early"] if below else []
    notes += [f"{one.label} {one.miou:.3f}" for one in context.floors if one.miou < bottom]
    return f"below the picture: {', '.join(notes)}" if notes else ""


def _figure(name: str, cost: str, title: str) -> Figure:
    return Figure(
        name=name,
        title=title,
        caption="One point per trial, on the validation part. The line is the front: nothing tried is both cheaper and "
        "better. Trials of one space mostly share one network, so they stand above each other; dominated ones are "
        "faint and spread sideways a little to be seen. Baselines have a grey rim. Trials stopped early are scored "
        "where they stopped.",
        empty="No trial has both a score and this cost yet.",
        columns=(
            "trial_id",
            "space",
            "role",
            "stop_reason",
            "step",
            "best_miou",
            cost,
            "on_front",
            "knee",
            "position",
        ),
        data=partial(front_data, cost=cost),
        draw=partial(draw_front, cost=cost),
        wide=True,
    )


PARAMETERS = _figure("front_parameters", "parameters", "Trials of the search: mIoU against parameters")
LATENCY = _figure("front_latency", GROUND_LATENCY, "Trials of the search: mIoU against latency")
