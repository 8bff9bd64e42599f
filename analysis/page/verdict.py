"""The verdict as the page states it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.decision_record import Decision

STATES = {"decided": "Decided", "undecided": "Undecided", "none": "No verdict"}
DEPLOYMENTS = {"any": "", "edge": "for an edge device", "server": "for a server"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What stands at the top of the page.

    Attributes:
        sentence: The verdict in one sentence.
        state: Whether it is decided, and for which deployment.
        decided: Whether it is.
        chosen: The space it names; None unless decided.
        reason: Why; empty where the sentence, or the comparison below it, says it.
        choice: How the configurations that stand for their spaces were chosen; empty where there was no choice.
        confidence: What the intervals are and rest on.
        needs: What would decide an undecided one: for which comparisons (empty where there is one only), and what.
        warnings: What to keep in mind.
    """

    sentence: str
    state: str
    decided: bool
    chosen: str | None
    reason: str
    choice: str
    confidence: str
    needs: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


def make_verdict(decision: "Decision") -> Verdict:
    """Word a decision for the page."""
    for_what = DEPLOYMENTS[decision.deployment]
    return Verdict(
        sentence=decision.sentence,
        state=f"{STATES[decision.status]}{' ' + for_what if for_what else ''}",
        decided=decision.status == "decided",
        chosen=decision.winner,
        reason="" if decision.reason in decision.sentence or len(decision.pairs) > 1 else decision.reason,
        choice=decision.choice_sentence(),
        confidence=decision.confidence,
        needs=_needs(decision),
        warnings=decision.warnings,
    )


def _needs(decision: "Decision") -> tuple[tuple[str, str], ...]:
    """What would decide it, once for all comparisons that need the same."""
    if not decision.would_decide:
        return ()
    needs: dict[str, list[str]] = {}
    for pair in decision.pairs:
        # Comparisons that no longer matter are left out of the decision's own text.
        if pair.would_decide and pair.would_decide in decision.would_decide:
            needs.setdefault(pair.would_decide, []).append(f"{pair.reference} or {pair.challenger}")
    if len(decision.pairs) < 2 or not needs:
        return (("", decision.would_decide),)
    return tuple(("; ".join(names), text) for text, names in needs.items())
