"""Reading recorded curves."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.recorded_curves import read_recorded_curves
from spaces.errors import InputError


def record(number: int, mious: list[float], **changes: Any) -> dict[str, Any]:
    return {
        "number": number,
        "drawn": {"dice_weight": 0.1 * number},
        "steps": 24,
        "eval_every": 8,
        "mious": mious,
        "stop_reason": "completed",
        "train_seconds": 6.0,
        **changes,
    }


def written(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in records), encoding="utf-8")
    return path


def test_curves_come_in_the_order_of_their_numbers_and_diverged_ones_end_in_nan(tmp_path: Path) -> None:
    curves = read_recorded_curves(written(tmp_path / "c.jsonl", [record(1, [0.1, 0.2]), record(0, [0.3, 0.4, 0.5])]))
    assert curves.count == 2
    np.testing.assert_array_equal(curves.mious, [[0.3, 0.4, 0.5], [0.1, 0.2, np.nan]])
    np.testing.assert_allclose(curves.seconds, [2.0, 3.0])
    assert curves.drawn[1] == {"dice_weight": 0.1}
    assert (curves.steps, curves.eval_every) == (24, 8)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ([record(0, [0.1]), record(1, [0.1], steps=48)], "2 lengths"),
        ([{"number": 0}], "not what benchmarks.record_curves writes"),
        ([], "0 lengths"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, content: list[dict[str, Any]], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        read_recorded_curves(written(tmp_path / "c.jsonl", content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_recorded_curves(tmp_path / "none.jsonl")
