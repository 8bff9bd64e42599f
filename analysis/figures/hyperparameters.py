"""What each hyperparameter did: its value against the best mIoU of the trial, parameter by parameter."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analysis.figures.context import FigureContext
from analysis.figures.figure import Drawing, Figure, LegendEntry
from analysis.figures.marks import NEUTRAL, SpaceMarks, space_marks, stop_marks
from analysis.figures.rows import numbers, search_trials, spread_over_ranks
from analysis.figures.text import element_key, plain_text
from analysis.figures.theme import log_ticks, new_plot
from analysis.tables import CONFIG_PREFIX
from spaces.parameters import Parameter

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from analysis.results import SearchResults

COLUMNS = (
    "space",
    "parameter",
    "association",
    "scale",
    "value",
    "level",
    "trial_id",
    "role",
    "stop_reason",
    "best_miou",
)
MOST_LEVELS = 12
"""A text parameter with more distinct values than this has no readable strip and is left out."""
MOST_POINTS = 500
LOG_RATIO = 10.0
"""Values are drawn on a logarithmic axis only where the largest is at least this many times the smallest."""
FEWEST_FOR_ASSOCIATION = 5


def hyperparameters_data(results: "SearchResults") -> "pd.DataFrame":
    """One row per parameter and trial of the search with a finite best_miou, the strongest association first.

    Only parameters with at least two distinct values among those trials appear, and of each only the trials in which
    it acted: where the settings hold the parameters' domains, trials to which none applies are left out, and a
    parameter with several domains appears once for each, as "learning_rate (optimizer=sgd)".

    `scale` is log, linear or category; `value` is the number (for a category: the index of its `level`). `association`
    runs from 0 to 1: for numbers the absolute rank correlation (Spearman) with best_miou, for categories the
    correlation ratio of best_miou's ranks; NaN under five trials. Shares near one whose distance from one varies
    widely, such as decays, appear as that distance, "1 - ema_decay". It says what went along with good scores in this
    search, not what caused them.
    """
    import pandas as pd

    trials = search_trials(results)
    scores = numbers(trials, "best_miou")
    trials = trials[np.isfinite(scores)]
    parts: list[pd.DataFrame] = []
    for space in dict.fromkeys(trials["space"].astype(str)) if "space" in trials else ():
        rows = trials[trials["space"].astype(str) == space]
        parameters = _searched_parameters(results.settings, space)
        columns = [
            _parameter_rows(space, name, condition, acting)
            for name in _names(rows)
            for condition, acting in _acting(name, rows, parameters.get(name))
        ]
        found = [part for part in columns if part is not None]
        found.sort(key=lambda part: -np.nan_to_num(part["association"].iloc[0], nan=-1.0))
        parts += found
    if not parts:
        return pd.DataFrame({name: pd.Series([], dtype=object) for name in COLUMNS})
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def _names(rows: "pd.DataFrame") -> list[str]:
    """Names of the configuration's columns."""
    return [str(name).removeprefix(CONFIG_PREFIX) for name in rows.columns if str(name).startswith(CONFIG_PREFIX)]


def _searched_parameters(settings: Mapping[str, Any], space: str) -> dict[str, Parameter]:
    """The parameters of a space by name, where the settings hold more of them than their names."""
    entries = ((settings.get("spaces") or {}).get(space) or {}).get("parameters") or ()
    parameters = [Parameter.model_validate(entry) for entry in entries if isinstance(entry, Mapping)]
    return {parameter.name: parameter for parameter in parameters}


def _acting(name: str, rows: "pd.DataFrame", parameter: Parameter | None) -> "Iterator[tuple[str, pd.DataFrame]]":
    """The trials in which a parameter acted, domain by domain, with the domain's condition if there are several."""
    if parameter is None:
        yield "", rows
        return
    deciding = [other for other in _names(rows) if other in parameter.depends_on()]
    columns = [rows[CONFIG_PREFIX + other].tolist() for other in deciding]
    combinations = list(zip(*columns, strict=True)) or [()] * len(rows)
    # Thousands of trials share a few combinations of what decides.
    domain_of = {one: parameter.domain(dict(zip(deciding, one, strict=True))) for one in dict.fromkeys(combinations)}
    domains = [domain_of[one] for one in combinations]
    for domain in parameter.domains:
        yield domain.condition if len(parameter.domains) > 1 else "", rows[[one is domain for one in domains]]


