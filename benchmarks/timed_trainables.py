"""Real trials on Ray Tune that note when each step of theirs began and ended."""

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spaces.configuration import TrialConfig
from trainables.ray_trainable import RECORD, SegmentationTrial, TrialContext

if TYPE_CHECKING:
    from trainables.data.batches import Batch
    from trainables.training.trainer import Trainer
    from trainables.training.training_step import StepResult

NOTES = "turnaround.jsonl"
"""Beside the checkpoints: `event` (`returned` a result, or began a `first_step`), `time`, `trial_id`, `step`, `pid`."""


class TimedTrial(SegmentationTrial):
    """A trial of a search, watched."""

    def step(self) -> dict[str, Any]:
        """Train to the next evaluation."""
        result = super().step()
        record = json.loads(result[RECORD])
        if "metrics" not in record:
            raise RuntimeError(f"the trial broke: {record}")
        self._note("returned", int(record["metrics"]["step"]))
        return result

    def _start(self) -> "Trainer":
        trainer = super()._start()
        training = trainer._training
        learn = training.learn

        def first(step: int, batch: "Batch") -> "StepResult":
            self._note("first_step", step)
            training.learn = learn  # type: ignore[method-assign]
            return learn(step, batch)

        training.learn = first  # type: ignore[method-assign]
        return trainer

    def _note(self, event: str, step: int) -> None:
        line = {
            "event": event,
            "time": time.time(),
            "trial_id": self._job["trial_id"],
            "step": step,
            "pid": os.getpid(),
        }
        folder = Path(self._context.storage)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / NOTES).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


class StockTrial(TimedTrial):
    """The same training where Ray's own searcher and scheduler decide: they read scores off the result itself."""

    def setup(self, config: dict[str, Any], context: TrialContext | None = None) -> None:
        """Take a job."""
        super().setup(_with_job(config, self.trial_id), context=context)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next job in the same process."""
        return super().reset_config(_with_job(new_config, self.trial_id))

    def step(self) -> dict[str, Any]:
        """Train to the next evaluation."""
        metrics = json.loads(super().step()[RECORD])["metrics"]
        step = int(metrics["step"])
        return {"step": step, "miou": metrics["miou"], "done": step >= self._context.max_steps}


def _with_job(config: dict[str, Any], trial_id: str) -> dict[str, Any]:
    drawn = {name: config[name] for name in ("learning_rate", "dice_weight")}
    job = {
        "trial_id": trial_id,
        "space": config["space"],
        "phase": "search",
        "role": "proposed",
        "seed": 0,
        "config": TrialConfig.model_validate(config["baseline"] | drawn).model_dump(mode="json"),
        "reported_step": 0,
    }
    return {"job": job}
