"""Each space's baseline beside the best that was found: what differs, and what it brought."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.best_trials import best_trials
from analysis.figures.rows import baseline_trials
from analysis.page.cards import finalist_means, finalist_scores
from analysis.page.formatting import MISSING, count, duration, score, setting
from analysis.tables import CONFIG_PREFIX

if TYPE_CHECKING:
    import pandas as pd

    from analysis.results import SearchResults


@dataclass(frozen=True, slots=True)
class Line:
    """One quantity of both trials, written out; `differs` where a configuration's value was changed."""

    name: str
    baseline: str
    best: str
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """A space's baseline and best trial.

    Attributes:
        space: Its name.
        baseline: The baseline's trial_id.
        best: The best trial's trial_id.
        same: The baseline itself is the best found.
        scores: What they reached and spent.
        changed: Configuration values that differ.
        kept: Configuration values that are the same.
    """

    space: str
    baseline: str
    best: str
    same: bool
    scores: tuple[Line, ...]
    changed: tuple[Line, ...]
    kept: tuple[Line, ...]


def make_pairs(results: "SearchResults", spaces: tuple[str, ...]) -> tuple[Pair, ...]:
    """One pair for each space that has both a baseline and a best trial."""
    baselines, best = baseline_trials(results), best_trials(results)
    tested = {
        "mIoU, test (95% interval)": finalist_scores(results),
        "boundary mIoU, test": finalist_means(results, "boundary_miou"),
        "calibration error, test": finalist_means(results, "calibration_error"),
    }
    pairs = []
    for space in spaces:
        if space not in baselines or space not in best:
            continue
        first, second = baselines[space], best[space]
        configuration = _configuration(first, second)
        pairs.append(
            Pair(
                space=space,
                baseline=str(first["trial_id"]),
                best=str(second["trial_id"]),
                same=first["trial_id"] == second["trial_id"],
                scores=_scores(tested, space, first, second),
                changed=tuple(line for line in configuration if line.differs),
                kept=tuple(line for line in configuration if not line.differs),
            )
        )
    return tuple(pairs)


def _scores(
    tested: Mapping[str, Mapping[tuple[str, str], str]], space: str, first: "pd.Series[Any]", second: "pd.Series[Any]"
) -> tuple[Line, ...]:
    def line(label: str, column: str, write: Callable[[Any], str]) -> Line:
        return Line(label, write(first.get(column)), write(second.get(column)))

    return (
        line("trial", "trial_id", str),
        line("best mIoU, validation", "best_miou", score),
        *(
            Line(label, written.get((space, "baseline"), MISSING), written.get((space, "best"), MISSING))
            for label, written in tested.items()
        ),
        line("ended for", "stop_reason", lambda value: str(value or "").replace("_", " ") or "not ended"),
        line("steps", "step", count),
        line("training time", "train_seconds", duration),
        line("share of pseudo-labels kept", "mask_ratio", score),
    )


def _configuration(first: "pd.Series[Any]", second: "pd.Series[Any]") -> list[Line]:
    lines = []
    for column in first.index:
        if str(column).startswith(CONFIG_PREFIX):
            before, after = setting(_plain(first[column])), setting(_plain(second[column]))
            lines.append(Line(str(column).removeprefix(CONFIG_PREFIX), before, after, before != after))
    return lines


def _plain(value: Any) -> Any:
    """A numpy scalar as the Python value that `setting` knows."""
    return value.item() if hasattr(value, "item") else value
