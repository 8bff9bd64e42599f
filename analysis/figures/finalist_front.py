"""The finalists' front: mIoU on the test part, with its interval, against what the network costs."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.figures.context import FigureContext
from analysis.figures.figure import Drawing, Figure
from analysis.figures.front import COST_TITLES, add_knee, knee_mark, spread_costs
from analysis.figures.marks import NEUTRAL, space_marks
from analysis.figures.text import plain_text, short_number
from analysis.figures.theme import add_front_line, log_range, log_ticks, new_plot
from analysis.finalist_roles import BASELINE
from analysis.ground_latency import GROUND_LATENCY, ground_latencies

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from analysis.finalists import Finalist
    from analysis.results import SearchResults


NAME_WIDTH = 0.3
"""Share of the cost axis that a mark's name may cover."""


def finalist_front_data(results: "SearchResults", cost: str) -> "pd.DataFrame":
    """One row per finalist with a score and a known, positive cost, cheapest first.

    `on_front` marks the non-dominated ones, by their mean mIoU on the test part, `knee` the one of them after which
    more cost buys less; `position` is where the point is drawn (`analysis.figures.front.spread_costs`).
    `attained_low` and `attained_high` are what the worst and the best of the seeds that all of them ran with attained
    at this cost or below; NaN with fewer than two such seeds.
    """
    import pandas as pd

    from analysis.finalists import finalists_of
    from analysis.front import non_dominated

    found = [one for space in finalists_of(results) for one in space.everyone()]
    scores = np.array([one.miou.value for one in found], dtype=np.float64)
    costs = np.array([cost_of(results, one, cost) for one in found], dtype=np.float64)
    usable = np.isfinite(scores) & np.isfinite(costs) & (costs > 0)
    kept = [one for one, use in zip(found, usable, strict=True) if use]
    scores, costs = scores[usable], costs[usable]
    points = np.column_stack([scores, costs])
    on_front = non_dominated(points, ("max", "min"))
    attained = _attained(kept, costs)
    table = pd.DataFrame(
        {
            "space": [one.space for one in kept],
            "role": [one.role for one in kept],
            "trial_id": [one.source_trial_id for one in kept],
            "seeds": [one.miou.seeds for one in kept],
            "miou": scores,
            "low": [np.nan if one.miou.low is None else one.miou.low for one in kept],
            "high": [np.nan if one.miou.high is None else one.miou.high for one in kept],
            cost: costs,
            "on_front": on_front,
            "knee": knee_mark(costs, scores, on_front),
            "attained_low": attained.min(axis=1) if attained.shape[1] > 1 else np.nan,
            "attained_high": attained.max(axis=1) if attained.shape[1] > 1 else np.nan,
            "position": spread_costs(costs, scores, on_front),
        }
    )
    return table.sort_values([cost, "miou"], kind="stable", ignore_index=True)


