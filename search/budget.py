"""Sizing a search: to a time that it may take, and so that all spaces get the same device-seconds."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from search.expected_steps import expected_steps
from search.forecast import Forecast, forecast
from search.grace import default_grace_steps
from search.schedulers.rungs import rungs
from search.settings import SearchSettings
from search.spending import device_unit
from search.warm_start import with_shorter_warm_start
from spaces.durations import duration_text
from spaces.errors import InputError

if TYPE_CHECKING:
    from search.pacing import MeasuredPace

RESERVE = 0.10
"""Share of a budget that no forecast may use."""

FEWEST_TRIALS = 8
"""Trials of a space below which a search shortens the trainings rather than try even less."""

MOST_TRIALS = 96
"""Trials of a space that a budget is spent on at most, where not more are needed to keep all workers busy."""

TRIALS_PER_WORKER = 4
"""Trials for each worker that a budget may be spent on in any case."""

FEWEST_EVALUATIONS = 20
"""Evaluations of the shortest training that a budget may lead to, or the preset's where it has fewer."""

FEWEST_STEPS_BETWEEN = 4
"""Steps between evaluations of the shortest training."""

QUICK_SEEDS = 1
"""Simulations of each size that is considered; the steps of a search hardly differ between them."""

FINENESS = 0.03
"""Sizes are told apart to this share of them."""

FEWEST_SHARED = 2
"""Trials of a space with an equal share, however dear: the baseline, and one proposal."""

MOST_SHARED = 20
"""A cheap space gets at most this many times `trials_per_space`, however much that leaves of its share."""

SPARE_TRIALS = 1.5
"""A space with a share of device-seconds may try this many times the expected trials, if they come out cheaper."""


_Finish = Callable[[SearchSettings], SearchSettings]
"""What follows from the sizes of a search."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """Which sizes the user fixed.

    Attributes:
        trials: Whether `--trials` was given.
        max_steps: Whether `--max-steps` was given.
        eval_every: Whether `--eval-every` was given.
        grace_steps: Whether `--grace-steps` was given.
    """

    trials: bool
    max_steps: bool
    eval_every: bool
    grace_steps: bool


def sized(
    settings: SearchSettings, paces: "Mapping[str, MeasuredPace]", given: Given, *, spent_seconds: float = 0.0
) -> tuple[SearchSettings, tuple[str, ...]]:
    """The settings with the sizes that follow from `--budget` and `--equal device-seconds`.

    Args:
        settings: The search, with the preset's sizes or the user's, and its layouts.
        paces: How fast each space trains.
        given: What the user fixed, which is kept.
        spent_seconds: Time of the budget that is over.

    Returns:
        The settings, and lines that say what was chosen and why.

    Raises:
        InputError: If the least search does not fit.
    """
    shared = settings.equal == "device-seconds"
    finish: _Finish = partial(with_equal_shares, paces=paces) if shared else _unchanged
    lines: tuple[str, ...] = ()
    if settings.budget_seconds is not None:
        settings, lines = _fitted(_Planner(settings, paces, given, finish, spent_seconds))
    else:
        settings = finish(settings)
    if settings.device_seconds_per_space is not None:
        each = ", ".join(f"{space} at most {settings.trials_of(space)} trials" for space in settings.spaces)
        share = duration_text(settings.device_seconds_per_space)
        lines += (f"equal device-seconds: {share} of {device_unit(settings)} for each space's search; {each}",)
    settings, shortened = with_shorter_warm_start(settings)
    return settings, lines + shortened


def with_equal_shares(settings: SearchSettings, paces: "Mapping[str, MeasuredPace]") -> SearchSettings:
    """The settings with the same device-seconds for each space: the mean of what `trials_per_space` of each take."""
    settings = settings.model_copy(update={"trials_by_space": None, "device_seconds_per_space": None})
    found = forecast(settings, paces, seeds=QUICK_SEEDS)
    costs = {space: part.device_seconds.mean for space, part in found.spaces.items() if part.device_seconds}
    share = sum(costs.values()) / len(costs)
    trials = {
        space: max(FEWEST_SHARED, math.ceil(SPARE_TRIALS * _affordable(settings, space, share / cost)))
        for space, cost in costs.items()
    }
    return settings.model_copy(update={"trials_by_space": trials, "device_seconds_per_space": share})


def _affordable(settings: SearchSettings, space: str, factor: float) -> int:
    """Trials of a space that take that many times the steps of `trials_per_space` of them, at most."""
    steps = factor * expected_steps(settings, space, settings.trials_per_space)
    low, high = 0, 1 + min(MOST_SHARED * settings.trials_per_space, math.ceil(steps / settings.grace_steps))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if expected_steps(settings, space, middle) <= steps else (low, middle)
    return low


def with_length(settings: SearchSettings, max_steps: int, eval_every: int, *, keep_grace: bool) -> SearchSettings:
    """The settings with trainings of another length, and the grace period and rungs that follow from it."""
    grace = settings.grace_steps
    if not keep_grace:
        grace = max(
            default_grace_steps(space, max_steps=max_steps, eval_every=eval_every)
            for space in settings.searched_spaces()
        )
    return settings.model_copy(
        update={
            "max_steps": max_steps,
            "eval_every": eval_every,
            "grace_steps": grace,
            "rungs": rungs(grace, max_steps, eval_every),
        }
    )


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Sizes that fit a budget, and what they lead to."""

    settings: SearchSettings
    found: Forecast


