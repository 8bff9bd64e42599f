import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.results import (
    SearchResults,
    TestEvaluation,
    evaluation_from_json,
    evaluation_to_json,
    read_search_folder,
    write_curves,
    write_panels,
    write_results,
    write_settings,
    write_tests,
)
from analysis.tables import TableError
from spaces.errors import InputError
from tests.analysis.example_results import make_results


def write_all(folder: Path, results: SearchResults) -> None:
    write_settings(folder, results.settings)
    write_results(folder, results.trials)
    write_curves(folder, results.curves)
    write_tests(folder, results.tests)
    write_panels(folder, results.panels)


def test_everything_survives_the_folder(tmp_path: Path) -> None:
    written = make_results(class_names=("__background__", "Água <b>", "Bangunan", "Snake Fruit"))
    write_all(tmp_path, written)
    read = read_search_folder(tmp_path)
    assert read.settings == written.settings
    pd.testing.assert_frame_equal(read.trials, written.trials)
    pd.testing.assert_frame_equal(read.curves, written.curves)
    pd.testing.assert_frame_equal(read.costs, written.costs)
    assert read.panels == written.panels
    assert len(read.tests) == len(written.tests) > 0
    for one, other in zip(read.tests, written.tests, strict=True):
        assert (one.trial_id, one.space, one.role, one.seed) == (
            other.trial_id,
            other.space,
            other.role,
            other.seed,
        )
        assert one.groups == other.groups
        assert one.confusion.dtype == np.int64
        np.testing.assert_array_equal(one.confusion, other.confusion)


def test_a_search_interrupted_early_has_trials_only(tmp_path: Path) -> None:
    results = make_results(finalists=False)
    write_settings(tmp_path, results.settings)
    write_results(tmp_path, results.trials)
    read = read_search_folder(tmp_path)
    assert read.tests == ()
    assert read.panels == ()
    assert read.curves.empty
    assert len(read.trials) == len(results.trials)


def test_folders_that_no_search_wrote_are_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a search folder"):
        read_search_folder(tmp_path / "absent")
    write_settings(tmp_path, {})
    with pytest.raises(InputError, match=r"no results\.parquet"):
        read_search_folder(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("settings.json", "{"),
        ("settings.json", "[]"),
        ("finalists.json", "nonsense"),
        ("finalists.json", '[{"trial_id": "a"}]'),
        ("finalists.json", "3"),
        (
            "finalists.json",
            '[{"trial_id": "a", "space": "u", "role": "best", "seed": 0, "groups": ["g"], "confusion": [1]}]',
        ),
    ],
)
def test_broken_json_is_bad_input(tmp_path: Path, name: str, content: str) -> None:
    write_all(tmp_path, make_results())
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=name):
        read_search_folder(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("spaces", None),
        ("spaces", {}),
        ("spaces", ["unet"]),
        ("equal_starts", None),
        ("data", None),
        ("data.split_by", None),
        ("data.split_by", "weather"),
        ("data.classes", None),
        ("data.classes", ["roof", "road"]),
        ("rungs", 3),
        ("deployment", "moon"),
        ("device", "laptop"),
    ],
)
def test_settings_without_what_the_analysis_reads_are_bad_input(tmp_path: Path, key: str, value: object) -> None:
    results = make_results()
    section = results.settings
    *path, last = key.split(".")
    for name in path:
        section = section[name]
    section[last] = value
    if value is None:
        del section[last]
    write_all(tmp_path, results)
    with pytest.raises(InputError, match=rf"settings\.json: {re.escape(key)}.*: ") as caught:
        read_search_folder(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"seed": 1}, "seed 1 of unet .* twice"),
        ({"groups": ("elsewhere",) * 1, "confusion": np.ones((1, 4, 4), dtype=np.int64)}, "groups differ"),
        ({"confusion": np.ones((8, 3, 3), dtype=np.int64)}, "confusion has 3 classes"),
        ({"role": "proposed"}, "role is 'proposed'"),
    ],
)
def test_finalists_that_can_not_be_compared_are_bad_input(
    tmp_path: Path, changes: dict[str, Any], complaint: str
) -> None:
    results = make_results()
    first, *others = results.tests
    write_all(tmp_path, replace(results, tests=(*others, replace(first, **changes))))
    with pytest.raises(InputError, match=rf"finalists\.json: 'unet-best-seed0': {complaint}"):
        read_search_folder(tmp_path)


def test_rows_are_checked_before_the_file_is_touched(tmp_path: Path) -> None:
    results = make_results()
    write_results(tmp_path, results.trials)
    before = (tmp_path / "results.parquet").read_bytes()
    with pytest.raises(TableError):
        write_results(tmp_path, [{"trial_id": "a", "space": "u", "phase": "search", "stop_reason": "tired"}])
    assert (tmp_path / "results.parquet").read_bytes() == before


@pytest.mark.parametrize(
    ("groups", "confusion"),
    [
        (("a",), np.zeros((2, 3, 3), dtype=np.int64)),
        (("a",), np.zeros((1, 3, 2), dtype=np.int64)),
        (("a",), np.zeros((3, 3), dtype=np.int64)),
        (("a", "a"), np.zeros((2, 3, 3), dtype=np.int64)),
        (("a",), np.full((1, 3, 3), -1, dtype=np.int64)),
    ],
)
def test_confusion_matrices_must_fit_the_groups(groups: tuple[str, ...], confusion: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"confusion|groups"):
        TestEvaluation("t", "unet", "best", 0, groups, confusion)


def test_an_evaluation_of_which_not_all_was_recorded_comes_back_as_it_was() -> None:
    confusion = np.ones((1, 3, 3), dtype=np.int64)
    full = TestEvaluation("t", "unet", "best", 0, ("a",), confusion, boundary_miou=0.25, calibration_error=0.125)
    read = evaluation_from_json(json.loads(json.dumps(evaluation_to_json(full), allow_nan=False)))
    assert (read.boundary_miou, read.calibration_error) == (0.25, 0.125)
    bare = evaluation_to_json(TestEvaluation("t", "unet", "best", 0, ("a",), confusion))
    assert np.isnan(evaluation_from_json(json.loads(json.dumps(bare, allow_nan=False))).boundary_miou)
