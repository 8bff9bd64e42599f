"""Which trials are re-run on several seeds for the verdict."""

from search.history import SearchHistory, TrialHistory, TrialJob
from search.settings import SearchSettings


def finalist_jobs(settings: SearchSettings, history: SearchHistory) -> list[TrialJob]:
    """The finals: the best configuration of each space, and of a single one its baseline too, on matched seeds.

    Finalists are chosen on the validation part among the trials that were trained longest. Their seeds are those after
    the search's own and the same for all, so that finalists are compared seed by seed. A space without any result takes
    no part.
    """
    chosen: list[tuple[str, TrialHistory]] = []
    for space in settings.spaces:
        best = best_trial(history, space)
        if best is not None:
            chosen.append(("best", best))
    if len(chosen) == 1:
        _, best = chosen[0]
        baseline = history.of_phase("search", best.job.space)[0]
        if baseline is not best and baseline.best_miou is not None:
            chosen.append(("baseline", baseline))
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


def best_trial(history: SearchHistory, space: str, phase: str = "search") -> TrialHistory | None:
    """The trial of a space and phase with the best validation mIoU among those that were trained longest.

    A trial that was stopped early is chosen only where none was trained to its end (or to its patience's end).
    """
    scored = [trial for trial in history.of_phase(phase, space) if trial.best_miou is not None]
    finished = [trial for trial in scored if trial.stop_reason in {"completed", "patience"}]
    if finished:
        return max(finished, key=lambda trial: trial.best_miou or 0.0)
    return max(scored, key=lambda trial: (trial.step, trial.best_miou or 0.0), default=None)
