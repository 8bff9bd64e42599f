"""What a search will do, in numbers: for `--dry-run` and the first lines of a run."""

from dataclasses import dataclass
from datetime import datetime

from search.finalists import finals_of
from search.forecast import Forecast, forecast_lines
from search.objectives import cost_objectives
from search.schedulers.asha import FEWEST_ON_A_FRONT, RESERVES
from search.schedulers.comparison import FEWEST_SURVIVORS, survivors
from search.settings import DeviceSettings, SearchSettings
from search.spending import device_unit
from spaces.durations import duration_text
from trainables.evaluation.settings import EvaluationSettings

BEST_SHARE = 0.25
"""Of a running trial's checkpoints, what its best weights alone take at most: the others are these weights' present
values, their average and the optimiser's state.
"""

SCHEDULERS_WITH_RUNGS = ("asha", "pasha")
MOST_RUNGS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of a search.

    Attributes:
        trials: Trials of all spaces, at most.
        finals: Re-runs for the verdict, at most.
        steps_full: Steps if every trial ran to its end.
        steps_expected: Steps that are expected under the scheduler, by simulation.
        steps_finals: Steps of the finals, at most.
    """

    trials: int
    finals: int
    steps_full: int
    steps_expected: int
    steps_finals: int

    @property
    def saving(self) -> float:
        """Expected share of the full steps that early stopping saves."""
        return 1.0 - self.steps_expected / self.steps_full


def plan_of(settings: SearchSettings, found: Forecast) -> Plan:
    """Count what a search does."""
    trials, finals = settings.trials_in_all, finals_of(settings)
    return Plan(trials, finals, trials * settings.max_steps, round(found.steps), finals * settings.max_steps)


def plan_lines(
    settings: SearchSettings, found: Forecast, now: datetime, checkpoint_mb: dict[str, float] | None = None
) -> list[str]:
    """The plan for people, one fact a line.

    Args:
        settings: The search.
        found: What simulations of it say.
        now: When it starts.
        checkpoint_mb: Size of a trial's checkpoint by space, MB, where known.
    """
    plan = plan_of(settings, found)
    device = settings.device
    lines = [
        _spaces_line(settings),
        *_searched_lines(settings),
        f"data: {settings.data.description}; "
        + ", ".join(f"{count} {part}" for part, count in settings.data.images.items())
        + f" images, split by {settings.data.split_by}",
        f"encoders start from: {settings.encoder_weights}",
        f"a full training: {settings.max_steps} steps, evaluated every {settings.eval_every}",
        _rule_line(settings, plan),
        f"finals: {plan.finals} full trainings at most ({settings.finalist_seeds} seeds), {plan.steps_finals} steps",
        f"device: {device.description}; {device.concurrent_trials} trials at once, {_loading(device)}",
        *_layout_lines(settings),
    ]
    if checkpoint_mb:
        lines.append(_disk_line(settings, checkpoint_mb))
    return lines + forecast_lines(settings, found, now)


def _searched_lines(settings: SearchSettings) -> list[str]:
    """Which values of a configuration are searched over, a line for all spaces that search over the same."""
    spaces_of: dict[tuple[str, ...], list[str]] = {}
    for space in settings.searched_spaces():
        spaces_of.setdefault(tuple(sorted(one.name for one in space.parameters)), []).append(space.name)
    return [f"searched in {', '.join(spaces)}: {', '.join(names) or 'nothing'}" for names, spaces in spaces_of.items()]


def _disk_line(settings: SearchSettings, checkpoint_mb: dict[str, float]) -> str:
    """What checkpoints take at most at one time, and whose they are."""
    largest = max(checkpoint_mb.values())
    running, paused = settings.device.concurrent_trials, paused_at_once(settings)
    kept = {space: _kept(settings, space) for space in settings.spaces}
    most = largest * (running + paused) + sum(checkpoint_mb[space] * BEST_SHARE * n for space, n in kept.items())
    counts = f"{running} running, {paused} paused, {sum(kept.values())} that may win"
    return f"disk: at most about {most:.0f} MB of checkpoints at a time ({counts}) in {settings.storage}"


def paused_at_once(settings: SearchSettings) -> int:
    """Trials that wait at rungs with their checkpoints at one time, at most.

    Of each comparison these are the trials that may still go on from the first rung and the reserves: those that wait
    higher up are among the ones that went on from there.
    """
    pauses = settings.scheduler == "pasha" or (settings.scheduler == "asha" and settings.late_promotion)
    if not pauses or not settings.rungs:
        return 0
    # The baselines pause nowhere.
    proposed = [settings.trials_of(space) - 1 for space in settings.spaces]
    if cost_objectives(settings.objectives):
        proposed, fewest = [sum(proposed)], FEWEST_ON_A_FRONT
    else:
        fewest = FEWEST_SURVIVORS
    return sum(min(n, survivors(n, settings.reduction_factor, fewest) + RESERVES) for n in proposed)


def _kept(settings: SearchSettings, space: str) -> int:
    """Ended trials of a space that keep their best weights: its finalists, and the best run of each of them, or all."""
    finalists = min(settings.finalists, settings.trials_of(space))
    if not settings.finalist_seeds:
        return finalists
    finals = finals_of(settings) // len(settings.spaces)
    # Ensembles need the weights of every run of the finals.
    together = len(settings.spaces) > 1 and settings.equal_starts
    return finalists + (finals if together else finals // settings.finalist_seeds)


def _spaces_line(settings: SearchSettings) -> str:
    if settings.device_seconds_per_space is None:
        each = f"{settings.trials_per_space} trials each"
    else:
        most = ", ".join(f"{settings.trials_of(space)} of {space}" for space in settings.spaces)
        share = duration_text(settings.device_seconds_per_space)
        each = f"{share} of {device_unit(settings)} each, trials at most: {most}"
    return f"spaces: {', '.join(settings.spaces)}; {each}, the baseline first"


def _loading(device: DeviceSettings) -> str:
    count = device.loader_workers
    workers = f"{count or 'no'} loader worker{'' if count == 1 else 's'} each"
    return f"{workers}, at most {device.image_cache_gb:g} GB of decoded images on a machine"


def _layout_lines(settings: SearchSettings) -> list[str]:
    lines = [f"layout of {space}: {layout.line()}" for space, layout in settings.layouts.items()]
    if len(lines) < len(settings.spaces):
        fixed = "" if settings.device.precision == "auto" else f"{settings.device.precision}; "
        tried = ", torch.compile too" if settings.device.compile else ""
        lines.append(f"precision and memory layout: {fixed}measured for each space before its first trial{tried}")
    evaluation = settings.evaluation
    if evaluation != EvaluationSettings():
        mirrored = ", each image and its mirror images" if evaluation.test_time_augmentation else ""
        lines.append(f"evaluation: windows overlap by {evaluation.overlap:.0%} of their sides{mirrored}")
    return lines


def _rule_line(settings: SearchSettings, plan: Plan) -> str:
    steps = f"about {plan.steps_expected} of at most {plan.steps_full} steps ({plan.saving:.0%} saved)"
    if settings.rungs and settings.scheduler in SCHEDULERS_WITH_RUNGS:
        # Rungs stand close: their number and ends say enough where there are many.
        shown = list(map(str, settings.rungs))
        shown = shown if len(shown) <= MOST_RUNGS_SHOWN else [*shown[:2], "...", shown[-1]]
        factor = settings.reduction_factor
        return f"{settings.scheduler}: rungs at {', '.join(shown)} steps, one trial in {factor} goes on; {steps}"
    return f"{settings.scheduler}: {steps}"
