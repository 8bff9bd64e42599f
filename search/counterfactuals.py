"""What other rules would have cost on a search's own learning curves: the recipe's patience, and no early stopping.

Both run on the trials that this search began, with the same curves, so that nothing but the rule differs. A trial that
was stopped early has a curve that is cut off. Where the cut-off curve already answers, the cost is exact; elsewhere it
lies between bounds, under the one assumption that a stopped trial would not have broken later on. Finals cost the same
under every rule and are left out.
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from analysis.trial_score import trial_score
from search.history import SearchHistory, TrialHistory, miou_of
from search.schedulers.patience import Patience
from search.schedulers.registry import recipe_patience
from search.schedulers.rule import Action
from search.settings import SearchSettings
from search.spending import devices_of, seconds_of

BROKE_BY_ITSELF = frozenset({"diverged", "out_of_memory", "error"})
"""Endings that a trial meets under every rule that has not ended it before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """A quantity that is known within bounds.

    Attributes:
        low: At least so much.
        high: At most so much.
        estimate: Where it probably lies, inferred from other trials; None where nothing is known to infer it from.
    """

    low: float
    high: float
    estimate: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The trial of a space that a rule would have chosen.

    Attributes:
        trial_id: The trial.
        score: What it would have been worth then, as `analysis.trial_score` defines it.
        certain: Whether the ends of all trials of the space under this rule are known; otherwise a trial that was
            stopped early may have been better.
    """

    trial_id: str
    score: float
    certain: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleCost:
    """What a rule costs on the curves of a search.

    Attributes:
        steps: Optimiser steps of all trials.
        device_seconds: Training and evaluation times devices, each trial at its own pace; None without any timing.
        exact_trials: Trials whose cost under the rule is exact.
        chosen: The trial that would have been chosen, by space.
    """

    steps: Range
    device_seconds: Range | None
    exact_trials: int
    chosen: dict[str, Choice]


@dataclass(frozen=True, kw_only=True, slots=True)
class Counterfactuals:
    """A search beside what other rules would have cost on its curves.

    Attributes:
        trials: Trials that the search began.
        steps: Steps that it spent on them.
        device_seconds: Seconds times devices that it spent on them, None without any timing.
        patience_evaluations: Evaluations without a new best after which the recipe's patience ends a trial.
        patience: The recipe's patience.
        full_budget: No early stopping.
        estimated_from: The trials that the estimates rest on: `audited` ones, which are a sample of the stopped ones;
            `completed` ones, which are not; None without estimates.
    """

    trials: int
    steps: int
    device_seconds: float | None
    patience_evaluations: int
    patience: RuleCost
    full_budget: RuleCost
    estimated_from: Literal["audited", "completed"] | None

    @property
    def sentence(self) -> str:
        """The result in a sentence."""
        patience = self.patience.steps
        if patience.low == patience.high:
            would = f"{patience.high:,.0f} steps"
        else:
            would = f"between {patience.low:,.0f} and {patience.high:,.0f} steps"
            if patience.estimate is not None:
                would += f" (about {patience.estimate:,.0f}, judged by the {self.estimated_from} trials)"
        return (
            f"on the same curves patience would have spent {would}, the full budget "
            f"{self.full_budget.steps.high:,.0f}; this search spent {self.steps:,}"
        )

    def to_json(self) -> dict[str, Any]:
        """As summary.json keeps it."""
        return asdict(self) | {"sentence": self.sentence}


@dataclass(frozen=True, slots=True)
class End:
    """Where a trial ends under a rule.

    Attributes:
        low: Not before this step.
        high: Not after this step; the same where the end is known.
        broken: Whether it breaks there, so that it can't be chosen.
    """

    low: int
    high: int
    broken: bool = False

    @property
    def known(self) -> bool:
        """Whether the bounds meet."""
        return self.low == self.high


def counterfactuals(settings: SearchSettings, history: SearchHistory) -> Counterfactuals | None:
    """Compute them from the history; None before any trial began."""
    trials = [trial for trial in history.of_phase("search") if trial.started_at is not None]
    if not trials:
        return None
    waiting = recipe_patience(-(-settings.max_steps // settings.eval_every))
    ends = {trial.job.trial_id: patience_end(settings, trial, waiting) for trial in trials}
    guesses, source = _guesses(trials, ends)
    patience = _cost(settings, trials, ends, guesses)
    full_ends = {trial.job.trial_id: full_end(settings, trial) for trial in trials}
    full_budget = _cost(settings, trials, full_ends, {name: float(end.high) for name, end in full_ends.items()})
    pace = _device_seconds_per_step(settings, trials)
    return Counterfactuals(
        trials=len(trials),
        steps=sum(trial.step for trial in trials),
        device_seconds=None if pace is None else sum(trial.step * pace[trial.job.trial_id] for trial in trials),
        patience_evaluations=waiting,
        patience=patience,
        full_budget=full_budget,
        estimated_from=source,
    )


def patience_end(settings: SearchSettings, trial: TrialHistory, waiting: int) -> End:
    """Where a trial ends if its only rule is patience, as far as its curve tells.

    Args:
        settings: The search.
        trial: The trial.
        waiting: Evaluations without a new best that patience waits.
    """
    rule = Patience(waiting)
    best, waited = -math.inf, 0
    for step, miou in _curve(trial):
        if rule.reported(trial.job.trial_id, step, miou).action == Action.STOP:
            return End(step, step)
        best, waited = (miou, 0) if miou > best else (best, waited + 1)
    if _ended_by_itself(settings, trial):
        return full_end(settings, trial)
    # The soonest that patience can end it: with no new best from here on, or none after the very first evaluation.
    missing = waiting - waited if trial.reports else waiting + 1
    return End(min(trial.step + missing * settings.eval_every, settings.max_steps), settings.max_steps)


def full_end(settings: SearchSettings, trial: TrialHistory) -> End:
    """Where a trial ends without any rule: at its full length, unless it broke before."""
    if _ended_by_itself(settings, trial):
        return End(trial.step, trial.step, broken=trial.stop_reason in BROKE_BY_ITSELF)
    return End(settings.max_steps, settings.max_steps)


def _ended_by_itself(settings: SearchSettings, trial: TrialHistory) -> bool:
    """Whether a trial was trained to its full length, or broke."""
    return trial.step >= settings.max_steps or trial.stop_reason in BROKE_BY_ITSELF


def _curve(trial: TrialHistory) -> list[tuple[int, float]]:
    """Steps and mIoU of a trial's evaluations; NaN where one has none."""
    curve = ((step, miou_of(report)) for step, report in sorted(trial.reports.items()))
    return [(step, math.nan if miou is None else miou) for step, miou in curve]


