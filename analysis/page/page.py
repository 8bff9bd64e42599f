"""The whole page: everything the template shows, gathered from the results and the decision, and rendered."""

from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.figures.class_iou import class_entries
from analysis.figures.context import FigureContext
from analysis.figures.embedding import plotly_javascript
from analysis.figures.finalist_front import cost_of
from analysis.figures.rows import numbers, search_trials
from analysis.figures.theme import template
from analysis.ground_latency import GROUND_LATENCY, ground_latencies
from analysis.measured_costs import DEVICE_SETTING
from analysis.page.against_baseline import make_pairs
from analysis.page.cards import make_cards, with_interval
from analysis.page.difference_strip import make_strips
from analysis.page.early_stopping import make_early_stopping
from analysis.page.ensembles import make_ensembles, missing_ensembles
from analysis.page.finalist_cards import make_finalist_cards
from analysis.page.formatting import amount, count, score
from analysis.page.importance import make_importance
from analysis.page.method import ReportOptions, make_topics, repeat_command, report_command
from analysis.page.pictures import pictures_by_trial
from analysis.page.plots import DrawnFigure, make_blocks, places_by_key, plot_specifications
from analysis.page.pseudo_labels import make_pseudo_labels
from analysis.page.spending import make_spending, spending_unit
from analysis.page.trials_table import COLUMNS, trials_table
from analysis.page.verdict import make_verdict
from analysis.undecided import count_of

if TYPE_CHECKING:
    from analysis.decision_record import Decision
    from analysis.results import SearchResults

SCRIPTS = ("page.js", "trials.js", "plots.js")
"""The page's own script, in order; each file uses what those before it define."""


def render_page(
    results: "SearchResults",
    decision: "Decision",
    drawn: tuple[DrawnFigure, ...],
    context: FigureContext,
    *,
    beside: tuple[tuple[str, str], ...],
    options: ReportOptions,
) -> str:
    """Render the page.

    Args:
        results: The search.
        decision: What follows from it.
        drawn: All figures.
        context: What they share.
        beside: Name and content of each file written beside the page.
        options: What the command that writes this report again must say.

    Returns:
        HTML. Every text from outside is escaped by the template engine, in scripts too.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("analysis", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # NaN is no JSON: better an error here than a page whose script can't read its data.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "allow_nan": False, "separators": (",", ":")}
    content = page_content(results, decision, drawn, context, options)
    # These three are our own files and plotly's, no text from outside.
    own = {
        "style": Markup(_own_text("report.css")),  # noqa: S704
        "script": Markup(_script()),  # noqa: S704
        "plotly": Markup(plotly_javascript()),  # noqa: S704
    }
    return environment.get_template("report.html").render(**content, **own, files=beside)


def page_content(
    results: "SearchResults",
    decision: "Decision",
    drawn: tuple[DrawnFigure, ...],
    context: FigureContext,
    options: ReportOptions,
) -> dict[str, Any]:
    """Everything the template shows, by the names it uses."""
    settings = results.settings
    name = str(settings.get("name") or "search")
    verdict = make_verdict(results, decision)
    trials = results.trials
    sources = trials["source_trial_id"].dropna() if "source_trial_id" in trials else ()
    pictures, other_pictures = pictures_by_trial(results.panels, [str(source) for source in sources])
    chosen = (decision.winner, decision.settings_of) if decision.winner and decision.settings_of else None
    finalists = make_finalist_cards(results, context, chosen, places_by_key(drawn), pictures)
    blocks = make_blocks(drawn, {place for card in finalists for _, place in card.plots})
    (hyperparameters,) = (one.data for one in drawn if one.figure.name == "hyperparameters")
    return {
        "name": name,
        "origin": _origin(results),
        "verdict": verdict,
        "strips": make_strips(decision),
        "cards": make_cards(results, context.spaces, verdict.chosen),
        "floors": context.floors,
        "costed": len(results.costs) > 0,
        "own_costs": len(results.costs) > 0 and DEVICE_SETTING not in settings,
        "tested": len(results.tests) > 0,
        "intervals": any(row.low_points is not None for row in decision.candidates),
        "device": _costs_device(settings),
        "figures": blocks,
        "finalist_cards": finalists,
        "pseudo_labels": make_pseudo_labels(results, context.spaces),
        "importance": make_importance(hyperparameters),
        "front": front_rows(results),
        "finalist_front": finalist_rows(results),
        "ensembles": make_ensembles(decision),
        "missing_ensembles": missing_ensembles(results.summary),
        "from_mlflow": options.tracking_uri is not None,
        "pairs": make_pairs(results, context.spaces),
        "stopping": make_early_stopping(results),
        "spending": make_spending(results, context.spaces),
        "spending_unit": spending_unit(settings),
        "spaces": context.spaces,
        "stop_reasons": sorted({str(reason) for reason in trials.get("stop_reason", ()) if reason}),
        "columns": COLUMNS,
        "pictures": other_pictures,
        "classes": class_entries(settings),
        "topics": make_topics(settings),
        "command": repeat_command(settings),
        "report_command": report_command(options, decision, settings.get("deployment")),
        "data": {
            "plots": plot_specifications(drawn),
            "themes": {"light": template(dark=False), "dark": template(dark=True)},
            "trials": trials_table(results),
        },
    }


def front_rows(results: "SearchResults") -> list[dict[str, str]]:
    """The search's non-dominated trials over mIoU, parameters and latency, written out, cheapest first."""
    from analysis.front import DEFAULT_OBJECTIVES, non_dominated

    trials = search_trials(results).copy()
    trials[GROUND_LATENCY] = ground_latencies(trials)
    points = np.column_stack([numbers(trials, name) for name in DEFAULT_OBJECTIVES])
    chosen = trials[non_dominated(points, tuple(DEFAULT_OBJECTIVES.values()))]
    if chosen.empty:
        return []
    return [
        {
            "trial_id": str(row["trial_id"]),
            "space": str(row["space"]),
            "best_miou": score(row["best_miou"]),
            "parameters": count(row["parameters"]),
            "latency": amount(row[GROUND_LATENCY], "ms"),
        }
        for _, row in chosen.sort_values(["parameters", "best_miou"]).iterrows()
    ]


