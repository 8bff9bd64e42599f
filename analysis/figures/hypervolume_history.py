"""How the front grew: the hypervolume after each trial of the search."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.figures.context import FigureContext
from analysis.figures.figure import Drawing, Figure
from analysis.figures.marks import NEUTRAL, space_marks
from analysis.figures.rows import measured_trials
from analysis.figures.text import plain_text
from analysis.figures.theme import new_plot

if TYPE_CHECKING:
    import pandas as pd

    from analysis.results import SearchResults

COLUMNS = ("space", "trials", "trial_id", "seconds", "hypervolume", "share")
ALL_SPACES = ""
DEARER = 10.0
"""The reference is this many times as dear as the dearest network, which so counts for something, and has a mIoU of 0.
"""


def hypervolume_history_data(results: "SearchResults") -> "pd.DataFrame":
    """One row per trial with a score and both costs, once among all and once among those of its space.

    Trials come in the order in which they ended, or as they are in the table where that is not recorded. The volume is
    that of mIoU times the decades of parameters times the decades of latency, between the front so far and a reference
    without any mIoU, ten times as dear as the dearest network. `space` is empty for all spaces together, `share` the
    volume as a share of what all spaces reached in the end.
    """
    import pandas as pd

    trials, points = measured_trials(results)
    if not len(trials):
        return pd.DataFrame(columns=list(COLUMNS))
    names = trials["trial_id"].astype(str).to_numpy()
    seconds = _ends(results, names)
    order = np.argsort(np.where(np.isnan(seconds), np.inf, seconds), kind="stable")
    names, seconds, points = names[order], seconds[order], points[order]
    spaces = trials["space"].astype(str).to_numpy()[order]
    points[:, 1:] = np.log10(points[:, 1:])
    reference = np.array([0.0, *(points[:, 1:].max(axis=0) + np.log10(DEARER))])
    parts = []
    for space in (ALL_SPACES, *dict.fromkeys(spaces)):
        mine = np.ones(len(names), dtype=np.bool_) if space == ALL_SPACES else spaces == space
        parts.append(
            pd.DataFrame(
                {
                    "space": space,
                    "trials": np.arange(1, int(mine.sum()) + 1),
                    "trial_id": names[mine],
                    "seconds": seconds[mine],
                    "hypervolume": _volumes(points[mine], reference),
                }
            )
        )
    table = pd.concat(parts, ignore_index=True)
    last = float(parts[0]["hypervolume"].iloc[-1])
    table["share"] = table["hypervolume"] / last if last > 0 else np.nan
    return table


def _ends(results: "SearchResults", names: NDArray[np.object_]) -> NDArray[np.float64]:
    """When each trial's last stretch ended, seconds; NaN where that is not recorded."""
    ends = results.stretches.groupby("trial_id")["end_seconds"].max()
    return np.array([float(ends.get(name, np.nan)) for name in names], dtype=np.float64)


def _volumes(points: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """The hypervolume after each point; worked out anew only where a point adds to the front, which few do."""
    from analysis.front import DEFAULT_OBJECTIVES, hypervolume, non_dominated

    directions = tuple(DEFAULT_OBJECTIVES.values())
    # Times these, more is better in every metric.
    signs = np.array([1.0 if direction == "max" else -1.0 for direction in directions])
    front = np.empty((0, points.shape[1]))
    volumes = np.zeros(len(points))
    for place, point in enumerate(points):
        if len(front) and bool((front * signs >= point * signs).all(axis=1).any()):
            volumes[place] = volumes[place - 1]
            continue
        front = np.vstack([front, point])
        front = front[non_dominated(front, directions)]
        volumes[place] = hypervolume(front, directions, reference)
    return volumes


def draw_hypervolume_history(table: "pd.DataFrame", context: FigureContext) -> tuple[Drawing, ...]:
    """One plot: a step line per space, and one for all of them together where there are several."""
    table = table[table["share"].notna()]
    if table.empty:
        return ()
    marks = space_marks(context.spaces)
    plot = new_plot()
    spaces = [space for space in context.spaces if (table["space"] == space).any()]
    dashes = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
    lines = [(ALL_SPACES, "all spaces", NEUTRAL, "solid", 3.0)] if len(spaces) > 1 else []
    lines += [
        (space, plain_text(space), marks[space].colour, dashes[place % len(dashes)], 2.0)
        for place, space in enumerate(spaces)
    ]
    for space, name, colour, dash, width in lines:
        rows = table[table["space"] == space]
        changed = (rows["share"].diff() != 0).to_numpy(copy=True)
        changed[-1] = True
        rows = rows[changed]
        plot.add_scatter(
            x=rows["trials"].tolist(),
            y=rows["share"].tolist(),
            mode="lines",
            line={"shape": "hv", "color": colour, "dash": dash, "width": width},
            name=name,
            customdata=[plain_text(trial) for trial in rows["trial_id"]],
            hovertemplate="after %{x:,} trials (%{customdata}): %{y:.1%}<extra>" + name + "</extra>",
        )
    plot.update_xaxes(title_text="trials that ended", rangemode="tozero")
    plot.update_yaxes(title_text="hypervolume, share of the end", tickformat=".0%", range=[0, 1.05])
    return (Drawing(key="history", group="", title="", height=340, plot=plot),)


FIGURE = Figure(
    name="hypervolume_history",
    title="How the front grew",
    caption="The hypervolume of the front over mIoU, parameters and latency after each trial, as a share of what all "
    "trials reached together: the region that the front dominates, costs counted in decades. While a line is "
    "flat, trials add nothing to its front.",
    empty="No trial has a score and both costs yet.",
    columns=COLUMNS,
    data=hypervolume_history_data,
    draw=draw_hypervolume_history,
    wide=True,
)
