"""This project's own search over the contest's curves: its very controller on its simulated clock."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.search_rules.contest import Contest, Outcome
from search.finalists import ranked_trials, score_of
from search.history import TrialHistory, TrialJob
from search.schedulers.recovery import Recovery, recovery_of
from search.schedulers.registry import make_scheduler
from search.schedulers.rungs import rungs
from search.settings import DataSettings, DeviceSettings, Objective, SearchSettings, SpaceSettings
from search.simulation.simulator import Durations, simulate
from spaces.configuration import TrialConfig
from spaces.loading import load_space
from spaces.space import Space
from trainables.evaluation.settings import EvaluationSettings
from trainables.journal import Event

REDUCTION_FACTOR = 3

FEWEST_KNOWN = 12
"""Curves outside of a contest below which nothing is hopeless in it: too few to say that none ever came back."""

NOTHING_KNOWN = Recovery((), ())

CLASSES = ({"name": "background", "colour": [0, 0, 0]}, {"name": "crop", "colour": [9, 9, 9]})


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnRule:
    """What is set otherwise than by default.

    Attributes:
        scheduler: As `--scheduler` takes it.
        late_promotion: As `--late-promotion` sets it.
        curve_prediction: As `--curve-prediction` sets it.
        objectives: As `--objectives` sets them; costs are those of the contest's configurations.
    """

    scheduler: Literal["asha", "pasha"] = "asha"
    late_promotion: bool = True
    curve_prediction: bool = False
    objectives: tuple[Objective, ...] = ("miou",)


def run_own(rule: OwnRule, contest: Contest, workers: int) -> Outcome:
    """Search the contest's configurations, each space's in their order, the first of each as its baseline.

    Where the contest has a landscape the search's own sampler proposes instead, after the real baseline. What is chosen
    is the best trial as `search.finalists` ranks them; over several spaces, the one whose best scores highest.
    """
    trials = _Trials(contest)
    settings = search_settings(
        rule,
        tuple(trials.count_by_space.items()),
        contest.evaluations,
        contest.grace,
        workers,
        real=rule.curve_prediction or contest.landscape is not None,
    ).model_copy(update={"seed": contest.seed})
    nothing = dict.fromkeys(settings.spaces, 0.0)
    in_order = {name: _InOrder(trials.rows, contest.configs) for name in settings.spaces}
    simulated = simulate(
        settings,
        trials,
        Durations(step=trials, evaluation=nothing, start=nothing),
        samplers=in_order if contest.landscape is None else None,
        scheduler=make_scheduler(settings, recovery_for(contest)),
        on_event=trials.follow,
    )
    spent = np.zeros(contest.trials, dtype=np.int64)
    for name, trial in simulated.history.trials.items():
        # A step is an evaluation here; the one at which a trial diverged was trained for, too.
        spent[trials.rows[name]] = trial.step + (trial.stop_reason == "diverged")
    ranked = [list(ranked_trials(simulated.history, name)) for name in settings.spaces]
    ranked.sort(key=lambda trials: max((score_of(trial) or 0.0 for trial in trials[:1]), default=0.0), reverse=True)
    chosen = [trial for trials in ranked for trial in trials]
    return Outcome(
        spent,
        simulated.seconds,
        tuple(trials.rows[trial.job.trial_id] for trial in chosen),
        None if contest.landscape is None else np.array(trials.mious),
    )


def recovery_for(contest: Contest) -> Recovery | None:
    """From how far behind curves came back, by curves that the contest does not judge; None: the table that ships."""
    known = contest.known_curves
    if known is None:
        return None
    return NOTHING_KNOWN if len(known) < FEWEST_KNOWN else _recovery(known.tobytes(), known.shape[1])


# All sizes of search and all variants of ours ask for the same ones.
@lru_cache(maxsize=2048)
def _recovery(curves: bytes, evaluations: int) -> Recovery:
    values: NDArray[np.float64] = np.frombuffer(curves).reshape(-1, evaluations)
    return recovery_of(values.tolist())


class _Trials(Mapping[str, float]):
    """The contest's trials as the simulation asks for them; a step is an evaluation.

    As a mapping it tells the seconds per step, which the simulation asks for by space, of the trial that the last event
    was about: configurations of one space are not equally fast.

    Attributes:
        count_by_space: Number of trials by space.
        rows: The contest's row of each trial, by name.
        mious: Curves by row.
    """

    def __init__(self, contest: Contest) -> None:
        numbers = sorted({int(space) for space in contest.spaces})
        self.count_by_space = {f"space{space}": int((contest.spaces == space).sum()) for space in numbers}
        self.rows = {
            f"space{space}-{number:03d}": int(row)
            for space in numbers
            for number, row in enumerate(np.flatnonzero(contest.spaces == space))
        }
        self._landscape = contest.landscape
        self._random = np.random.default_rng((contest.seed, 7))
        self.mious: list[list[float]] = [] if contest.landscape else contest.mious.tolist()
        self._seconds: list[float] = [] if contest.landscape else contest.seconds.tolist()
        self._current = ""

    def follow(self, event: Event) -> None:
        """Take note of the trial that goes on or starts, and of what was proposed."""
        if event["event"] in {"started", "decided"}:
            self._current = event["trial_id"]
        elif event["event"] == "proposed" and self._landscape is not None:
            config = TrialConfig.model_validate(event["config"])
            mious, seconds = self._landscape.curves([_unet().suggestions_of(config)], self._random)
            self.mious.append(mious[0].tolist())
            self._seconds.append(float(seconds[0]))

    def miou(self, job: TrialJob, step: int) -> float:
        """The evaluation, NaN where it diverged."""
        return self.mious[self.rows[job.trial_id]][step - 1]

    def __getitem__(self, space: str) -> float:
        return self._seconds[self.rows[self._current]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.count_by_space)

    def __len__(self) -> int:
        return len(self.count_by_space)


@dataclass(frozen=True, slots=True)
class _InOrder:
    """A sampler that proposes the contest's configurations in their order."""

    rows: Mapping[str, int]
    configs: tuple[TrialConfig, ...] | None

    def propose(self, trial_id: str, config: TrialConfig | None = None) -> TrialConfig:
        """The configuration of the trial."""
        row = self.rows[trial_id]
        return stand_in(row) if self.configs is None else self.configs[row]

    def reported(self, trial_id: str, step: int, miou: float) -> None:
        """Nothing to learn."""

    def tell(self, history: TrialHistory, costs: tuple[float, ...] = ()) -> None:
        """Nothing to learn."""


