"""How the finalists' runs ended: a run that broke says as much of a configuration as one with a score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.results import SearchResults

BROKEN = ("diverged", "out_of_memory", "error", "stopped")
"""Stop reasons of runs that have no score, and will have none."""

NOT_ENDED = ("", "interrupted")
"""Stop reasons of runs that go on when the search is resumed."""

_WORDS = {"out_of_memory": "ran out of memory", "error": "failed with an error", "stopped": "was stopped by the user"}


@dataclass(frozen=True, kw_only=True)
class BrokenRuns:
    """Runs of one finalist that ended without a score.

    Attributes:
        space: Name of its space.
        role: `best`, `best-2`, ... by its rank in the search, or `baseline`.
        reasons: Stop reason of each seed that broke, by ascending seed; never empty.
    """

    space: str
    role: str
    reasons: Mapping[int, str]

    def sentence(self) -> str:
        """Which runs broke, and why: "Of unet (best), seed 2 diverged and seed 3 ran out of memory."."""
        runs = [f"seed {seed} {_WORDS.get(reason, reason)}" for seed, reason in self.reasons.items()]
        listed = " and ".join(part for part in (", ".join(runs[:-1]), runs[-1]) if part)
        return f"Of the finalist {self.space} ({self.role}), {listed}."


def broken_runs(results: "SearchResults") -> dict[tuple[str, str], BrokenRuns]:
    """The finalists with runs that broke, by space and role."""
    return {
        (space, role): BrokenRuns(space=space, role=role, reasons=reasons)
        for (space, role), reasons in _endings(results, BROKEN).items()
    }


def runs_to_come(results: "SearchResults") -> Sequence[str]:
    """The finalists whose runs have not all ended, each as "space (role)".

    A run that never started has no row. The settings say how many there must be.
    """
    begun = _endings(results, (*NOT_ENDED, "completed", "patience", "pruned", *BROKEN))
    open_runs = _endings(results, NOT_ENDED)
    expected = results.settings.get("finalist_seeds")
    least = expected if isinstance(expected, int) else 0
    return [
        f"{space} ({role})" for (space, role), runs in begun.items() if (space, role) in open_runs or len(runs) < least
    ]


def _endings(results: "SearchResults", wanted: Sequence[str]) -> dict[tuple[str, str], dict[int, str]]:
    """Stop reason by seed of the finalists' runs that ended for one of the wanted reasons, by space and role."""
    trials = results.trials
    rows = trials[(trials["phase"] == "finalist") & trials["stop_reason"].isin(wanted)].sort_values("seed")
    found: dict[tuple[str, str], dict[int, str]] = {}
    for _, row in rows.iterrows():
        found.setdefault((str(row["space"]), str(row["role"])), {})[int(row["seed"])] = str(row["stop_reason"])
    return found
