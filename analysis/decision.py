"""The verdict: which model to use. The numbers of its rule stand at the top of this file; change them here.

Several spaces are compared in pairs, the lighter (fewer parameters) against the heavier. The difference is
heavier minus lighter in points of foreground mIoU on the test part, with its interval (`analysis.comparison`):

    interval entirely under LIGHTER_BELOW_POINTS     the lighter: the gain is not worth the weight
    interval entirely over HEAVIER_ABOVE_POINTS      the heavier
    anything else                                    undecided, and what would decide it

A space wins when it wins against every other. `edge` takes the lightest network whose budgets hold; `server`
the one with the higher mIoU if the interval of the difference excludes 0. Two networks of equal size differ in
accuracy only, so the rule of `server` applies to them. A search of one space compares its best configuration
with its baseline by accuracy, too: they usually share one network.

Of several finalists of a space, one stands for it in all this: the highest mean over the seeds on the validation part,
on an edge device among those whose budgets hold. The test part has no say in that choice.

A run of a finalist that broke is part of what that finalist is worth, and the runs that are left would flatter it:
every comparison with such a finalist is undecided, and whatever the verdict, a warning names its broken runs.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from analysis.candidates import candidate_row, choice_of, fits, weight, within_budgets
from analysis.comparison import Estimate, group_warning, paired_difference
from analysis.decision_record import Budgets, Decision, Deployment, PairVerdict
from analysis.ensembles import ensemble_rows
from analysis.finalist_endings import broken_runs
from analysis.finalist_roles import BASELINE
from analysis.finalists import Finalist, SpaceFinalists, finalists_of
from analysis.obstacle import find_obstacle
from analysis.results import SearchResults
from analysis.undecided import SETTLE_BROKEN_RUNS, between, count_of, more_seeds, what_would_decide

__all__ = ["Budgets", "Decision", "Deployment", "PairVerdict", "better_by_interval", "decide", "preferred"]

LIGHTER_BELOW_POINTS = 2.0
"""Points of mIoU. A heavier network that gains less than this is not worth its weight."""

HEAVIER_ABOVE_POINTS = 5.0
"""Points of mIoU. A heavier network that gains more than this is worth it."""

CONFIDENCE = 0.95
"""Confidence of the intervals that the rule is applied to."""


def decide(results: SearchResults, *, deployment: Deployment = "any", budgets: Budgets | None = None) -> Decision:
    """Reach the verdict of a search.

    Args:
        results: What the search left.
        deployment: "any", "edge" (the lightest that fits) or "server" (accuracy first).
        budgets: What the edge device allows; `edge` alone uses them.

    Returns:
        The decision. Where there is nothing to decide on, its status is "none" and its reason says why.

    Raises:
        ValueError: The finalists' evaluations do not fit together (a seed twice, different groups).
    """
    limits = budgets or Budgets()
    spaces = finalists_of(results, confidence=CONFIDENCE)
    ensembles = ensemble_rows(results, spaces, confidence=CONFIDENCE)
    if deployment == "edge":
        spaces = tuple(within_budgets(space, limits) for space in spaces)
    draft = replace(_draft(results, spaces, deployment, limits), ensembles=ensembles)
    obstacle = find_obstacle(results, spaces)
    if obstacle:
        sentence = f"No verdict: {obstacle.reason}"
        return replace(draft, sentence=sentence, reason=obstacle.reason, would_decide=obstacle.would_help)
    if len(spaces) == 1:
        return _decide_one(draft, spaces[0])
    finalists = [space.best for space in spaces if space.best is not None]
    return _decide_edge(draft, finalists) if deployment == "edge" else _decide_pairs(draft, finalists)


def preferred(low_points: float | None, high_points: float | None) -> str | None:
    """Apply the bounds to the interval of heavier minus lighter: "lighter", "heavier", or None for undecided."""
    if low_points is None or high_points is None:
        return None
    if high_points < LIGHTER_BELOW_POINTS:
        return "lighter"
    return "heavier" if low_points > HEAVIER_ABOVE_POINTS else None


def better_by_interval(low_points: float | None, high_points: float | None) -> str | None:
    """Which is more accurate: "challenger" above 0, "reference" below, None where the interval holds 0."""
    if low_points is None or high_points is None:
        return None
    if low_points > 0:
        return "challenger"
    return "reference" if high_points < 0 else None


def _draft(
    results: SearchResults, spaces: Sequence[SpaceFinalists], deployment: Deployment, budgets: Budgets
) -> Decision:
    """A decision that has yet to be made: all that does not depend on how it ends."""
    finalists = [one for space in spaces for one in space.everyone()]
    standing = {space.space: space.best for space in spaces}
    confidence, warnings = "", []
    if finalists:
        seeds = min(finalist.miou.seeds for finalist in finalists)
        groups = finalists[0].miou.groups
        unit = finalists[0].unit
        basis = f"{count_of(seeds, 'seed')} of each finalist and the {count_of(groups, unit)} of the test part"
        if any(finalist.miou.low is not None for finalist in finalists):
            confidence = f"{CONFIDENCE:.0%} intervals, from {basis}."
        else:
            confidence = f"There are no intervals: {basis} do not give any."
        warnings = [text for text in (group_warning(groups, unit),) if text]
    warnings += [broken.sentence() for broken in broken_runs(results).values()]
    if results.settings.get("preset") == "demo":
        steps = results.settings.get("max_steps")
        warnings.append(f"Trainings had the size of a demo, {steps} steps: longer ones may rank the models otherwise.")
    return Decision(
        status="none",
        winner=None,
        settings_of=None,
        sentence="",
        choices=tuple(choice for space in spaces if (choice := choice_of(space))),
        confidence=confidence,
        reason="",
        would_decide="",
        deployment=deployment,
        budgets=budgets,
        rule={
            "lighter_below_points": LIGHTER_BELOW_POINTS,
            "heavier_above_points": HEAVIER_ABOVE_POINTS,
            "confidence": CONFIDENCE,
        },
        pairs=(),
        candidates=tuple(
            candidate_row(finalist, budgets, stands=finalist is standing[finalist.space]) for finalist in finalists
        ),
        ensembles=(),
        warnings=tuple(warnings),
    )


def _decide_one(draft: Decision, space: SpaceFinalists) -> Decision:
    """Best against baseline; on an edge device, among those that fit it."""
    name = space.space
    best, baseline = space.best, space.baseline
    if best is None:
        raise ValueError(f"{name} has no finalist")
    if draft.deployment == "edge":
        fitting = [one for one in (best, baseline) if one is not None and fits(one, draft.budgets)]
        if not fitting:
            return _nothingfits(draft)
        if len(fitting) == 1 and baseline is not None and baseline is not best:
            reason = f"of {name}, only the network of the {fitting[0].role} settings holds the budgets."
            return _won(draft, fitting[0], f"Use the {fitting[0].role} settings of {name}: {reason}", reason)
    if space.best_is_baseline or baseline is None:
        reason = "the search found no better settings on the validation part."
        kept = replace(baseline or best, role=BASELINE)
        return _won(draft, kept, f"Keep the baseline of {name}: {reason}", reason)
    pair = _compare(baseline, best, f"{name} (baseline)", f"{name} ({best.role})", by_accuracy=True)
    draft = replace(draft, pairs=(pair,))
    if pair.winner is None:
        sentence = f"Undecided: the settings found for {name} make no provable difference; {pair.reason}"
        return _left_open(draft, sentence, pair.reason, pair.would_decide)
    if pair.winner == pair.challenger:
        return _won(draft, best, f"Use the settings found for {name}: {pair.reason}", pair.reason)
    kept = replace(baseline, role=BASELINE)
    return _won(draft, kept, f"Keep the baseline of {name}: {pair.reason}", pair.reason)


def _decide_edge(draft: Decision, finalists: Sequence[Finalist]) -> Decision:
    """The lightest whose budgets hold, whatever its accuracy."""
    fitting = [finalist for finalist in finalists if fits(finalist, draft.budgets)]
    if not fitting:
        return _nothingfits(draft)
    lightest = min(fitting, key=weight)
    holds = "that holds the budgets" if draft.budgets.given() else "(no budget was given)"
    reason = f"it is the lightest network {holds}, with {lightest.costs['parameters']:,.0f} parameters."
    draft = replace(draft, pairs=_all_pairs(finalists, by_accuracy=False))
    return _won(draft, lightest, f"Use {lightest.space} on the edge device: {reason}", reason)


def _decide_pairs(draft: Decision, finalists: Sequence[Finalist]) -> Decision:
    """The space that wins against every other; undecided without one."""
    pairs = _all_pairs(finalists, by_accuracy=draft.deployment == "server")
    draft = replace(draft, pairs=pairs)
    for finalist in finalists:
        own = [pair for pair in pairs if finalist.space in {pair.reference, pair.challenger}]
        if all(pair.winner == finalist.space for pair in own):
            reason = " ".join(pair.reason for pair in own)
            beaten = " and ".join(other.space for other in finalists if other is not finalist)
            why = reason if len(own) == 1 else f"it wins against {beaten}."
            return _won(draft, finalist, f"Use {finalist.space}: {why}", reason)
    losers = {name for pair in pairs for name in (pair.reference, pair.challenger) if pair.winner not in {None, name}}
    undecided = [pair for pair in pairs if pair.winner is None]
    # A space that lost to another is out; what is open between two such spaces would change nothing.
    pending = [pair for pair in undecided if not {pair.reference, pair.challenger} <= losers] or undecided
    reason = " ".join(pair.reason for pair in pending)
    settled = reason if len(pending) == 1 else "none of them wins against all others."
    sentence = f"Undecided ({between([(pair.reference, pair.challenger) for pair in pending])}): {settled}"
    helpful = (f"{pair.reference} or {pair.challenger}: {pair.would_decide}" for pair in pending)
    would_decide = pending[0].would_decide if len(pending) == 1 else " ".join(helpful)
    return _left_open(draft, sentence, reason, would_decide)


def _all_pairs(finalists: Sequence[Finalist], *, by_accuracy: bool) -> tuple[PairVerdict, ...]:
    ordered = sorted(finalists, key=weight)
    return tuple(
        _compare(lighter, heavier, lighter.space, heavier.space, by_accuracy=by_accuracy)
        for lighter, heavier in combinations(ordered, 2)
    )


def _compare(reference: Finalist, challenger: Finalist, one: str, other: str, *, by_accuracy: bool) -> PairVerdict:
    """Compare two finalists, called `one` and `other` in the texts."""
    difference = paired_difference(challenger.evaluations, reference.evaluations, confidence=CONFIDENCE)
    points = 100 * difference.value
    low, high = (None if end is None else 100 * end for end in (difference.low, difference.high))
    seen = f"{other} differs from {one} by {points:+.2f} points of mIoU{_how_sure(difference, reference.unit)}"
    broken = " ".join(one.broken.sentence() for one in (reference, challenger) if one.broken)
    size, reference_size = challenger.costs["parameters"], reference.costs["parameters"]
    if broken:
        winner = None
        reason = f"{broken} What is left of the runs does not tell what the settings are worth: {seen}."
        would_decide = SETTLE_BROKEN_RUNS
    elif by_accuracy or size == reference_size:
        choice = better_by_interval(low, high)
        winner = {"challenger": other, "reference": one, None: None}[choice]
        reason = f"{seen}." if low is None else f"{seen}, which {'ex' if winner else 'in'}cludes 0."
        would_decide = "" if winner else more_seeds(difference, abs(points), CONFIDENCE, reference.unit)
    else:
        choice = preferred(low, high)
        winner = {"heavier": other, "lighter": one, None: None}[choice]
        times = f"{size / reference_size:.1f} times as large"
        reason = {
            "lighter": f"{seen}, under the {LIGHTER_BELOW_POINTS:g} points that a network {times} must gain.",
            "heavier": f"{seen}, over the {HEAVIER_ABOVE_POINTS:g} points that are worth a network {times}.",
            None: f"{seen}, not surely under {LIGHTER_BELOW_POINTS:g} or over {HEAVIER_ABOVE_POINTS:g} points.",
        }[choice]
        bounds = (LIGHTER_BELOW_POINTS, HEAVIER_ABOVE_POINTS)
        would_decide = "" if winner else what_would_decide(difference, *bounds, CONFIDENCE, reference.unit)
    return PairVerdict(
        reference=one,
        challenger=other,
        difference_points=points,
        low_points=low,
        high_points=high,
        seeds=difference.seeds,
        groups=difference.groups,
        winner=winner,
        reason=reason,
        would_decide=would_decide,
    )


def _how_sure(difference: Estimate, unit: str) -> str:
    """The interval of a difference, or why it has none, to follow it."""
    if difference.low is not None and difference.high is not None:
        return f" ({CONFIDENCE:.0%} interval {100 * difference.low:.2f} to {100 * difference.high:.2f})"
    if difference.groups == 1:
        return f" (a test part of one {unit} can't tell)"
    return " (one seed: one run can't tell)"


def _won(draft: Decision, finalist: Finalist, sentence: str, reason: str) -> Decision:
    if finalist.broken:
        sentence, reason = (f"{text} {finalist.broken.sentence()}" for text in (sentence, reason))
    return replace(
        draft,
        status="decided",
        winner=finalist.space,
        settings_of=finalist.role,
        sentence=sentence,
        reason=reason,
    )


def _left_open(draft: Decision, sentence: str, reason: str, would_decide: str) -> Decision:
    return replace(draft, status="undecided", sentence=sentence, reason=reason, would_decide=would_decide)


def _nothingfits(draft: Decision) -> Decision:
    limits = ", ".join(f"{name} {limit:g}" for name, limit in draft.budgets.given().items())
    reason = f"no network of this search is known to hold the budgets ({limits})."
    return replace(
        draft,
        sentence=f"No verdict: {reason}",
        reason=reason,
        would_decide="Looser budgets, or a search of smaller networks.",
    )
