"""Which trials of a search are its best, and which are re-run on several seeds for the verdict."""

import heapq
from collections.abc import Iterable, Iterator

from analysis.best_trials import TRAINED_TO_THE_END
from analysis.finalist_endings import BROKEN
from analysis.finalist_roles import BASELINE, ValidationRuns, role_of_rank, standing_role
from analysis.trial_score import trial_score
from search.history import SearchHistory, TrialHistory, TrialJob, miou_of
from search.network_costs import costs_of
from search.objectives import cost_objectives
from search.schedulers.ranking import Point
from search.schedulers.ranking import ranked as spread_ranking
from search.settings import SearchSettings


def finals_of(settings: SearchSettings) -> int:
    """How many runs the finals of a search have at most: every finalist of every space, on each of the seeds."""
    if len(settings.spaces) == 1:
        # The baseline of a single space is re-run too, unless it is among the finalists anyway.
        (space,) = settings.spaces
        return settings.finalist_seeds * min(settings.finalists + 1, settings.trials_of(space))
    return settings.finalist_seeds * sum(
        min(settings.finalists, settings.trials_of(space)) for space in settings.spaces
    )


def finalist_jobs(settings: SearchSettings, history: SearchHistory) -> list[TrialJob]:
    """The finals: the best configurations of each space, and of a single one its baseline too, on matched seeds.

    Their seeds are those after the search's own and the same for all, so that finalists are compared seed by seed; they
    come seed by seed, each seed's best first. A space without any result takes no part.
    """
    chosen: list[tuple[str, TrialHistory]] = []
    for space in settings.spaces:
        best = finalists(settings, history, space)
        chosen += [(role_of_rank(rank), trial) for rank, trial in enumerate(best, start=1)]
    if len({trial.job.space for _, trial in chosen}) == 1:
        baseline = history.of_phase("search", chosen[0][1].job.space)[0]
        known = any(trial.job.config == baseline.job.config for _, trial in chosen)
        if not known and score_of(baseline) is not None:
            chosen.append((BASELINE, baseline))
    return [
        TrialJob(
            trial_id=f"{trial.job.space}-{role}-seed{seed}",
            space=trial.job.space,
            phase="finalist",
            role=role,
            seed=settings.seed + seed,
            config=trial.job.config,
            source_trial_id=trial.job.trial_id,
        )
        for seed in range(1, settings.finalist_seeds + 1)
        for role, trial in chosen
    ]


def finalists(settings: SearchSettings, history: SearchHistory, space: str) -> list[TrialHistory]:
    """The trials of a space whose configurations are re-run, the best first; each configuration once.

    All are chosen on the validation part (`ranked_trials`). Where costs are optimised, too, the first is still the one
    with the highest score; the others are spread over the front of score and costs (`search.schedulers.ranking`).
    """
    if not cost_objectives(settings.objectives):
        return _distinct(ranked_trials(history, space), settings.finalists)
    found = list(ranked_trials(history, space))
    finished = [trial for trial in found if trial.stop_reason in TRAINED_TO_THE_END] or found
    classes = len(settings.data.classes)
    points: dict[str, Point] = {}
    for trial in finished:
        costs = costs_of(trial.job.config, history.costs, settings.objectives, classes=classes)
        points[trial.job.trial_id] = (score_of(trial) or 0.0, *costs)
    front = [history.trials[trial_id] for trial_id in spread_ranking(points)]
    others = [trial for trial in found if trial.job.trial_id not in points]
    return _distinct([*front, *others], settings.finalists)


def _distinct(trials: Iterable[TrialHistory], count: int) -> list[TrialHistory]:
    """The first trials of different configurations; `count` of them at most."""
    found: list[TrialHistory] = []
    for trial in trials:
        if all(trial.job.config != other.job.config for other in found):
            found.append(trial)
        if len(found) == count:
            break
    return found


