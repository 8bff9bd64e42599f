"""Which trial is proposed next: whose turn it is, the baseline first, then a warm start, then what the sampler says."""

from collections.abc import Callable, Mapping
from typing import Protocol

from search.history import SearchHistory, TrialHistory, TrialJob
from search.network_costs import costs_of
from search.schedulers.rule import Candidate
from search.settings import SearchSettings
from search.spending import spent_device_seconds
from spaces.configuration import TrialConfig
from spaces.space import Space

OUT_OF_TIME = "device-seconds"
"""Why a space is exhausted whose share of the device's time is spent."""


class Sampler(Protocol):
    """Proposes configurations of one space; see `search.samplers.sampler.SpaceSampler`."""

    def propose(self, trial_id: str, config: TrialConfig | None = None) -> TrialConfig:
        """Propose a configuration for a new trial, or take note that `config` is being tried."""

    def reported(self, trial_id: str, step: int, miou: float) -> None:
        """Take in an evaluation."""

    def tell(self, history: TrialHistory, costs: tuple[float, ...] = ()) -> None:
        """Take in how a trial ended."""


def make_samplers(settings: SearchSettings) -> dict[str, Sampler]:
    """The sampler of each space, as the settings say."""
    from search.samplers.sampler import SpaceSampler

    return {
        space.name: SpaceSampler(
            space,
            settings.search_alg,
            seed=settings.seed + index,
            trials=settings.trials_of(space.name),
            objectives=settings.objectives,
        )
        for index, space in enumerate(settings.searched_spaces())
    }


class Proposals:
    """Makes the jobs of the search phase and keeps the samplers informed."""

    def __init__(self, settings: SearchSettings, history: SearchHistory, samplers: Mapping[str, Sampler]) -> None:
        self._settings = settings
        self._history = history
        self._samplers = samplers
        self._spaces = {space.name: space for space in settings.searched_spaces()}
        self._warm_starts = {
            name: [TrialConfig.model_validate(config) for config in configs]
            for name, configs in settings.warm_start.items()
        }

    def next_space(self, exhaust: Callable[[str, str], None]) -> Space | None:
        """The space with the fewest trials so far, if one is short of its number and its time.

        Args:
            exhaust: Called with a space whose share of the devices' time is spent, and the reason.
        """
        short = [
            space
            for name, space in self._spaces.items()
            if name not in self._history.exhausted and self._proposed(name) < self._settings.trials_of(name)
        ]
        share = self._settings.device_seconds_per_space
        if share is not None:
            for space in short:
                if spent_device_seconds(self._history, self._settings, space.name) >= share:
                    exhaust(space.name, OUT_OF_TIME)
            short = [space for space in short if space.name not in self._history.exhausted]
        return min(
            short, key=lambda space: self._proposed(space.name) / self._settings.trials_of(space.name), default=None
        )

    def job(self, space: Space) -> TrialJob:
        """The next job of a space."""
        number = self._proposed(space.name)
        trial_id = f"{space.name}-{number:03d}"
        role, given = self._given(space, number)
        return TrialJob(
            trial_id=trial_id,
            space=space.name,
            phase="search",
            role=role,
            seed=self._settings.seed,
            config=self._samplers[space.name].propose(trial_id, given),
        )

    def known(self, job: TrialJob) -> None:
        """Take in a trial that was proposed before the search was resumed."""
        self._samplers[job.space].propose(job.trial_id, job.config)

    def reported(self, trial: TrialHistory, step: int, miou: float) -> None:
        """Tell the sampler of an evaluation."""
        self._samplers[trial.job.space].reported(trial.job.trial_id, step, miou)

    def ended(self, trial: TrialHistory) -> None:
        """Tell the sampler how a trial ended."""
        self._samplers[trial.job.space].tell(trial, self.costs(trial.job.config))

    def candidate(self, job: TrialJob) -> Candidate:
        """The trial as schedulers know it."""
        return Candidate(
            trial_id=job.trial_id,
            space=job.space,
            baseline=job.role == "baseline",
            config=job.config,
            costs=self.costs(job.config),
        )

    def costs(self, config: TrialConfig) -> tuple[float, ...]:
        """What the network costs, one number per cost objective."""
        return costs_of(
            config, self._history.costs, self._settings.objectives, classes=len(self._settings.data.classes)
        )

    def _given(self, space: Space, number: int) -> tuple[str, TrialConfig | None]:
        # The baseline comes first, so that every tuned result is read against it.
        if number == 0:
            return "baseline", space.baseline
        warm = self._warm_starts.get(space.name, [])
        return ("warm_start", warm[number - 1]) if number <= len(warm) else ("proposed", None)

    def _proposed(self, space: str) -> int:
        return len(self._history.of_phase("search", space))