def _guesses(
    trials: Sequence[TrialHistory], ends: Mapping[str, End]
) -> tuple[dict[str, float | None], Literal["audited", "completed"] | None]:
    """Where each trial probably ends under patience, and which trials tell so.

    An open end is taken for the mean of the ends of trials of its space that are known to their full length, each moved
    within the open end's bounds.
    """
    guesses: dict[str, float | None] = {name: float(end.low) if end.known else None for name, end in ends.items()}
    only_audited = True
    for space, open_ends in _by_space(trial for trial in trials if not ends[trial.job.trial_id].known).items():
        whole = [trial for trial in trials if trial.job.space == space and trial.stop_reason == "completed"]
        audited = [trial for trial in whole if trial.audited_at is not None]
        if not whole:
            return guesses, None
        only_audited = only_audited and bool(audited)
        likely = [ends[trial.job.trial_id].high for trial in audited or whole]
        for trial in open_ends:
            end = ends[trial.job.trial_id]
            guesses[trial.job.trial_id] = statistics.fmean(min(max(step, end.low), end.high) for step in likely)
    if all(end.known for end in ends.values()):
        return guesses, None
    return guesses, "audited" if only_audited else "completed"


def _by_space(trials: Iterable[TrialHistory]) -> dict[str, list[TrialHistory]]:
    found: dict[str, list[TrialHistory]] = {}
    for trial in trials:
        found.setdefault(trial.job.space, []).append(trial)
    return found


def _cost(
    settings: SearchSettings,
    trials: Sequence[TrialHistory],
    ends: Mapping[str, End],
    guesses: Mapping[str, float | None],
) -> RuleCost:
    pace = _device_seconds_per_step(settings, trials)
    choices = {space: _choice(members, ends) for space, members in _by_space(trials).items()}
    return RuleCost(
        steps=_total(ends, guesses, dict.fromkeys(ends, 1.0)),
        device_seconds=None if pace is None else _total(ends, guesses, pace),
        exact_trials=sum(end.known for end in ends.values()),
        chosen={space: choice for space, choice in choices.items() if choice is not None},
    )


def _total(ends: Mapping[str, End], guesses: Mapping[str, float | None], per_step: Mapping[str, float]) -> Range:
    guessed = [guess * per_step[name] for name, guess in guesses.items() if guess is not None]
    return Range(
        low=sum(end.low * per_step[name] for name, end in ends.items()),
        high=sum(end.high * per_step[name] for name, end in ends.items()),
        estimate=sum(guessed) if len(guessed) == len(ends) else None,
    )


def _choice(trials: Sequence[TrialHistory], ends: Mapping[str, End]) -> Choice | None:
    """The best of the trials of a space whose curves are known up to their ends under the rule."""
    scores: dict[str, float] = {}
    certain = True
    for trial in trials:
        name, end = trial.job.trial_id, ends[trial.job.trial_id]
        if end.high > trial.step:
            certain = False
        elif not end.broken:
            score = trial_score([miou for step, miou in _curve(trial) if step <= end.high])
            if not math.isnan(score):
                scores[name] = score
    if not scores:
        return None
    best = max(scores, key=lambda name: scores[name])
    return Choice(trial_id=best, score=scores[best], certain=certain)


def _device_seconds_per_step(settings: SearchSettings, trials: Sequence[TrialHistory]) -> dict[str, float] | None:
    """What a step of each trial takes, its evaluations included; the mean of its space where it was never evaluated."""
    paces: dict[str, float] = {}
    for space, members in _by_space(trials).items():
        devices = devices_of(settings, space)
        timed = [trial for trial in members if trial.step and seconds_of(trial) > 0]
        if not timed:
            return None
        own = {trial.job.trial_id: seconds_of(trial) * devices / trial.step for trial in timed}
        mean = statistics.fmean(own.values())
        paces |= {trial.job.trial_id: own.get(trial.job.trial_id, mean) for trial in members}
    return paces
