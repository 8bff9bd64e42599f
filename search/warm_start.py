"""Starting a search from what another one found: its best configurations, fitted onto the spaces that are searched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from search.finalists import ranked_trials
from search.history import history_of
from search.settings import SearchSettings, read_settings
from spaces.complaints import first_complaint
from spaces.conditions import Scalar
from spaces.configuration import BY_CLASS, TrialConfig
from spaces.errors import InputError
from spaces.space import Space
from trainables.journal import TRAINING_FILE, read_journal

SHARE = 3
"""Of the trials beside the baseline, one in this many may come from another search, at least one."""


@dataclass(frozen=True, slots=True)
class WarmStart:
    """Configurations to try right after the baseline.

    Attributes:
        folder: Folder of the search that they come from.
        configs: By space, the best first, each a valid point of the space and none twice.
        notes: Lines for people: what was taken, changed or left out.
    """

    folder: Path
    configs: dict[str, tuple[TrialConfig, ...]]
    notes: tuple[str, ...]

    def as_settings(self) -> dict[str, tuple[dict[str, Any], ...]]:
        """The configurations as `SearchSettings.warm_start` keeps them."""
        return {
            space: tuple(config.model_dump(mode="json") for config in configs)
            for space, configs in self.configs.items()
        }


def warm_start(search: str, runs: Path, spaces: Sequence[Space], trials: Mapping[str, int]) -> WarmStart:
    """The best configurations of another search that fit the spaces of this one.

    Parameters that are not searched here take this baseline's value; values beyond a range are moved to its end; a
    configuration with a value that is no choice here is left out.

    Args:
        search: Name of the other search in `runs`, or the path of its folder.
        runs: Folder of all searches.
        spaces: The spaces of this search, fitted to its data.
        trials: Trials of each space, the baseline included.

    Raises:
        InputError: If there is no such search, or it has no result in any of the spaces.
    """
    folder = _folder(search, runs)
    read_settings(folder)
    history = history_of(read_journal(folder))
    configs: dict[str, tuple[TrialConfig, ...]] = {}
    notes: list[str] = []
    found = False
    for space in spaces:
        ranked = [(trial.job.trial_id, trial.job.config) for trial in ranked_trials(history, space.name)]
        found = found or bool(ranked)
        if not ranked:
            notes.append(f"warm start of {space.name}: {folder.name} has no result in this space")
            continue
        configs[space.name] = _chosen(space, ranked, most_taken(trials[space.name]), notes)
    if not found:
        names = ", ".join(space.name for space in spaces)
        raise InputError(f"--warm-start {search}: no trial of {names} there has a result; name a search that has")
    return WarmStart(folder, {name: chosen for name, chosen in configs.items() if chosen}, tuple(notes))


def most_taken(trials: int) -> int:
    """Configurations of another search that a space takes at most.

    Args:
        trials: Trials of the space, the baseline included.
    """
    return max(1, (trials - 1) // SHARE) if trials > 1 else 0


def with_shorter_warm_start(settings: SearchSettings) -> tuple[SearchSettings, tuple[str, ...]]:
    """The settings without what spaces that got fewer trials than were first planned must not take over any more.

    Returns:
        The settings, and a line for each such space.
    """
    kept = {space: configs[: most_taken(settings.trials_of(space))] for space, configs in settings.warm_start.items()}
    lines = tuple(
        f"warm start of {space}: the first {len(kept[space])} of these {len(configs)}, as it has fewer trials"
        for space, configs in settings.warm_start.items()
        if len(configs) > len(kept[space])
    )
    return (settings.model_copy(update={"warm_start": kept}) if lines else settings), lines


def fitted(space: Space, config: TrialConfig) -> tuple[TrialConfig, tuple[str, ...]]:
    """A configuration of another search as a point of a space.

    Args:
        space: The space.
        config: The configuration.

    Returns:
        The point, and what had to be moved into the space's ranges.

    Raises:
        ValueError: It has no counterpart in the space; one line says why.
    """
    theirs, ours = config.model_dump(), space.baseline.model_dump()
    for parameter in space.parameters:
        field, _, key = parameter.name.partition(".")
        # A class of its own is none that the other search knew: it adds nothing to the threshold.
        ours[field] = {**ours[field], key: theirs[field].get(key, BY_CLASS[field])} if key else theirs[field]
    try:
        source = _FittingSource(space.suggestions_of(TrialConfig.model_validate(ours)))
        point = space.sample(source)
    except ValidationError as error:
        raise ValueError(first_complaint(error)) from None
    return point, tuple(source.moved)


def _folder(search: str, runs: Path) -> Path:
    for folder in (runs / search, Path(search)):
        if (folder / "settings.json").is_file() and not (folder / TRAINING_FILE).is_file():
            return folder
    raise InputError(f"--warm-start {search}: there is no search {runs / search}; give its name, or its folder")


def _chosen(
    space: Space, ranked: Sequence[tuple[str, TrialConfig]], most: int, notes: list[str]
) -> tuple[TrialConfig, ...]:
    chosen: list[TrialConfig] = []
    names: list[str] = []
    for trial_id, config in ranked:
        if len(chosen) == most:
            break
        try:
            point, moved = fitted(space, config)
        except ValueError as error:
            notes.append(f"warm start of {space.name}: {trial_id} is left out: {error}")
            continue
        if point == space.baseline or point in chosen:
            continue
        notes.extend(f"warm start of {space.name}: {trial_id}: {change}" for change in moved)
        chosen.append(point)
        names.append(trial_id)
    notes.append(
        f"warm start of {space.name}: {', '.join(names)}"
        if names
        else f"warm start of {space.name}: nothing to try beside the baseline"
    )
    return tuple(chosen)


class _FittingSource:
    """Draws the values of another search's configuration, moved into the ranges of this one."""

    def __init__(self, values: Mapping[str, Scalar]) -> None:
        self._values = values
        self.moved: list[str] = []

    def choose(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        value = self._value(name)
        if value not in choices:
            raise ValueError(f"{name} {value!r} is none of {', '.join(str(choice) for choice in choices)}")
        return value

    def real(self, name: str, low: float, high: float, *, log: bool) -> float:
        return self._moved(name, float(self._value(name)), low, high)

    def integer(self, name: str, low: int, high: int, *, log: bool) -> int:
        return round(self._moved(name, float(self._value(name)), low, high))

    def _value(self, name: str) -> Scalar:
        if name not in self._values:
            # A value that was moved made another condition hold.
            raise ValueError(f"it has no value for {name}")
        return self._values[name]

    def _moved(self, name: str, value: float, low: float, high: float) -> float:
        inside = min(high, max(low, value))
        if inside != value:
            self.moved.append(f"{name} {value:g} is moved to {inside:g}")
        return inside
