"""One trial as Ray Tune runs it: a thin cover of `trainables.training.trainer.Trainer`, one evaluation a step."""

import json
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ray import tune

from spaces.configuration import TrialConfig
from spaces.schedule import schedule_for
from trainables.checkpoint_store import BEST, LAST, open_store
from trainables.data.opening import DataSource, open_split
from trainables.evaluation.settings import EvaluationSettings
from trainables.full_disk import FullDiskError, full_disk_error
from trainables.tracking.uri import without_password

if TYPE_CHECKING:
    from trainables.compute.precision import ComputeLayout
    from trainables.data.loader import BatchLoader
    from trainables.data.trial_data import TrialData
    from trainables.training.trainer import Trainer

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
        layouts: How the networks of each space are computed.
        evaluation: How validation and test predict.
        loader_workers: Processes that prepare a trial's batches; 0 prepares them in the trial's own.
        image_cache_bytes: Most that the decoded images of one node take of its memory.
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
    layouts: "dict[str, ComputeLayout]"
    evaluation: EvaluationSettings
    loader_workers: int
    image_cache_bytes: int
    threads: dict[str, int] = field(default_factory=dict)


class SegmentationTrial(tune.Trainable):  # type: ignore[misc]
    """Trains one trial after another in the same process, so that libraries, data and loader workers are there once.

    Its Ray configuration is `{"job": {trial_id, space, phase, role, seed, config, reported_step}}`. Each step trains to
    the next evaluation and returns one JSON record: `metrics`, `notes` on what went otherwise than asked, for the last
    evaluation of a finalist `test`, and where the trial broke `stop_reason` (`diverged`, `out_of_memory` or `error`)
    with `error`. Where the disk is full, which is no fault of the trial, it is `disk_full` alone, one line.

    Checkpoints are kept after each evaluation before that is reported; a trial that has one goes on from it. `LAST`
    comes first; it holds the best weights only where they are the present average. `BEST` follows it where that is
    so, and stays as it is until there are better ones.
    """

    def setup(self, config: dict[str, Any], context: TrialContext | None = None) -> None:
        """Take the job; models and data are made in the first step, where an error can be reported."""
        assert context is not None  # noqa: S101 - always given through tune.with_parameters
        self._context = context
        self._job = config["job"]
        self._store = open_store(context.storage)
        self._data: TrialData | None = None
        self._loader: BatchLoader | None = None
        self._trainer: Trainer | None = None
        self._unreported: dict[str, Any] | None = None

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next job in the same process; data, decoded images and loader workers stay."""
        self._job = new_config["job"]
        self._trainer = None
        self._unreported = None
        return True

    def cleanup(self) -> None:
        """End the loader's workers and leave the node's decoded images to others."""
        if self._loader is not None:
            self._loader.close()
        self._trainer = self._loader = self._data = None

    def step(self) -> dict[str, Any]:
        """Train to the next evaluation."""
        return {RECORD: json.dumps(self._record())}

    def _record(self) -> dict[str, Any]:
        from trainables.compute.out_of_memory import is_out_of_memory
        from trainables.training.divergence import DivergedError

        try:
            if self._trainer is None:
                self._trainer = self._start()
            return self._advance(self._trainer)
        except FullDiskError as error:
            # What was trained since the last checkpoint is not kept anywhere: the trial would go on from that one.
            self._trainer = None
            return {"disk_full": str(error)}
        except DivergedError as error:
            return {"stop_reason": "diverged", "error": str(error)}
        except Exception as error:  # noqa: BLE001 - one trial's failure is recorded; the search goes on
            if is_out_of_memory(error):
                return {"stop_reason": "out_of_memory", "error": str(error)}
            return {"stop_reason": "error", "error": traceback.format_exc()}

    def _advance(self, trainer: "Trainer") -> dict[str, Any]:
        if self._unreported is not None:
            # A crash came between this evaluation's checkpoint and its report.
            kept, self._unreported = self._unreported, None
            return kept
        untrained = self._untrained_miou(trainer)
        metrics = trainer.advance()
        record: dict[str, Any] = {
            "metrics": metrics | untrained,
            "notes": list(trainer.notes),
        }
        if trainer.finished and self._job["phase"] == "finalist":
            record["test"] = self._test(trainer)
        self._keep(LAST, {"trainer": trainer.state_dict(with_best=False), "record": json.dumps(record)})
        if trainer.best_is_now:
            self._keep(BEST, trainer.best_model_state())
        return record

    def _keep(self, file_name: str, state: dict[str, Any]) -> None:
        trial_id = self._job["trial_id"]
        try:
            self._store.write(trial_id, file_name, state)
        except (OSError, RuntimeError) as error:
            full = full_disk_error(error)
            if full is None:
                raise
            place = f"{without_password(self._context.storage)}: no room for {file_name} of trial {trial_id}"
            raise FullDiskError(f"{place} ({' '.join(str(full.strerror or full).split())})") from error

    def _untrained_miou(self, trainer: "Trainer") -> dict[str, float]:
        """What the baseline's network scores before its first step: the floor that training must leave behind."""
        if trainer.step > 0 or self._job["role"] != "baseline" or self._job["phase"] != "search":
            return {}
        return {"untrained_miou": float(trainer.evaluate("validation", best=False).miou)}

    def _test(self, trainer: "Trainer") -> dict[str, Any]:
        from trainables.evaluation.metrics import tested_record

        return tested_record(trainer.evaluate("test", best=True))

    def _start(self) -> "Trainer":
        import torch

        from trainables.training.trainer import Trainer

        context, space = self._context, self._job["space"]
        if context.device == "cpu":
            torch.set_num_threads(max(1, context.threads.get(space, 1)))
        data, loader = self._opened_data()
        config = TrialConfig.model_validate(self._job["config"])
        kept = self._store.read(self._job["trial_id"], LAST)
        trainer = Trainer(
            config,
            schedule_for(config, max_steps=context.max_steps, eval_every=context.eval_every),
            data,
            seed=self._job["seed"],
            encoder_state=context.encoder_states.get(config.encoder),
            device=context.device,
            layout=context.layouts[space],
            evaluation=context.evaluation,
            loader=loader,
            initialised=kept is None,
        )
        if kept is not None:
            self._go_on(trainer, kept)
        return trainer

    def _go_on(self, trainer: "Trainer", kept: dict[str, Any]) -> None:
        """Bring a new trainer to where the trial's last one was when it kept its checkpoint."""
        state = kept["trainer"]
        best = None if state["best_state"] is not None else self._store.read(self._job["trial_id"], BEST)
        trainer.load_state_dict(state, best)
        if trainer.step > self._job["reported_step"]:
            self._unreported = json.loads(kept["record"])
            if trainer.best_is_now:
                # The crash may have come between the two files.
                self._keep(BEST, trainer.best_model_state())

    def _opened_data(self) -> "tuple[TrialData, BatchLoader]":
        """The data and what makes batches of them, for all trials of this process."""
        from trainables.data.image_cache import open_image_cache
        from trainables.data.loader import BatchLoader
        from trainables.data.trial_data import TrialData

        if self._data is None or self._loader is None:
            context = self._context
            dataset, split = open_split(
                context.data,
                by=context.split_by,
                seed=context.split_seed,
                fingerprint=context.fingerprint,
                expected_hash=context.split_hash,
            )
            cache = open_image_cache(context.fingerprint, limit_bytes=context.image_cache_bytes)
            self._data = TrialData(dataset, split, cache=cache, validation_windows=context.validation_windows)
            self._loader = BatchLoader(self._data, workers=context.loader_workers, pin_memory=context.device == "cuda")
        return self._data, self._loader