def _attained(finalists: "list[Finalist]", costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """(finalists, seeds): the best mIoU of a seed's runs that cost no more than a finalist; matched seeds only."""
    from analysis.scores import foreground_miou

    by_seed = [
        {test.seed: float(foreground_miou(test.confusion.sum(axis=0))) for test in one.evaluations} for one in finalists
    ]
    matched = sorted(set.intersection(*(set(scores) for scores in by_seed))) if by_seed else []
    scores = np.array([[scores[seed] for seed in matched] for scores in by_seed]).reshape(len(finalists), len(matched))
    found = np.full(scores.shape, np.nan)
    for place, cost in enumerate(costs):
        found[place] = np.nanmax(np.where((costs <= cost)[:, None], scores, -np.inf), axis=0)
    return found


def cost_of(results: "SearchResults", finalist: "Finalist", cost: str) -> float:
    """A finalist's measured cost, or its latency per megapixel of the photo; NaN where it was not measured."""
    if cost != GROUND_LATENCY:
        return float(finalist.costs[cost])
    trials = results.trials
    rows = trials[trials["trial_id"].isin([evaluation.trial_id for evaluation in finalist.evaluations])].copy()
    if rows.empty:
        return float("nan")
    rows["latency_ms_p50"] = finalist.costs["latency_ms_p50"]
    return float(ground_latencies(rows)[0])


def draw_finalist_front(table: "pd.DataFrame", context: FigureContext, cost: str) -> tuple[Drawing, ...]:
    """One plot: a mark with its interval per finalist, those off the front faint, and the front as a step line."""
    if table.empty:
        return ()
    marks = space_marks(context.spaces)
    plot = new_plot()
    left, right = log_range(table["position"].to_numpy(dtype=np.float64))
    front_rows = table[table["on_front"]]
    add_front_line(plot, front_rows[cost].tolist(), front_rows["miou"].tolist(), 10**right)
    _add_band(plot, table, cost, 10**right)
    for _, row in table[table["knee"]].iterrows():
        add_knee(plot, float(row[cost]), float(row["miou"]))
    on_front = np.log10(table["position"][table["on_front"]].to_numpy(dtype=np.float64))
    for _, row in table.iterrows():
        space, role = str(row["space"]), str(row["role"])
        look = marks[space]
        front = bool(row["on_front"])
        interval = not np.isnan(row["low"])
        place = float(np.log10(row["position"]))
        # Of two names side by side the lower mark's goes below it.
        crowded = bool(((on_front > place) & (on_front < place + NAME_WIDTH * (right - left))).any())
        words = f"{row['miou']:.4f}" + (f" ({row['low']:.3f} to {row['high']:.3f})" if interval else "")
        plot.add_scatter(
            x=[float(row["position"])],
            y=[float(row["miou"])],
            mode="markers+text" if front else "markers",
            text=[f"{plain_text(space)} {role}"],
            # Away from the nearer side of the plot, which would cut the label off on a narrow screen.
            textposition=f"{'bottom' if crowded else 'top'} {'left' if place > (left + right) / 2 else 'right'}",
            showlegend=False,
            opacity=1.0 if front else 0.5,
            marker={
                "symbol": look.symbol,
                "color": look.colour,
                "size": 13 if front else 10,
                "line": {"width": 2.5 if role == BASELINE else 0, "color": NEUTRAL},
            },
            error_y={
                "type": "data",
                "array": [float(np.nan_to_num(row["high"] - row["miou"]))],
                "arrayminus": [float(np.nan_to_num(row["miou"] - row["low"]))],
                "color": look.colour,
                "thickness": 2 if front else 1,
                "width": 5,
            },
            customdata=[plain_text(str(row["trial_id"]))],
            hovertemplate=f"<b>{plain_text(space)} {role}</b> (%{{customdata}})<br>mIoU {words}<br>"
            f"{short_number(row[cost])} {'parameters' if cost == 'parameters' else 'ms per megapixel'}"
            f"<br>{row['seeds']} seeds<extra></extra>",
        )
    for space in context.spaces:
        if (table["space"] == space).any():
            legend = {"symbol": marks[space].symbol, "color": marks[space].colour, "size": 10}
            plot.add_scatter(x=[None], y=[None], mode="markers", name=plain_text(space), marker=legend)
    values, texts = log_ticks(10**left, 10**right, most=8)
    plot.update_xaxes(type="log", title_text=COST_TITLES[cost], range=[left, right], tickvals=values, ticktext=texts)
    plot.update_yaxes(title_text="mIoU, test part", range=_score_range(table))
    return (Drawing(key="front", group="", title="", height=380, plot=plot),)


def _add_band(plot: "go.Figure", table: "pd.DataFrame", cost: str, right: float) -> None:
    """Shade what the fronts of the single seeds span."""
    known = table[table["attained_low"].notna()].drop_duplicates(cost).sort_values(cost)
    if known.empty:
        return
    places = [*known[cost].tolist(), right]
    for name, fill in (("attained_low", None), ("attained_high", "tonexty")):
        plot.add_scatter(
            x=places,
            y=[*known[name].tolist(), float(known[name].iloc[-1])],
            mode="lines",
            line={"shape": "hv", "color": NEUTRAL, "width": 0},
            fill=fill,
            fillcolor="rgba(133,139,148,0.30)",
            name="fronts of the single seeds",
            showlegend=fill is not None,
            hoverinfo="skip",
        )


def _score_range(table: "pd.DataFrame") -> list[float]:
    """All marks with their intervals, and room for the names above."""
    low = float(np.nanmin(table[["miou", "low", "attained_low"]].to_numpy(dtype=np.float64)))
    high = float(np.nanmax(table[["miou", "high", "attained_high"]].to_numpy(dtype=np.float64)))
    margin = max(0.08 * (high - low), 0.01)
    return [max(0.0, low - margin), high + margin]


def _figure(name: str, cost: str, title: str) -> Figure:
    return Figure(
        name=name,
        title=title,
        caption="One point per configuration that was re-run: the mean over its seeds on the test part, with its 95% "
        "interval. The line is the front: no other finalist is both cheaper and better. The band is what the fronts of "
        "the single seeds span. Those off the front are faint and, where costs are equal, a little apart to be seen; "
        "baselines have a grey rim.",
        empty="No finalist has both a score on the test part and this cost yet.",
        columns=(
            "space",
            "role",
            "trial_id",
            "seeds",
            "miou",
            "low",
            "high",
            cost,
            "on_front",
            "knee",
            "attained_low",
            "attained_high",
            "position",
        ),
        data=partial(finalist_front_data, cost=cost),
        draw=partial(draw_finalist_front, cost=cost),
        wide=True,
    )


PARAMETERS = _figure("finalist_front_parameters", "parameters", "Finalists: mIoU against parameters")
LATENCY = _figure("finalist_front_latency", GROUND_LATENCY, "Finalists: mIoU against latency")
