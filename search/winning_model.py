"""The winner of a search as a model that MLflow can serve."""

from collections.abc import Mapping
from typing import Any

from search.finalists import ranked_trials
from search.history import SearchHistory
from trainables.checkpoint_store import BEST, CheckpointStore
from trainables.tracking.search_recorder import SearchRecorder


def record_winner(
    recorder: SearchRecorder,
    history: SearchHistory,
    store: CheckpointStore,
    decision: Mapping[str, Any] | None,
) -> None:
    """Record the best run of the configuration that the verdict names; an open verdict names none.

    Args:
        recorder: Where to.
        history: The search.
        store: Where the checkpoints are.
        decision: The verdict, as in summary.json.
    """
    if decision is None or not decision["winner"]:
        return
    for run in ranked_trials(history, decision["winner"], "finalist"):
        if run.job.role != decision["settings_of"]:
            continue
        state = store.read(run.job.trial_id, BEST)
        if state is not None:
            recorder.log_model(run.job.trial_id, run.job.trial_id, run.step, state)
            return
