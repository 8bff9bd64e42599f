"""One trial as Ray Tune runs it: a thin cover of `trainables.trainer.Trainer`, one evaluation a step."""

import json
import traceback
from dataclasses import dataclass, field
from typing import Any, Literal

from ray import tune

from spaces.configuration import TrialConfig
from spaces.schedule import schedule_for
from trainables.checkpoint_store import BEST, LAST, open_store
from trainables.data.opening import DataSource, open_split

RECORD = "record"
"""Key of a Ray result under which a trial's message to the search stands, as JSON."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialContext:
    """What all trials of a search share.

    Attributes:
        data: Where the images come from.
        fingerprint: The data's, as the search saw it; a node with other data must not take part.
        split_by: What the split keeps together, `photo` or `capture`.
        split_seed: Its seed.
        split_hash: Hash of the split that the search uses; see `trainables.data.opening.split_hash`.
        encoder_states: Initial weights by encoder; those left out start at random.
        storage: Folder or URI of the checkpoints.
        max_steps: Optimiser steps of a full training.
        eval_every: Steps between evaluations.
        validation_windows: Evaluation windows at most; None for all.
        device: `cpu` or `cuda`.
        precision: `float32` or `bfloat16`.
        channels_last: Memory layout.
        threads: CPU threads of a trial, by space.
    """

    data: DataSource
    fingerprint: str
    split_by: str
    split_seed: int
    split_hash: str
    encoder_states: dict[str, dict[str, Any]]
    storage: str
    max_steps: int
    eval_every: int
    validation_windows: int | None
    device: str
    precision: Literal["float32", "bfloat16"]
    channels_last: bool
    threads: dict[str, int] = field(default_factory=dict)


class SegmentationTrial(tune.Trainable):  # type: ignore[misc]
    """Trains one trial after another in the same process, so that libraries and decoded images are loaded once.

    Its Ray configuration is `{"job": {trial_id, space, phase, role, seed, config, reported_step}}`. Each step trains to
    the next evaluation and returns one JSON record: `metrics`, for the last evaluation of a finalist `test`, and where
    the trial broke `stop_reason` (`diverged`, `out_of_memory` or `error`) with `error`. A checkpoint is kept after each
    evaluation before it is reported; a trial that has one goes on from it.
    """

    def setup(self, config: dict[str, Any], context: TrialContext | None = None) -> None:
        """Take the job; models and data are made in the first step, where an error can be reported."""
        assert context is not None  # noqa: S101 - always given through tune.with_parameters
        self._context = context
        self._job = config["job"]
        self._store = open_store(context.storage)
        self._data: Any = None
        self._trainer: Any = None
        self._unreported: dict[str, Any] | None = None

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next job in the same process; images stay decoded."""
        self._job = new_config["job"]
        self._trainer = None
        self._unreported = None
        return True

    def step(self) -> dict[str, Any]:
        """Train to the next evaluation."""
        return {RECORD: json.dumps(self._record())}

    def _record(self) -> dict[str, Any]:
        import torch

        from trainables.divergence import DivergedError

        try:
            if self._trainer is None:
                self._trainer = self._start()
            return self._advance()
        except DivergedError as error:
            return {"stop_reason": "diverged", "error": str(error)}
        except (torch.OutOfMemoryError, MemoryError) as error:
            return {"stop_reason": "out_of_memory", "error": str(error)}
        except Exception:  # noqa: BLE001 - one trial's failure is recorded; the search goes on
            return {"stop_reason": "error", "error": traceback.format_exc()}

    def _advance(self) -> dict[str, Any]:
        if self._unreported is not None:
            # A crash came between this evaluation's checkpoint and its report.
            record, self._unreported = self._unreported, None
            return record
        trial_id = self._job["trial_id"]
        untrained = self._untrained_miou()
        best_before = self._trainer.best_miou
        metrics = self._trainer.advance()
        record = {"metrics": metrics | untrained}
        if self._trainer.best_miou > best_before:
            self._store.write(trial_id, BEST, self._trainer.best_model_state())
        if self._trainer.finished and self._job["phase"] == "finalist":
            record["test"] = self._test()
        self._store.write(trial_id, LAST, {"trainer": self._trainer.state_dict(), "record": json.dumps(record)})
        return record

    def _untrained_miou(self) -> dict[str, float]:
        """What the baseline's network scores before its first step: the floor that training must leave behind."""
        if self._trainer.step > 0 or self._job["role"] != "baseline" or self._job["phase"] != "search":
            return {}
        return {"untrained_miou": float(self._trainer.evaluate("validation", best=False).miou)}

    def _test(self) -> dict[str, Any]:
        evaluation = self._trainer.evaluate("test", best=True)
        return {
            "groups": list(evaluation.groups),
            "confusion": [matrix.tolist() for matrix in evaluation.confusion],
        }

    def _start(self) -> Any:
        import torch

        from trainables.data.trial_data import TrialData
        from trainables.trainer import Trainer

        context = self._context
        if context.device == "cpu":
            torch.set_num_threads(max(1, context.threads.get(self._job["space"], 1)))
        if self._data is None:
            dataset, split = open_split(
                context.data,
                by=context.split_by,
                seed=context.split_seed,
                fingerprint=context.fingerprint,
                expected_hash=context.split_hash,
            )
            self._data = TrialData(dataset, split, validation_windows=context.validation_windows)
        config = TrialConfig.model_validate(self._job["config"])
        trainer = Trainer(
            config,
            schedule_for(config, max_steps=context.max_steps, eval_every=context.eval_every),
            self._data,
            seed=self._job["seed"],
            encoder_state=context.encoder_states.get(config.encoder),
            device=context.device,
            precision=context.precision,
            channels_last=context.channels_last,
        )
        kept = self._store.read(self._job["trial_id"], LAST)
        if kept is not None:
            trainer.load_state_dict(kept["trainer"])
            if trainer.step > self._job["reported_step"]:
                self._unreported = json.loads(kept["record"])
        return trainer
