"""What early stopping saved, beside what other rules would have cost, and how sure it is that it stopped rightly."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from analysis.best_trials import best_trials
from analysis.page.formatting import MISSING, count, duration, score
from analysis.undecided import count_of
from spaces.complaints import first_complaint
from spaces.errors import InputError

if TYPE_CHECKING:
    from analysis.results import SearchResults


class _Read(BaseModel):
    """A part of summary.json; what the page does not show may be anything."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Range(_Read):
    low: float
    high: float
    estimate: float | None


class _Choice(_Read):
    trial_id: str
    score: float
    certain: bool


class _RuleCost(_Read):
    steps: _Range
    device_seconds: _Range | None
    exact_trials: int
    chosen: dict[str, _Choice]


class _Counterfactuals(_Read):
    trials: int
    steps: int
    device_seconds: float | None
    patience_evaluations: int
    patience: _RuleCost
    full_budget: _RuleCost
    estimated_from: str | None


class _AuditedTrial(_Read):
    trial_id: str
    space: str
    stopped_at: int
    stop_reason: str
    score: float | None
    best_score: float | None


class _RankCorrelation(_Read):
    space: str
    rung: int
    trials: int
    correlation: float


class _Audit(_Read):
    steps: int
    checked: int
    sentence: str
    trials: tuple[_AuditedTrial, ...]
    rank_correlations: tuple[_RankCorrelation, ...]


class _Summary(_Read):
    counterfactuals: _Counterfactuals | None = None
    audit: _Audit | None = None


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule in the table of costs.

    Attributes:
        name: The rule.
        steps: Its steps, written out.
        device_time: Its time times devices, written out.
        chosen: The trial of each space that it chose or would have chosen.
        sure: Width of the bar up to the least that it costs, per cent of the longest.
        unsure: Width from there up to the most that it costs.
    """

    name: str
    steps: str
    device_time: str
    chosen: str
    sure: float
    unsure: float


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """The section's content.

    Attributes:
        rules: This search first, then what the other rules would have cost.
        unit: What the device time counts: GPU or CPU core.
        note: How exact that is.
        audit: How sure it is that stopped trials were rightly stopped, in a sentence.
        audited: Trial, space, step of its stop, ending, score, best of the rungs, difference in points of mIoU.
        agreement: Space, rung, trials, rank correlation between the rung and the end.
    """

    rules: tuple[RuleRow, ...]
    unit: str
    note: str
    audit: str
    audited: tuple[tuple[str, ...], ...]
    agreement: tuple[tuple[str, ...], ...]


def make_early_stopping(results: "SearchResults") -> EarlyStopping | None:
    """Word what the search recorded of it; None where it recorded nothing.

    Raises:
        InputError: What it recorded is not what a search of this version records.
    """
    try:
        summary = _Summary.model_validate(dict(results.summary))
    except ValidationError as error:
        raise InputError(
            f"summary.json: {first_complaint(error)}; resume the search to have it written anew"
        ) from error
    compared, audit = summary.counterfactuals, summary.audit
    if compared is None or audit is None:
        return None
    settings = results.settings
    best = [str(trial["trial_id"]) for trial in best_trials(results).values()]
    return EarlyStopping(
        rules=_rules(compared, str(settings.get("scheduler") or "its own rule"), best),
        unit="GPU" if (settings.get("device") or {}).get("kind") == "cuda" else "CPU core",
        note=_note(compared),
        audit=audit.sentence[:1].upper() + audit.sentence[1:],
        audited=tuple(_audited(trial) for trial in sorted(audit.trials, key=_difference, reverse=True)),
        agreement=tuple(
            (entry.space, count(entry.rung), count(entry.trials), f"{entry.correlation:.2f}")
            for entry in audit.rank_correlations
        ),
    )


def _rules(compared: _Counterfactuals, scheduler: str, best: Sequence[str]) -> tuple[RuleRow, ...]:
    longest = max(1.0, compared.full_budget.steps.high, compared.patience.steps.high, float(compared.steps))
    own = _Range(low=compared.steps, high=compared.steps, estimate=compared.steps)
    seconds = compared.device_seconds
    own_seconds = None if seconds is None else _Range(low=seconds, high=seconds, estimate=seconds)
    rows: list[tuple[str, _Range, _Range | None, str]] = [
        (f"this search ({scheduler})", own, own_seconds, ", ".join(best) or MISSING)
    ]
    for name, cost in (
        ("patience", compared.patience),
        ("full budget", compared.full_budget),
    ):
        rows.append((name, cost.steps, cost.device_seconds, _chosen(cost.chosen)))
    return tuple(
        RuleRow(
            name=name,
            steps=_written(steps, count),
            device_time=MISSING if time is None else _written(time, duration),
            chosen=chosen,
            sure=round(100 * steps.low / longest, 2),
            unsure=round(100 * (steps.high - steps.low) / longest, 2),
        )
        for name, steps, time, chosen in rows
    )


def _written(quantity: _Range, write: Callable[[Any], str]) -> str:
    if quantity.low == quantity.high:
        return write(quantity.high)
    bounds = f"{write(quantity.low)} to {write(quantity.high)}"
    return bounds if quantity.estimate is None else f"{bounds} (about {write(quantity.estimate)})"


def _chosen(choices: Mapping[str, _Choice]) -> str:
    named = [f"{choice.trial_id}{'' if choice.certain else ' or a stopped one'}" for choice in choices.values()]
    return ", ".join(named) or MISSING


def _note(compared: _Counterfactuals) -> str:
    exact, trials = compared.patience.exact_trials, compared.trials
    waits = count_of(compared.patience_evaluations, "evaluation")
    rules = f"Patience ends a trial after {waits} without a new best; the full budget trains every trial to its end. "
    if exact == trials:
        return f"{rules}The curves of all {count_of(trials, 'trial')} tell what patience would have cost: it is exact."
    estimated = {
        "audited": " The value in parentheses takes them to go on as the audited ones did.",
        "completed": " The value in parentheses takes them to go on as the completed ones did, perhaps better ones.",
    }
    return (
        f"{rules}The curves of {exact} of {count_of(trials, 'trial')} tell exactly what patience would have cost. The "
        "others were cut off before that: they lie between the soonest and the latest end that they could have had, "
        "had they not broken." + estimated.get(compared.estimated_from or "", "")
    )


def _audited(trial: _AuditedTrial) -> tuple[str, ...]:
    difference = _difference(trial)
    return (
        trial.trial_id,
        trial.space,
        count(trial.stopped_at),
        trial.stop_reason.replace("_", " "),
        score(trial.score),
        score(trial.best_score),
        f"{difference * 100:+.2f}" if math.isfinite(difference) else MISSING,
    )


def _difference(trial: _AuditedTrial) -> float:
    """To the best trial that was let through, mIoU; minus infinity where one of them has no score."""
    if trial.score is None or trial.best_score is None:
        return -math.inf
    return trial.score - trial.best_score
