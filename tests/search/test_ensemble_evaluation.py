"""An ensemble evaluated with the weights and the data that a search left."""

from pathlib import Path

import pytest

from search.ensemble_evaluation import evaluate_here
from search.ensembles import WeightsGoneError, pending_ensembles
from tests.search.untrained import keep_weights, untrained_search
from trainables.checkpoint_store import FolderStore


def test_what_the_journal_gets(tmp_path: Path) -> None:
    settings, history = untrained_search("unet,unetplusplus", tmp_path)
    job = pending_ensembles(settings, history)[0]
    for member in job.members:
        keep_weights(settings, history.trials[member])
    test = evaluate_here(settings, job)
    classes = len(settings.data.classes)
    assert len(test["groups"]) == len(test["confusion"]) > 0
    assert {(len(matrix), len(matrix[0])) for matrix in test["confusion"]} == {(classes, classes)}
    assert 0 <= test["calibration_error"] <= 1
    FolderStore(Path(settings.storage)).delete(job.members[1])
    with pytest.raises(WeightsGoneError, match=f"the weights of {job.members[1]} are gone"):
        evaluate_here(settings, job)
