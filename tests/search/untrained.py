"""A search on the built-in data whose trials were never trained: their weights are those of new networks."""

from pathlib import Path

import torch

from search.finalists import best_trial
from search.history import SearchHistory, TrialHistory
from search.settings import SearchSettings
from tests.search.searching import LocalRun, make_settings
from trainables.checkpoint_store import BEST, FolderStore
from trainables.data.opening import DataSource, split_hash
from trainables.data.split import split_dataset
from trainables.models import create_model


def untrained_search(spaces: str, folder: Path) -> tuple[SearchSettings, SearchHistory]:
    """The search after its finals; its checkpoints would be under `folder`/trials, where there are none."""
    dataset = DataSource(root=None).open()
    split = split_dataset(dataset, by="photo", seed=0)
    settings = make_settings(spaces, trials_per_space=2, scheduler="none", storage=str(folder / "trials"))
    data = settings.data.model_copy(
        update={
            "fingerprint": dataset.fingerprint,
            "split_hash": split_hash(dataset.records, split),
            "classes": tuple({"name": name, "colour": [0, 0, 0]} for name in dataset.classes.names),
        }
    )
    # Small networks, so that a test of the pictures is no test of patience.
    small = {"crop_size": 64, "decoder_width": 0.25, "image_scale": 0.5}
    smaller = {
        name: space.model_copy(update={"baseline": space.baseline | small}) for name, space in settings.spaces.items()
    }
    settings = settings.model_copy(update={"data": data, "spaces": smaller})
    return settings, LocalRun(settings, folder).run(phases=("search", "finalist"))


def keep_weights(settings: SearchSettings, trial: TrialHistory) -> None:
    """Write new weights as a trial's best."""
    torch.manual_seed(trial.job.seed)
    model = create_model(trial.job.config, classes=len(settings.data.classes))
    state = {"config": trial.job.config.model_dump(), "model": model.state_dict()}
    FolderStore(Path(settings.storage)).write(trial.job.trial_id, BEST, state)


def best_run(history: SearchHistory, space: str) -> TrialHistory:
    """The best run of the finalist that stands for a space."""
    trial = best_trial(history, space, "finalist")
    assert trial is not None
    return trial
