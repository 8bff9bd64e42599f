"""Searches without Ray: settings, journals and trials whose curves are given by a formula."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from search.controller import SearchController
from search.history import SearchHistory, TrialJob, history_of
from search.schedulers.rungs import rungs
from search.settings import DataSettings, DeviceSettings, SearchSettings, SpaceSettings
from spaces.loading import load_spaces
from trainables.compute.layout_settings import LayoutSettings
from trainables.evaluation.settings import EvaluationSettings
from trainables.journal import Journal, read_journal

Curve = Callable[[TrialJob, int], float]
"""A trial's mIoU at a step."""


def make_settings(spaces: str = "unet", **changes: Any) -> SearchSettings:
    """Settings of a small search; `changes` replace entries."""
    chosen = load_spaces(spaces)
    names = [space.name for space in chosen]
    content: dict[str, Any] = {
        "name": "example",
        "created": "2026-01-31T12:00:00+00:00",
        "command": ("python", "-m", "search.run", "--space", spaces),
        "preset": "demo",
        "spaces": {space.name: SpaceSettings.of(space) for space in chosen},
        "trials_per_space": 6,
        "max_steps": 90,
        "eval_every": 10,
        "grace_steps": 10,
        "reduction_factor": 3,
        "rungs": rungs(10, 90, 10),
        "scheduler": "asha",
        "search_alg": "random",
        "seed": 0,
        "finalist_seeds": 2,
        "validation_windows": None,
        "data": DataSettings(
            description="example",
            fingerprint="f",
            split_by="photo",
            split_hash="s",
            classes=({"name": "background", "colour": [0, 0, 0]}, {"name": "crop", "colour": [9, 9, 9]}),
            images={"train": 2, "validation": 1, "test": 1, "unlabelled": 1},
        ),
        "encoder_weights": "none",
        "encoder_hashes": {},
        "equal_starts": True,
        "storage": "trials",
        "tracking_uri": "sqlite:///mlflow.db",
        "device": DeviceSettings(
            description="2 CPU cores",
            kind="cpu",
            cpus_per_trial=dict.fromkeys(names, 1.0),
            gpus_per_trial=dict.fromkeys(names, 0.0),
            concurrent_trials=2,
            precision="float32",
            image_cache_gb=1.0,
        ),
        "evaluation": EvaluationSettings(),
        "layouts": {
            name: LayoutSettings(
                precision="float32", channels_last=False, compiled=False, reason="as recommended", measured=()
            )
            for name in names
        },
        "deployment": None,
        "versions": {},
    }
    return SearchSettings(**(content | changes))


def rising(job: TrialJob, step: int) -> float:
    """A curve that rises with the step, to a height that depends on the configuration."""
    height = 0.3 + 0.3 * job.config.dice_weight + 0.1 * job.config.scale_low
    return height * step / (step + 20)


def at_once(settings: SearchSettings, workers: int) -> SearchSettings:
    """The same search with so many trials at once."""
    device = settings.device.model_copy(update={"concurrent_trials": workers})
    return settings.model_copy(update={"device": device})


@contextmanager
def driven(settings: SearchSettings, folder: Path, *, phase: str | None = "search") -> Iterator[SearchController]:
    """A controller that goes on from a folder's journal, in a phase or before any."""
    with Journal(folder) as journal:
        controller = SearchController(settings, history_of(read_journal(folder)), journal.append)
        if phase is not None:
            controller.begin_phase(phase)
        yield controller


def start_next(controller: SearchController) -> TrialJob:
    """Start the next trial, which there must be."""
    job = controller.next_trial()
    assert job is not None
    controller.started(job.trial_id)
    return job


class KilledError(Exception):
    """The search's process dies here."""


class LocalRun:
    """Runs the controller's trials in turn, one evaluation at a time, against a journal in a folder."""

    def __init__(self, settings: SearchSettings, folder: Path, curve: Curve = rising) -> None:
        self.settings = settings
        self.folder = folder
        self.curve = curve
        self.reports = 0

    def history(self) -> SearchHistory:
        """The history as the journal on disk has it."""
        return history_of(read_journal(self.folder))

    def run(self, *, phases: tuple[str, ...] = ("search",), die_after: int | None = None) -> SearchHistory:
        """Run phases to their ends; `die_after` that many reports the process is killed."""
        with Journal(self.folder) as journal:
            history = self.history()
            controller = SearchController(self.settings, history, journal.append)
            for phase in phases:
                controller.begin_phase(phase)
                self._run_phase(controller, die_after)
                assert controller.phase_done()
            return history

    def _run_phase(self, controller: SearchController, die_after: int | None) -> None:
        running: dict[str, tuple[TrialJob, int]] = {}
        while not controller.phase_done():
            while (job := controller.next_trial()) is not None:
                controller.started(job.trial_id)
                running[job.trial_id] = (job, controller.history.trials[job.trial_id].step)
            for trial_id, (job, step) in list(running.items()):
                goes_on = self._evaluate(controller, job, step + self.settings.eval_every)
                running[trial_id] = (job, step + self.settings.eval_every)
                if not goes_on:
                    del running[trial_id]
                self.reports += 1
                if die_after is not None and self.reports >= die_after:
                    raise KilledError

    def _evaluate(self, controller: SearchController, job: TrialJob, step: int) -> bool:
        miou = self.curve(job, step)
        if miou != miou:  # noqa: PLR0124 - NaN
            controller.ended(job.trial_id, "diverged", "loss is NaN")
            return False
        if job.phase == "finalist" and step >= self.settings.max_steps:
            controller.tested(job.trial_id, {"groups": ["a"], "confusion": [[[5, 1], [2, 7]]]})
        metrics: Mapping[str, float] = {"step": step, "miou": miou, "best_miou": miou}
        return controller.reported(job.trial_id, metrics)
