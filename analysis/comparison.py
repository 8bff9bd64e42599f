"""How well finalists segment the test part, and how sure a difference between two of them is.

Scores are computed by `analysis.scores` from confusion matrices summed over the test part's groups: its
source photos, or its captures when the split is by capture. Everything here is a fraction from 0 to 1; a
point of mIoU is 0.01.

The interval. A finalist is trained n times from different seeds, and evaluated on G groups. Two things could
have come out otherwise: the seeds' luck, and which photos happen to be in the test part. For a score let

    s2 = variance between the seeds' values (n - 1 in the denominator, n - 1 degrees of freedom), and
    v  = variance of the mean over the seeds from the choice of the G groups, with G - 1 degrees of freedom: the
         larger of two estimates. One draws the groups again with replacement (`BOOTSTRAP_RESAMPLES` times, the same
         draw for all seeds and both finalists), times G / (G - 1) because a resample of G groups spreads too little by
         that factor. The other leaves out one group after the other. Where classes are rare or groups very unequal the
         first is too small, and the second errs on the other side (Efron and Stein 1981, "The jackknife estimate of
         variance").

    half-width = t(f) * sqrt(s2 / n + v)

with t(f) the two-sided quantile of Student's distribution at the confidence asked for and f the degrees of freedom of
the sum (Welch 1947, "The generalization of Student's problem when several different population variances are
involved"; Satterthwaite 1946): f = (s2 / n + v)^2 / ((s2 / n)^2 / (n - 1) + v^2 / (G - 1)). Few seeds make a wide
interval only as far as it is the seeds that spread, few groups only as far as it is the groups.

For the difference of two finalists v is that of the difference, group by group, for both are evaluated on the same
groups. Their seeds are two samples: s2 is the sum of both variances and has the degrees of freedom of such a sum. That
seeds have equal numbers makes the two share the order of their data, and at most takes something off the difference's
spread; counting on it would cost half of the degrees of freedom, with 3 seeds an interval of 1.5 times the width.

With few groups (under `FEW_GROUPS`) v rests on a handful of values; the interval is then wide, and `group_warning` says
why. One seed gives no interval at all, because s2 is unknown, and neither does one group, because v is. How often the
intervals cover the truth, and verdicts are wrong, is measured by `python -m benchmarks.verdict_calibration`.

The bootstrap over whole photos follows Davison and Hinkley 1997, "Bootstrap Methods and their Application",
section 3.8: patches of one photo resemble each other, so resampling patches would feign precision.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.results import TestEvaluation
from analysis.scores import class_sums, foreground_mean, iou_of_sums

DEFAULT_CONFIDENCE = 0.95
BOOTSTRAP_RESAMPLES = 2000
BOOTSTRAP_SEED = 0
"""The resampling is part of the method: every analysis of the same test part draws the same groups."""

FEW_GROUPS = 5
"""Below this many groups, the spread between groups is itself hardly known."""

MOST_SEEDS = 50
"""Nobody runs more seeds than this; `seeds_to_decide` gives up beyond it."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A score or a difference of scores, with what is known of its uncertainty; fractions, not points.

    Attributes:
        value: Mean over the seeds.
        low: Lower end of the interval; None where there is no interval (one seed, or one group).
        high: Upper end of the interval; None likewise.
        seeds: Number of (matched) seeds, n.
        groups: Number of groups of the test part, G.
        seed_variance: s2 of the module's text; None for one seed.
        seed_freedom: Degrees of freedom of s2; None for one seed.
        group_variance: v of the module's text; None for one group.
    """

    value: float
    low: float | None
    high: float | None
    seeds: int
    groups: int
    seed_variance: float | None
    seed_freedom: float | None
    group_variance: float | None


def score_estimate(
    evaluations: Sequence[TestEvaluation],
    *,
    class_index: int | None = None,
    confidence: float = DEFAULT_CONFIDENCE,
) -> Estimate:
    """One finalist's mIoU, or the IoU of one class, over its seeds; the interval is kept within 0 and 1.

    Args:
        evaluations: One per seed, all of one space and role.
        class_index: The class; None for the foreground mIoU.
        confidence: Share of intervals that shall cover the truth.

    Raises:
        ValueError: No evaluation, a seed twice, or evaluations on different groups.
    """
    estimate = _estimate(_matched(evaluations), None, class_index, confidence)
    if estimate.low is None or estimate.high is None:
        return estimate
    # Few seeds make intervals that reach beyond what a score can be.
    return replace(estimate, low=max(0.0, estimate.low), high=min(1.0, estimate.high))


def paired_difference(
    first: Sequence[TestEvaluation],
    second: Sequence[TestEvaluation],
    *,
    class_index: int | None = None,
    confidence: float = DEFAULT_CONFIDENCE,
) -> Estimate:
    """The first finalist's score minus the second's, matched by seed and by group.

    Seeds that only one of them has run are left out.

    Args:
        first: Evaluations of the minuend, one per seed.
        second: Evaluations of the subtrahend, one per seed.
        class_index: Compare the IoU of this class; None for the foreground mIoU.
        confidence: Share of intervals that shall cover the truth.

    Raises:
        ValueError: No common seed, a seed twice, or evaluations on different groups.
    """
    minuend, subtrahend = _matched(first), _matched(second)
    common = [seed for seed in minuend if seed in subtrahend]
    if not common:
        raise ValueError("the two finalists have no seed in common")
    pairs = {seed: (minuend[seed], subtrahend[seed]) for seed in common}
    if any(set(one.groups) != set(other.groups) for one, other in pairs.values()):
        raise ValueError("the two finalists were evaluated on different groups")
    return _estimate(
        {seed: one for seed, (one, _) in pairs.items()},
        {seed: other for seed, (_, other) in pairs.items()},
        class_index,
        confidence,
    )


def half_width(parts: Sequence[tuple[float, float]], confidence: float = DEFAULT_CONFIDENCE) -> float:
    """Half the width of the interval that the module's text defines; 0 where nothing varies.

    Args:
        parts: Of each independent part of an estimate's variance: its value, and its degrees of freedom.
        confidence: Share of intervals that shall cover the truth.
    """
    from scipy.special import stdtrit

    total = sum(variance for variance, _ in parts)
    if total <= 0:
        return 0.0
    return float(stdtrit(_freedom(parts), 0.5 + confidence / 2)) * math.sqrt(total)


def seeds_to_decide(estimate: Estimate, distance: float, confidence: float = DEFAULT_CONFIDENCE) -> int | None:
    """How many seeds in all would bring the half-width under `distance`, if the variances stay as seen.

    Args:
        estimate: From at least two seeds.
        distance: From the estimate to the bound that its interval must not cross, as a fraction.
        confidence: Share of intervals that shall cover the truth.

    Returns:
        The smallest number of seeds; None if `MOST_SEEDS` would not do.

    Raises:
        ValueError: The estimate comes from one seed or one group, whose variance nobody knows.
    """
    if estimate.seed_variance is None or estimate.seed_freedom is None:
        raise ValueError("one seed tells nothing of the variance between seeds")
    if estimate.group_variance is None:
        raise ValueError("one group tells nothing of the variance between groups")
    freedom_per_seed = estimate.seed_freedom / (estimate.seeds - 1)
    groups = (estimate.group_variance, estimate.groups - 1)
    for seeds in range(2, MOST_SEEDS + 1):
        of_seeds = (estimate.seed_variance / seeds, freedom_per_seed * (seeds - 1))
        if half_width((of_seeds, groups), confidence) < distance:
            return seeds
    return None


def group_warning(groups: int, unit: str) -> str | None:
    """A sentence on an interval that rests on few groups; None where there are enough.

    Args:
        groups: Number of groups of the test part.
        unit: What a group is: "photo" or "capture".
    """
    if groups >= FEW_GROUPS:
        return None
    if groups == 1:
        return (
            f"The test part is a single {unit}: nothing is known of how {unit}s differ,"
            " so there is no interval, however many seeds."
        )
    return (
        f"The test part has only {groups} {unit}s: how much {unit}s differ is hardly known,"
        " so the interval is wide, and rests on them being like those to come."
    )


def _matched(evaluations: Sequence[TestEvaluation]) -> dict[int, TestEvaluation]:
    """Evaluations by ascending seed."""
    if not evaluations:
        raise ValueError("a finalist has no evaluation on the test part")
    by_seed = {evaluation.seed: evaluation for evaluation in sorted(evaluations, key=lambda one: one.seed)}
    if len(by_seed) != len(evaluations):
        raise ValueError("a finalist has two evaluations for one seed")
    if len({frozenset(evaluation.groups) for evaluation in evaluations}) != 1:
        raise ValueError("a finalist's seeds were evaluated on different groups")
    return by_seed


def _estimate(
    first: dict[int, TestEvaluation],
    second: dict[int, TestEvaluation] | None,
    class_index: int | None,
    confidence: float,
) -> Estimate:
    names = sorted(next(iter(first.values())).groups)
    seeds, groups = len(first), len(names)
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    resamples = generator.multinomial(groups, np.full(groups, 1 / groups), size=BOOTSTRAP_RESAMPLES)
    # After the resamples each group left out in turn, and last the test part itself, each group once.
    whole = np.ones((1, groups))
    weights = np.vstack([resamples, whole - np.eye(groups), whole])
    sides = (first,) if second is None else (first, second)
    samples = [np.stack([_scores(side[seed], names, weights, class_index) for seed in side]) for side in sides]
    means = [sample.mean(axis=0) for sample in samples]
    weighted = means[0] - means[1] if len(means) > 1 else means[0]
    value = float(weighted[-1])
    group_variance = None
    if groups > 1:
        bootstrap, jackknife = _known(weighted[:BOOTSTRAP_RESAMPLES]), _known(weighted[BOOTSTRAP_RESAMPLES:-1])
        group_variance = max(
            float(bootstrap.var(ddof=1)) * groups / (groups - 1) if len(bootstrap) > 1 else 0.0,
            float(jackknife.var()) * (groups - 1) if len(jackknife) > 1 else 0.0,
        )
    seed_variance, seed_freedom = None, None
    if seeds > 1 and not math.isnan(value):
        variances = [(float(sample[:, -1].var(ddof=1)), seeds - 1.0) for sample in samples]
        seed_variance, seed_freedom = sum(variance for variance, _ in variances), _freedom(variances)
    low, high = None, None
    if seed_variance is not None and seed_freedom is not None and group_variance is not None:
        half = half_width(((seed_variance / seeds, seed_freedom), (group_variance, groups - 1)), confidence)
        low, high = value - half, value + half
    return Estimate(
        value=value,
        low=low,
        high=high,
        seeds=seeds,
        groups=groups,
        seed_variance=seed_variance,
        seed_freedom=seed_freedom,
        group_variance=group_variance,
    )


def _known(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Those that are numbers: where no pixel of a rare class is left, a score says nothing."""
    return scores[~np.isnan(scores)]


def _freedom(parts: Sequence[tuple[float, float]]) -> float:
    """Degrees of freedom of a sum of variances: Welch and Satterthwaite's; of parts without variance, of all."""
    total = sum(variance for variance, _ in parts)
    if total <= 0:
        return sum(freedom for _, freedom in parts)
    return float(total**2 / sum(variance**2 / freedom for variance, freedom in parts))


def _scores(
    evaluation: TestEvaluation, names: list[str], weights: NDArray[np.float64], class_index: int | None
) -> NDArray[np.float64]:
    """Scores (R,) of one evaluation, its groups, in the order of `names`, weighted by `weights` (R, G)."""
    place = {name: index for index, name in enumerate(evaluation.groups)}
    sums = class_sums(evaluation.confusion[[place[name] for name in names]])
    if class_index is not None:
        sums = sums[..., [class_index]]
    ious = iou_of_sums((weights @ sums.reshape(len(names), -1)).reshape(len(weights), *sums.shape[1:]))
    return foreground_mean(ious) if class_index is None else ious[:, 0]
