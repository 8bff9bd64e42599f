"""The files that a search leaves for full trainings."""

from pathlib import Path
from typing import Any

import pytest

from search.finalists import best_trial
from search.folder import BEST, CONFIGURATIONS
from search.outputs import training_command, write_configurations
from tests.search.searching import LocalRun, make_settings
from trainables.full_training.configuration_file import read_configuration


def test_each_trial_with_a_result_and_each_spaces_best_can_be_trained_in_full(tmp_path: Path) -> None:
    settings = make_settings("unet,deeplabv3plus", trials_per_space=3, seed=7)
    history = LocalRun(settings, tmp_path).run()
    write_configurations(tmp_path, settings, history)
    written = {path.stem for path in (tmp_path / CONFIGURATIONS).iterdir()}
    assert written == {trial.job.trial_id for trial in history.of_phase("search")}
    for trial in history.of_phase("search"):
        chosen = read_configuration(str(tmp_path / CONFIGURATIONS / f"{trial.job.trial_id}.yaml"))
        assert chosen.config == trial.job.config
    for space in settings.spaces:
        best = best_trial(history, space)
        assert best is not None
        path = training_command(tmp_path, space).split(" --config ")[1]
        chosen = read_configuration(path)
        assert Path(path) == tmp_path / BEST / f"{space}.yaml"
        assert chosen.trial is not None
        assert chosen.data is not None
        assert (chosen.trial.trial_id, chosen.trial.best_miou) == (best.job.trial_id, best.best_miou)
        assert (chosen.trial.search, chosen.trial.seed, chosen.trial.step) == ("example", best.job.seed, best.step)
        assert (chosen.data.fingerprint, chosen.data.split_seed, chosen.data.split_hash) == ("f", 7, "s")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"encoder_weights": "none", "encoder_hashes": {}}, "none"),
        ({"encoder_weights": "imagenet", "encoder_hashes": {"mobilenet_v2": "a"}}, "imagenet"),
        (
            {"encoder_weights": "resnet50=/r.pt,mobilenet_v2=/m.pt", "encoder_hashes": {"mobilenet_v2": "a"}},
            f"mobilenet_v2={Path('/m.pt').absolute()}",
        ),
        ({"encoder_weights": "resnet50=/r.pt", "encoder_hashes": {"resnet50": "a"}}, "none"),
    ],
    ids=["none", "imagenet", "files", "unequal starts"],
)
def test_a_trials_file_says_what_its_own_encoder_started_from(
    tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    settings = make_settings(trials_per_space=1, **changes)
    write_configurations(tmp_path, settings, LocalRun(settings, tmp_path).run())
    assert read_configuration(str(tmp_path / BEST / "unet.yaml")).encoder_weights == expected


def test_a_place_with_a_space_is_quoted_in_the_command(tmp_path: Path) -> None:
    assert training_command(tmp_path / "my runs", "unet").endswith('.yaml"')
