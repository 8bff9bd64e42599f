"""The Optuna study of one space while it is searched: in memory, and true to how each trial ended."""

from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.samplers.evidence import Evidence
from search.samplers.trial_states import STOP_REASON


class LiveStudy:
    """Holds the trials as they are, and asks Optuna's samplers on the ground of their `Evidence`."""

    def __init__(self, directions: Sequence[StudyDirection]) -> None:
        """Start without any trial.

        Args:
            directions: Of the objectives, mIoU's first.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._directions = list(directions)
        self._storage = InMemoryStorage()
        self._study = optuna.create_study(directions=self._directions, storage=self._storage)
        self._study_id = self._storage.get_study_id_from_name(self._study.study_name)
        self._evidence = Evidence(directions)

    def ask(self, sampler: optuna.samplers.BaseSampler, evidence: list[FrozenTrial]) -> optuna.Trial:
        """A trial whose values `sampler` suggests from the evidence; it is none of this study's until it is added.

        What Optuna notes with a trial that it proposed, beyond its values, a resumed search could not know; and a
        logarithmic value is read off a configuration with the last digit rounded. Added trials have neither.
        """
        storage = _EvidenceStorage(evidence)
        return optuna.create_study(directions=self._directions, storage=storage, sampler=sampler).ask()

    def add(self, params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]) -> int:
        """Add a trial that runs now.

        Returns:
            Its number.
        """
        template = create_trial(state=TrialState.RUNNING, params=dict(params), distributions=dict(distributions))
        return self._storage.get_trial_number_from_id(self._storage.create_new_trial(self._study_id, template))

    def report(self, number: int, step: int, miou: float) -> None:
        """Note an evaluation of a running trial, in studies of several objectives too."""
        self._storage.set_trial_intermediate_value(self._trial_id(number), step, miou)

    def tell(self, number: int, state: TrialState, values: Sequence[float] | None, stop_reason: str | None) -> None:
        """End a trial.

        Args:
            number: The trial.
            state: COMPLETE, PRUNED or FAIL.
            values: One per objective for a COMPLETE trial.
            stop_reason: Why it ended.
        """
        self._storage.set_trial_user_attr(self._trial_id(number), STOP_REASON, stop_reason)
        # Optuna makes the last evaluation the value of a PRUNED trial, where there is one objective.
        self._study.tell(number, values, state=state)

    def trials(self) -> list[FrozenTrial]:
        """The trials as they are."""
        return self._study.get_trials(deepcopy=False)

    def evidence(self) -> list[FrozenTrial]:
        """What samplers see of them."""
        return self._evidence.of(self.trials())

    def trial(self, number: int) -> FrozenTrial:
        """A trial as it is."""
        return self._storage.get_trial(self._trial_id(number))

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)


class _EvidenceStorage(InMemoryStorage):
    """The storage of a study of one question: to its sampler its trials are the evidence."""

    def __init__(self, evidence: list[FrozenTrial]) -> None:
        super().__init__()
        self._shown = evidence

    def get_all_trials(self, study_id: int, deepcopy: bool = True, states: Any = None) -> list[FrozenTrial]:
        """The evidence; the trial that asks is not part of it."""
        return [trial for trial in self._shown if states is None or trial.state in states]
