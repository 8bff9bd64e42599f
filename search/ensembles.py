"""The ensemble of each two spaces: the mean of their finalists' predictions on the test part, seed by seed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from analysis.finalist_roles import ENSEMBLE, TOGETHER
from search.controller import SearchController
from search.finalists import standing_runs
from search.history import SearchHistory, TrialHistory
from search.settings import SearchSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class EnsembleJob:
    """One ensemble to be evaluated.

    Attributes:
        spaces: The spaces whose finalists it joins.
        seed: Seed that their runs have in common.
        members: These runs' trial_ids, in the order of the spaces.
    """

    spaces: tuple[str, ...]
    seed: int
    members: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its name in all records, where a trial has its trial_id."""
        return f"{'+'.join(self.spaces)}-{ENSEMBLE}-seed{self.seed}"

    @property
    def space(self) -> str:
        """What it is called where a trial has its space."""
        return TOGETHER.join(self.spaces)


Evaluate = Callable[[SearchSettings, EnsembleJob], Mapping[str, Any]]
"""Evaluates an ensemble on the test part; raises `NotEvaluatedError`."""


class NotEvaluatedError(Exception):
    """An ensemble could not be evaluated; the message says why, in one line."""


class WeightsGoneError(NotEvaluatedError):
    """The weights of a member are not kept any more, as in searches that ended without asking for ensembles."""


def ensembles_wanted(settings: SearchSettings, history: SearchHistory) -> bool:
    """Whether the search joins its finalists: several spaces that started alike, and not ended by the user."""
    return len(settings.spaces) > 1 and settings.equal_starts and settings.finalist_seeds > 0 and not history.stopped


def pending_ensembles(settings: SearchSettings, history: SearchHistory) -> list[EnsembleJob]:
    """The ensembles that the journal does not hold yet, of the finalists that stand for their spaces.

    Those whose weights are gone are not: nothing brings them back.

    Only runs that were evaluated on the test part themselves take part, so that every seed of an ensemble has both its
    members' own scores beside it. A space whose finals have not all ended has nobody to stand for it.
    """
    if not ensembles_wanted(settings, history):
        return []
    runs = {space: _tested_runs(history, space) for space in settings.spaces}
    jobs = [
        EnsembleJob(spaces=spaces, seed=seed, members=tuple(runs[space][seed].job.trial_id for space in spaces))
        for spaces in combinations(settings.spaces, 2)
        for seed in sorted(set.intersection(*(set(runs[space]) for space in spaces)))
    ]
    hopeless = {name for name, event in history.unjoined.items() if event["final"]}
    return [job for job in jobs if job.name not in history.ensembles and job.name not in hopeless]


def runs_for_ensembles(settings: SearchSettings, history: SearchHistory) -> set[str]:
    """The runs of the finals whose weights an ensemble may still need.

    Which finalist stands for its space is known at the end of its finals only; until then all of them may.
    """
    if not ensembles_wanted(settings, history):
        return set()
    if all(trial.ended for trial in history.of_phase("finalist")):
        return {member for job in pending_ensembles(settings, history) for member in job.members}
    return {
        trial.job.trial_id
        for space in settings.spaces
        for trial in standing_runs(history, space) or history.of_phase("finalist", space)
    }


def evaluate_ensembles(
    settings: SearchSettings,
    controller: SearchController,
    write: Callable[[str], None],
    evaluate: Evaluate | None = None,
) -> list[str]:
    """Evaluate and journal every ensemble that is not there yet; Ray must be running unless `evaluate` is given.

    Args:
        settings: The search.
        controller: Its state; takes the evaluations.
        write: Takes lines for people.
        evaluate: Evaluates one; None for a task on Ray.

    Returns:
        What failed, a line for each two spaces; the search's results stand without it, and the next sitting tries
        again. Where weights are gone that is said and journalled once, and never tried again.
    """
    from search.ensemble_evaluation import evaluate_on_ray

    jobs = pending_ensembles(settings, controller.history)
    failed: dict[tuple[str, ...], str] = {}
    told: set[tuple[str, ...]] = set()
    for job in jobs:
        if job.spaces in failed:
            continue
        if job.spaces not in told:
            seeds = sum(other.spaces == job.spaces for other in jobs)
            write(f"evaluating the ensemble {job.space} on the test part, {seeds} seed{'' if seeds == 1 else 's'}")
            told.add(job.spaces)
        try:
            test = (evaluate or evaluate_on_ray)(settings, job)
        except NotEvaluatedError as error:
            gone = isinstance(error, WeightsGoneError)
            controller.ensemble_failed(job.name, spaces=job.spaces, seed=job.seed, reason=str(error), final=gone)
            if gone:
                write(f"no ensemble {job.space}, seed {job.seed}: {error}")
            else:
                failed[job.spaces] = f"the ensemble {job.space} was not evaluated: {error}"
            continue
        controller.ensembled(job.name, spaces=job.spaces, seed=job.seed, members=job.members, test=test)
    return list(failed.values())


def _tested_runs(history: SearchHistory, space: str) -> dict[int, TrialHistory]:
    """The runs of the finalist that stands for a space, by seed, that reached their end and the test part."""
    return {
        trial.job.seed: trial
        for trial in standing_runs(history, space) or ()
        if trial.test is not None and trial.stop_reason == "completed"
    }
