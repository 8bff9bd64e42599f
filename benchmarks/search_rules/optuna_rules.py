"""Optuna's own pruners, asked as a user's training loop asks them."""

from typing import Any


class OptunaPruner:
    """`optuna.pruners.HyperbandPruner` or `SuccessiveHalvingPruner` through `trial.report` and `should_prune`."""

    def __init__(self, pruner: str, *, max_evaluations: int, grace: int, reduction_factor: int, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        made: Any
        if pruner == "hyperband":
            made = optuna.pruners.HyperbandPruner(grace, max_evaluations, reduction_factor)
        else:
            made = optuna.pruners.SuccessiveHalvingPruner(grace, reduction_factor)
        sampler = optuna.samplers.RandomSampler(seed=seed)
        # The name draws the trials' brackets.
        self._study = optuna.create_study(
            study_name=f"repeat-{seed}", sampler=sampler, pruner=made, direction="maximize"
        )
        self._states = optuna.trial.TrialState
        self._trials: dict[int, Any] = {}
        self._last = max_evaluations

    def started(self, trial: int) -> None:
        """Ask for a trial."""
        self._trials[trial] = self._study.ask()

    def reported(self, trial: int, evaluation: int, miou: float) -> bool:
        """Report, ask whether to prune, and tell the study of the trial's end."""
        asked = self._trials[trial]
        asked.report(miou, evaluation)
        if evaluation == self._last:
            self._study.tell(asked, miou)
            return False
        if asked.should_prune():
            self._study.tell(asked, state=self._states.PRUNED)
            return False
        return True

    def failed(self, trial: int) -> None:
        """Tell the study that the trial broke."""
        self._study.tell(self._trials[trial], state=self._states.FAIL)
