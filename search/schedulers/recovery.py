"""How far behind a trial can be and still end among the best: what recorded learning curves show.

The table `recovery.csv` is derived by `python -m benchmarks.curve_prediction --curves-file FILE --recovery-file FILE`.
"""

import csv
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from search.schedulers.rungs import rung_score

PEERS_QUANTILE = 0.75
"""Quantile of the peers' values that a trial is measured by. Unlike the best of them it does not rise with their
number, so that a few trials and a thousand are judged alike."""

BEST_SHARE = 1 / 5
"""Share of the trials that count as having ended well."""

TABLE_FILE = Path(__file__).with_name("recovery.csv")


@dataclass(frozen=True, slots=True)
class Recovery:
    """The lowest standings from which a curve still ended among the best `BEST_SHARE`.

    A standing is a trial's value divided by the `PEERS_QUANTILE` of its peers' values at the same step. It has no unit,
    so that it carries over between data sets and measures.

    Attributes:
        shares: Shares of the full training, ascending.
        standings: The lowest standing at each of them or at any later one, hence ascending, too.
    """

    shares: tuple[float, ...]
    standings: tuple[float, ...]

    def lowest(self, share: float) -> float:
        """The lowest standing that was recovered from at a share of the training; 0 before the first known share."""
        index = bisect_right(self.shares, share + 1e-9)
        return self.standings[index - 1] if index else 0.0


def standing(value: float, peers: Sequence[float]) -> float | None:
    """A value relative to its peers' at the same step; None where these are too low to compare with."""
    reference = _reference(peers)
    return value / reference if reference > 0 else None


def recovery_of(curves: Sequence[Sequence[float]]) -> Recovery:
    """Derive the table from curves of full trainings.

    Args:
        curves: mIoU at each evaluation, equally many of each curve and all finite.
    """
    evaluations = len(curves[0])
    scores = [[rung_score(curve[:count]) for count in range(1, evaluations + 1)] for curve in curves]
    best = sorted(range(len(curves)), key=lambda number: -scores[number][-1])
    best = best[: max(1, round(BEST_SHARE * len(curves)))]
    standings: list[float] = []
    lowest = 1.0
    for count in reversed(range(evaluations)):
        reference = _reference([score[count] for score in scores])
        if reference > 0:
            lowest = min(lowest, *(scores[number][count] / reference for number in best))
        standings.append(lowest)
    shares = tuple((count + 1) / evaluations for count in range(evaluations))
    return Recovery(shares, tuple(reversed(standings)))


def _reference(peers: Sequence[float]) -> float:
    """The quantile, between two of the values by a straight line; numpy's takes most of its time to get ready."""
    ascending = sorted(peers)
    place = PEERS_QUANTILE * (len(ascending) - 1)
    below = int(place)
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (place - below) * (ascending[above] - ascending[below])


def write_recovery(recovery: Recovery, file: Path) -> None:
    """Write the table as CSV, one share a line."""
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(("share_of_training", "lowest_standing"))
        for share, lowest in zip(recovery.shares, recovery.standings, strict=True):
            writer.writerow((f"{share:.6f}", f"{lowest:.4f}"))


def read_recovery(file: Path = TABLE_FILE) -> Recovery:
    """Read a table; the one that ships with the package unless another is named."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return Recovery(
        tuple(float(row["share_of_training"]) for row in rows), tuple(float(row["lowest_standing"]) for row in rows)
    )
