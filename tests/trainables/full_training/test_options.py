"""Wrong options and files of a full training: one line, exit code 2, nothing left behind."""

import json
from pathlib import Path

import pytest

from spaces.command_line import run_command
from tests.trainables.small_trial import small_config
from trainables.train import main

pytestmark = pytest.mark.usefixtures("small_model")

TRIAL = """trial: {search: first, trial_id: small-0, space: small, seed: 0, best_miou: 0.5, step: 8}
data: {root: nowhere, fingerprint: f, split_by: photo, split_seed: 0, split_hash: h}
encoder_weights: none
config: {architecture: small, encoder: small, crop_size: 32}
"""

BAD: tuple[tuple[tuple[str, ...], str], ...] = (
    ((), "--config is missing"),
    (("--config", "nothing.yaml"), "nothing.yaml"),
    (("--config", "unett"), "unett"),
    (("--config", "wrong.yaml"), "wrong.yaml, line 2"),
    (("--config", "other.yaml"), "architecture 'resnext' is unknown"),
    (("--config", "strategy.yaml"), "threshold_strategy 'wise' is unknown"),
    (("--config", "encoder.yaml", "--precision", "float32"), "encoder"),
    (("--config", "trial.yaml"), "nowhere"),
    (("--config", "small.json", "--max-steps", "0"), "--max-steps"),
    (("--config", "small.json", "--max-steps", "4", "--eval-every", "5"), "--eval-every 5"),
    (("--config", "small.json", "--seed", "-1"), "--seed"),
    (("--config", "small.json", "--data", "nowhere"), "nowhere"),
    (("--config", "small.json", "--class-mapping", "x.csv"), "--data"),
    (("--config", "small.json", "--encoder-weights", "imagnet"), "imagnet"),
    (("--config", "small.json", "--device", "tpu"), "--device tpu"),
    (("--config", "small.json", "--device", "cuda:99"), "--device cuda:99"),
    (("--config", "small.json", "--precision", "half"), "--precision"),
    (("--config", "small.json", "--device", "cpu", "--precision", "float16"), "--precision float16"),
    (("--config", "small.json", "--eval-overlap", "0.9"), "0.9"),
    (("--config", "small.json", "--name", "../up"), "--name"),
    (("--config", "small.json", "--name", "taken"), "taken"),
    (("--config", "small.json", "--runs", "a_file"), "a_file"),
    (("--config", "small.json", "--tracking-uri", "ftp://example"), "--tracking-uri"),
    (("--resume",), "no training"),
    (("--resume", "--name", "taken"), "no such training"),
    (("--resume", "--config", "small.json"), "leave out --config"),
    (("--unknown",), "--unknown"),
)


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "taken").mkdir(parents=True)
    (tmp_path / "runs" / "taken" / "notes.txt").write_text("somebody's", encoding="utf-8")
    (tmp_path / "a_file").write_text("", encoding="utf-8")
    (tmp_path / "small.json").write_text(json.dumps(small_config().model_dump()), encoding="utf-8")
    (tmp_path / "wrong.yaml").write_text("architecture: small\nheads: many\nencoder: small\n", encoding="utf-8")
    (tmp_path / "other.yaml").write_text("architecture: resnext\nencoder: small\n", encoding="utf-8")
    (tmp_path / "encoder.yaml").write_text("architecture: unetplusplus\nencoder: nothing\n", encoding="utf-8")
    (tmp_path / "strategy.yaml").write_text(
        "architecture: small\nencoder: small\nthreshold_strategy: wise\n", encoding="utf-8"
    )
    (tmp_path / "trial.yaml").write_text(TRIAL, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("words", "expected"), BAD, ids=[" ".join(words) for words, _ in BAD])
def test_bad_options_are_one_line_and_exit_code_2(
    words: tuple[str, ...], expected: str, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run_command(main, words)
    told = capsys.readouterr().err
    assert caught.value.code == 2, told
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert expected in told
    assert [path.name for path in (in_folder / "runs").iterdir() if path.is_dir()] == ["taken"]
