"""How often a verdict is wrong, and how often it is left open: made-up studies whose truth is known.

    python -m benchmarks.verdict_calibration

Each study has two models, 3 to 8 seeds and 6 to 40 test photos. The true difference is uniform from -8 to 8 points,
each model's spread between seeds from 0.3 to 1.5, the spread of the difference between photos from 0.5 to 4, and each
run on each photo adds another point of its own. Photos differ in size and difficulty. The studies' confusion matrices
go through the same code as those of a search. "Wrong" is a verdict for the lighter model though the heavier gains the
lower bound or more, or for the heavier though it gains the upper bound or less: between the bounds every verdict is
wrong. Every fourth study has what makes photos hard to judge by: six classes, of which the rarest is in 15 % of the
photos, and photos of which one may hold ten times what another does.

`ours` is the rule of `analysis.comparison`. `paired t`, the baseline, takes the variance of the seeds' differences and
gives the sum of both variances the freedom of the seeds alone. `variances known` is what nobody has: the true variances
and the normal quantile.
"""

import math
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.comparison import DEFAULT_CONFIDENCE, Estimate, half_width, paired_difference
from analysis.decision import HEAVIER_ABOVE_POINTS, LIGHTER_BELOW_POINTS, preferred
from analysis.results import TestEvaluation
from analysis.scores import foreground_miou
from benchmarks.reporting import benchmark_parser, report
from spaces.command_line import EXIT_DONE, run_command
from spaces.option_types import not_negative, positive

PIXELS = 60_000
"""Of a class in a photo of average size."""
RUN_AND_PHOTO_SPREAD = 0.01
MOST_WRONG = 0.05
MOST_BEYOND_KNOWN = 0.05
"""Share of studies that may be left open beyond those that would be with the true variances known."""

OURS, PAIRED, KNOWN = "ours", "paired t", "variances known"


@dataclass(frozen=True, slots=True)
class Photos:
    """What test photos are like.

    Attributes:
        name: As the table calls them.
        presence: Of each foreground class, the share of photos that show it.
        size_spread: Standard deviation of the logarithm of a class's pixels in a photo.
    """

    name: str
    presence: tuple[float, ...]
    size_spread: float


ALIKE = Photos("photos alike", (1.0, 1.0), 0.3)
UNEQUAL = Photos("rare classes", (1.0, 1.0, 0.9, 0.6, 0.3, 0.15), 1.0)


@dataclass(frozen=True, slots=True)
class Study:
    """Two models' evaluations, and what they were drawn from; fractions.

    Attributes:
        truth: The true difference, heavier minus lighter.
        lighter: Evaluations of the lighter model, one per seed.
        heavier: Evaluations of the heavier.
        deviation: True standard deviation of the difference of their means.
        photos: What the test photos are like.
    """

    truth: float
    lighter: list[TestEvaluation]
    heavier: list[TestEvaluation]
    deviation: float
    photos: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What a rule made of a study; fractions."""

    truth: float
    seeds: int
    photos: str
    low: float
    high: float

    @property
    def verdict(self) -> str | None:
        """The winner, None where it is left open."""
        return preferred(100 * self.low, 100 * self.high)

    @property
    def wrong(self) -> bool:
        """Whether there is a winner that should not be."""
        points = 100 * self.truth
        return (self.verdict == "lighter" and points >= LIGHTER_BELOW_POINTS) or (
            self.verdict == "heavier" and points <= HEAVIER_ABOVE_POINTS
        )

    @property
    def covered(self) -> bool:
        """Whether the truth lies in the interval."""
        return self.low <= self.truth <= self.high


def main(words: Sequence[str]) -> int:
    """Draw studies, judge them by every rule, print the table."""
    options = _options(words)
    generator = np.random.default_rng(options.seed)
    judged: dict[str, list[Judged]] = {OURS: [], PAIRED: [], KNOWN: []}
    for number in range(options.studies):
        photos = UNEQUAL if number % 4 == 3 else ALIKE
        study = draw_study(generator, generator.uniform(-0.08, 0.08), seeds=3 + number // 4 % 6, photos=photos)
        for rule, found in judge(study).items():
            judged[rule].append(found)
        if number % 200 == 199:
            sys.stderr.write(f"{number + 1} of {options.studies} studies\n")
    rows = [_row(rule, "all", found) for rule, found in judged.items()]
    for kind in (ALIKE.name, UNEQUAL.name):
        rows += [_row(rule, kind, [one for one in found if one.photos == kind]) for rule, found in judged.items()]
    for seeds in sorted({one.seeds for one in judged[OURS]}):
        rows += [
            _row(rule, f"{seeds} seeds", [one for one in found if one.seeds == seeds]) for rule, found in judged.items()
        ]
    bounds = (-0.08, LIGHTER_BELOW_POINTS / 100, HEAVIER_ABOVE_POINTS / 100, 0.08)
    for low, high in pairwise(bounds):
        band = f"truth {100 * low:g} to {100 * high:g}"
        rows += [_row(rule, band, [one for one in found if low <= one.truth < high]) for rule, found in judged.items()]
    report("Verdicts on studies whose truth is known", rows, options, **_findings(judged))
    return EXIT_DONE


def draw_study(
    generator: np.random.Generator,
    truth: float,
    *,
    seeds: int,
    groups: int | None = None,
    spreads: tuple[float, float] | None = None,
    photos: Photos = ALIKE,
) -> Study:
    """Draw a study.

    Args:
        generator: Source of chance.
        truth: True difference of mIoU, heavier minus lighter, a fraction.
        seeds: Runs of each model.
        groups: Test photos; drawn by default.
        spreads: Each model's standard deviation between seeds, a fraction; drawn by default.
        photos: What the test photos are like.
    """
    count = int(generator.integers(6, 41)) if groups is None else groups
    of_seeds = tuple(generator.uniform(0.003, 0.015, size=2)) if spreads is None else spreads
    of_photos = generator.uniform(0.005, 0.04)
    shown = generator.random((count, len(photos.presence))) < photos.presence
    pixels = PIXELS * generator.lognormal(0, photos.size_spread, size=shown.shape) * shown
    difficulty = generator.uniform(0.4, 0.6, size=(count, 1))
    advantage = truth + generator.normal(0, of_photos, size=(count, 1))
    models = []
    for sign, spread in zip((-0.5, 0.5), of_seeds, strict=True):
        runs = []
        for seed in range(seeds):
            luck = generator.normal(0, spread) + generator.normal(0, RUN_AND_PHOTO_SPREAD, size=(count, 1))
            runs.append(_evaluation(seed, pixels, difficulty + sign * advantage + luck))
        models.append(runs)
    # mIoU is linear in the photos' shares here: each photo weighs what its classes' pixels are of all, on average.
    found = pixels[:, pixels.any(axis=0)]
    weights = (found / found.sum(axis=0)).mean(axis=1)
    concentration = float((weights**2).sum())
    variance = sum(spread**2 for spread in of_seeds) / seeds
    variance += concentration * (of_photos**2 + 2 * RUN_AND_PHOTO_SPREAD**2 / seeds)
    return Study(truth, models[0], models[1], math.sqrt(variance), photos.name)


def judge(study: Study) -> dict[str, Judged]:
    """What each rule makes of a study."""
    estimate = paired_difference(study.heavier, study.lighter)
    assert estimate.low is not None  # noqa: S101 - studies have several seeds and photos
    assert estimate.high is not None  # noqa: S101
    halves = {
        OURS: (estimate.high - estimate.low) / 2,
        PAIRED: _half_of_paired_t(study, estimate),
        KNOWN: NormalDist().inv_cdf(0.5 + DEFAULT_CONFIDENCE / 2) * study.deviation,
    }
    value, seeds = estimate.value, estimate.seeds
    return {rule: Judged(study.truth, seeds, study.photos, value - half, value + half) for rule, half in halves.items()}


def _half_of_paired_t(study: Study, estimate: Estimate) -> float:
    """t(n - 1) * sqrt(s2 / n + v), s2 being the variance of the seeds' differences."""
    differences = [
        float(
            foreground_miou(one.confusion.sum(axis=0)[None])[0] - foreground_miou(other.confusion.sum(axis=0)[None])[0]
        )
        for one, other in zip(study.heavier, study.lighter, strict=True)
    ]
    variance = float(np.var(differences, ddof=1)) / len(differences) + (estimate.group_variance or 0.0)
    return half_width([(variance, len(differences) - 1)], DEFAULT_CONFIDENCE)