def _parameter_rows(space: str, name: str, condition: str, rows: "pd.DataFrame") -> "pd.DataFrame | None":
    import pandas as pd

    values = rows[CONFIG_PREFIX + name].tolist()
    present = [not (value is None or value == "" or value != value) for value in values]  # noqa: PLR0124 - NaN
    kept = [value for value, there in zip(values, present, strict=True) if there]
    if len(set(map(str, kept))) < 2:
        return None
    rows = rows[present]
    scores = numbers(rows, "best_miou")
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in kept):
        numeric = np.asarray(kept, dtype=np.float64)
        if _is_log(1 - numeric) and numeric.min() > 0.5:
            name, numeric = f"1 - {name}", 1 - numeric
        scale, levels = "log" if _is_log(numeric) else "linear", [""] * len(kept)
    else:
        kept = [str(value).lower() if isinstance(value, bool) else str(value) for value in kept]
        order = sorted(set(kept))
        if len(order) > MOST_LEVELS:
            return None
        scale, levels = "category", list(kept)
        numeric = np.asarray([order.index(level) for level in levels], dtype=np.float64)
    return pd.DataFrame(
        {
            "space": space,
            "parameter": f"{name} ({condition})" if condition else name,
            "association": association(numeric, scores, categories=scale == "category"),
            "scale": scale,
            "value": numeric,
            "level": levels,
            "trial_id": rows["trial_id"].astype(str).to_numpy(),
            "role": rows["role"].astype(str).to_numpy() if "role" in rows else "",
            "stop_reason": rows["stop_reason"].astype(str).to_numpy() if "stop_reason" in rows else "",
            "best_miou": scores,
        }
    )


def _is_log(values: NDArray[np.float64]) -> bool:
    """Whether positive values cover a wide range and lie more evenly in it by their logarithms than by themselves."""
    low, high = float(values.min()), float(values.max())
    if low <= 0 or high / low < LOG_RATIO:
        return False
    middle = float(np.median(values))
    linear = (middle - low) / (high - low)
    logarithmic = np.log(middle / low) / np.log(high / low)
    return bool(abs(logarithmic - 0.5) <= abs(linear - 0.5))


def association(values: NDArray[np.float64], scores: NDArray[np.float64], *, categories: bool) -> float:
    """How closely scores follow values, by ranks, from 0 to 1.

    Args:
        values: (N,) float64; codes when they are categories.
        scores: (N,) float64, finite.
        categories: Use the correlation ratio of the ranks instead of Spearman's correlation.

    Returns:
        The association; NaN under five trials, and where scores or values do not vary.
    """
    from scipy.stats import rankdata

    if len(values) < FEWEST_FOR_ASSOCIATION or np.ptp(values) == 0 or np.ptp(scores) == 0:
        return float("nan")
    ranks = rankdata(scores)
    if not categories:
        return float(abs(np.corrcoef(rankdata(values), ranks)[0, 1]))
    total = float(((ranks - ranks.mean()) ** 2).sum())
    between = sum(
        float((values == code).sum() * (ranks[values == code].mean() - ranks.mean()) ** 2) for code in np.unique(values)
    )
    return float(np.sqrt(between / total))


def draw_hyperparameters(table: "pd.DataFrame", context: FigureContext) -> tuple[Drawing, ...]:
    """One small plot per space and parameter: finished trials filled, stopped ones as crosses, the baseline ringed."""
    marks = space_marks(context.spaces)
    drawings: list[Drawing] = []
    for (space, name), rows in table.groupby(["space", "parameter"], sort=False):
        strength = float(rows["association"].iloc[0])
        drawings.append(
            Drawing(
                key=element_key(space, name, len(drawings)),
                group=str(space),
                title=str(name),
                note="" if np.isnan(strength) else f"{strength:.2f}",
                legend=_legend(str(space), marks[str(space)]),
                height=210,
                plot=_plot(rows, marks[str(space)]),
            )
        )
    return tuple(drawings)