class _Planner:
    """Looks for the largest search that fits."""

    def __init__(
        self,
        settings: SearchSettings,
        paces: "Mapping[str, MeasuredPace]",
        given: Given,
        finish: _Finish,
        spent_seconds: float,
    ) -> None:
        self.settings = settings
        self.given = given
        self.paces = paces
        self._finish = finish
        self.spent_seconds = spent_seconds
        self.limit = (settings.budget_seconds or 0.0) * (1.0 - RESERVE) - spent_seconds
        self.fewest_trials = settings.trials_per_space if given.trials else FEWEST_TRIALS
        workers = TRIALS_PER_WORKER * settings.device.concurrent_trials // len(settings.spaces)
        self.most_trials = settings.trials_per_space if given.trials else max(MOST_TRIALS, workers)
        self._evaluations = math.ceil(settings.max_steps / settings.eval_every)

    def tried(self, trials: int, steps: int | None = None) -> _Sizes:
        """A search of that size, simulated."""
        settings = self.settings if steps is None else self._shortened(steps)
        settings = self._finish(settings.model_copy(update={"trials_per_space": trials}))
        return _Sizes(settings, forecast(settings, self.paces, seeds=QUICK_SEEDS))

    def fits(self, sizes: _Sizes) -> bool:
        """Whether the longest simulation leaves the reserve."""
        return sizes.found.seconds is not None and sizes.found.seconds.high <= self.limit

    @property
    def shortest(self) -> int:
        """Steps of the shortest training that may be chosen."""
        if self.given.max_steps:
            return self.settings.max_steps
        between = self.settings.eval_every if self.given.eval_every else FEWEST_STEPS_BETWEEN
        least = max(between * min(FEWEST_EVALUATIONS, self._evaluations), self._kept_grace)
        return min(self.settings.max_steps, least)

    def _shortened(self, steps: int) -> SearchSettings:
        return with_length(self.settings, steps, self._eval_every(steps), keep_grace=self.given.grace_steps)

    @property
    def _kept_grace(self) -> int:
        return self.settings.grace_steps if self.given.grace_steps else 0

    def _eval_every(self, steps: int) -> int:
        """As many evaluations as the preset has; fewer where they would take longer than the training between them."""
        if self.given.eval_every:
            return self.settings.eval_every
        fewest = min(FEWEST_EVALUATIONS, self._evaluations)
        wanted = round(steps / self._evaluations)
        for pace in self.paces.values():
            wanted = max(wanted, math.ceil((pace.mean.evaluation + pace.mean.checkpoint) / pace.mean.step))
        return max(1, min(wanted, steps // fewest))


def _fitted(planner: _Planner) -> tuple[SearchSettings, tuple[str, ...]]:
    settings, given = planner.settings, planner.given
    sizes = planner.tried(planner.fewest_trials)
    if planner.fits(sizes):
        sizes = _most_trials(planner, sizes)
        why = "given" if given.max_steps else "the preset's length"
    else:
        sizes = _longest(planner)
        why = f"shortened from {settings.max_steps} to keep {planner.fewest_trials} trials"
    chosen, found = sizes.settings, forecast(sizes.settings, planner.paces)
    assert found.seconds is not None  # noqa: S101 - paces are known
    budget = duration_text(settings.budget_seconds or 0.0)
    lines = (
        f"budget {budget}: {chosen.trials_per_space} trials per space of {chosen.max_steps} steps ({why}), "
        f"evaluated every {chosen.eval_every}",
        f"  about {duration_text(found.seconds.mean)} by simulation, finals included; {RESERVE:.0%} of the budget is "
        "kept in reserve" + _rest(planner, chosen, found.seconds.high),
    )
    return chosen, lines


def _rest(planner: _Planner, chosen: SearchSettings, seconds: float) -> str:
    capped = chosen.trials_per_space == planner.most_trials and seconds < 0.8 * planner.limit
    if not capped:
        return ""
    return f"; more than {planner.most_trials} trials need --trials" if not planner.given.trials else "; time is left"


def _most_trials(planner: _Planner, fitting: _Sizes) -> _Sizes:
    """The most trials at this length that fit; `fitting` does."""
    low, best = fitting.settings.trials_per_space, fitting
    most = planner.most_trials
    high = most + 1
    while low < most and high - low > max(1, FINENESS * low):
        middle = min(2 * low, most) if high > most else (low + high) // 2
        sizes = planner.tried(middle)
        if planner.fits(sizes):
            low, best = middle, sizes
        else:
            high = middle
    return best


def _longest(planner: _Planner) -> _Sizes:
    """The longest trainings at the fewest trials that fit.

    Raises:
        InputError: If not even the shortest do.
    """
    low, high = planner.shortest, planner.settings.max_steps
    best = planner.tried(planner.fewest_trials, low)
    if not planner.fits(best):
        _refuse(planner, best)
    while high - low > max(1, FINENESS * low):
        middle = (low + high) // 2
        sizes = planner.tried(planner.fewest_trials, middle)
        if planner.fits(sizes):
            low, best = middle, sizes
        else:
            high = middle
    return best


def _refuse(planner: _Planner, least: _Sizes) -> None:
    assert least.found.seconds is not None  # noqa: S101 - paces are known
    needed = math.ceil((least.found.seconds.high + planner.spent_seconds) / (1.0 - RESERVE) / 60)
    fewer = ["fewer --trials"] if planner.given.trials else []
    fewer += ["fewer --max-steps"] if planner.given.max_steps else []
    fewer += ["fewer --finalist-seeds"] if planner.settings.finalist_seeds else []
    raise InputError(
        f"--budget {duration_text(planner.settings.budget_seconds or 0.0)}: {least.settings.trials_per_space} trials "
        f"per space of {least.settings.max_steps} steps, the least, take longer here; give {needed}m or more"
        + (f", or {', or '.join(fewer)}" if fewer else "")
    )


def _unchanged(settings: SearchSettings) -> SearchSettings:
    return settings
