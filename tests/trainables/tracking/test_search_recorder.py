import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analysis.results import SearchResults, evaluation_to_json
from spaces.configuration import TrialConfig
from spaces.errors import InputError
from tests.analysis.example_results import make_results
from tests.trainables.recorded_search import STARTED_MS, record_search
from trainables.metric_names import iou_name
from trainables.tracking import records, served_model
from trainables.tracking.client import TrackingRejected, TrackingUnavailable, connect
from trainables.tracking.records import TrialHeader
from trainables.tracking.search_recorder import SearchRecorder
from trainables.tracking.uri import check_tracking_uri, database_path, local_tracking_uri, without_password

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

CONFIG = TrialConfig.model_validate({"architecture": "unet", "encoder": "mobilenet_v2"})


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One database for all tests here, because making one takes seconds; each test has a search of its own."""
    return tmp_path_factory.mktemp("runs with ümlaut # and space")


@pytest.fixture(scope="module")
def client(runs_dir: Path) -> "MlflowClient":
    return connect(local_tracking_uri(runs_dir))


@pytest.fixture
def search_name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


@pytest.fixture
def open_recorder(runs_dir: Path, search_name: str) -> Iterator[Callable[[], SearchRecorder]]:
    """Gives a recorder of the test's own search, as a process gets that (re)starts it."""

    def open_recorder() -> SearchRecorder:
        recorder = SearchRecorder(local_tracking_uri(runs_dir), search_name=search_name)
        recorder.open_search({**make_results(spaces=("unet",)).settings, "name": search_name})
        return recorder

    return open_recorder


def trial(trial_id: str = "unet-0", **changes: Any) -> TrialHeader:
    values = {"space": "unet", "phase": "search", "role": "baseline", "seed": 0, "config": CONFIG}
    return TrialHeader(**{"trial_id": trial_id, "started_ms": STARTED_MS, **values, **changes})


def runs_of(client: "MlflowClient", search_name: str) -> "list[Run]":
    experiment = client.get_experiment_by_name(records.EXPERIMENT)
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id], f"tags.search = '{search_name}'"))


def run_of(client: "MlflowClient", search_name: str, trial_id: str = "unet-0") -> "Run":
    (run,) = [run for run in runs_of(client, search_name) if run.data.tags.get("trial_id") == trial_id]
    return run


def recorded_state(client: "MlflowClient", search_name: str) -> list[tuple[Any, ...]]:
    """Everything that is recorded of a search, histories included."""
    state = []
    for run in runs_of(client, search_name):
        info, data = run.info, run.data
        histories = [
            (point.key, point.step, point.timestamp, point.value)
            for name in sorted(data.metrics)
            for point in client.get_metric_history(info.run_id, name)
        ]
        times = (info.start_time, info.end_time)
        state.append((info.run_id, info.status, times, data.tags, data.params, data.metrics, histories))
    return sorted(state, key=lambda entry: entry[0])


def test_recording_again_after_a_crash_changes_nothing(
    client: "MlflowClient", runs_dir: Path, search_name: str
) -> None:
    example = make_results(spaces=("unet",), seeds=(0,))
    results = SearchResults(**{**vars(example), "settings": {**example.settings, "name": search_name}})
    first = record_search(SearchRecorder(local_tracking_uri(runs_dir), search_name=search_name), results)
    once = recorded_state(client, search_name)
    second = record_search(SearchRecorder(local_tracking_uri(runs_dir), search_name=search_name), results)
    assert second == first
    assert recorded_state(client, search_name) == once
    assert len(once) == 1 + len(results.trials)


def test_works_from_a_thread_other_than_the_main_one(
    client: "MlflowClient", open_recorder: Callable[[], SearchRecorder], search_name: str
) -> None:
    recorder = open_recorder()

    def record() -> None:
        recorder.open_trial(trial())
        recorder.log_evaluation("unet-0", 20, {"miou": 0.5}, STARTED_MS)
        recorder.close_trial("unet-0", "completed", 20, STARTED_MS + 1)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(record).result()
    assert run_of(client, search_name).data.metrics == {"miou": 0.5, "step": 20.0}


