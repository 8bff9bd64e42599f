"""The benchmark of predicted ends on a file of curves, and how its known curves are cut off."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.curve_prediction import CONTENDERS, GRACE_SHARES, SHARES, halved, main, observed
from benchmarks.recorded_curves import read_recorded_curves
from search.schedulers.curve_prediction import ObservedCurve
from search.schedulers.recovery import read_recovery
from spaces.configuration import TrialConfig
from spaces.drawing import RandomSource
from spaces.errors import InputError
from spaces.loading import load_space


def curves_file(folder: Path, count: int, evaluations: int = 20) -> Path:
    space, draws = load_space("unet"), RandomSource(0)
    file = folder / "curves.jsonl"
    places = np.arange(1, evaluations + 1)
    with file.open("w", encoding="utf-8", newline="\n") as lines:
        for number in range(count):
            config = space.sample(draws) if number else space.baseline
            limit = 0.1 + 0.4 * config.rare_class_share
            record = {
                "number": number,
                "drawn": dict(space.suggestions_of(config)),
                "steps": 8 * evaluations,
                "eval_every": 8,
                "mious": [float(value) for value in limit * (1 - np.exp(-0.3 * places))],
                "train_seconds": 1.0,
                "stop_reason": "completed",
            }
            if number == 1:
                record |= {"mious": [0.1], "stop_reason": "diverged"}
            lines.write(json.dumps(record) + "\n")
    return file


def test_every_contender_and_the_hopeless_are_measured(tmp_path: Path) -> None:
    file, table = tmp_path / "figures.json", tmp_path / "table.csv"
    words = ["--quick", "--curves-file", str(curves_file(tmp_path, 49)), "--json", str(file)]
    assert main([*words, "--recovery-file", str(table)]) == 0
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    predicted = [row for row in rows if "seen %" in row]
    assert {row["known curves"] for row in predicted} == {"complete", "halved"}
    assert len(predicted) == 2 * len(SHARES) * len(CONTENDERS)
    assert all(math.isfinite(row["RMSE points"]) for row in predicted)
    assert all((row["in 90 % interval"] is None) == ("stays" in row["by"]) for row in predicted)
    errors = {row["by"]: row["RMSE points"] for row in predicted if row["seen %"] == 15}
    assert errors["trees"] < errors["last value stays"]
    given_up = [row for row in rows if "saved before it %" in row]
    assert len(given_up) == len(GRACE_SHARES)
    assert len(read_recovery(table).shares) == 20


def test_curves_come_with_the_configurations_that_they_were_recorded_of(tmp_path: Path) -> None:
    space = load_space("unet")
    found = observed(read_recorded_curves(curves_file(tmp_path, 6)), space)
    draws = RandomSource(0)
    configs = [space.baseline, *(space.sample(draws) for _ in range(5))]
    configs.pop(1)  # the one that diverged
    assert [curve.config.rare_class_share for curve in found] == [config.rare_class_share for config in configs]
    assert [curve.config for curve in found] == configs


def test_halving_cuts_off_what_came_behind_the_best_third() -> None:
    config = TrialConfig(architecture="any", encoder="any")
    levels = (0.5, 0.4, 0.6, 0.3, 0.55)
    cut = halved([ObservedCurve(config, (level,) * 9) for level in levels], (2, 4))
    assert [len(curve.mious) for curve in cut] == [9, 2, 9, 2, 4]


def test_too_few_curves_are_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give at least 12"):
        main(["--curves-file", str(curves_file(tmp_path, 5))])
