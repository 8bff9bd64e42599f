"""Which model of a search a card is about: the weights of one trial, and the finalist that it is a run of."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.finalists import Finalist, finalists_of
from spaces.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from analysis.decision_record import Decision
    from analysis.results import SearchResults


@dataclass(frozen=True, slots=True)
class Subject:
    """The model that a card is about.

    Attributes:
        trial: Its row in the table of trials.
        finalist: The finalist that it is a run of, or whose configuration it has; None: its configuration was not
            evaluated on the test part.
        is_run: Whether it is one of that finalist's runs.
        why: Why this one, in one sentence.
    """

    trial: "pd.Series[Any]"
    finalist: Finalist | None
    is_run: bool
    why: str

    @property
    def trial_id(self) -> str:
        """The trial's name."""
        return str(self.trial["trial_id"])

    @property
    def configuration_file(self) -> str:
        """The file of its configuration, in the search's folder; a finalist has that of the trial it came from."""
        source = str(self.trial.get("source_trial_id") or "") or self.trial_id
        return f"configurations/{source}.yaml"

    @property
    def space(self) -> str:
        """Its space."""
        return str(self.trial["space"])


def subject_of(results: "SearchResults", decision: "Decision", trial_id: str | None = None) -> Subject | None:
    """The model that the verdict names, or the best by validation; or a trial that was asked for.

    Returns:
        The model; None where no trial was asked for and none has a score.

    Raises:
        InputError: If there is no such trial, or it was never evaluated.
    """
    trials = results.trials
    if trial_id is not None:
        rows = trials[trials["trial_id"] == trial_id]
        if rows.empty:
            known = ", ".join(str(name) for name in trials["trial_id"][-5:])
            raise InputError(f"--trial {trial_id}: the search has no such trial; its last ones are {known}")
        if not np.isfinite(_score(rows.iloc[0])):
            raise InputError(f"--trial {trial_id}: it was never evaluated; name one that has a result")
        return _of_trial(results, rows.iloc[0], "it was asked for")
    everyone = [(space, one) for space in finalists_of(results) for one in space.everyone()]
    named = [
        one for space, one in everyone if space.space == decision.winner and one.role == (decision.settings_of or "")
    ]
    if named:
        return _of_finalist(results, named[0], "the verdict names its configuration")
    standing = [one for space, one in everyone if one is space.best and np.isfinite(one.validation)]
    if standing:
        best = max(standing, key=lambda one: one.validation)
        words = "the verdict names no model" if decision.status != "decided" else "the verdict's model has no runs here"
        return _of_finalist(results, best, f"{words}; of the spaces' finalists this one is the best on validation")
    found = [row for _, row in trials.iterrows() if row["phase"] == "search" and np.isfinite(_score(row))]
    if not found:
        return None
    return _of_trial(results, max(found, key=_score), "no finals have run; this trial is the best on validation")


def _of_finalist(results: "SearchResults", finalist: Finalist, why: str) -> Subject:
    """The finalist's run with the best score on the validation part, which is the one whose weights are kept."""
    names = [test.trial_id for test in finalist.evaluations]
    runs = results.trials[results.trials["trial_id"].isin(names)]
    best = max((row for _, row in runs.iterrows()), key=_score)
    return Subject(best, finalist, True, f"{why}; of its runs, this one is the best on validation")


def _of_trial(results: "SearchResults", row: "pd.Series[Any]", why: str) -> Subject:
    for space in finalists_of(results):
        for one in space.everyone():
            if row["trial_id"] in [test.trial_id for test in one.evaluations]:
                return Subject(row, one, True, why)
            if one.source_trial_id == row["trial_id"]:
                return Subject(row, one, False, why)
    return Subject(row, None, False, why)


def _score(row: "pd.Series[Any]") -> float:
    value = row.get("best_miou")
    return float("-inf") if value is None or not np.isfinite(value) else float(value)
