"""The controller's trials on Ray Tune: covers of Tune's searcher and scheduler interfaces, and the run of a phase."""

import contextlib
import json
import logging
import os
import signal
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.callback import Callback
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from search.controller import SearchController
from search.history import TrialJob
from search.settings import SearchSettings
from trainables.ray_trainable import RECORD, SegmentationTrial, TrialContext
from trainables.shared_files import is_uri

WORKER_DEATHS = 3
"""Times in a row, without a new evaluation between, that a trial is started again after its process or node died.

A trial that gets on is started again as often as nodes are lost; one that breaks its process at the same place each
time ends.
"""


_TUNE_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGUSR1") if hasattr(signal, name)]


def run_phase(
    settings: SearchSettings,
    controller: SearchController,
    context: TrialContext,
    trainable: type[tune.Trainable] = SegmentationTrial,
) -> None:
    """Run all trials of the controller's phase; returns when they ended, or early when the search was halted.

    Ray keeps no record that matters: the journal does. Its own files go into a folder of their own. A trial that pauses
    ends for Ray, which frees its resources and process; when it goes on it is a new one for Ray, that starts from the
    checkpoint. So none of Ray's own rules for paused trials apply.

    Args:
        settings: The search.
        controller: Says what runs.
        context: What all trials share.
        trainable: What trains a trial, with the results and the `context` of `SegmentationTrial`.
    """
    # A trial that waits for a whole GPU must not keep those that need less from being made.
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(max(1, settings.device.concurrent_trials))
    for name in ("ray.tune", "ray.tune.execution", "ray.tune.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with_resources = tune.with_resources(
        tune.with_parameters(trainable, context=context),
        lambda config: _resources(settings, config["job"]["space"]),
    )
    # Tune puts its own handlers in place and leaves them there: Ctrl-C must work again afterwards.
    before = {number: signal.getsignal(number) for number in _TUNE_SIGNALS}
    try:
        with _ray_folder(settings) as folder:
            _tuner(with_resources, settings, controller, folder).fit()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tuner(trainable: Any, settings: SearchSettings, controller: SearchController, folder: str) -> tune.Tuner:
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            num_samples=-1,
            search_alg=_ControllerSearcher(controller),
            scheduler=_ControllerScheduler(controller),
            reuse_actors=True,
            trial_name_creator=_trial_name,
            trial_dirname_creator=_trial_name,
        ),
        run_config=tune.RunConfig(
            name=f"{settings.name}-{uuid.uuid4().hex[:8]}",
            storage_path=folder,
            callbacks=[_ControllerCallback(controller)],
            stop=_HaltedStopper(controller),
            failure_config=tune.FailureConfig(max_failures=WORKER_DEATHS),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
            verbose=0,
        ),
    )


@contextlib.contextmanager
def _ray_folder(settings: SearchSettings) -> Iterator[str]:
    """Where Ray keeps its own files, which nobody reads: never behind a URI, where it would write them all the time."""
    if is_uri(settings.storage):
        with tempfile.TemporaryDirectory(prefix="segpareto-ray-", ignore_cleanup_errors=True) as folder:
            yield folder
    else:
        yield str(Path(settings.storage).parent / "ray")


def _resources(settings: SearchSettings, space: str) -> tune.PlacementGroupFactory:
    device = settings.device
    bundle = {"CPU": device.cpus_per_trial[space], "GPU": device.gpus_per_trial[space]}
    return tune.PlacementGroupFactory([{name: amount for name, amount in bundle.items() if amount > 0}])


def _trial_name(trial: Trial) -> str:
    return str(trial.config["job"]["trial_id"])


def _job_config(job: TrialJob, reported_step: int) -> dict[str, Any]:
    return {
        "job": {
            "trial_id": job.trial_id,
            "space": job.space,
            "phase": job.phase,
            "role": job.role,
            "seed": job.seed,
            "config": job.config.model_dump(mode="json"),
            "reported_step": reported_step,
        }
    }


