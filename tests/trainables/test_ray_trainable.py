"""One trial as Ray runs it, without Ray: jobs in, JSON records out."""

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.trainables.small_trial import SmallDataset, small_config, small_split
from trainables import ray_trainable
from trainables.checkpoint_store import BEST, LAST, FolderStore
from trainables.compute.precision import ComputeLayout
from trainables.data.loader import BatchLoader
from trainables.data.opening import DataSource
from trainables.evaluation.settings import EvaluationSettings
from trainables.ray_trainable import RECORD, SegmentationTrial, TrialContext
from trainables.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("small_model")


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrialContext:
    def open_small(source: DataSource, **expected: Any) -> tuple[SmallDataset, Any]:
        dataset = SmallDataset()
        return dataset, small_split(dataset)

    monkeypatch.setattr(ray_trainable, "open_split", open_small)
    return TrialContext(
        data=DataSource(),
        fingerprint="0123",
        split_by="photo",
        split_seed=0,
        split_hash="",
        encoder_states={},
        storage=str(tmp_path / "trials"),
        max_steps=6,
        eval_every=2,
        validation_windows=None,
        device="cpu",
        layouts={"small": ComputeLayout("float32", channels_last=False)},
        evaluation=EvaluationSettings(),
        loader_workers=0,
        image_cache_bytes=0,
        threads={"small": 1},
    )


def job(trial_id: str = "small-000", *, reported_step: int = 0, **changes: Any) -> dict[str, Any]:
    content = {
        "trial_id": trial_id,
        "space": "small",
        "phase": "search",
        "role": "proposed",
        "seed": 0,
        "config": small_config().model_dump(mode="json"),
        "reported_step": reported_step,
    }
    return {"job": content | changes}


def make_trial(context: TrialContext, config: dict[str, Any]) -> SegmentationTrial:
    # Ray makes trials in a process of its own; here only what is ours is set up.
    trial = SegmentationTrial.__new__(SegmentationTrial)
    trial.setup(config, context=context)
    return trial


def record(trial: SegmentationTrial) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(trial.step()[RECORD])
    return content


def same_but_for_time(one: dict[str, Any], other: dict[str, Any]) -> bool:
    timed = {"steps_per_second", "train_seconds", "data_wait_seconds", "evaluation_seconds"}
    return {k: v for k, v in one.items() if k not in timed} == {k: v for k, v in other.items() if k not in timed}


def test_each_step_trains_to_an_evaluation_and_leaves_a_checkpoint(context: TrialContext) -> None:
    trial = make_trial(context, job())
    store = FolderStore(Path(context.storage))
    for step in (2, 4, 6):
        assert record(trial)["metrics"]["step"] == step
        assert store.read("small-000", LAST) is not None
    assert store.read("small-000", BEST) is not None


def test_the_next_job_in_the_same_process_trains_as_in_a_fresh_one(context: TrialContext) -> None:
    fresh = record(make_trial(context, job("small-001", seed=5)))
    used = make_trial(context, job())
    record(used)
    assert used.reset_config(job("small-002", seed=5))
    assert same_but_for_time(record(used)["metrics"], fresh["metrics"])


def test_a_trial_goes_on_from_its_checkpoint_in_another_process(context: TrialContext) -> None:
    whole = make_trial(context, job("small-001"))
    expected = [record(whole) for _ in range(3)][-1]
    record(make_trial(context, job()))
    resumed = make_trial(context, job(reported_step=2))
    assert record(resumed)["metrics"]["step"] == 4
    assert same_but_for_time(record(resumed)["metrics"], expected["metrics"])


def test_an_evaluation_whose_report_was_lost_is_reported_again_not_trained_again(context: TrialContext) -> None:
    lost = record(make_trial(context, job()))
    again = record(make_trial(context, job(reported_step=0)))
    assert again == lost


