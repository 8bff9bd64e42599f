"""IoU of every class, the best configuration of each space against its baseline."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.best_trials import best_trials
from analysis.figures.context import FigureContext
from analysis.figures.figure import Drawing, Figure
from analysis.figures.marks import NEUTRAL, SpaceMarks, space_marks
from analysis.figures.rows import baseline_trials, numbers
from analysis.figures.text import plain_text
from analysis.figures.theme import bar_marker, new_plot

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from analysis.results import SearchResults

COLUMNS = ("space", "role", "class_index", "class_name", "colour", "part", "iou", "low", "high", "seeds")
BAR_PIXELS = 15


def class_iou_data(results: "SearchResults") -> "pd.DataFrame":
    """One row per space, role (best, baseline) and class that was scored.

    A space whose finalists were evaluated on the test part appears with their mean over the seeds and its interval
    (`analysis.comparison.score_estimate`); any other with its search trials' IoU on the validation part, without one,
    at the evaluation with the trial's highest mIoU, whose weights are the ones that are kept.
    Classes absent from the part are left out. `colour` is the class's own, as #rrggbb.
    """
    import pandas as pd

    rows = [*_test_rows(results), *_validation_rows(results)]
    return pd.DataFrame({name: [row[name] for row in rows] for name in COLUMNS})


def class_entries(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and colour (#rrggbb) of every class in the settings, by index."""
    entries = []
    for entry in (settings.get("data") or {}).get("classes") or ():
        red, green, blue = (int(value) for value in entry.get("colour") or (133, 139, 148))
        entries.append((str(entry.get("name", "")), f"#{red:02x}{green:02x}{blue:02x}"))
    return entries


def _test_rows(results: "SearchResults") -> Iterator[dict[str, Any]]:
    from analysis.comparison import score_estimate
    from analysis.finalists import finalists_of

    classes = class_entries(results.settings)
    for space in finalists_of(results):
        for role, finalist in (("best", space.best), ("baseline", space.baseline)):
            tests = () if finalist is None else finalist.evaluations
            for index in range(tests[0].confusion.shape[-1] if tests else 0):
                estimate = score_estimate(tests, class_index=index)
                if not np.isfinite(estimate.value):
                    continue
                name, colour = classes[index] if index < len(classes) else (f"class {index}", NEUTRAL)
                yield {
                    "space": space.space,
                    "role": role,
                    "class_index": index,
                    "class_name": name,
                    "colour": colour,
                    "part": "test",
                    "iou": estimate.value,
                    "low": np.nan if estimate.low is None else estimate.low,
                    "high": np.nan if estimate.high is None else estimate.high,
                    "seeds": estimate.seeds,
                }


def _validation_rows(results: "SearchResults") -> Iterator[dict[str, Any]]:
    from trainables.metric_names import iou_name

    tested = {test.space for test in results.tests}
    for role, trials in (("best", best_trials(results)), ("baseline", baseline_trials(results))):
        for space, trial in trials.items():
            if space in tested:
                continue
            curve = results.curves[results.curves["trial_id"] == trial["trial_id"]]
            scores = numbers(curve, "miou")
            if not np.isfinite(scores).any():
                continue
            at_best = curve.iloc[[int(np.nanargmax(scores))]]
            for index, (name, colour) in enumerate(class_entries(results.settings)):
                iou = float(numbers(at_best, iou_name(index, name))[0])
                if not np.isfinite(iou):
                    continue
                yield {
                    "space": space,
                    "role": role,
                    "class_index": index,
                    "class_name": name,
                    "colour": colour,
                    "part": "validation",
                    "iou": iou,
                    "low": np.nan,
                    "high": np.nan,
                    "seeds": 1,
                }