class _Held:
    """Holds the controller for objects that Ray pickles into its own snapshot.

    The snapshot is never restored from (the journal is), and the controller, with its open journal, can't be pickled:
    it is left out.
    """

    def __init__(self, controller: SearchController | None) -> None:
        self._controller = controller

    @property
    def controller(self) -> SearchController:
        """The controller."""
        if self._controller is None:
            raise RuntimeError("a search is resumed from its journal, never from Ray's snapshot")
        return self._controller

    def __reduce__(self) -> tuple[type["_Held"], tuple[None]]:
        return (_Held, (None,))

    def __deepcopy__(self, memo: dict[int, Any]) -> "_Held":
        return self


class _ControllerSearcher(Searcher):  # type: ignore[misc]
    """Hands the controller's trials to Tune. What comes of them the scheduler takes in, not the searcher."""

    def __init__(self, controller: SearchController) -> None:
        super().__init__(metric=None, mode=None)
        self._held = _Held(controller)

    def set_max_concurrency(self, max_concurrent: int) -> bool:
        """The controller limits itself."""
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial, None for now, or FINISHED, after which Tune never asks again."""
        controller = self._held.controller
        job = controller.next_trial()
        if job is not None:
            return _job_config(job, controller.history.trials[job.trial_id].step)
        # Where nothing runs, Tune waits up to ten minutes for an answer other than None and looks at nothing else.
        return str(Searcher.FINISHED) if controller.halted or controller.phase_done() else None

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Nothing to do: the journal has it."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the journal has it."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore: the journal has it."""


class _ControllerScheduler(FIFOScheduler):  # type: ignore[misc]
    """Takes each evaluation to the controller and stops what it says must stop."""

    def __init__(self, controller: SearchController) -> None:
        super().__init__()
        self._held = _Held(controller)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Journal an evaluation and decide; every ending of a trial in good order passes through here."""
        trial_id = _trial_name(trial)
        record = json.loads(result[RECORD])
        if "disk_full" in record:
            self._held.controller.halt(record["disk_full"])
            return str(TrialScheduler.STOP)
        if "stop_reason" in record:
            self._held.controller.ended(trial_id, record["stop_reason"], record.get("error"))
            return str(TrialScheduler.STOP)
        for note in record["notes"]:
            self._held.controller.noted(trial_id, note)
        if "test" in record:
            self._held.controller.tested(trial_id, record["test"])
        before = self._held.controller.history.trials[trial_id].step
        goes_on = self._held.controller.reported(trial_id, record["metrics"])
        if self._held.controller.history.trials[trial_id].step > before:
            trial.run_metadata.num_failures = 0
        return str(TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Journal a trial whose process died more often than it may; Tune starts others again by itself."""
        if trial.should_recover():
            return
        error = trial.get_error()
        self._held.controller.ended(_trial_name(trial), "error", f"the trial's process died: {error}")


class _HaltedStopper(tune.Stopper):  # type: ignore[misc]
    """Ends Tune's run when the controller was halted; single trials are the scheduler's."""

    def __init__(self, controller: SearchController) -> None:
        self._held = _Held(controller)

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Never ends a trial."""
        return False

    def stop_all(self) -> bool:
        """Whether the search was halted."""
        return self._held.controller.halted is not None


class _ControllerCallback(Callback):  # type: ignore[misc]
    """Tells the controller when a trial starts or starts again, and keeps Tune's own memory small."""

    def __init__(self, controller: SearchController) -> None:
        self._held = _Held(controller)

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Journal the start."""
        self._held.controller.started(_trial_name(trial))

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Forget what Tune keeps of every ended trial to the end: averages of its metrics, and the last record."""
        kept = trial.run_metadata
        kept.metric_analysis, kept.metric_n_steps = {}, {}
        kept.last_result = {name: value for name, value in kept.last_result.items() if name != RECORD}
