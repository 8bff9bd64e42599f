"""A decision as Markdown, for pull requests."""

import math

from analysis.decision_record import CandidateRow, Decision, EnsembleRow, PairVerdict
from analysis.markdown_text import markdown_code, markdown_text


def decision_markdown(decision: Decision) -> str:
    """A page for pull requests: the sentence first, how sure it is, the comparisons, the finalists, the rule."""
    lines = ["# Verdict", "", f"**{markdown_text(decision.sentence)}**", ""]
    if decision.reason not in decision.sentence:
        lines += [f"Why: {markdown_text(decision.reason)}", ""]
    states = {"decided": "decided", "undecided": "undecided", "none": "no verdict"}
    asked = "" if decision.deployment == "any" else f" for the deployment {markdown_code(decision.deployment)}"
    lines += [f"How sure: {states[decision.status]}{asked}. {markdown_text(decision.confidence)}".rstrip(), ""]
    if decision.would_decide:
        lines += [f"What would decide it: {markdown_text(decision.would_decide)}", ""]
    if decision.warnings:
        lines += ["Keep in mind:", "", *(f"- {markdown_text(warning)}" for warning in decision.warnings), ""]
    if decision.pairs:
        lines += [
            "| compared | difference, points of mIoU | interval | seeds | verdict |",
            "|---|--:|--:|--:|---|",
            *(_pair_line(pair) for pair in decision.pairs),
            "",
        ]
    if decision.candidates:
        lines += [
            "| finalist | trial | in the verdict | mIoU, points, test | interval | parameters | latency p90, ms "
            "| memory, MB |",
            "|---|---|---|--:|--:|--:|--:|--:|",
            *(_candidate_line(candidate) for candidate in decision.candidates),
            "",
        ]
    if decision.ensembles:
        lines += [
            "| ensemble, no part of the verdict | mIoU, points, test | interval | better member, by validation "
            "| difference, points | interval |",
            "|---|--:|--:|---|--:|--:|",
            *(_ensemble_line(ensemble) for ensemble in decision.ensembles),
            "",
        ]
    if decision.choices:
        lines += [markdown_text(decision.choice_sentence()), ""]
    if decision.budgets.given():
        limits = ", ".join(f"{name.replace('_', ' ')} {limit:g}" for name, limit in decision.budgets.given().items())
        lines += [f"Budgets: {limits}.", ""]
    return "\n".join(lines).rstrip() + "\n"


def _pair_line(pair: PairVerdict) -> str:
    cells = (
        f"{pair.challenger} minus {pair.reference}",
        _number(pair.difference_points, "+.2f"),
        _interval(pair.low_points, pair.high_points),
        str(pair.seeds),
        pair.winner or "undecided",
    )
    return f"| {' | '.join(markdown_text(cell) for cell in cells)} |"


def _candidate_line(candidate: CandidateRow) -> str:
    cells = (
        f"{candidate.space} {candidate.role}",
        candidate.source_trial_id,
        "yes" if candidate.stands else "",
        _number(candidate.miou_points, ".2f"),
        _interval(candidate.low_points, candidate.high_points),
        _number(candidate.costs["parameters"], ",.0f"),
        _number(candidate.costs["latency_ms_p90"], ".1f"),
        _number(candidate.costs["peak_memory_mb"], ".0f"),
    )
    return f"| {' | '.join(markdown_text(cell) for cell in cells)} |"


def _ensemble_line(ensemble: EnsembleRow) -> str:
    known = ensemble.difference_points is not None
    cells = (
        ensemble.name,
        _number(ensemble.miou_points, ".2f"),
        _interval(ensemble.low_points, ensemble.high_points),
        f"{ensemble.member} {ensemble.member_role}" if known else "unknown",
        _number(ensemble.difference_points if ensemble.difference_points is not None else math.nan, "+.2f"),
        _interval(ensemble.difference_low_points, ensemble.difference_high_points),
    )
    return f"| {' | '.join(markdown_text(cell) for cell in cells)} |"


def _number(value: float, form: str) -> str:
    return "not measured" if math.isnan(value) else format(value, form)


def _interval(low: float | None, high: float | None) -> str:
    return "none" if low is None or high is None else f"{low:.2f} to {high:.2f}"
