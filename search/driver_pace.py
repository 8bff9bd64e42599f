"""How fast a search's driver decides about evaluations and proposes trials, measured here."""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from search.history import TrialHistory, TrialJob
from search.proposals import Sampler, make_samplers
from search.settings import SearchSettings
from spaces.drawing import RandomSource
from spaces.space import Space
from trainables.journal import Journal

KNOWN_TRIALS = 100
"""Trials that the samplers know of when they are timed, at most: what a proposal takes hardly grows beyond."""

REPEATS = 7
"""Proposals, and events of the journal, that are timed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DriverPace:
    """What the driver takes, in seconds; it does one thing after another.

    Attributes:
        report: Taking in an evaluation: the journal's two events, of which the second is waited for.
        proposal: Proposing a trial: the sampler, and two events that are waited for.
    """

    report: float
    proposal: float


def measured_driver_pace(settings: SearchSettings) -> DriverPace:
    """Time the search's own samplers and a journal in a temporary folder, which is removed."""
    samplers = make_samplers(settings)
    proposing = statistics.fmean(
        _proposal_seconds(settings, space, samplers[space.name]) for space in settings.searched_spaces()
    )
    with tempfile.TemporaryDirectory(prefix="segpareto-driver-") as folder, Journal(Path(folder)) as journal:
        waited = _median_seconds(lambda: journal.append("decided", trial_id="timed", step=1))
        unwaited = _median_seconds(lambda: journal.append("reported", wait=False, trial_id="timed", step=1))
    return DriverPace(report=unwaited + waited, proposal=proposing + 2 * waited)


def _proposal_seconds(settings: SearchSettings, space: Space, sampler: Sampler) -> float:
    source = RandomSource(settings.seed)
    for number in range(min(settings.trials_of(space.name), KNOWN_TRIALS)):
        trial_id = f"{space.name}-{number:03d}"
        config = space.sample(source)
        sampler.propose(trial_id, config)
        job = TrialJob(
            trial_id=trial_id, space=space.name, phase="search", role="proposed", seed=settings.seed, config=config
        )
        trial = TrialHistory(job, stop_reason="pruned")
        trial.add_report(settings.eval_every, {"miou": number / KNOWN_TRIALS})
        sampler.tell(trial)
    numbers = iter(range(settings.trials_of(space.name), settings.trials_of(space.name) + REPEATS))
    return _median_seconds(lambda: sampler.propose(f"{space.name}-{next(numbers):03d}"))


def _median_seconds(call: Callable[[], object]) -> float:
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)