def _evaluation(seed: int, pixels: NDArray[np.float64], shares: NDArray[np.float64]) -> TestEvaluation:
    """Of each class's pixels the given share is found, and the rest taken for background."""
    classes = pixels.shape[1] + 1
    confusion = np.zeros((len(pixels), classes, classes), dtype=np.int64)
    confusion[:, 0, 0] = PIXELS
    places = np.arange(1, classes)
    found = np.rint(pixels * np.clip(shares, 0, 1)).astype(np.int64)
    confusion[:, places, places] = found
    confusion[:, places, 0] = np.rint(pixels).astype(np.int64) - found
    names = tuple(f"photo {number}" for number in range(len(pixels)))
    return TestEvaluation(f"trial-{seed}", "model", "best", seed, names, confusion)


def _row(rule: str, of: str, judged: Sequence[Judged]) -> dict[str, Any]:
    from scipy.stats import binomtest

    decided = [one for one in judged if one.verdict is not None]
    wrong = sum(one.wrong for one in decided)
    row: dict[str, Any] = {"rule": rule, "of": of, "studies": len(judged)}
    row["left open %"] = 100 * (1 - len(decided) / len(judged)) if judged else None
    row["wrong of decided %"] = 100 * wrong / len(decided) if decided else None
    if decided:
        sure = binomtest(wrong, len(decided)).proportion_ci(DEFAULT_CONFIDENCE)
        row["95 % interval"] = f"{100 * sure.low:.1f} to {100 * sure.high:.1f}"
    row["truth covered %"] = 100 * sum(one.covered for one in judged) / len(judged) if judged else None
    return row


def _findings(judged: dict[str, list[Judged]]) -> dict[str, Any]:
    open_share = {rule: np.mean([one.verdict is None for one in found]) for rule, found in judged.items()}
    decided = [one for one in judged[OURS] if one.verdict is not None]
    wrong = sum(one.wrong for one in decided) / max(1, len(decided))
    beyond = float(open_share[OURS] - open_share[KNOWN])
    return {
        "wrong_of_decided": wrong,
        "wrong_goal_met": wrong <= MOST_WRONG,
        "left_open_beyond_known": beyond,
        "left_open_beyond_known_by_paired_t": float(open_share[PAIRED] - open_share[KNOWN]),
        "left_open_goal_met": beyond <= MOST_BEYOND_KNOWN,
    }


def _options(words: Sequence[str]) -> Namespace:
    parser = benchmark_parser("verdict_calibration", "How often verdicts are wrong, on studies whose truth is known.")
    parser.add_argument("--studies", type=positive, default=4000, help="how many (default: 4000)")
    parser.add_argument("--seed", type=not_negative, default=0, help="of the studies (default: 0)")
    options = parser.parse_args(words)
    if options.quick:
        options.studies = 60
    return options


if __name__ == "__main__":
    run_command(main)