def finalist_rows(results: "SearchResults") -> list[dict[str, str]]:
    """All finalists with what they reached on the test part and cost, written out, cheapest first.

    `front` says whether another one is at least as good in mIoU, parameters and latency together, and better in one.
    """
    from analysis.finalists import finalists_of
    from analysis.front import DEFAULT_OBJECTIVES, non_dominated

    found = [(one, one is space.best) for space in finalists_of(results) for one in space.everyone()]
    costs = [(cost_of(results, one, "parameters"), cost_of(results, one, GROUND_LATENCY)) for one, _ in found]
    points = np.array([(one.miou.value, *its) for (one, _), its in zip(found, costs, strict=True)]).reshape(-1, 3)
    on_front = non_dominated(points, tuple(DEFAULT_OBJECTIVES.values()))
    rows = [
        {
            "space": one.space,
            "role": one.role,
            "trial_id": one.source_trial_id,
            "stands": "yes" if stands else "",
            "validation": score(one.validation),
            "miou": with_interval(one.miou),
            "parameters": count(its[0]),
            "latency": amount(its[1], "ms"),
            "front": "yes" if front else "",
        }
        for (one, stands), its, front in zip(found, costs, on_front, strict=True)
    ]
    return [rows[place] for place in np.lexsort((points[:, 0], points[:, 1]))]


def _origin(results: "SearchResults") -> list[str]:
    settings = results.settings
    trials = len(search_trials(results))
    facts = (
        str(settings.get("created") or "")[:16].replace("T", " "),
        str((settings.get("data") or {}).get("description") or ""),
        f"{trials} trial{'' if trials == 1 else 's'}",
        str((settings.get("device") or {}).get("description") or ""),
    )
    return [fact for fact in facts if fact]


def _costs_device(settings: Mapping[str, Any]) -> str:
    """What the costs were measured on: the search's device and its CPU threads, unless they came from elsewhere."""
    if settings.get(DEVICE_SETTING):
        return str(settings[DEVICE_SETTING])
    own = settings.get("device") or {}
    threads = own.get("cost_threads")
    described = str(own.get("description") or "an unnamed device")
    return described + (f" with {count_of(threads, 'CPU thread')}" if threads else "")


def _script() -> str:
    """The page's own script: its files in order, in one scope that nothing else on the page sees."""
    parts = "\n".join(_own_text(name) for name in SCRIPTS)
    return f'(function () {{\n"use strict";\n{parts}}})();'


def _own_text(name: str) -> str:
    return (files("analysis") / "templates" / name).read_text(encoding="utf-8")
