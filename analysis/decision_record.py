"""What a decision consists of, and how it is written for machines (JSON)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

Deployment = Literal["any", "edge", "server"]
Status = Literal["decided", "undecided", "none"]

CHOICE_RULE = (
    "Of the configurations of a space that were re-run, the one with the highest mean over its runs on the validation"
    " part stands for it; the test part has no say."
)
"""How one of several finalists of a space was chosen; a sentence."""

DEPLOYMENTS: tuple[Deployment, ...] = ("any", "edge", "server")


@dataclass(frozen=True, kw_only=True)
class Budgets:
    """What an edge device allows; None where it sets no limit.

    Attributes:
        max_latency_ms: Longest time of one image, ms.
        max_parameters: Most weights.
        max_memory_mb: Most memory during inference, MB of 1e6 bytes.
    """

    max_latency_ms: float | None = None
    max_parameters: float | None = None
    max_memory_mb: float | None = None

    def given(self) -> dict[str, float]:
        """The limits that are set, by field name."""
        limits = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: float(limit) for name, limit in limits.items() if limit is not None}


@dataclass(frozen=True, kw_only=True)
class PairVerdict:
    """One comparison of two finalists; the difference is challenger minus reference, in points of mIoU.

    Attributes:
        reference: The lighter space; in a search of one space, its baseline.
        challenger: The heavier space; in a search of one space, its best configuration.
        difference_points: The mean difference over the matched seeds.
        low_points: Lower end of its interval; None where there is none.
        high_points: Upper end; None likewise.
        seeds: Matched seeds behind it.
        groups: Photos or captures of the test part.
        winner: The name of the reference or the challenger; None where undecided.
        reason: Why, in one sentence.
        would_decide: What would decide it; empty where decided.
    """

    reference: str
    challenger: str
    difference_points: float
    low_points: float | None
    high_points: float | None
    seeds: int
    groups: int
    winner: str | None
    reason: str
    would_decide: str


@dataclass(frozen=True, kw_only=True)
class CandidateRow:
    """One finalist as the decision saw it.

    Attributes:
        space: Name of its space.
        role: `best`, `best-2`, ... by its rank in the search, or `baseline`.
        stands: Whether it stands for its space in the comparisons.
        source_trial_id: The search's trial whose configuration it has.
        seeds: Seeds it was trained from.
        miou_points: Mean foreground mIoU on the test part, in points.
        low_points: Lower end of its interval; None for one seed, or a test part of one photo or capture.
        high_points: Upper end; None likewise.
        validation_points: What its runs reached on the validation part, mean over the seeds, in points of mIoU; NaN
            where that is unknown.
        costs: The columns of `analysis.tables.COST_COLUMNS`; NaN where not measured.
        within_budgets: Whether its costs hold the budgets; None where none were given.
    """

    space: str
    role: str
    stands: bool
    source_trial_id: str
    seeds: int
    miou_points: float
    low_points: float | None
    high_points: float | None
    validation_points: float
    costs: Mapping[str, float]
    within_budgets: bool | None


@dataclass(frozen=True, kw_only=True)
class EnsembleRow:
    """The joined finalists of two spaces on the test part, beside the better of them; no part of the verdict.

    Attributes:
        name: What it is called where a finalist has its space.
        seeds: Seeds it was evaluated on.
        miou_points: Mean foreground mIoU on the test part, in points.
        low_points: Lower end of its interval; None where there is none.
        high_points: Upper end; None likewise.
        member: Space of the better member, by its mean on the validation part; None where that is unknown.
        member_role: The role of that member; None likewise.
        difference_points: Ensemble minus that member, mean over the matched seeds; None likewise.
        difference_low_points: Lower end of its interval; None where there is none.
        difference_high_points: Upper end; None likewise.
    """

    name: str
    seeds: int
    miou_points: float
    low_points: float | None
    high_points: float | None
    member: str | None
    member_role: str | None
    difference_points: float | None
    difference_low_points: float | None
    difference_high_points: float | None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The verdict of a search.

    Attributes:
        status: "decided", "undecided" (compared, but the data can't tell), or "none" (nothing to compare, or not
            fairly).
        winner: The space to use; None unless decided.
        settings_of: Whose settings of it to use: a finalist's role, such as "best" or "baseline"; None unless decided.
        sentence: The verdict in one sentence.
        choices: Which configuration stands for a space, with what each reached on the validation part, for each space
            of which several were re-run.
        confidence: What the intervals are and rest on.
        reason: Why.
        would_decide: What would decide it; empty where decided.
        deployment: For which deployment it was asked.
        budgets: The budgets that were given.
        rule: The numbers of the rule that was applied.
        pairs: Every comparison.
        candidates: Every finalist.
        ensembles: Every ensemble of two spaces' finalists that was evaluated.
        warnings: What to keep in mind when reading it.
    """

    status: Status
    winner: str | None
    settings_of: str | None
    sentence: str
    choices: tuple[str, ...]
    confidence: str
    reason: str
    would_decide: str
    deployment: Deployment
    budgets: Budgets
    rule: Mapping[str, float]
    pairs: tuple[PairVerdict, ...]
    candidates: tuple[CandidateRow, ...]
    ensembles: tuple[EnsembleRow, ...]
    warnings: tuple[str, ...]

    def choice_sentence(self) -> str:
        """How the configurations that stand for their spaces were chosen; empty where there was no choice."""
        if not self.choices:
            return ""
        return f"{CHOICE_RULE} Chosen, with the points of mIoU there: {'; '.join(self.choices)}."

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for `summary.json` and `decision.json`; what is unknown is null, never NaN."""
        return {
            "status": self.status,
            "winner": self.winner,
            "settings_of": self.settings_of,
            "sentence": self.sentence,
            "choices": list(self.choices),
            "confidence": self.confidence,
            "reason": self.reason,
            "would_decide": self.would_decide,
            "deployment": self.deployment,
            "budgets": self.budgets.given(),
            "rule": dict(self.rule),
            "pairs": [_plain(pair) for pair in self.pairs],
            "candidates": [_plain(candidate) for candidate in self.candidates],
            "ensembles": [_plain(ensemble) for ensemble in self.ensembles],
            "warnings": list(self.warnings),
        }


def _plain(record: PairVerdict | CandidateRow | EnsembleRow) -> dict[str, Any]:
    return {field.name: _plain_value(getattr(record, field.name)) for field in fields(record)}


def _plain_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain_value(one) for name, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
