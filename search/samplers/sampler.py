"""Proposing configurations with Optuna, told the truth about how each trial ended."""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.history import TrialHistory
from spaces.conditions import Scalar
from spaces.configuration import TrialConfig
from spaces.space import Space

RANDOM_SHARE = 3
"""TPE proposes at random for the first trials of a space: one in this many, at least four."""

FEWEST_RANDOM_TRIALS = 4

_STATES = {
    "completed": TrialState.COMPLETE,
    "patience": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "stopped": TrialState.PRUNED,
    "diverged": TrialState.FAIL,
    "out_of_memory": TrialState.FAIL,
    "error": TrialState.FAIL,
}


def _tpe(seed: int, trials: int) -> optuna.samplers.BaseSampler:
    random_trials = max(FEWEST_RANDOM_TRIALS, min(10, trials // RANDOM_SHARE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            n_startup_trials=random_trials, multivariate=True, group=True, constant_liar=True, seed=seed
        )


def _random(seed: int, trials: int) -> optuna.samplers.BaseSampler:
    return optuna.samplers.RandomSampler(seed=seed)


SAMPLERS: dict[str, Callable[[int, int], optuna.samplers.BaseSampler]] = {"tpe": _tpe, "random": _random}
"""Makers of Optuna samplers from a seed and the number of trials, by the names that `--search-alg` takes."""


class SpaceSampler:
    """Proposes configurations of one space.

    The Optuna study behind it lives in memory and is fed from the journal's history: completed trials with their best
    mIoU, stopped ones as pruned with their evaluations, broken and diverged ones as failed. A trial stopped early is
    never taken for one that was trained to its end.
    """

    def __init__(self, space: Space, algorithm: str, *, seed: int, trials: int) -> None:
        """Start without any trial.

        Args:
            space: The space.
            algorithm: A name in `SAMPLERS`.
            seed: Seed of the sampler.
            trials: Trials that the search will make of this space.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space = space
        self._algorithm = algorithm
        self._seed = seed
        self._trials = trials
        self._study = optuna.create_study(direction="maximize")
        self._open: dict[str, optuna.Trial] = {}

    def propose(self, trial_id: str, config: TrialConfig | None = None) -> TrialConfig:
        """Propose a configuration for a new trial, or take note that `config` is being tried."""
        if config is not None:
            self._study.enqueue_trial(self._space.suggestions_of(config))
        # Each proposal draws from a stream of its own: a resumed search doesn't draw the same numbers once more.
        number = len(self._study.get_trials(deepcopy=False))
        stream = np.random.SeedSequence((self._seed, number)).generate_state(1)
        self._study.sampler = SAMPLERS[self._algorithm](int(stream[0]), self._trials)
        trial = self._study.ask()
        proposed = self._space.sample(_OptunaSource(trial))
        self._open[trial_id] = trial
        return proposed if config is None else config

    def tell(self, history: TrialHistory) -> None:
        """Take in how an ended trial went.

        Args:
            history: The trial; one that this sampler did not propose itself (a resumed search's) is added as it was.
        """
        state = _STATES[history.stop_reason or "error"]
        values = {step: report["miou"] for step, report in history.reports.items() if "miou" in report}
        if state in {TrialState.COMPLETE, TrialState.PRUNED} and not values:
            state = TrialState.FAIL
        trial = self._open.pop(history.job.trial_id, None)
        if trial is None:
            self._study.add_trial(self._frozen(history, state, values))
            return
        for step in sorted(values):
            trial.report(values[step], step)
        self._study.tell(trial, max(values.values()) if state == TrialState.COMPLETE else None, state=state)

    def states(self) -> list[tuple[str, float | None]]:
        """State and value of each trial as the study has it, in order."""
        return [
            (trial.state.name, trial.value if trial.state == TrialState.COMPLETE else None)
            for trial in self._study.get_trials(deepcopy=False)
        ]

    def _frozen(self, history: TrialHistory, state: TrialState, values: dict[int, float]) -> FrozenTrial:
        # Drawing the known values once more gives Optuna the distribution of each.
        recorder = _RecordedSource(self._space.suggestions_of(history.job.config))
        self._space.sample(recorder)
        return create_trial(
            state=state,
            value=max(values.values()) if state == TrialState.COMPLETE else None,
            params=recorder.drawn,
            distributions=recorder.distributions,
            intermediate_values=values,
        )


class _OptunaSource:
    """Draws values from an Optuna trial."""

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial

    def choose(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        value = self._trial.suggest_categorical(name, list(choices))
        assert value is not None  # noqa: S101 - none of the choices is None
        return value

    def real(self, name: str, low: float, high: float, *, log: bool) -> float:
        return self._trial.suggest_float(name, low, high, log=log)

    def integer(self, name: str, low: int, high: int, *, log: bool) -> int:
        return self._trial.suggest_int(name, low, high, log=log)


class _RecordedSource:
    """Draws known values and notes the distribution that each came from."""

    def __init__(self, values: dict[str, Scalar]) -> None:
        self._values = values
        self.drawn: dict[str, Scalar] = {}
        self.distributions: dict[str, BaseDistribution] = {}

    def choose(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        return self._note(name, optuna.distributions.CategoricalDistribution(list(choices)))

    def real(self, name: str, low: float, high: float, *, log: bool) -> float:
        return float(self._note(name, optuna.distributions.FloatDistribution(low, high, log=log)))

    def integer(self, name: str, low: int, high: int, *, log: bool) -> int:
        return int(self._note(name, optuna.distributions.IntDistribution(low, high, log=log)))

    def _note(self, name: str, distribution: BaseDistribution) -> Scalar:
        self.drawn[name] = self._values[name]
        self.distributions[name] = distribution
        return self._values[name]