def _legend(space: str, marks: SpaceMarks) -> tuple[LegendEntry, ...]:
    return (
        LegendEntry(marks.character, marks.colour, f"{space}, completed"),
        LegendEntry(stop_marks("pruned").character, NEUTRAL, "stopped before the end"),
    )


def _plot(rows: "pd.DataFrame", marks: SpaceMarks) -> "go.Figure":
    plot = new_plot()
    rows = rows[spread_over_ranks(rows["best_miou"].to_numpy(dtype=np.float64), MOST_POINTS)]
    category = rows["scale"].iloc[0] == "category"
    positions = rows["value"].to_numpy(dtype=np.float64)
    if category:
        # A fixed zigzag keeps equal categories apart and the page the same at every writing.
        positions = positions + 0.12 * ((np.arange(len(rows)) % 5) - 2) / 2
    finished = rows["stop_reason"].isin(["completed", ""]).to_numpy()
    baseline = (rows["role"] == "baseline").to_numpy()
    for chosen, name in ((~finished, "stopped early"), (finished, "completed")):
        _add_points(plot, rows[chosen], positions[chosen], baseline[chosen], marks, stopped=name != "completed")
    if category:
        levels = rows.drop_duplicates("value").sort_values("value")
        plot.update_xaxes(
            tickvals=levels["value"].tolist(),
            ticktext=[plain_text(level, limit=18) for level in levels["level"]],
            range=[float(levels["value"].min()) - 0.5, float(levels["value"].max()) + 0.5],
        )
    elif rows["scale"].iloc[0] == "log":
        values, texts = log_ticks(float(positions.min()), float(positions.max()), most=4)
        plot.update_xaxes(type="log", tickvals=values, ticktext=texts)
    elif len(np.unique(positions)) <= 4:
        plot.update_xaxes(tickvals=np.unique(positions).tolist())
    plot.update_yaxes(nticks=5)
    plot.update_layout(showlegend=False)
    return plot


def _add_points(
    plot: "go.Figure",
    rows: "pd.DataFrame",
    positions: NDArray[np.float64],
    baseline: NDArray[np.bool_],
    marks: SpaceMarks,
    *,
    stopped: bool,
) -> None:
    if rows.empty:
        return
    shown = [level or f"{value:.4g}" for level, value in zip(rows["level"], rows["value"], strict=True)]
    endings = [stop_marks(reason).label for reason in rows["stop_reason"]]
    plot.add_scatter(
        x=positions.tolist(),
        y=rows["best_miou"].tolist(),
        mode="markers",
        customdata=[plain_text(trial) for trial in rows["trial_id"]],
        text=[f"{plain_text(value)}, {ending}" for value, ending in zip(shown, endings, strict=True)],
        marker={
            "symbol": "x-thin" if stopped else marks.symbol,
            "size": np.where(baseline, 11, 7).tolist(),
            "color": NEUTRAL if stopped else marks.colour,
            "opacity": 0.9,
            "line": {
                "width": 1.5 if stopped else np.where(baseline, 2.5, 0).tolist(),
                "color": NEUTRAL,
            },
        },
        hovertemplate="%{customdata}<br>%{text}<br>mIoU %{y:.4f}<extra></extra>",
    )


FIGURE = Figure(
    name="hyperparameters",
    title="What each hyperparameter did",
    caption="Each value that was tried against the trial's best validation mIoU, the strongest association first: the "
    "number beside each name, from 0 (none) to 1 (complete), by ranks. Trials stopped early might have risen further; "
    "the ringed, larger mark is the baseline. With few trials, patterns here are hints: the search moved all "
    "parameters at once.",
    empty="No parameter took two different values among the trials that were evaluated.",
    columns=COLUMNS,
    data=hyperparameters_data,
    draw=draw_hyperparameters,
)
