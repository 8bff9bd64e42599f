"""What `--config` takes: three kinds of files, told apart, each complaint one line with its place."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from spaces.loading import builtin_space_names, load_space
from trainables.full_training.configuration_file import (
    TrainingData,
    TrialFile,
    TrialOrigin,
    read_configuration,
    write_trial_file,
)

CONFIG = TrialConfig(
    architecture="unet",
    encoder="mobilenet_v2",
    threshold_strategy="off",
    threshold_offsets={"Forêt: 1": -0.1, "no": 0.05},
    learning_rate=1 / 3e4,
)
TRIAL = TrialFile(
    trial=TrialOrigin(search="first", trial_id="unet-003", space="unet", seed=2, best_miou=0.512, step=120),
    data=TrainingData(root="C:\\data", fingerprint="12e4", split_by="photo", split_seed=0, split_hash="0777"),
    encoder_weights="mobilenet_v2=/w/a b.pt",
    config=CONFIG,
)


@pytest.mark.parametrize("name", builtin_space_names())
def test_a_built_in_space_is_its_recipe(name: str) -> None:
    chosen = read_configuration(name)
    assert chosen.config == load_space(name).baseline
    assert chosen.space == name
    assert chosen.data is None


def test_a_space_of_ones_own_is_its_baseline(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: unet\nname: mine\nbaseline: {crop_size: 64}\n", encoding="utf-8")
    chosen = read_configuration(str(path))
    assert (chosen.space, chosen.config.crop_size, chosen.config.architecture) == ("mine", 64, "unet")


@pytest.mark.parametrize("indent", ["\t", 2, None], ids=["tabs", "spaces", "one line"])
def test_values_of_a_configuration_may_be_json(tmp_path: Path, indent: str | int | None) -> None:
    path = tmp_path / "values.json"
    path.write_text(json.dumps(CONFIG.model_dump(), indent=indent), encoding="utf-8")
    assert read_configuration(str(path)).config == CONFIG


def test_values_of_a_configuration_may_be_yaml(tmp_path: Path) -> None:
    path = tmp_path / "values.yml"
    path.write_text("architecture: unet\nencoder: x\nlearning_rate: 1e-4\nthreshold_strategy: off\n", encoding="utf-8")
    config = read_configuration(str(path)).config
    assert (config.learning_rate, config.selftraining) == (1e-4, False)


def test_a_trials_file_says_all_that_is_needed_to_repeat_it(tmp_path: Path) -> None:
    path = tmp_path / "best.yaml"
    write_trial_file(path, TRIAL, command=("python", "-m", "trainables.train", "--config", str(path)))
    chosen = read_configuration(str(path))
    assert (chosen.config, chosen.trial, chosen.data) == (CONFIG, TRIAL.trial, TRIAL.data)
    assert (chosen.encoder_weights, chosen.space) == (TRIAL.encoder_weights, "unet")
    first = path.read_text(encoding="utf-8").splitlines()[:2]
    assert "unet-003 of the search first, mIoU 0.5120 after 120 steps" in first[0]
    assert first[1].endswith(f"--config {path}")
    assert list(tmp_path.iterdir()) == [path]


WRONG = {
    "absent.yaml": (None, "no such file"),
    "empty.yaml": ("", "expected values of a configuration"),
    "list.yaml": ("- 1\n", "expected values of a configuration"),
    "strange.yaml": ("colour: red\n", "line 1: expected values of a configuration"),
    "torn.yaml": ("architecture: unet\nencoder: [x\n", "line 3: "),
    "torn.json": ('{"architecture": "unet",\n "encoder" }', "line 2: "),
    "unknown.yaml": ("architecture: unet\nencoder: x\nlearning_rat: 1\n", "line 3: learning_rat"),
    "missing.yaml": ("crop_size: 64\nencoder: x\n", "architecture: Field required"),
    "range.yaml": ("architecture: unet\nencoder: x\n\nheads: 0\n", "line 4: heads"),
    "pair.yaml": (
        "architecture: unet\nencoder: x\ndice_weight: 0.9\nfocal_weight: 0.9\n",
        "dice_weight + focal_weight",
    ),
    "space.yaml": ("name: mine\nextends: unet\nbaseline:\n  heads: none\n", "heads"),
    "trial.yaml": ("trial: {search: a}\nconfig: {architecture: unet, encoder: x}\n", "line 1: trial.trial_id"),
    "data.yaml": (
        "config:\n  architecture: unet\n  encoder: x\n  heads: 99\ndata: {}\nencoder_weights: none\n",
        "trial: Field required",
    ),
    "binary.yaml": (b"\xff\xfe\x00", "can't be read"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_one_line_with_its_name_and_place(name: str, tmp_path: Path) -> None:
    content, expected = WRONG[name]
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        read_configuration(str(path))
    message = str(caught.value)
    assert name in message
    assert expected in message
    assert "\n" not in message


@given(text=st.text(max_size=60))
def test_whatever_stands_in_a_file_is_read_or_refused(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("any") / "any.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    with pytest.raises(InputError):
        read_configuration(str(path))
