"""What all figures of one report share: which space has which marks, the floors, the rungs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.scores import class_sums, floor_miou_majority

if TYPE_CHECKING:
    from analysis.results import SearchResults

FLOOR_LABELS: Mapping[str, str] = {
    "majority_class": "always one class",
    "untrained": "untrained model",
}
"""How the floors of `settings["data"]["floor_miou"]` are called on the page; others keep their own name."""


@dataclass(frozen=True, slots=True)
class Floor:
    """A foreground mIoU that takes no learning."""

    label: str
    miou: float


@dataclass(frozen=True, slots=True)
class FigureContext:
    """What all figures of one report share.

    Attributes:
        spaces: Names of the spaces, in the order that decides their marks.
        floors: Scores on the validation part that take no learning, drawn as reference lines.
        test_floors: Those of the test part; none before a finalist has run there.
        rungs: Steps at which trials are compared and stopped, by space; empty where there are none.
    """

    spaces: tuple[str, ...]
    floors: tuple[Floor, ...]
    test_floors: tuple[Floor, ...]
    rungs: Mapping[str, tuple[int, ...]]


def figure_context(results: "SearchResults") -> FigureContext:
    """Gather what all figures share from the search's settings and, for spaces they don't list, its trials."""
    spaces = list(results.settings.get("spaces") or {})
    if "space" in results.trials:
        spaces += [str(name) for name in results.trials["space"].dropna().unique() if str(name) not in spaces]
    return FigureContext(
        spaces=tuple(spaces),
        floors=floors_of(results.settings),
        test_floors=_test_floors(results),
        rungs=_rungs(results.settings, spaces),
    )


def floors_of(settings: Mapping[str, Any]) -> tuple[Floor, ...]:
    """The floors that the search measured, lowest first; those that are no finite number are left out."""
    floors = []
    for name, value in ((settings.get("data") or {}).get("floor_miou") or {}).items():
        if isinstance(value, int | float) and math.isfinite(value):
            floors.append(Floor(FLOOR_LABELS.get(str(name), str(name).replace("_", " ")), float(value)))
    return tuple(sorted(floors, key=lambda floor: floor.miou))


def _test_floors(results: "SearchResults") -> tuple[Floor, ...]:
    """What the test part's own pixels tell: the score of always predicting one class."""
    for test in results.tests:
        pixels = class_sums(test.confusion)[..., 1, :].sum(axis=0)
        if pixels[1:].any():
            return (Floor(FLOOR_LABELS["majority_class"], floor_miou_majority(pixels)),)
    return ()


def _rungs(settings: Mapping[str, Any], spaces: list[str]) -> dict[str, tuple[int, ...]]:
    """Rungs by space: the settings hold one list for all spaces, or one for each."""
    rungs = settings.get("rungs") or ()
    if isinstance(rungs, Mapping):
        return {name: tuple(int(step) for step in rungs.get(name) or ()) for name in spaces}
    return {name: tuple(int(step) for step in rungs) for name in spaces}