@pytest.mark.parametrize(
    ("stop_reason", "status"),
    [
        ("completed", "FINISHED"),
        ("pruned", "FINISHED"),
        ("patience", "FINISHED"),
        ("stopped", "FINISHED"),
        ("diverged", "FAILED"),
        ("out_of_memory", "FAILED"),
        ("error", "FAILED"),
        ("interrupted", "KILLED"),
    ],
)
def test_endings(
    client: "MlflowClient",
    open_recorder: Callable[[], SearchRecorder],
    search_name: str,
    stop_reason: str,
    status: str,
) -> None:
    recorder = open_recorder()
    recorder.open_trial(trial())
    recorder.close_trial("unet-0", stop_reason, 40, STARTED_MS + 5)
    run = run_of(client, search_name)
    assert (run.info.status, run.info.end_time) == (status, STARTED_MS + 5)
    assert (run.data.tags["stop_reason"], run.data.tags["final_step"]) == (stop_reason, "40")


def test_an_interrupted_trial_runs_again_in_its_own_run(
    client: "MlflowClient", open_recorder: Callable[[], SearchRecorder], search_name: str
) -> None:
    recorder = open_recorder()
    first = recorder.open_trial(trial())
    recorder.close_trial("unet-0", "interrupted", 40, STARTED_MS + 5, "killed")
    resumed = open_recorder()
    assert resumed.open_trial(trial()) == first
    run = run_of(client, search_name)
    assert run.info.status == "RUNNING"
    assert not set(records.ENDING_TAGS) & set(run.data.tags)


def test_a_run_whose_parameters_a_crash_left_out_is_completed(
    client: "MlflowClient", open_recorder: Callable[[], SearchRecorder], search_name: str
) -> None:
    recorder = open_recorder()
    parent = next(run for run in runs_of(client, search_name))
    tags = records.trial_tags(trial(), search_name=search_name, search_run=parent.info.run_id)
    bare = client.create_run(parent.info.experiment_id, STARTED_MS, tags, "unet-0")
    assert recorder.open_trial(trial()) == bare.info.run_id
    assert run_of(client, search_name).data.params == records.config_params(CONFIG)


def test_numbers_that_are_not_finite_are_named_instead(
    client: "MlflowClient", open_recorder: Callable[[], SearchRecorder], search_name: str
) -> None:
    recorder = open_recorder()
    recorder.open_trial(trial())
    values = {"miou": 0.25, "loss": math.nan, "loss_dice": math.inf, "mask_ratio": None}
    recorder.log_evaluation("unet-0", 20, values, STARTED_MS)
    run = run_of(client, search_name)
    assert run.data.metrics == {"miou": 0.25, "step": 20.0}
    assert run.data.tags["not_finite"] == "loss, loss_dice, mask_ratio"


def test_mlflow_takes_the_metric_of_any_class_name(
    client: "MlflowClient", open_recorder: Callable[[], SearchRecorder], search_name: str
) -> None:
    recorder = open_recorder()
    recorder.open_trial(trial())
    names = ["__background__", "Forêt <claire> & (haie)", "水/田", "a \"b\" 'c' %"]
    values = {iou_name(index, name): index / 10 for index, name in enumerate(names)}
    recorder.log_evaluation("unet-0", 20, values, STARTED_MS)
    assert run_of(client, search_name).data.metrics == {**values, "step": 20.0}


def test_every_tag_can_be_searched_for(
    client: "MlflowClient", open_recorder: Callable[[], SearchRecorder], search_name: str
) -> None:
    recorder = open_recorder()
    recorder.open_trial(trial(source_trial_id="unet-9"))
    recorder.close_trial("unet-0", "error", 3, STARTED_MS + 1, "no memory")
    for run in runs_of(client, search_name):
        for tag, value in run.data.tags.items():
            condition = f"tags.`{tag}` = '{value}' and tags.search = '{search_name}'"
            found = client.search_runs([run.info.experiment_id], condition)
            assert run.info.run_id in [entry.info.run_id for entry in found], tag


