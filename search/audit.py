"""A random few of the stopped trials are trained to their ends, to check that they were rightly stopped.

Which ones is drawn from their names alone, so they are a random sample of all trials that were stopped, and their share
that would have won says how often a stopped trial would have.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from analysis.best_trials import TRAINED_TO_THE_END
from search.counterfactuals import BROKE_BY_ITSELF
from search.finalists import score_of
from search.history import SearchHistory, TrialHistory, miou_of
from search.schedulers.rule import STOPPED_AT_A_RUNG
from search.schedulers.rungs import rung_score
from search.settings import SearchSettings

CONFIDENCE = 0.95

FEWEST_RANKED = 3
"""Trials that a rank correlation takes at least: of two it is 1 or -1 whatever they are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditedTrial:
    """A stopped trial that was trained on to its end.

    Attributes:
        trial_id: The trial.
        space: Its space.
        stopped_at: Step at which it would have ended.
        step: Step at which it ended.
        stop_reason: Why it ended there.
        score: What it is worth, as `analysis.trial_score` defines it; None if it broke.
        best_score: What the best trial of its space is worth that the rungs let through; None if there is none.
    """

    trial_id: str
    space: str
    stopped_at: int
    step: int
    stop_reason: str
    score: float | None
    best_score: float | None

    @property
    def gain(self) -> float:
        """By how much it is better than the best of the rungs; 0 if it is not."""
        if self.score is None:
            return 0.0
        return max(0.0, self.score - (0.0 if self.best_score is None else self.best_score))


@dataclass(frozen=True, kw_only=True, slots=True)
class RankCorrelation:
    """How well the ranking at a rung tells the ranking at the end.

    Attributes:
        space: The space.
        rung: The rung's step.
        trials: Trials that were trained from there to their ends: those that the rungs let through and the audited.
        correlation: Spearman's, between what they were worth at the rung and at the end.
    """

    space: str
    rung: int
    trials: int
    correlation: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """What the trials that were trained on as a check say of those that were stopped.

    Attributes:
        fraction: Share of the stopped trials that was to be trained on.
        stopped: Trials that were stopped and stayed so.
        checked: Audited trials that came to their ends.
        unfinished: Audited trials that did not, which say nothing.
        won: Of the checked ones, those that ended better than the best that the rungs let through.
        low: Lower end of the 95 % interval (Clopper-Pearson) of the share of stopped trials that would have won; None
            without a checked one.
        high: Its upper end.
        largest_gain: Most that a checked trial was better than the best that the rungs let through, mIoU.
        steps: Steps that were spent on the check.
        trials: The checked trials.
        rank_correlations: By space and rung, where enough trials were trained to their ends.
    """

    fraction: float
    stopped: int
    checked: int
    unfinished: int
    won: int
    low: float | None
    high: float | None
    largest_gain: float
    steps: int
    trials: tuple[AuditedTrial, ...]
    rank_correlations: tuple[RankCorrelation, ...]

    @property
    def sentence(self) -> str:
        """The result in a sentence."""
        if self.low is not None and self.high is not None:
            gained = f" (by up to {self.largest_gain * 100:.2f} points of mIoU, and were used)" if self.won else ""
            return (
                f"{self.won} of {self.checked} stopped trials that were trained on as a check would have won{gained}; "
                f"of the {self.stopped} others {self.low:.0%} to {self.high:.0%} would have (95% interval)"
            )
        if not self.stopped:
            return "no trial was stopped at a rung"
        told = f"{self.stopped} trials were stopped, and nothing is known of how they would have ended"
        if self.rank_correlations:
            weakest = min(self.rank_correlations, key=lambda entry: entry.correlation)
            told += (
                f"; of the {weakest.trials} trials of {weakest.space} that went on, the ranking at rung {weakest.rung} "
                f"agrees with that at the end by {weakest.correlation:.2f} (1: alike, 0: not at all)"
            )
        return f"{told}; --audit-fraction trains a random few to their ends"

    def to_json(self) -> dict[str, Any]:
        """As summary.json keeps it."""
        return asdict(self) | {"sentence": self.sentence}


