"""What a search that was killed again and again has lost, doubled or left open."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from search.settings import SearchSettings, read_settings
from trainables.checkpoint import PARTIAL
from trainables.checkpoint_store import LAST, open_store
from trainables.journal import Event, read_journal
from trainables.shared_files import is_uri, open_uri

if TYPE_CHECKING:
    from mlflow.entities import Run


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """What is wrong with a finished search; all numbers are zero when nothing is.

    Attributes:
        lost: Started trials without a row in the results, without a run in MLflow, or with evaluations that did not
            reach it.
        duplicated: Rows, runs, endings and evaluations that are there more than once.
        left_running: Runs that MLflow takes for running, and trials whose journal has no final ending.
        left_over: Checkpoints of trials that can neither resume nor win, and half-written ones.
        best_miou: The best trial's foreground mIoU.
    """

    lost: int
    duplicated: int
    left_running: int
    left_over: int
    best_miou: float


def audit(folder: Path, tracking_uri: str) -> Audit:
    """Look through the results, the journal, the checkpoints and MLflow."""
    import pandas as pd

    from search.history import history_of
    from search.kept_checkpoints import trials_kept

    events = list(read_journal(folder))
    started = {event["trial_id"] for event in events if event["event"] == "started"}
    rows = Counter(pd.read_parquet(folder / "results.parquet")["trial_id"])
    reports = Counter((e["trial_id"], e["step"]) for e in events if e["event"] == "reported")
    endings = Counter(e["trial_id"] for e in events if e["event"] == "ended" and e["stop_reason"] != "interrupted")
    runs, points = _recorded(folder.name, tracking_uri)
    children = Counter(run.data.tags["trial_id"] for run in runs if "trial_id" in run.data.tags)
    expected = {(trial_id, step) for trial_id, step in reports}
    settings, history = read_settings(folder), history_of(events)
    there = _checkpoints(settings)
    kept = trials_kept(settings, history)
    return Audit(
        lost=len(started - rows.keys()) + len(started - children.keys()) + len(expected - points.keys()),
        duplicated=sum(count - 1 for counts in (rows, reports, endings, children, points) for count in counts.values())
        + (len(runs) - children.total() - 1),
        left_running=sum(run.info.status == "RUNNING" for run in runs) + len(started - endings.keys()),
        left_over=sum(path.name.endswith(PARTIAL) or path.parent.name not in kept for path in there)
        + sum(path.name == LAST for path in there),
        best_miou=max(float(e["metrics"]["miou"]) for e in events if e["event"] == "reported"),
    )


def evaluations_to_repeat(folder: Path) -> int:
    """Of the trials that go on, how many journaled evaluations their checkpoints do not have, at most."""
    if not (folder / "settings.json").is_file():
        return 0
    settings = read_settings(folder)
    store = open_store(settings.storage)
    most = 0
    for trial_id, step in _open_trials(list(read_journal(folder))):
        kept = store.read(trial_id, LAST)
        there = 0 if kept is None else int(kept["trainer"]["step"])
        most = max(most, (step - there) // settings.eval_every)
    return most


def _open_trials(events: list[Event]) -> Iterator[tuple[str, int]]:
    """Trials that have no final ending, with the last step that the journal has of each."""
    ended = {e["trial_id"] for e in events if e["event"] == "ended" and e["stop_reason"] != "interrupted"}
    ended |= {e["trial_id"] for e in events if e["event"] == "decided" and e["stop_reason"] is not None}
    steps: dict[str, int] = {}
    for event in events:
        if event["event"] == "reported" and event["trial_id"] not in ended:
            steps[event["trial_id"]] = max(event["step"], steps.get(event["trial_id"], 0))
    yield from steps.items()


def _checkpoints(settings: SearchSettings) -> list[PurePosixPath]:
    from pyarrow.fs import FileSelector, FileType

    location = settings.storage if is_uri(settings.storage) else Path(settings.storage).as_uri()
    files, root = open_uri(location)
    found = files.get_file_info(FileSelector(root, allow_not_found=True, recursive=True))
    return [PurePosixPath(info.path) for info in found if info.type == FileType.File]


def _recorded(name: str, tracking_uri: str) -> "tuple[list[Run], Counter[tuple[str, int]]]":
    """The runs of a search, and how often each evaluation of its trials is there."""
    from trainables.tracking.client import connect

    client = connect(tracking_uri, must_exist=True)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs: list[Any] = list(client.search_runs(experiments, f"tags.search = '{name}'", max_results=1000))
    points: Counter[tuple[str, int]] = Counter()
    for run in runs:
        if "trial_id" in run.data.tags:
            history = client.get_metric_history(run.info.run_id, "step")
            points.update((run.data.tags["trial_id"], int(point.value)) for point in history)
    return runs, points
