"""The pictures of each space's best model."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from search.best_models import TYPICAL_PER_SPACE, WORST_PER_SPACE, draw_panels
from tests.search.untrained import best_run, keep_weights, untrained_search
from trainables.checkpoint_store import FolderStore


def test_a_finalist_shows_a_typical_and_the_worst_windows_of_the_test_part(tmp_path: Path) -> None:
    settings, history = untrained_search("unet,unetplusplus", tmp_path)
    trial = best_run(history, "unet")
    keep_weights(settings, trial)
    # The other space's weights are gone: it has no pictures.
    shown = draw_panels(settings, history, FolderStore(Path(settings.storage)), tmp_path)
    assert list(shown) == [trial.job.trial_id]
    panels = shown[trial.job.trial_id]
    assert len(panels) == TYPICAL_PER_SPACE + WORST_PER_SPACE
    assert sum("among the worst of" in panel.caption for panel in panels) == WORST_PER_SPACE
    for panel in panels:
        assert trial.job.trial_id in panel.caption and "mIoU 0." in panel.caption
        assert panel.name.startswith(f"{trial.job.source_trial_id}-")
        picture = np.asarray(Image.open(io.BytesIO((tmp_path / "panels" / f"{panel.name}.png").read_bytes())))
        assert picture.shape[1] > 4 * picture.shape[0]
