"""The three numbers that tell whether self-training feeds on its own mistakes, for each space's best trial."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.best_trials import best_trials
from analysis.figures.rows import numbers
from analysis.page.formatting import MISSING
from trainables.metric_names import label_share_name, pseudo_precision_name, pseudo_share_name

if TYPE_CHECKING:
    import pandas as pd

    from analysis.results import SearchResults


@dataclass(frozen=True, slots=True)
class ClassShares:
    """One class: its share of the labels and of the pseudo-labels, and how many of the latter are right."""

    name: str
    labels: str
    pseudo_labels: str
    precision: str


@dataclass(frozen=True, slots=True)
class PseudoLabels:
    """The numbers of one trial, written out in per cent.

    Attributes:
        space: Its space.
        trial_id: The trial.
        kept: Share of the unlabelled pixels whose pseudo-label was trained on, at the first evaluation with any and at
            the last.
        precision: Share of right ones among those on the validation part, likewise.
        classes: The shares of each class at the last evaluation.
    """

    space: str
    trial_id: str
    kept: str
    precision: str
    classes: tuple[ClassShares, ...]


def make_pseudo_labels(results: "SearchResults", spaces: tuple[str, ...]) -> tuple[PseudoLabels, ...]:
    """The numbers of each space's best trial; a space whose best trial used no pseudo-labels is left out."""
    names = [str(entry.get("name", "")) for entry in (results.settings.get("data") or {}).get("classes") or ()]
    best = best_trials(results)
    found = []
    for space in spaces:
        trial = best.get(space)
        curve = results.curves[results.curves["trial_id"] == trial["trial_id"]] if trial is not None else None
        if trial is None or curve is None or not np.nansum(numbers(curve, "mask_ratio")):
            continue
        found.append(
            PseudoLabels(
                space=space,
                trial_id=str(trial["trial_id"]),
                kept=_first_and_last(curve, "mask_ratio"),
                precision=_first_and_last(curve, "pseudo_precision"),
                classes=tuple(
                    ClassShares(
                        name,
                        _percent(trial.get(label_share_name(index, name))),
                        _percent(trial.get(pseudo_share_name(index, name))),
                        _percent(trial.get(pseudo_precision_name(index, name))),
                    )
                    for index, name in enumerate(names)
                ),
            )
        )
    return tuple(found)


def _first_and_last(curve: "pd.DataFrame", name: str) -> str:
    """How a share went, from the first evaluation at which it was above nothing."""
    values = numbers(curve, name)
    values = values[np.isfinite(values) & (values > 0)]
    if not len(values):
        return MISSING
    first, last = _percent(values[0]), _percent(values[-1])
    return last if len(values) == 1 else f"{first} \N{RIGHTWARDS ARROW} {last}"


def _percent(value: Any) -> str:
    if value is None or not np.isfinite(value):
        return MISSING
    return f"{100 * float(value):.1f}%"