def draw_class_iou(table: "pd.DataFrame", context: FigureContext) -> tuple[Drawing, ...]:
    """One plot: a bar per class and space for the best found, a tick on it for the space's baseline."""
    if table.empty:
        return ()
    spaces = [space for space in context.spaces if (table["space"] == space).any()]
    marks = space_marks(context.spaces)
    plot = new_plot()
    width = 0.8 / len(spaces)
    for place, space in enumerate(spaces):
        # The axis runs downwards, so the first space's bar is the upper one.
        shift = (place - (len(spaces) - 1) / 2) * width
        rows = table[table["space"] == space]
        _add_bars(plot, rows[rows["role"] == "best"], space, marks=marks[space], shift=shift, width=width)
        _add_baseline(plot, rows[rows["role"] == "baseline"], space, marks[space], shift)
    classes = table.drop_duplicates("class_index").sort_values("class_index")
    positions = classes["class_index"].astype(float).tolist()
    plot.add_scatter(
        x=[-0.012] * len(classes),
        y=positions,
        mode="markers",
        marker={
            "symbol": "square",
            "size": 11,
            "color": classes["colour"].tolist(),
            "line": {"width": 1, "color": NEUTRAL},
        },
        hoverinfo="skip",
        showlegend=False,
        cliponaxis=False,
    )
    parts = ", ".join(dict.fromkeys(table["part"]))
    top = float(np.nanmax([table["iou"].max(), table["high"].max()]))
    plot.update_xaxes(title_text=f"IoU, {parts} part", range=[-0.03, min(1.02, top * 1.06 + 0.02)])
    plot.update_yaxes(
        tickvals=positions,
        ticktext=[
            _class_label(index, name) for index, name in zip(classes["class_index"], classes["class_name"], strict=True)
        ],
        range=[max(positions) + 0.6, min(positions) - 0.6],
        showgrid=False,
        ticks="",
    )
    plot.update_layout(barmode="overlay", bargap=0)
    height = 110 + len(classes) * (len(spaces) * BAR_PIXELS + 14)
    return (Drawing(key="classes", group="", title="", height=height, plot=plot),)


def _class_label(index: int, name: str) -> str:
    return plain_text(name, limit=28) + ("  <br>(not in mIoU)" if index == 0 else "") + "  "


def _add_bars(
    plot: "go.Figure", rows: "pd.DataFrame", space: str, *, marks: SpaceMarks, shift: float, width: float
) -> None:
    if rows.empty:
        return
    plot.add_bar(
        y=(rows["class_index"].astype(float) + shift).tolist(),
        x=rows["iou"].tolist(),
        width=width * 0.9,
        orientation="h",
        name=plain_text(space),
        marker=bar_marker(marks.colour, marks.pattern),
        error_x={
            "type": "data",
            "array": (rows["high"] - rows["iou"]).fillna(0).tolist(),
            "arrayminus": (rows["iou"] - rows["low"]).fillna(0).tolist(),
            "visible": bool(rows["low"].notna().any()),
            "color": NEUTRAL,
            "thickness": 1.5,
            "width": 3,
        },
        text=[_hover(row) for _, row in rows.iterrows()],
        textposition="none",
        hovertemplate="%{text}<extra>" + plain_text(space) + ", best found</extra>",
    )


def _add_baseline(plot: "go.Figure", rows: "pd.DataFrame", space: str, marks: SpaceMarks, shift: float) -> None:
    if rows.empty:
        return
    plot.add_scatter(
        y=(rows["class_index"].astype(float) + shift).tolist(),
        x=rows["iou"].tolist(),
        mode="markers",
        showlegend=False,
        marker={
            "symbol": "diamond-tall",
            "size": 9,
            "color": "#ffffff",
            "line": {"width": 2, "color": marks.colour},
        },
        text=[_hover(row) for _, row in rows.iterrows()],
        hovertemplate="%{text}<extra>" + plain_text(space) + ", baseline</extra>",
    )


def _hover(row: "pd.Series[Any]") -> str:
    interval = "" if np.isnan(row["low"]) else f" ({row['low']:.3f} to {row['high']:.3f})"
    return f"{plain_text(row['class_name'])}: {row['iou']:.3f}{interval}"


FIGURE = Figure(
    name="class_iou",
    title="IoU by class",
    caption="Bars: the best configuration found in each space, with its 95% interval where finalists ran on several "
    "seeds. Diamonds: the space's baseline. Squares show the classes' own colours.",
    empty="No trial has scores by class yet.",
    columns=COLUMNS,
    data=class_iou_data,
    draw=draw_class_iou,
    wide=True,
)