def ranked_trials(history: SearchHistory, space: str, phase: str = "search") -> Iterator[TrialHistory]:
    """The scored trials of a space and phase, the best first, each found as it is asked for.

    Trials that were trained to their end (or to their patience's end) come first, by their scores; then those that were
    stopped early, the longest trained first. Where no proposed trial was trained to its end, the baseline is none
    either: it is compared by what it was worth where the longest of them stopped. Of equals the earliest comes first.
    """
    trials = [trial for trial in history.of_phase(phase, space) if trial.best_miou is not None]
    horizon = _horizon(trials)

    def key(trial: TrialHistory, miou: float) -> tuple[bool, int, float]:
        finished = horizon is None and trial.stop_reason in TRAINED_TO_THE_END
        return not finished, 0 if finished else -min(trial.step, horizon or trial.step), -miou

    # No score is above the best evaluation, so most trials of a long search need not be scored to find its best.
    bounds = sorted((key(trial, trial.best_miou or 0.0), number, trial) for number, trial in enumerate(trials))
    scored: list[tuple[tuple[bool, int, float], int, TrialHistory]] = []
    for bound, number, trial in bounds:
        while scored and scored[0][0] < bound:
            yield heapq.heappop(scored)[2]
        heapq.heappush(scored, (key(trial, score_of(trial, horizon) or 0.0), number, trial))
    while scored:
        yield heapq.heappop(scored)[2]


def _horizon(trials: Iterable[TrialHistory]) -> int | None:
    """Step up to which trials are compared where only the baseline was trained to its end; None for all steps."""
    proposed = [trial for trial in trials if trial.job.phase == "search" and trial.job.role != BASELINE]
    if not proposed or any(trial.stop_reason in TRAINED_TO_THE_END for trial in proposed):
        return None
    return max(trial.step for trial in proposed)


def score_of(trial: TrialHistory, until: int | None = None) -> float | None:
    """What a trial is worth when trials are compared: the best short average of its curve; None without a result.

    Args:
        trial: The trial.
        until: Last step that counts; None for all.
    """
    if trial.best_miou is None:
        return None
    reports = sorted(trial.reports.items())
    mious = (miou_of(report) for step, report in reports if until is None or step <= until)
    return trial_score([miou for miou in mious if miou is not None])


def best_trial(history: SearchHistory, space: str, phase: str = "search") -> TrialHistory | None:
    """The best trial of a space and phase, None without a result.

    In the search this is the trial whose configuration stands for the space: the one that the finals chose, once they
    have ended, and until then the first of `ranked_trials`. In the finals it is the best run of that configuration.
    """
    standing = standing_runs(history, space)
    if phase == "search":
        source = None if standing is None else history.trials.get(standing[0].job.source_trial_id or "")
        return source or next(ranked_trials(history, space), None)
    runs = {trial.job.trial_id for trial in standing or history.of_phase(phase, space)}
    return next((trial for trial in ranked_trials(history, space, phase) if trial.job.trial_id in runs), None)


def trials_with_weights(settings: SearchSettings, history: SearchHistory) -> set[str]:
    """The ended trials whose weights may still be asked for: each space's finalists, and each one's best run.

    Which of the finalists will stand for its space is known at the end of the finals only.
    """
    kept = set()
    for space in settings.spaces:
        kept |= {trial.job.trial_id for trial in finalists(settings, history, space)}
        roles: set[str] = set()
        for trial in ranked_trials(history, space, "finalist"):
            if trial.job.role not in roles:
                roles.add(trial.job.role)
                kept.add(trial.job.trial_id)
    return kept


def standing_runs(history: SearchHistory, space: str) -> list[TrialHistory] | None:
    """The runs of the finalist that stands for a space; None until all its finals have ended."""
    by_role: dict[str, list[TrialHistory]] = {}
    for trial in history.of_phase("finalist", space):
        by_role.setdefault(trial.job.role, []).append(trial)
    if not all(trial.ended for runs in by_role.values() for trial in runs):
        return None
    role = standing_role(
        {
            role: ValidationRuns(
                scores={trial.job.seed: score for trial in runs if (score := score_of(trial)) is not None},
                broken=any(trial.stop_reason in BROKEN for trial in runs),
            )
            for role, runs in by_role.items()
        }
    )
    return None if role is None else by_role[role]