def test_a_configuration_survives_as_parameters() -> None:
    config = CONFIG.model_copy(update={"learning_rate": 1 / 3e4, "cutmix": True, "threshold_offsets": {"水 (1)": -0.1}})
    assert records.config_from_params(records.config_params(config)) == config


def test_parameters_of_another_version_are_named() -> None:
    params = {**records.config_params(CONFIG), "unheard_of": "1"}
    with pytest.raises(ValueError, match="parameter unheard_of"):
        records.config_from_params(params)


def test_a_long_error_keeps_its_end() -> None:
    tags = records.ending_tags("error", 3, "Traceback\n" * 1000 + "ValueError: last line")
    assert len(tags["error"]) == records.ERROR_LENGTH
    assert tags["error"].startswith("... ")
    assert tags["error"].endswith("ValueError: last line")


def test_artifacts_lie_beside_the_database_and_nowhere_else(
    client: "MlflowClient",
    open_recorder: Callable[[], SearchRecorder],
    search_name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = tmp_path / "report"
    report.mkdir()
    (report / "index.html").write_text("<p>verdict</p>", encoding="utf-8")
    checkpoint = tmp_path / "best.pt"
    checkpoint.write_bytes(b"weights")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    recorder = open_recorder()
    run = recorder.open_trial(trial())
    recorder.log_checkpoint("unet-0", checkpoint)
    recorder.log_artifacts(report, "report")
    recorder.log_artifacts(report / "index.html")
    (parent,) = [entry for entry in runs_of(client, search_name) if entry.data.tags["kind"] == "search"]
    database = database_path(client.tracking_uri)
    assert database is not None
    place = database.parent / "mlartifacts"
    assert (place / run / "artifacts" / "checkpoint" / "best.pt").read_bytes() == b"weights"
    top = place / parent.info.run_id / "artifacts"
    assert {path.relative_to(top).as_posix() for path in top.rglob("*.*")} == {
        "settings.json",
        "index.html",
        "report/index.html",
    }
    assert list(elsewhere.iterdir()) == []


def test_a_model_that_is_whole_is_recorded_once_and_a_broken_one_anew(
    client: "MlflowClient",
    open_recorder: Callable[[], SearchRecorder],
    search_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    saved: list[str] = []

    def save(state: dict[str, Any], path: Path, *, model_id: str) -> None:
        saved.append(model_id)
        path.mkdir()
        if len(saved) == 1:
            raise MemoryError
        (path / "MLmodel").write_text("", encoding="utf-8")

    monkeypatch.setattr(served_model, "save_served_model", save)
    recorder = open_recorder()
    run = recorder.open_trial(trial())
    with pytest.raises(MemoryError):
        recorder.log_model("unet-0", "unet-0", 12, {})
    recorder.log_model("unet-0", "unet-0", 12, {})
    recorder.log_model("unet-0", "unet-0", 12, {})
    assert len(saved) == 2
    found = client.get_run(run)
    assert [(output.model_id, output.step) for output in found.outputs.model_outputs] == [(saved[1], 12)]
    (model,) = client.search_logged_models([found.info.experiment_id], f"source_run_id = '{run}'")
    assert model.model_id == saved[1]
    assert model.status == "READY"


def test_a_trial_says_its_last_rung_and_a_finalist_shows_its_confusion(
    client: "MlflowClient", open_recorder: Callable[[], SearchRecorder], search_name: str
) -> None:
    recorder = open_recorder()
    run = recorder.open_trial(trial())
    for rung in (16, 24):
        recorder.log_rung("unet-0", rung)
    assert client.get_run(run).data.tags["rung"] == "24"
    (evaluation, *_) = make_results(spaces=("unet",)).tests
    recorder.log_test(evaluation_to_json(replace(evaluation, trial_id="unet-0")))
    assert records.CONFUSION_FILE in [file.path for file in client.list_artifacts(run)]


def test_the_search_shows_verdict_and_report(
    client: "MlflowClient", open_recorder: Callable[[], SearchRecorder], search_name: str
) -> None:
    summary = {
        "trials": {"completed": 3, "pruned": 5},
        "best": {"unet": {"trial_id": "unet-1", "best_miou": 0.5}, "deep": {"trial_id": "deep-4", "best_miou": 0.6}},
        "steps_spent": 100,
        "steps_full": 300,
    }
    recorder = open_recorder()
    recorder.log_summary(summary, verdict="deep", report=Path("r/index.html"), timestamp_ms=STARTED_MS)
    recorder.close_search("interrupted", STARTED_MS + 9)
    (run,) = runs_of(client, search_name)
    assert run.info.status == "KILLED"
    assert run.data.metrics["best_miou"] == 0.6
    assert run.data.metrics["trials_pruned"] == 5
    note = run.data.tags[records.NOTE_TAG]
    assert "**Verdict:** deep" in note
    assert "index.html" in note
    assert "trial unet-1" in note


def test_a_store_that_is_away_can_be_tried_again(
    open_recorder: Callable[[], SearchRecorder], runs_dir: Path, tmp_path: Path
) -> None:
    recorder = open_recorder()
    run = recorder.open_trial(trial())
    checkpoint = tmp_path / "best.pt"
    checkpoint.write_bytes(b"weights")
    blocked = runs_dir / "mlartifacts" / run
    blocked.write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(TrackingUnavailable):
        recorder.log_checkpoint("unet-0", checkpoint)
    blocked.unlink()
    recorder.log_checkpoint("unet-0", checkpoint)
    assert (blocked / "artifacts" / "checkpoint" / "best.pt").is_file()


def test_a_run_deleted_meanwhile_is_refused(
    client: "MlflowClient", open_recorder: Callable[[], SearchRecorder]
) -> None:
    recorder = open_recorder()
    client.delete_run(recorder.open_trial(trial()))
    with pytest.raises(TrackingRejected):
        recorder.log_evaluation("unet-0", 20, {"miou": 0.5}, STARTED_MS)


def test_a_trial_must_be_opened_first(open_recorder: Callable[[], SearchRecorder]) -> None:
    with pytest.raises(TrackingRejected, match="open_trial"):
        open_recorder().close_trial("unet-7", "completed", 1, STARTED_MS)


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:9",
        "http://no-such-host.invalid:5000",
        "postgresql://user:secret@127.0.0.1:9/mlflow",
        "mlruns",
        "sqlite://",
        "ftp://host/place",
        "C:\\runs\\mlflow.db",
        "http://[bad",
    ],
)
def test_a_place_where_nothing_answers_is_one_line_within_seconds(uri: str) -> None:
    started = time.monotonic()
    with pytest.raises(InputError) as caught:
        connect(uri)
    assert time.monotonic() - started < 15
    message = str(caught.value)
    assert "--tracking-uri" in message
    assert "\n" not in message
    assert "secret" not in message


