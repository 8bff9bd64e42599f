"""Rebuilding a search's results from MLflow alone: parameters, tags, metric histories, artifacts."""

import json
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.results import Panel, SearchResults, TestEvaluation, evaluation_from_json
from analysis.settings_check import check_settings, check_tests
from analysis.tables import (
    CONFIG_PREFIX,
    COST_COLUMNS,
    costs_frame,
    curves_frame,
    results_frame,
)
from spaces.errors import InputError
from trainables.tracking import records
from trainables.tracking.client import connect
from trainables.tracking.uri import SERVER_SCHEMES, scheme_of, without_password

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_RUNS_PER_PAGE = 1_000
_SERVER_REQUESTS = 8
"""Requests to a server that are under way together; a database is read one query after the other."""
_SHOWN_SEARCHES = 10

_Row = dict[str, Any]


def read_mlflow(tracking_uri: str, search: str, experiment: str = records.EXPERIMENT) -> SearchResults:
    """Rebuild the results of one search from what was recorded of it.

    Args:
        tracking_uri: The database or server that it was recorded in.
        search: Its name or, where several searches have that name, the id of its run.
        experiment: The MLflow experiment that it belongs to.

    Returns:
        What `analysis.results.read_search_folder` returns, trials in the order in which they started. Where a
        trial was resumed and evaluated at a step once more, the later evaluation counts.

    Raises:
        InputError: Nothing answers at the URI, there is no such search or more than one, or what was recorded
            can't be read: artifacts moved or deleted, runs written by another version.
    """
    import requests
    from mlflow.exceptions import MlflowException

    client = connect(tracking_uri, must_exist=True)
    place = f"--tracking-uri {without_password(tracking_uri)}"
    try:
        found = client.get_experiment_by_name(experiment)
        if found is None:
            raise InputError(f"{place}: nothing is recorded there under {experiment!r}; run a search with it first")
        parent = _find_search(client, found.experiment_id, search, place)
        children = {records.PARENT_TAG: parent.info.run_id}
        runs = _runs(client, found.experiment_id, children)
        workers = _SERVER_REQUESTS if scheme_of(tracking_uri) in SERVER_SCHEMES else 1
        with ThreadPoolExecutor(workers) as pool, tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            found_at = f"{place}: search {search!r}"
            settings = check_settings(_settings(client, parent, folder), f"{found_at}, {records.SETTINGS_FILE}")
            summary = _summary(client, parent, folder)
            curves = list(pool.map(lambda run: _curve(client, run), runs))
            tested = [run for run in runs if records.TESTED_TAG in run.data.tags]
            tests = list(pool.map(lambda run: _test(client, run, folder), tested))
            check_tests(tests, settings, f"{found_at}, {records.TEST_FILE}")
            shown = [run for run in runs if records.PANELS_TAG in run.data.tags]
            panels = [panel for group in pool.map(lambda run: _panels(client, run, folder), shown) for panel in group]
        trials = results_frame([_trial(run, curve) for run, curve in zip(runs, curves, strict=True)])
        evaluations = curves_frame([row for curve in curves for row in curve])
    except (MlflowException, requests.RequestException, OSError, KeyError, ValueError) as error:
        # TableError, JSON's and pydantic's errors are kinds of ValueError.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{place}: search {search!r} can't be read ({reason}); read it from its folder") from error
    return SearchResults(
        settings=settings,
        trials=trials,
        curves=evaluations,
        tests=tuple(tests),
        costs=costs_frame(trials),
        panels=tuple(panels),
        summary=summary,
    )


def _find_search(client: "MlflowClient", experiment_id: str, search: str, place: str) -> "Run":
    searches = _runs(client, experiment_id, {records.KIND_TAG: "search"})
    named = [run for run in searches if search in (run.data.tags.get(records.SEARCH_TAG), run.info.run_id)]
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(f"{run.info.run_id} of {run.data.tags[records.CREATED_TAG]}" for run in named)
        raise InputError(f"--search {search}: {place} holds {len(named)} of that name; give one by its run id: {ids}")
    names = sorted({run.data.tags.get(records.SEARCH_TAG, run.info.run_id) for run in searches})
    shown = ", ".join(names[:_SHOWN_SEARCHES]) + (", ..." if len(names) > _SHOWN_SEARCHES else "")
    raise InputError(f"--search {search}: {place} has no such search; it has {shown or 'none at all'}")


