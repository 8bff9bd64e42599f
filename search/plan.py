"""What a search will do at most, in numbers: for `--dry-run` and the first lines of a run."""

from dataclasses import dataclass

from search.settings import DeviceSettings, SearchSettings
from trainables.evaluation.settings import EvaluationSettings

KEPT_BEST_PER_SPACE = 2
"""The best trial and the best finalist of each space keep their weights."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of a search.

    Attributes:
        trials: Trials of all spaces.
        finals: Re-runs for the verdict, at most.
        steps_full: Steps if every trial ran to its end.
        steps_expected: Steps if at each rung one trial in `reduction_factor` goes on; the baselines run to their ends.
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


def plan_of(settings: SearchSettings) -> Plan:
    """Count what a search does."""
    spaces = len(settings.spaces)
    trials = settings.trials_per_space * spaces
    finals = settings.finalist_seeds * (2 if spaces == 1 and settings.trials_per_space > 1 else spaces)
    full = trials * settings.max_steps
    expected = float(full)
    if settings.scheduler == "asha":
        proposed = settings.trials_per_space - 1
        expected = spaces * (settings.max_steps + _expected_steps(settings, proposed))
    return Plan(trials, finals, full, round(expected), finals * settings.max_steps)


def plan_lines(settings: SearchSettings, checkpoint_mb: dict[str, float] | None = None) -> list[str]:
    """The plan for people, one fact a line."""
    plan = plan_of(settings)
    device = settings.device
    lines = [
        f"spaces: {', '.join(settings.spaces)}; {settings.trials_per_space} trials each, the baseline first",
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
        heaviest = max(checkpoint_mb.values())
        most = heaviest * device.concurrent_trials + sum(checkpoint_mb.values()) * KEPT_BEST_PER_SPACE
        lines.append(f"disk: about {most:.0f} MB of checkpoints at a time in {settings.storage}")
    return lines


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
    if settings.scheduler == "asha" and settings.rungs:
        return (
            f"asha: rungs at {', '.join(map(str, settings.rungs))} steps, one trial in {settings.reduction_factor} "
            f"goes on; about {plan.steps_expected} of at most {plan.steps_full} steps ({plan.saving:.0%} saved)"
        )
    return f"{settings.scheduler}: {plan.steps_full} steps at most"


def _expected_steps(settings: SearchSettings, trials: int) -> float:
    steps, alive, before = 0.0, float(trials), 0
    for rung in (*settings.rungs, settings.max_steps):
        steps += alive * (rung - before)
        alive, before = alive / settings.reduction_factor, rung
    return steps
