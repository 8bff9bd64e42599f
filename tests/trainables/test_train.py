"""A full training by its command: what it leaves behind, and how it ends."""

import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from spaces.configuration import TrialConfig
from tests.trainables.small_trial import small_config
from tests.trainables.training_command import evaluations, events, resume, train, write_small_config
from trainables.checkpoint import read_checkpoint
from trainables.compute import layout_measurement
from trainables.compute.layout_measurement import LayoutChoice
from trainables.compute.precision import PLAIN_LAYOUT
from trainables.full_training.configuration_file import TrainingData, TrialFile, TrialOrigin, write_trial_file
from trainables.models import create_model
from trainables.tracking import delivery as tracking_delivery
from trainables.tracking.client import TrackingUnavailable, connect
from trainables.tracking.training_recorder import TrainingRecorder
from trainables.tracking.uri import local_tracking_uri
from trainables.train import main
from trainables.training.trainer import Trainer

if TYPE_CHECKING:
    from mlflow.entities import Run

pytestmark = pytest.mark.usefixtures("small_model", "in_folder", "plain_layout")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, with_database: Callable[[Path], Path]) -> Path:
    """One for all tests here; each training has a name of its own."""
    folder = tmp_path_factory.mktemp("trainings")
    with_database(folder / "runs")
    return folder


@pytest.fixture
def in_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def plain_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured layouts would differ between trainings that a test compares."""

    def choose(*_: object, **__: object) -> LayoutChoice:
        return LayoutChoice(PLAIN_LAYOUT, measured=(), reason="as the test says")

    monkeypatch.setattr(layout_measurement, "choose_layout", choose)


def mlflow_run(name: str) -> "Run":
    client = connect(local_tracking_uri(Path("runs")), must_exist=True)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    (run,) = client.search_runs(experiments, f"tags.training = '{name}'")
    return run


def points(run: "Run", metric: str) -> list[tuple[int, float]]:
    client = connect(local_tracking_uri(Path("runs")), must_exist=True)
    return [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, metric)]


def ended_at(monkeypatch: pytest.MonkeyPatch, step: int, error: BaseException) -> None:
    """Let an error come in the midst of the training that follows a step's evaluation."""
    advance = Trainer.advance

    def broken(self: Trainer) -> dict[str, float]:
        if self.step == step:
            raise error
        return advance(self)

    monkeypatch.setattr(Trainer, "advance", broken)


