"""A trainable that trains nothing but keeps checkpoints as a real one does; see `benchmarks.formula_trials`."""

import json
import time
from typing import Any

from benchmarks.formula_trainable import FormulaTrial
from benchmarks.formula_trials import formula_metrics
from trainables.checkpoint_store import BEST, LAST, open_store
from trainables.ray_trainable import RECORD, TrialContext

NODE = "node"
"""Metric: last number of the address of the node that an evaluation was made on, 1 for the head."""

BEGAN_AT = "began_at"
"""Metric: step of the checkpoint that the process went on from, 0 without one."""


class CheckpointedFormulaTrial(FormulaTrial):
    """Takes jobs, gives records and keeps checkpoints as `SegmentationTrial` does."""

    _trial: str
    _reported: int
    _kept: str | None
    _began_at: int
    _best: float

    evaluation_seconds = 1.0
    """What training to the next evaluation takes."""

    def setup(self, config: dict[str, Any], context: TrialContext | None = None) -> None:
        """Take the job."""
        import ray

        assert context is not None  # noqa: S101 - always given through tune.with_parameters
        self._store = open_store(context.storage)
        address = ray.util.get_node_ip_address()
        # Ray gives a head that was told 127.0.0.1 the machine's own address.
        self._node = float(address.rpartition(".")[2]) if address.startswith("127.") else 1.0
        super().setup(config, context)

    def step(self) -> dict[str, Any]:
        """Report the next evaluation, its checkpoint kept before; or once more one that may not have arrived."""
        if self._kept is None:
            untold = self._go_on()
            if untold is not None:
                return {RECORD: untold}
        time.sleep(self.evaluation_seconds)
        self._trained = min(self._max_steps, self._trained + self._eval_every)
        metrics = formula_metrics(self._config, self._seed, self._trained, self._max_steps)
        metrics |= {NODE: self._node, BEGAN_AT: float(self._began_at)}
        self._kept = json.dumps({"metrics": metrics, "notes": []})
        state = {"trainer": {"step": self._trained}, "record": self._kept}
        self._store.write(self._trial, LAST, state)
        if metrics["miou"] > self._best:
            self._best = metrics["miou"]
            self._store.write(self._trial, BEST, state)
        return {RECORD: self._kept}

    def _take(self, job: dict[str, Any]) -> None:
        super()._take(job)
        self._trial, self._reported = str(job["trial_id"]), int(job["reported_step"])
        self._kept = None
        self._best = 0.0

    def _go_on(self) -> str | None:
        """Take up the checkpoint; its record, if that may not have arrived."""
        state = self._store.read(self._trial, LAST)
        self._kept = "" if state is None else str(state["record"])
        self._trained = self._began_at = 0 if state is None else int(state["trainer"]["step"])
        return self._kept if self._trained > self._reported else None


class LongFormulaTrial(CheckpointedFormulaTrial):
    """The same where a trial takes longer than a node and a process take to start, as real ones do."""

    evaluation_seconds = 4.0


class ShortFormulaTrial(CheckpointedFormulaTrial):
    """The same where nothing happens to nodes meanwhile."""

    evaluation_seconds = 0.1
