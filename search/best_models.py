"""The best model of each space: its checkpoint and a panel of its predictions."""

import tempfile
from pathlib import Path

from analysis.results import Panel, write_panels
from search.finalists import best_trial
from search.history import SearchHistory, TrialHistory
from search.settings import SearchSettings
from spaces.configuration import TrialConfig
from trainables.checkpoint_store import BEST, CheckpointStore
from trainables.data.opening import DataSource, open_split
from trainables.tracking.search_recorder import SearchRecorder

PANELS_PER_SPACE = 3


def best_with_checkpoint(settings: SearchSettings, history: SearchHistory) -> list[TrialHistory]:
    """The best trial of each space, where it has a result."""
    found = [best_trial(history, space) for space in settings.spaces]
    return [trial for trial in found if trial is not None]


def draw_panels(
    settings: SearchSettings, history: SearchHistory, store: CheckpointStore, folder: Path
) -> dict[str, list[Panel]]:
    """Draw image, truth and prediction for some validation windows of each space's best trial.

    Returns:
        The panels by trial_id; they are written into the search's folder too.
    """
    from trainables.data.trial_data import TrialData
    from trainables.evaluation.panels import prediction_panels
    from trainables.models import create_model

    source = DataSource(
        root=settings.data.root,
        class_mapping=settings.data.class_mapping,
        labeled_list=settings.data.labeled_list,
    )
    panels: dict[str, list[Panel]] = {}
    data: TrialData | None = None
    for trial in best_with_checkpoint(settings, history):
        state = store.read(trial.job.trial_id, BEST)
        if state is None:
            continue
        if data is None:
            dataset, split = open_split(
                source,
                by=settings.data.split_by,
                seed=settings.seed,
                fingerprint=settings.data.fingerprint,
                expected_hash=settings.data.split_hash,
            )
            data = TrialData(dataset, split, validation_windows=settings.validation_windows)
        config = TrialConfig.model_validate(state["config"])
        model = create_model(config, classes=len(settings.data.classes))
        model.load_state_dict(state["model"])
        pictures = prediction_panels(model.eval(), config, data, PANELS_PER_SPACE)
        panels[trial.job.trial_id] = [
            Panel(
                name=f"{trial.job.trial_id}-{number}",
                caption=f"{trial.job.space}: {place}; image, truth, prediction of {trial.job.trial_id}",
                png=png,
            )
            for number, (place, png) in enumerate(pictures, start=1)
        ]
    write_panels(folder, [panel for group in panels.values() for panel in group])
    return panels


def record_best(
    recorder: SearchRecorder,
    settings: SearchSettings,
    history: SearchHistory,
    store: CheckpointStore,
    panels: dict[str, list[Panel]],
) -> None:
    """Record the best checkpoint of each space and its panels in MLflow."""
    from trainables.checkpoint import write_checkpoint

    for trial in best_with_checkpoint(settings, history):
        trial_id = trial.job.trial_id
        if panels.get(trial_id):
            recorder.log_panels(trial_id, panels[trial_id])
        state = store.read(trial_id, BEST)
        if state is not None:
            with tempfile.TemporaryDirectory() as name:
                path = Path(name) / BEST
                write_checkpoint(path, state)
                recorder.log_checkpoint(trial_id, path)