def is_audited(seed: int, trial_id: str, fraction: float) -> bool:
    """Whether a trial that would be stopped is trained on as a check: a draw from its name and the search's seed."""
    digest = hashlib.sha256(f"{seed}/{trial_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < fraction * 2**64


def audit_of(settings: SearchSettings, history: SearchHistory) -> Audit:
    """Read the audited trials off the history."""
    trials = history.of_phase("search")
    stopped = sum(trial.stop_reason == STOPPED_AT_A_RUNG for trial in trials)
    best = {space: best_of_rungs(history, space) for space in settings.spaces}
    drawn = [trial for trial in trials if trial.audited_at is not None]
    checked = [_audited(trial, best[trial.job.space]) for trial in drawn if _came_to_its_end(trial)]
    won = sum(trial.gain > 0 for trial in checked)
    low, high = _interval(won, len(checked))
    return Audit(
        fraction=settings.audit_fraction,
        stopped=stopped,
        checked=len(checked),
        unfinished=len(drawn) - len(checked),
        won=won,
        low=low,
        high=high,
        largest_gain=max((trial.gain for trial in checked), default=0.0),
        steps=sum(trial.step - (trial.audited_at or 0) for trial in drawn),
        trials=tuple(checked),
        rank_correlations=tuple(_rank_correlations(settings, history)),
    )


def best_of_rungs(history: SearchHistory, space: str) -> float | None:
    """What the best trial of a space is worth that was trained to its end without an audit."""
    scores = [
        score
        for trial in history.of_phase("search", space)
        if trial.audited_at is None and trial.stop_reason in TRAINED_TO_THE_END
        if (score := score_of(trial)) is not None
    ]
    return max(scores, default=None)


def _came_to_its_end(trial: TrialHistory) -> bool:
    return trial.stop_reason in TRAINED_TO_THE_END or trial.stop_reason in BROKE_BY_ITSELF


def _audited(trial: TrialHistory, best: float | None) -> AuditedTrial:
    return AuditedTrial(
        trial_id=trial.job.trial_id,
        space=trial.job.space,
        stopped_at=trial.audited_at or 0,
        step=trial.step,
        stop_reason=trial.stop_reason or "",
        # What is left of a broken trial would never have been chosen.
        score=None if trial.stop_reason in BROKE_BY_ITSELF else score_of(trial),
        best_score=best,
    )


def _interval(won: int, checked: int) -> tuple[float, float] | tuple[None, None]:
    if not checked:
        return None, None
    from scipy.stats import binomtest

    interval = binomtest(won, checked).proportion_ci(confidence_level=CONFIDENCE, method="exact")
    return float(interval.low), float(interval.high)


def _rank_correlations(settings: SearchSettings, history: SearchHistory) -> list[RankCorrelation]:
    found = []
    for space in settings.spaces:
        whole = [trial for trial in history.of_phase("search", space) if trial.stop_reason == "completed"]
        ends = [score_of(trial) for trial in whole]
        for rung in settings.rungs:
            correlation = _spearman([_value_at(trial, rung) for trial in whole], ends)
            if correlation is not None:
                found.append(RankCorrelation(space=space, rung=rung, trials=len(whole), correlation=correlation))
    return found


def _value_at(trial: TrialHistory, rung: int) -> float:
    values = (miou_of(report) for step, report in sorted(trial.reports.items()) if step <= rung)
    return rung_score([math.nan if value is None else value for value in values])


def _spearman(first: Sequence[float], second: Sequence[float | None]) -> float | None:
    pairs = [(one, other) for one, other in zip(first, second, strict=True) if other is not None]
    # Where all are equal there is no ranking.
    if len(pairs) < FEWEST_RANKED or any(len(set(values)) == 1 for values in zip(*pairs, strict=True)):
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(*zip(*pairs, strict=True)).statistic)
