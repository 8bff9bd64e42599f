"""A trainable for Ray Tune that trains nothing; see `benchmarks.formula_trials`."""

import json
from typing import Any

from ray import tune

from benchmarks.formula_trials import formula_metrics
from spaces.configuration import TrialConfig
from trainables.ray_trainable import RECORD, TrialContext


class FormulaTrial(tune.Trainable):  # type: ignore[misc]
    """Takes jobs and gives records as `SegmentationTrial` does, at once; it keeps no checkpoints.

    A trial that goes on after a pause or a crash does so from its last reported step.
    """

    def setup(self, config: dict[str, Any], context: TrialContext | None = None) -> None:
        """Take the job."""
        assert context is not None  # noqa: S101 - always given through tune.with_parameters
        self._max_steps, self._eval_every = context.max_steps, context.eval_every
        self._trained = 0
        self._take(config["job"])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next job in the same process."""
        self._take(new_config["job"])
        return True

    def step(self) -> dict[str, Any]:
        """Report the next evaluation."""
        self._trained = min(self._max_steps, self._trained + self._eval_every)
        metrics = formula_metrics(self._config, self._seed, self._trained, self._max_steps)
        return {RECORD: json.dumps({"metrics": metrics, "notes": []})}

    def _take(self, job: dict[str, Any]) -> None:
        self._config = TrialConfig.model_validate(job["config"])
        self._seed = int(job["seed"])
        self._trained = int(job["reported_step"])
