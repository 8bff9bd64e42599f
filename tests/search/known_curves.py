"""Histories of searches whose trials' full curves are known, for tests of what is concluded from cut-off ones."""

import dataclasses
import math
from collections.abc import Sequence
from functools import cache

from search.history import SearchHistory, TrialHistory, TrialJob
from spaces.configuration import TrialConfig
from spaces.loading import load_space
from tests.search.searching import make_settings

SETTINGS = make_settings(max_steps=100, eval_every=8, rungs=(16, 32))
STEPS: tuple[int, ...] = (*range(8, 100, 8), 100)
FLAT = [0.5] * len(STEPS)
RISING = [0.1 + 0.01 * number for number in range(len(STEPS))]


def make_trial(
    number: int, curve: Sequence[float], evaluations: int | None = None, reason: str | None = None, space: str = "unet"
) -> TrialHistory:
    """A trial that was evaluated so many times of its full curve."""
    job = TrialJob(
        trial_id=f"{space}-{number:03d}",
        space=space,
        phase="search",
        role="proposed",
        seed=0,
        config=_baseline(space),
    )
    trial = TrialHistory(job, started_at=1.0)
    for step, miou in list(zip(STEPS, curve, strict=True))[:evaluations]:
        timing = {"train_seconds": 2.0 * step, "evaluation_seconds": 1.0 * step}
        # The journal leaves out what is no number.
        trial.add_report(step, timing if math.isnan(miou) else {"miou": miou, **timing})
    whole = evaluations is None or evaluations >= len(STEPS)
    trial.stop_reason = reason or ("completed" if whole else "pruned")
    return trial


@cache
def _baseline(space: str) -> TrialConfig:
    return load_space(space).baseline


def make_history(*trials: TrialHistory) -> SearchHistory:
    """A history of these trials."""
    history = SearchHistory()
    for trial in trials:
        job = dataclasses.asdict(trial.job) | {"config": trial.job.config.model_dump()}
        history.apply({"event": "proposed", "time": 0.0, **job})
        for field in dataclasses.fields(TrialHistory):
            setattr(history.trials[trial.job.trial_id], field.name, getattr(trial, field.name))
    return history
