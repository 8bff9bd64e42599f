"""The verdict as the page states it."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.page.formatting import amount, count
from analysis.tables import CONFIG_PREFIX
from analysis.undecided import between

if TYPE_CHECKING:
    from analysis.decision_record import Decision, PairVerdict
    from analysis.results import SearchResults

STATES = {"decided": "Decided", "undecided": "Undecided", "none": "No verdict"}
DEPLOYMENTS = {"any": "", "edge": "for an edge device", "server": "for a server"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What stands at the top of the page.

    Attributes:
        sentence: The verdict in one sentence.
        model: What it names: network, size and the trial whose settings to take, or between what it is not settled;
            empty where there is no verdict.
        state: Whether it is decided, and for which deployment.
        decided: Whether it is.
        chosen: The space it names; None unless decided.
        reason: Why; empty where the sentence, or the comparison below it, says it.
        choice: How the configurations that stand for their spaces were chosen; empty where there was no choice.
        confidence: What the intervals are and rest on.
        models: What was compared: each model with its test mIoU, size and latency; empty where there is one only.
        needs: What would decide an undecided one: for which comparisons (empty where there is one only), and what.
        warnings: What to keep in mind.
    """

    sentence: str
    model: str
    state: str
    decided: bool
    chosen: str | None
    reason: str
    choice: str
    confidence: str
    models: tuple[tuple[str, str], ...]
    needs: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


def make_verdict(results: "SearchResults", decision: "Decision") -> Verdict:
    """Word a decision for the page."""
    for_what = DEPLOYMENTS[decision.deployment]
    return Verdict(
        sentence=decision.sentence,
        model=_model(results, decision),
        state=f"{STATES[decision.status]}{' ' + for_what if for_what else ''}",
        decided=decision.status == "decided",
        chosen=decision.winner,
        reason="" if decision.reason in decision.sentence or len(decision.pairs) > 1 else decision.reason,
        choice=decision.choice_sentence(),
        confidence=decision.confidence,
        models=_models(decision),
        needs=_needs(decision),
        warnings=decision.warnings,
    )


def _model(results: "SearchResults", decision: "Decision") -> str:
    """The chosen configuration in a line: space, encoder, parameters, trial; without one, what it lies between."""
    if decision.status == "undecided":
        open_pairs = [(pair.reference, pair.challenger) for pair in decision.pairs if _matters(decision, pair)]
        return f"not settled: {between(open_pairs)}"
    row = next(
        (one for one in decision.candidates if one.space == decision.winner and one.role == decision.settings_of), None
    )
    if row is None:
        return decision.winner or ""
    facts = [row.space]
    trials = results.trials
    source = trials[trials["trial_id"] == row.source_trial_id]
    encoder = "" if source.empty else str(source.iloc[0].get(f"{CONFIG_PREFIX}encoder") or "")
    if encoder:
        facts.append(f"encoder {encoder}")
    if not math.isnan(row.costs["parameters"]):
        facts.append(f"{count(row.costs['parameters'])} parameters")
    if row.source_trial_id:
        facts.append(f"settings of trial {row.source_trial_id} ({row.role})")
    return ", ".join(facts)


def _models(decision: "Decision") -> tuple[tuple[str, str], ...]:
    """The models that stand for their spaces, the lightest first, and of each what it scored and costs, written out."""
    rows = sorted((row for row in decision.candidates if row.stands), key=lambda row: row.costs["parameters"])
    if len(rows) < 2:
        return ()
    return tuple(
        (
            row.space,
            f"test mIoU {row.miou_points:.1f} points, {count(row.costs['parameters'])} parameters, "
            f"{amount(row.costs['latency_ms_p50'], 'ms')} an image",
        )
        for row in rows
    )


def _matters(decision: "Decision", pair: "PairVerdict") -> bool:
    """Whether a comparison is open and its outcome could change the verdict: others are left out of its text."""
    return bool(pair.would_decide) and pair.would_decide in decision.would_decide


def _needs(decision: "Decision") -> tuple[tuple[str, str], ...]:
    """What would decide it, once for all comparisons that need the same."""
    if not decision.would_decide:
        return ()
    needs: dict[str, list[tuple[str, str]]] = {}
    for pair in decision.pairs:
        if _matters(decision, pair):
            needs.setdefault(pair.would_decide, []).append((pair.reference, pair.challenger))
    if len(decision.pairs) < 2 or not needs:
        return (("", decision.would_decide),)
    return tuple((between(pairs), text) for text, pairs in needs.items())
