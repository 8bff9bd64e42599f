"""The finalists on the test part: every seed, their mean, and its interval. This is what the verdict rests on."""

from typing import TYPE_CHECKING

import numpy as np

from analysis.figures.context import FigureContext
from analysis.figures.figure import Drawing, Figure
from analysis.figures.marks import ENSEMBLE_MARKS, NEUTRAL, space_marks
from analysis.figures.text import plain_text
from analysis.figures.theme import add_floors, new_plot
from analysis.finalist_roles import ENSEMBLE, rank_of

if TYPE_CHECKING:
    import pandas as pd

    from analysis.results import SearchResults

COLUMNS = ("space", "role", "stands", "trial_id", "seed", "miou", "mean", "low", "high")


def finalists_data(results: "SearchResults") -> "pd.DataFrame":
    """One row per finalist's run: its foreground mIoU on the test part; mean and interval repeat on all its seeds.

    `stands` marks the finalist that stands for its space in the verdict. The ensembles of two spaces' finalists follow,
    with both spaces' names as their space.
    """
    import pandas as pd

    from analysis.comparison import score_estimate
    from analysis.finalists import finalists_of
    from analysis.scores import foreground_miou

    groups = [
        (one.role, one is space.best, one.evaluations, one.miou)
        for space in finalists_of(results)
        for one in space.everyone()
    ]
    for name in dict.fromkeys(test.space for test in results.tests if test.role == ENSEMBLE):
        joined = tuple(test for test in results.tests if test.role == ENSEMBLE and test.space == name)
        groups.append((ENSEMBLE, False, joined, score_estimate(joined)))
    rows = []
    for role, stands, evaluations, estimate in groups:
        low = np.nan if estimate.low is None else estimate.low
        high = np.nan if estimate.high is None else estimate.high
        for test in sorted(evaluations, key=lambda one: one.seed):
            miou = float(foreground_miou(test.confusion.sum(axis=0)))
            rows.append((test.space, role, stands, test.trial_id, test.seed, miou, estimate.value, low, high))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def draw_finalists(table: "pd.DataFrame", context: FigureContext) -> tuple[Drawing, ...]:
    """One plot: a line per finalist with its seeds as open marks, its mean filled and its interval as a bar."""
    table = table[table["miou"].notna()]
    if table.empty:
        return ()
    marks = space_marks(context.spaces)
    plot = new_plot()
    order = list(table[["space", "role"]].drop_duplicates().itertuples(index=False, name=None))
    # Within a space they come as they are: by their rank, the baseline last. Ensembles belong to none.
    places = {space: place for place, space in enumerate(context.spaces)}
    order.sort(key=lambda pair: places.get(pair[0], len(places)))
    several = {space for space in context.spaces if sum(1 for one, role in order if one == space and rank_of(role)) > 1}
    texts = []
    for place, (space, role) in enumerate(order):
        rows = table[(table["space"] == space) & (table["role"] == role)]
        first = rows.iloc[0]
        look = marks.get(space, ENSEMBLE_MARKS)
        chosen = " (in the verdict)" if space in several and bool(first["stands"]) else ""
        gap = "<br>" if role == ENSEMBLE else " "
        texts.append(f"{plain_text(space, limit=28)}{gap}{role}{chosen}  ")
        plot.add_scatter(
            x=[float(first["mean"])],
            y=[place],
            mode="markers",
            marker={"symbol": look.symbol, "size": 13, "color": look.colour},
            error_x={
                "type": "data",
                "array": [float(np.nan_to_num(first["high"] - first["mean"]))],
                "arrayminus": [float(np.nan_to_num(first["mean"] - first["low"]))],
                "color": look.colour,
                "thickness": 2.5,
                "width": 6,
            },
            hovertemplate=_mean_text(first) + "<extra></extra>",
        )
        plot.add_scatter(
            x=rows["miou"].tolist(),
            y=[place + 0.24] * len(rows),
            mode="markers",
            marker={"symbol": f"{look.symbol}-open", "size": 8, "color": look.colour},
            customdata=[plain_text(trial) for trial in rows["trial_id"]],
            text=[f"seed {seed}" for seed in rows["seed"]],
            hovertemplate="%{customdata}, %{text}: %{x:.4f}<extra></extra>",
        )
    # Those of the validation part would be beside the point: its classes have other shares.
    floors = tuple(floor for floor in context.test_floors if floor.miou >= float(table["miou"].min()) - 0.1)
    add_floors(plot, floors, axis="x")
    plot.update_yaxes(
        tickvals=list(range(len(order))),
        ticktext=texts,
        # Below the last line there is room for the floors' names.
        range=[len(order) - (0.1 if floors else 0.4), -0.6],
        ticks="",
        gridcolor=NEUTRAL,
        griddash="dot",
        gridwidth=0.5,
    )
    plot.update_xaxes(title_text="mIoU, test part")
    plot.update_layout(showlegend=False)
    return (Drawing(key="finalists", group="", title="", height=100 + 52 * len(order), plot=plot),)


def _mean_text(row: "pd.Series[float]") -> str:
    interval = "" if np.isnan(row["low"]) else f", 95% interval {row['low']:.4f} to {row['high']:.4f}"
    return f"mean {row['mean']:.4f}{interval}"


FIGURE = Figure(
    name="finalists",
    title="Finalists on the test part",
    caption="Filled marks are means over the seeds with their 95% interval; open marks are the single runs. The test "
    "part was used for these runs only.",
    empty="No finalist has run on the test part yet.",
    columns=COLUMNS,
    data=finalists_data,
    draw=draw_finalists,
    wide=True,
)