def test_a_file_that_is_no_database_is_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_text("this is no database " * 100, encoding="utf-8")
    with pytest.raises(InputError, match=r"mlflow\.db.*not a database"):
        connect(local_tracking_uri(tmp_path))


def test_a_missing_database_is_not_made_for_reading(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such MLflow database"):
        check_tracking_uri(local_tracking_uri(tmp_path / "nowhere"), must_exist=True)
    assert not (tmp_path / "nowhere").exists()


def test_checking_a_database_that_is_to_be_made_makes_nothing(tmp_path: Path) -> None:
    check_tracking_uri(local_tracking_uri(tmp_path / "deep" / "runs"))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"mlflow\.db: can't be used .*file is no folder"):
        check_tracking_uri(local_tracking_uri(tmp_path / "file" / "runs"))


def test_local_uri_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    uri = local_tracking_uri(Path("runs"))
    assert database_path(uri) == tmp_path.resolve() / "runs" / "mlflow.db"
    assert database_path("sqlite:///C:/runs/mlflow.db") == Path("C:/runs/mlflow.db").absolute()
    with pytest.raises(InputError, match="--runs"):
        local_tracking_uri(tmp_path / "50 % off")


def test_passwords_are_not_shown() -> None:
    assert without_password("at http://me:secret@host:5000/x") == "at http://me:***@host:5000/x"
    assert without_password("http://host:5000") == "http://host:5000"