@cache
def _unet() -> Space:
    return load_space("unet")


@cache
def stand_in(number: int) -> TrialConfig:
    """A configuration for a curve from a formula: no two are the same."""
    return _unet().baseline.model_copy(update={"learning_rate": 1e-4 * (1 + number / 1000)})


@cache
def search_settings(
    rule: OwnRule,
    trials_by_space: tuple[tuple[str, int], ...],
    evaluations: int,
    grace: int,
    workers: int,
    *,
    real: bool,
) -> SearchSettings:
    """Settings of a search in which a step is an evaluation.

    Args:
        rule: The scheduler.
        trials_by_space: Trials of each space, by name.
        evaluations: Evaluations of a full training.
        grace: Evaluations before the first rung.
        workers: Trials at once.
        real: Whether the search looks at its space: the checks of a real one take longer than the search.
    """
    space = SpaceSettings.of(_unet())
    if not real:
        space = space.model_copy(update={"parameters": ()})
    trials = dict(trials_by_space)
    return SearchSettings(
        name="search-rules",
        created="2026-01-01T00:00:00+00:00",
        command=(),
        preset="full",
        spaces=dict.fromkeys(trials, space),
        trials_per_space=max(trials.values()),
        trials_by_space=trials,
        max_steps=evaluations,
        eval_every=1,
        grace_steps=grace,
        reduction_factor=REDUCTION_FACTOR,
        rungs=rungs(grace, evaluations, 1),
        scheduler=rule.scheduler,
        late_promotion=rule.late_promotion,
        curve_prediction=rule.curve_prediction,
        objectives=rule.objectives,
        search_alg="tpe",
        seed=0,
        finalist_seeds=0,
        validation_windows=None,
        data=DataSettings(
            description="learning curves",
            fingerprint="none",
            split_by="photo",
            split_hash="none",
            classes=CLASSES,
            images={},
        ),
        encoder_weights="none",
        encoder_hashes={},
        equal_starts=True,
        storage="none",
        tracking_uri="none",
        device=DeviceSettings(
            description="simulated",
            kind="cpu",
            cpus_per_trial=dict.fromkeys(trials, 1.0),
            gpus_per_trial=dict.fromkeys(trials, 0.0),
            concurrent_trials=workers,
            image_cache_gb=0.0,
        ),
        evaluation=EvaluationSettings(),
        deployment=None,
        versions={},
    )