def test_a_training_leaves_record_settings_and_best_model(in_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(write_small_config(in_folder), "whole", "--evaluate-test") == 0
    told = capsys.readouterr().out.splitlines()
    folder = Path("runs") / "whole"
    journal = events("whole")
    assert [event["event"] for event in journal] == ["opened", *["evaluated"] * 3, "tested", "ended"]
    assert [event["step"] for event in journal[1:4]] == [2, 4, 6]
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    assert TrialConfig.model_validate(settings["config"]) == small_config()
    assert settings["max_steps"] == 6
    assert settings["versions"]["torch"] == importlib.metadata.version("torch")
    state = read_checkpoint(folder / "best.pt")
    best = max(journal[1:4], key=lambda event: event["miou"])
    assert (state["step"], state["miou"]) == (best["step"], best["miou"])
    model = create_model(TrialConfig.model_validate(state["config"]), classes=len(state["classes"]["names"]))
    model.load_state_dict(state["model"])
    assert not (folder / "last.pt").exists()
    assert [line for line in told if line.startswith("step ")][1].startswith("step 4 of 6: mIoU ")
    assert f"best model: {folder / 'best.pt'}" in told
    assert f"best foreground mIoU {best['miou']:.4f} on validation, at step {best['step']} of 6" in told
    assert told[-1] == "MLflow UI: python -m search.ui --runs runs"
    tested = json.loads((folder / "test.json").read_text(encoding="utf-8"))
    assert sum(map(sum, tested["confusion"][0])) > 0
    assert f"foreground mIoU {tested['metrics']['test_miou']:.4f} on the test part" in told
    assert len(list((folder / "panels").glob("*.png"))) == 3


def test_mlflow_has_one_run_of_its_own_kind(in_folder: Path) -> None:
    assert train(write_small_config(in_folder), "recorded", "--evaluate-test") == 0
    run = mlflow_run("recorded")
    assert run.info.status == "FINISHED"
    assert (run.data.tags["kind"], run.data.tags["architecture"]) == ("training", "small")
    assert run.data.params["crop_size"] == "32"
    assert run.data.params["training.max_steps"] == "6"
    assert points(run, "miou") == [(event["step"], event["miou"]) for event in evaluations(events("recorded"))]
    assert "test_miou" in run.data.metrics
    client = connect(local_tracking_uri(Path("runs")))
    kept = {
        item.path
        for folder in (None, "checkpoint", "panels")
        for item in client.list_artifacts(run.info.run_id, folder)
    }
    assert {"settings.json", "test.json", "checkpoint/best.pt", "panels/best-1.png", "panels/captions.json"} <= kept


def test_the_test_part_is_left_alone_unless_asked_for(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = []
    evaluate = Trainer.evaluate

    def watched(self: Trainer, part: Any, *, best: bool) -> Any:
        parts.append(part)
        return evaluate(self, part, best=best)

    monkeypatch.setattr(Trainer, "evaluate", watched)
    assert train(write_small_config(in_folder), "untested") == 0
    assert set(parts) == {"validation"}


@pytest.mark.parametrize("strategy", ["classwise", "off"])
def test_a_training_that_was_interrupted_ends_as_if_it_had_not_been(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], strategy: str
) -> None:
    config = write_small_config(in_folder, threshold_strategy=strategy)
    whole, cut = f"whole-{strategy}", f"cut-{strategy}"
    assert train(config, whole) == 0
    with monkeypatch.context() as patched:
        ended_at(patched, 4, KeyboardInterrupt())
        assert train(config, cut) == 130
    assert mlflow_run(cut).info.status == "KILLED"
    assert f"go on with: python -m trainables.train --resume --name {cut}" in capsys.readouterr().out
    assert resume(cut) == 0
    assert evaluations(events(cut)) == evaluations(events(whole))
    one, other = (read_checkpoint(Path("runs") / name / "best.pt") for name in (whole, cut))
    assert one["step"] == other["step"]
    assert all(torch.equal(one["model"][key], other["model"][key]) for key in one["model"])
    run = mlflow_run(cut)
    assert run.info.status == "FINISHED"
    assert [step for step, _ in points(run, "miou")] == [2, 4, 6]


def test_an_evaluation_whose_line_a_crash_left_out_is_told_not_trained_again(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        ended_at(patched, 4, KeyboardInterrupt())
        assert train(write_small_config(in_folder), "torn") == 130
    expected = evaluations(events("torn"))
    record = Path("runs/torn/metrics.jsonl")
    lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
    # As a kill leaves it between the checkpoint of step 4 and its line.
    record.write_text("".join(lines[:2]) + lines[2][:40], encoding="utf-8")
    assert resume("torn") == 0
    told = evaluations(events("torn"))
    assert [entry["step"] for entry in told] == [2, 4, 6]
    assert told[:2] == expected


def test_a_training_that_ended_before_its_first_evaluation_begins_again(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        ended_at(patched, 0, KeyboardInterrupt())
        assert train(write_small_config(in_folder), "early") == 130
    assert resume("early") == 0
    assert [event["step"] for event in evaluations(events("early"))] == [2, 4, 6]


def test_mlflow_may_be_away_and_gets_the_rest_later(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(tracking_delivery, "RETRY_SECONDS", 0.01)
        patched.setattr(tracking_delivery, "PATIENCE_SECONDS", 0.2)

        def away(*_: object) -> None:
            raise TrackingUnavailable("the server is away")

        patched.setattr(TrainingRecorder, "log_evaluation", away)
        assert train(write_small_config(in_folder), "alone") == 0
    told = capsys.readouterr()
    assert "not all is in MLflow" in told.err
    assert "--resume --name alone" in told.err
    assert read_checkpoint(Path("runs/alone/best.pt"))["miou"] > 0
    assert mlflow_run("alone").info.status == "RUNNING"
    assert resume("alone") == 0
    assert "finished" in capsys.readouterr().out
    run = mlflow_run("alone")
    assert run.info.status == "FINISHED"
    assert [step for step, _ in points(run, "miou")] == [2, 4, 6]
    assert resume("alone") == 0
    assert [step for step, _ in points(mlflow_run("alone"), "miou")] == [2, 4, 6]


def test_a_loss_that_is_no_number_is_one_line_and_names_what_is_kept(
    in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_small_config(in_folder, learning_rate=1.0, decoder_learning_rate_factor=1e30, warmup_steps=75_000)
    assert train(config, "wild") == 1
    told = capsys.readouterr()
    assert told.err.startswith("failed: the ")
    assert "not finite" in told.err
    assert told.err.count("\n") == 1
    assert events("wild")[-1]["stop_reason"] == "diverged"
    assert mlflow_run("wild").info.status == "FAILED"


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()], ids=["GPU", "CPU"])
def test_too_little_memory_is_one_line_and_the_training_can_go_on(
    in_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    name = type(error).__name__
    with monkeypatch.context() as patched:
        ended_at(patched, 2, error)
        assert train(write_small_config(in_folder), name) == 1
    told = capsys.readouterr()
    assert "batch_size" in told.err
    assert told.err.count("\n") == 1
    assert f"best model: {Path('runs') / name / 'best.pt'}" in told.out
    assert events(name)[-1]["stop_reason"] == "out_of_memory"
    assert resume(name) == 0


def test_a_bug_is_journaled_before_it_is_raised(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended_at(monkeypatch, 2, ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        train(write_small_config(in_folder), "bug")
    assert events("bug")[-1]["error"] == "ZeroDivisionError: a bug"
    assert mlflow_run("bug").info.status == "FAILED"


def test_a_trial_of_a_search_is_trained_again_by_its_file_alone(in_folder: Path) -> None:
    assert train(write_small_config(in_folder), "trial", "--seed", "3", "--split-seed", "1") == 0
    data = json.loads(Path("runs/trial/settings.json").read_text(encoding="utf-8"))["data"]
    path = in_folder / "small.yaml"
    trial = TrialFile(
        trial=TrialOrigin(search="first", trial_id="small-003", space="small", seed=3, best_miou=0.5, step=6),
        data=TrainingData.model_validate(data),
        encoder_weights="none",
        config=small_config(),
    )
    write_trial_file(path, trial, command=("python", "-m", "trainables.train"))
    assert train(str(path), "again") == 0
    assert evaluations(events("again")) == evaluations(events("trial"))
    tags = mlflow_run("again").data.tags
    assert (tags["source_search"], tags["source_trial_id"], tags["space"]) == ("first", "small-003", "small")
    other = trial.model_copy(update={"data": trial.data.model_copy(update={"fingerprint": "0123"})})
    write_trial_file(path, other, command=())
    with pytest.raises(Exception, match="not the data that the trial was trained on"):
        train(str(path), "other")
    assert not Path("runs/other").exists()


def test_a_running_training_is_not_run_twice(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = []
    advance = Trainer.advance

    def meanwhile(self: Trainer) -> dict[str, float]:
        if not refusals:
            with pytest.raises(Exception, match="being run by another process") as caught:
                main(["--resume", "--name", "busy"])
            refusals.append(caught)
        return advance(self)

    monkeypatch.setattr(Trainer, "advance", meanwhile)
    assert train(write_small_config(in_folder), "busy") == 0
    assert refusals
