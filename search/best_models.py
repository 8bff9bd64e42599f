"""The best model of each space: its checkpoint and a panel of its predictions."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.results import Panel, write_panels
from search.finalists import best_trial
from search.history import SearchHistory, TrialHistory
from search.settings import SearchSettings
from spaces.configuration import TrialConfig
from trainables.checkpoint_store import BEST, CheckpointStore
from trainables.tracking.search_recorder import SearchRecorder

if TYPE_CHECKING:
    from trainables.data.trial_data import TrialData

PANELS_PER_SPACE = 3
TYPICAL_PER_SPACE = 1
WORST_PER_SPACE = 2


def best_with_checkpoint(settings: SearchSettings, history: SearchHistory) -> list[TrialHistory]:
    """The best trial of each space, where it has a result."""
    found = [best_trial(history, space) for space in settings.spaces]
    return [trial for trial in found if trial is not None]


def draw_panels(
    settings: SearchSettings, history: SearchHistory, store: CheckpointStore, folder: Path
) -> dict[str, list[Panel]]:
    """Draw what each space's best model makes of some windows.

    Where a space had finals these are windows of the test part, typical and worst ones, seen by the best run of the
    configuration that stands for the space. Otherwise they are windows of the validation part, seen by its best trial.

    Returns:
        The panels by trial_id; they are written into the search's folder too.
    """
    panels: dict[str, list[Panel]] = {}
    data: TrialData | None = None
    for space in settings.spaces:
        for trial in (best_trial(history, space, "finalist"), best_trial(history, space)):
            state = None if trial is None else store.read(trial.job.trial_id, BEST)
            if trial is not None and state is not None:
                data = data or _opened(settings)
                panels[trial.job.trial_id] = _panels_of(trial, state, data, settings)
                break
    write_panels(folder, [panel for group in panels.values() for panel in group])
    return panels


def _opened(settings: SearchSettings) -> "TrialData":
    from trainables.data.trial_data import TrialData

    dataset, split = settings.open_data()
    return TrialData(dataset, split, validation_windows=settings.validation_windows)


def _panels_of(
    trial: TrialHistory, state: Mapping[str, Any], data: "TrialData", settings: SearchSettings
) -> list[Panel]:
    from trainables.evaluation.panels import prediction_panels, typical_and_worst
    from trainables.models import create_model

    job = trial.job
    config = TrialConfig.model_validate(state["config"])
    model = create_model(config, classes=len(settings.data.classes))
    model.load_state_dict(state["model"])
    model.eval()
    if job.phase == "finalist":
        cases = typical_and_worst(model, config, data, typical=TYPICAL_PER_SPACE, worst=WORST_PER_SPACE)
        pictures = [
            (
                f"{job.space}, {_rank(case.kind)} of {case.of} test windows: mIoU {case.miou:.2f} at {case.name}; "
                f"image, truth, prediction of {job.trial_id}, errors",
                case.png,
            )
            for case in cases
        ]
    else:
        pictures = [
            (f"{job.space}: {place}; image, truth, prediction of {job.trial_id}", png)
            for place, png in prediction_panels(model, config, data, PANELS_PER_SPACE)
        ]
    # By the trial that chose the configuration, under which the report shows a finalist.
    stem = f"{job.source_trial_id}-seed{job.seed}" if job.source_trial_id else job.trial_id
    return [
        Panel(name=f"{stem}-{number}", caption=caption, png=png)
        for number, (caption, png) in enumerate(pictures, start=1)
    ]


def _rank(kind: str) -> str:
    return "among the worst" if kind == "worst" else "typical"


def record_best(
    recorder: SearchRecorder,
    settings: SearchSettings,
    history: SearchHistory,
    store: CheckpointStore,
    panels: dict[str, list[Panel]],
) -> None:
    """Record the best checkpoint of each space and its panels in MLflow."""
    from trainables.checkpoint import write_checkpoint

    for trial_id, drawn in panels.items():
        if drawn:
            recorder.log_panels(trial_id, drawn)
    for trial in best_with_checkpoint(settings, history):
        trial_id = trial.job.trial_id
        state = store.read(trial_id, BEST)
        if state is not None:
            with tempfile.TemporaryDirectory() as name:
                path = Path(name) / BEST
                write_checkpoint(path, state)
                recorder.log_checkpoint(trial_id, path)
