"""What finalists confuse: the share of each true class's pixels that was taken for each class."""

from typing import TYPE_CHECKING

import numpy as np

from analysis.figures.class_iou import class_entries
from analysis.figures.context import FigureContext
from analysis.figures.figure import Drawing, Figure
from analysis.figures.text import element_key, plain_text
from analysis.figures.theme import new_plot

if TYPE_CHECKING:
    import pandas as pd

    from analysis.results import SearchResults

COLUMNS = (
    "space",
    "role",
    "stands",
    "seeds",
    "truth",
    "prediction",
    "truth_name",
    "prediction_name",
    "pixels",
    "share",
)
NAME_LENGTH = 15
MOST_WRITTEN = 16
"""Classes up to which every cell holds its number; where there are more, cells are narrower than numbers."""
SCALE = ((0.0, "#f4f8fb"), (0.25, "#c3dbee"), (0.5, "#74b0d9"), (0.75, "#2a7ab9"), (1.0, "#08407d"))
"""One hue from light to dark: it reads the same in grey, in either colour scheme of the page."""


def confusion_data(results: "SearchResults") -> "pd.DataFrame":
    """One row per finalist, true class and predicted class: pixels of the test part, summed over the seeds.

    `share` is that of the true class's pixels, so that the shares of a true class sum to 1; NaN for a class that is
    not in the test part. `stands` marks the finalist that stands for its space in the verdict.
    """
    import pandas as pd

    from analysis.finalists import finalists_of

    names = [name for name, _ in class_entries(results.settings)]
    parts = []
    for space in finalists_of(results):
        for finalist in space.everyone():
            pixels = sum(test.confusion.sum(axis=0) for test in finalist.evaluations)
            counts = np.asarray(pixels, dtype=np.int64)
            classes = len(counts)
            called = [names[index] if index < len(names) else f"class {index}" for index in range(classes)]
            totals = counts.sum(axis=1, keepdims=True)
            shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
            truth, prediction = (index.ravel() for index in np.indices(counts.shape))
            parts.append(
                pd.DataFrame(
                    {
                        "space": space.space,
                        "role": finalist.role,
                        "stands": finalist is space.best,
                        "seeds": len(finalist.evaluations),
                        "truth": truth,
                        "prediction": prediction,
                        "truth_name": [called[index] for index in truth],
                        "prediction_name": [called[index] for index in prediction],
                        "pixels": counts.ravel(),
                        "share": shares.ravel(),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


def draw_confusion(table: "pd.DataFrame", context: FigureContext) -> tuple[Drawing, ...]:
    """One plot per finalist, those not in the verdict on demand: rows are the truth, columns the prediction."""
    order = list(table[["space", "role"]].drop_duplicates().itertuples(index=False, name=None))
    return tuple(
        _drawing(table[(table["space"] == space) & (table["role"] == role)], space, role) for space, role in order
    )


def _drawing(rows: "pd.DataFrame", space: str, role: str) -> Drawing:
    classes = int(rows["truth"].max()) + 1
    shares = np.full((classes, classes), np.nan)
    shares[rows["truth"], rows["prediction"]] = rows["share"]
    named = rows.drop_duplicates("truth").sort_values("truth")
    labels = [plain_text(name, limit=NAME_LENGTH) for name in named["truth_name"]]
    full = [plain_text(name) for name in named["truth_name"]]
    percent = [["" if np.isnan(share) else _percent(share) for share in line] for line in shares]
    plot = new_plot()
    plot.add_heatmap(
        z=[[None if np.isnan(share) else float(share) for share in line] for line in shares],
        zmin=0,
        zmax=1,
        colorscale=[list(stop) for stop in SCALE],
        showscale=False,
        xgap=1,
        ygap=1,
        text=percent if classes <= MOST_WRITTEN else None,
        texttemplate="%{text}" if classes <= MOST_WRITTEN else None,
        textfont={"size": 11},
        customdata=[[[full[line], full[column]] for column in range(classes)] for line in range(classes)],
        hovertemplate="%{z:.2%} of %{customdata[0]}<br>were taken for %{customdata[1]}<extra></extra>",
        hoverongaps=False,
    )
    places = list(range(classes))
    plot.update_xaxes(
        title_text="prediction",
        tickvals=places,
        ticktext=labels,
        tickangle=-45,
        showgrid=False,
        ticks="",
        side="bottom",
    )
    plot.update_yaxes(
        title_text="truth",
        tickvals=places,
        ticktext=[f"{label} " for label in labels],
        showgrid=False,
        ticks="",
        range=[classes - 0.5, -0.5],
    )
    first = rows.iloc[0]
    seeds = int(first["seeds"])
    note = f"{seeds} seed{'' if seeds == 1 else 's'} summed" + (", in the verdict" if bool(first["stands"]) else "")
    if classes > MOST_WRITTEN:
        note += "; a cell's number shows under the pointer"
    return Drawing(
        key=element_key(space, role),
        group="",
        title=f"{space} {role}",
        height=150 + 36 * classes,
        plot=plot,
        note=note,
        on_demand=not bool(first["stands"]),
    )


def _percent(share: float) -> str:
    """Per cent without a decimal; what is there but rounds to nothing is told from what is not there."""
    return "&lt;1" if 0 < share < 0.005 else f"{share * 100:.0f}"


FIGURE = Figure(
    name="confusion",
    title="What finalists confuse",
    caption="Of all pixels that truly are of a row's class, the per cent that were taken for each column's class, on "
    "the test part, all seeds of a finalist together. The diagonal is what is right; an empty row is a class that the "
    "test part does not have.",
    empty="No finalist has run on the test part yet.",
    columns=COLUMNS,
    data=confusion_data,
    draw=draw_confusion,
)