def _runs(client: "MlflowClient", experiment_id: str, tags: Mapping[str, str]) -> "list[Run]":
    """All runs that carry the tags, oldest first."""
    condition = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    runs: list[Run] = []
    token: str | None = None
    while True:
        page = client.search_runs(
            [experiment_id],
            condition,
            max_results=_RUNS_PER_PAGE,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        runs.extend(page)
        token = page.token
        if not token:
            return runs


def _curve(client: "MlflowClient", run: "Run") -> list[_Row]:
    """A trial's evaluations as rows of the table of curves, by step."""
    histories = {
        name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics if name not in COST_COLUMNS
    }
    # Every evaluation has the metric `step`, even if nothing else was finite. Where a resumed trial evaluated
    # a step again, the two evaluations must not mix: only what was recorded at the later time belongs to it.
    latest: dict[int, int] = {}
    for point in histories.pop("step", ()):
        latest[point.step] = max(point.timestamp, latest.get(point.step, point.timestamp))
    tags = run.data.tags
    identity = {name: tags[name] for name in ("trial_id", "space", "phase")}
    rows: dict[int, _Row] = {step: {**identity, "step": step} for step in sorted(latest)}
    for name, points in histories.items():
        for point in points:
            if latest.get(point.step) == point.timestamp:
                rows[point.step][name] = point.value
    return list(rows.values())


def _trial(run: "Run", curve: list[_Row]) -> _Row:
    """A trial as row of the table of trials: tags, configuration, metrics of the last evaluation, costs."""
    tags = run.data.tags
    last = curve[-1] if curve else {"step": 0}
    config = records.config_from_params(run.data.params).model_dump()
    return {
        **last,
        **{name: tags.get(name, "") for name in ("trial_id", "space", "phase", "role", "source_trial_id")},
        "seed": int(tags["seed"]),
        "stop_reason": tags.get(records.STOP_REASON_TAG, ""),
        "error": tags.get(records.ERROR_TAG, ""),
        "step": int(tags.get(records.FINAL_STEP_TAG, last["step"])),
        **{CONFIG_PREFIX + name: value for name, value in config.items()},
        **{name: run.data.metrics[name] for name in COST_COLUMNS if name in run.data.metrics},
    }


def _settings(client: "MlflowClient", run: "Run", folder: Path) -> Any:
    return json.loads(_download(client, run, records.SETTINGS_FILE, folder).read_text(encoding="utf-8"))


def _summary(client: "MlflowClient", run: "Run", folder: Path) -> dict[str, Any]:
    """What the search said of itself at the end of its last sitting; empty before that."""
    if all(artifact.path != records.SUMMARY_FILE for artifact in client.list_artifacts(run.info.run_id)):
        return {}
    return dict(json.loads(_download(client, run, records.SUMMARY_FILE, folder).read_text(encoding="utf-8")))


def _test(client: "MlflowClient", run: "Run", folder: Path) -> TestEvaluation:
    path = _download(client, run, records.TEST_FILE, folder)
    return evaluation_from_json(json.loads(path.read_text(encoding="utf-8")))


def _panels(client: "MlflowClient", run: "Run", folder: Path) -> list[Panel]:
    place = _download(client, run, records.PANELS_FOLDER, folder)
    captions = json.loads((place / records.CAPTIONS_FILE).read_text(encoding="utf-8"))
    return [
        Panel(name=name, caption=caption, png=(place / f"{name}.png").read_bytes())
        for name, caption in captions.items()
    ]


def _download(client: "MlflowClient", run: "Run", path: str, folder: Path) -> Path:
    """Fetch an artifact into a place of its own under `folder`."""
    place = folder / run.info.run_id
    place.mkdir(exist_ok=True)
    return Path(client.download_artifacts(run.info.run_id, path, str(place)))