def falling_from(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Let no evaluation from a step on be the best."""
    evaluated = Trainer._timed_evaluation

    def falling(self: Trainer) -> Any:
        evaluation = evaluated(self)
        if self.step < step:
            return evaluation
        return replace(evaluation, photo_confusion=np.roll(np.eye(4, dtype=np.int64), 1, axis=0)[None])

    monkeypatch.setattr(Trainer, "_timed_evaluation", falling)


def test_the_best_weights_are_kept_once_and_come_back(context: TrialContext, monkeypatch: pytest.MonkeyPatch) -> None:
    falling_from(monkeypatch, 4)
    store = FolderStore(Path(context.storage))
    trial = make_trial(context, job())
    record(trial)
    first, best = store.read("small-000", LAST), store.read("small-000", BEST)
    assert first is not None
    assert best is not None
    average = first["trainer"]["training"]["average"]["model"]
    for name, value in first["trainer"]["best_state"].items():
        assert torch.equal(value, best["model"][name])
        assert value.data_ptr() == average[name].data_ptr(), "one storage in the file"
    record(trial)
    second = store.read("small-000", LAST)
    assert second is not None
    assert second["trainer"]["best_state"] is None
    assert second["trainer"]["best_step"] == 2
    resumed = make_trial(context, job(reported_step=4))
    last = record(resumed)["metrics"]
    assert last["step"] == 6
    assert last["best_miou"] == best["miou"]
    kept = resumed._trainer.best_model_state()  # type: ignore[union-attr]
    assert kept["step"] == 2
    assert all(torch.equal(value, best["model"][name]) for name, value in kept["model"].items())


@pytest.mark.parametrize("written", [0, 1, 2, 3])
def test_a_crash_between_any_two_checkpoints_loses_nothing(
    context: TrialContext, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    """The process dies when it has written so many of its four files: two after each of two evaluations."""
    straight = make_trial(context, job("small-001"))
    expected = [record(straight) for _ in range(3)]
    count = 0
    write = FolderStore.write

    def dying(self: FolderStore, *content: Any) -> None:
        nonlocal count
        if count == written:
            raise KeyboardInterrupt
        count += 1
        write(self, *content)

    trial = make_trial(context, job())
    reported = 0
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(FolderStore, "write", dying)
        for _ in range(3):
            reported = record(trial)["metrics"]["step"]
    again = make_trial(context, job(reported_step=reported))
    records = [record(again) for _ in range(3 - reported // 2)]
    for mine, theirs in zip(records, expected[reported // 2 :], strict=True):
        assert same_but_for_time(mine["metrics"], theirs["metrics"])
    store = FolderStore(Path(context.storage))
    mine, theirs = store.read("small-000", BEST), store.read("small-001", BEST)
    assert mine is not None
    assert theirs is not None
    assert mine["step"] == theirs["step"]
    assert all(torch.equal(value, theirs["model"][name]) for name, value in mine["model"].items())


@pytest.mark.parametrize("file_name", [LAST, BEST])
def test_a_full_disk_is_not_the_trials_own_error_and_it_goes_on_when_there_is_room(
    context: TrialContext, monkeypatch: pytest.MonkeyPatch, file_name: str
) -> None:
    expected = record(make_trial(context, job("small-001")))
    write = FolderStore.write

    def full(self: FolderStore, trial_id: str, name: str, state: dict[str, Any]) -> None:
        if name != file_name:
            write(self, trial_id, name, state)
            return
        # As torch.save tells of it.
        error = RuntimeError("unexpected pos 704 vs 598")
        error.__context__ = OSError(errno.ENOSPC, "No space left on device")
        raise error

    trial = make_trial(context, job())
    with monkeypatch.context() as patched:
        patched.setattr(FolderStore, "write", full)
        outcome = record(trial)
    assert list(outcome) == ["disk_full"]
    assert outcome["disk_full"] == (
        f"{context.storage}: no room for {file_name} of trial small-000 (No space left on device)"
    )
    again = record(trial)
    assert same_but_for_time(again["metrics"], expected["metrics"])
    assert FolderStore(Path(context.storage)).read("small-000", BEST) is not None


def test_a_store_that_fails_otherwise_is_an_error_of_the_trial(
    context: TrialContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: FolderStore, *content: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(FolderStore, "write", broken)
    outcome = record(make_trial(context, job()))
    assert outcome["stop_reason"] == "error"
    assert "Permission denied" in outcome["error"]


def test_a_finalist_is_tested_after_its_last_step_with_its_best_weights(context: TrialContext) -> None:
    trial = make_trial(context, job(phase="finalist", role="best"))
    records = [record(trial) for _ in range(3)]
    assert ["test" in entry for entry in records] == [False, False, True]
    test = records[-1]["test"]
    assert len(test["groups"]) == len(test["confusion"]) > 0
    assert sum(sum(row) for row in test["confusion"][0]) > 0


def test_the_baseline_tells_what_its_network_scores_untrained(context: TrialContext) -> None:
    trial = make_trial(context, job(role="baseline"))
    assert 0 <= record(trial)["metrics"]["untrained_miou"] <= 1
    assert "untrained_miou" not in record(trial)["metrics"]


def test_a_loss_that_is_no_number_is_a_diverged_trial(context: TrialContext) -> None:
    config = small_config().model_dump(mode="json") | {"learning_rate": 1.0, "decoder_learning_rate_factor": 1e30}
    trial = make_trial(context, job(config=config))
    outcome = record(trial)
    while "stop_reason" not in outcome:
        outcome = record(trial)
    assert outcome["stop_reason"] == "diverged"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("a bug"), "error"),
        (torch.OutOfMemoryError("CUDA out of memory"), "out_of_memory"),
        (MemoryError(), "out_of_memory"),
    ],
)
def test_an_exception_is_recorded_and_the_process_takes_the_next_job(
    context: TrialContext, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    trial = make_trial(context, job())

    def broken(self: Trainer) -> dict[str, float]:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "advance", broken)
        outcome = record(trial)
    assert outcome["stop_reason"] == reason
    if reason == "error":
        assert "Traceback" in outcome["error"]
        assert "a bug" in outcome["error"]
    trial.reset_config(job("small-003"))
    assert record(trial)["metrics"]["step"] == 2


def test_data_and_loader_stay_between_jobs_and_are_closed_at_the_end(
    context: TrialContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def opening(source: DataSource, **expected: Any) -> Any:
        opened.append(source)
        dataset = SmallDataset()
        return dataset, small_split(dataset)

    monkeypatch.setattr(ray_trainable, "open_split", opening)
    trial = make_trial(context, job())
    record(trial)
    loader = trial._loader
    trial.reset_config(job("small-004"))
    record(trial)
    assert trial._loader is loader
    assert len(opened) == 1
    closed = []

    def close(loader: BatchLoader) -> None:
        closed.append(loader)

    monkeypatch.setattr(BatchLoader, "close", close)
    trial.cleanup()
    assert closed == [loader]
    trial.cleanup()
    assert closed == [loader]


def test_each_space_is_computed_in_its_own_layout_and_evaluated_as_asked(
    context: TrialContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, Any]] = []

    def making(*arguments: Any, **options: Any) -> Trainer:
        made.append(options)
        return Trainer(*arguments, **options)

    monkeypatch.setattr("trainables.training.trainer.Trainer", making)
    half = ComputeLayout("bfloat16", channels_last=True)
    evaluation = EvaluationSettings(overlap=0.5)
    context = replace(context, layouts=context.layouts | {"other": half}, evaluation=evaluation)
    trial = make_trial(context, job())
    record(trial)
    trial.reset_config(job("other-000", space="other"))
    record(trial)
    assert [options["layout"] for options in made] == [context.layouts["small"], half]
    assert [options["evaluation"] for options in made] == [evaluation, evaluation]


def test_memory_that_runs_out_is_noted_while_the_trial_goes_on(
    context: TrialContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = make_trial(context, job(config=small_config(batch_size=4).model_dump(mode="json")))
    assert record(trial)["notes"] == []
    model = trial._trainer._training.model  # type: ignore[union-attr]
    forward = model.forward

    def small_memory(images: torch.Tensor, *scales: Any) -> torch.Tensor:
        if len(images) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(images, *scales)

    monkeypatch.setattr(model, "forward", small_memory)
    outcome = record(trial)
    assert outcome["metrics"]["micro_batch"] == 2
    assert outcome["notes"] == ["memory ran out: 2 of 8 crops at a time"]


@pytest.mark.slow
def test_loader_workers_change_nothing_but_the_speed(context: TrialContext) -> None:
    alone = record(make_trial(context, job("small-001")))
    trial = make_trial(replace(context, loader_workers=1, image_cache_bytes=10_000_000), job("small-002"))
    assert same_but_for_time(record(trial)["metrics"], alone["metrics"])
    trial.cleanup()
