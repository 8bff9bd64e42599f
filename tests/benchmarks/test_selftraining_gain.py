"""What the arms are, what the table says, and that a stopped benchmark goes on."""

import json
import math
from pathlib import Path

import pytest

from benchmarks.selftraining_gain import half_width, main, table
from benchmarks.selftraining_runs import RECIPE, SUPERVISED, arms
from spaces.configuration import TrialConfig
from spaces.errors import InputError


def test_every_strategy_has_an_arm_that_is_a_configuration() -> None:
    found = arms(("classwise", "fixed", "of one's own", "off"))
    assert list(found)[:2] == [SUPERVISED, RECIPE]
    assert {"classwise", "fixed", "of one's own"} <= found.keys()
    assert "off" not in found
    configs = {name: TrialConfig(architecture="any", encoder="any", **changed) for name, changed in found.items()}
    assert [name for name, config in configs.items() if not config.selftraining] == [SUPERVISED]


def test_the_interval_of_three_differences() -> None:
    """Differences 1, 2, 3: deviation 1, t(2) = 4.3027."""
    assert half_width([1.0, 2.0, 3.0]) == pytest.approx(4.3027 / math.sqrt(3), rel=1e-4)
    assert half_width([1.0]) is None


def test_gains_are_paired_by_seed_and_diverged_trainings_are_left_out() -> None:
    def record(arm: str, seed: int, score: float) -> dict[str, object]:
        return {"arm": arm, "seed": seed, "test_miou_of_best": score, "test_miou_of_last": score, "mask_ratio": 0.5}

    records = [
        record(SUPERVISED, 0, 0.40),
        record(SUPERVISED, 1, 0.50),
        record("fixed", 0, 0.43),
        record("fixed", 1, 0.51),
        {"arm": "fixed", "seed": 2, "error": "diverged"},
    ]
    supervised, fixed = table(records, (SUPERVISED, "fixed"))
    assert supervised["best"] == pytest.approx(45)
    assert supervised["best gain"] is None
    assert fixed["best gain"] == pytest.approx(2)
    assert fixed["best gain +-"] == pytest.approx(12.706 * math.sqrt(2) / math.sqrt(2), rel=1e-4)
    assert (fixed["seeds"], fixed["diverged"]) == (2, 1)


@pytest.mark.parametrize(
    "words", [("--crop-size", "100"), ("--batch-size", "1"), ("--image-scale", "-1"), ("--device", "tpu")]
)
def test_impossible_sizes_are_bad_input(words: tuple[str, str]) -> None:
    with pytest.raises(InputError, match=words[0]):
        main(words)


@pytest.mark.slow
def test_a_stopped_benchmark_goes_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    work, result = tmp_path / "runs.jsonl", tmp_path / "result.json"
    words = ["--quick", "--processes", "1", "--arms", RECIPE, "--work", str(work), "--json", str(result)]
    main(words)
    lines = work.read_text(encoding="utf-8").splitlines(keepends=True)
    work.write_text("".join(lines[:-1]) + lines[-1][:20], encoding="utf-8")
    expected = json.loads(result.read_text(encoding="utf-8"))["rows"]
    capfd.readouterr()
    main(words)
    assert capfd.readouterr().err.count("seed") == 1
    assert json.loads(result.read_text(encoding="utf-8"))["rows"] == expected
    records = [json.loads(line) for line in work.read_text(encoding="utf-8").splitlines()]
    assert len({record["key"] for record in records}) == len(lines)
