from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.tables import (
    STOP_REASONS,
    TableError,
    configuration_of,
    costs_frame,
    curves_frame,
    read_table,
    results_frame,
    write_atomically,
    write_table,
)
from spaces.configuration import TrialConfig
from spaces.errors import InputError
from tests.analysis.example_results import make_results


def trial(**changes: Any) -> dict[str, Any]:
    return {"trial_id": "a", "space": "unet", "phase": "search", "stop_reason": "completed", **changes}


def evaluation(**changes: Any) -> dict[str, Any]:
    return {"trial_id": "a", "space": "unet", "phase": "search", "step": 10, "miou": 0.5, **changes}


def configured(**changes: Any) -> dict[str, Any]:
    config = TrialConfig.model_validate({"architecture": "unet", "encoder": "mobilenet_v2", **changes})
    return {f"config.{name}": value for name, value in config.model_dump().items()}


def test_missing_texts_are_empty_and_missing_numbers_are_nan() -> None:
    frame = results_frame([trial(miou=0.5, error="boom"), trial(trial_id="b", latency_ms_p50=3)])
    assert frame["error"].tolist() == ["boom", ""]
    assert frame["role"].tolist() == ["", ""]
    assert frame["seed"].dtype == "int64"
    assert frame["miou"].isna().tolist() == [False, True]
    assert frame["latency_ms_p50"].dtype == "float64"
    assert frame.columns[-1] == "latency_ms_p50"


@pytest.mark.parametrize("stop_reason", ["", *STOP_REASONS])
def test_known_stop_reasons_are_accepted(stop_reason: str) -> None:
    assert results_frame([trial(stop_reason=stop_reason)])["stop_reason"].tolist() == [stop_reason]


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([trial(stop_reason="bored")], "'bored'"),
        ([trial(phase="later")], "'later'"),
        ([trial(role="winner")], "'winner'"),
        ([trial(), trial()], "more than once"),
        ([{"trial_id": "a"}], "'space' is missing"),
        ([trial(miou="high")], "'miou'"),
        ([trial(step="many")], "'step'"),
    ],
)
def test_rows_that_break_the_schema_are_refused(rows: list[dict[str, Any]], complaint: str) -> None:
    with pytest.raises(TableError, match=complaint):
        results_frame(rows)


def test_configuration_survives_the_table() -> None:
    rows = [
        trial(**configured(optimizer="adamw", heads=1, cutmix=True, threshold_offsets={"A b": 0.1})),
        trial(trial_id="b", **configured(threshold_offsets={})),
        trial(trial_id="c", **configured()),
    ]
    frame = results_frame(rows)
    assert frame.loc[0, "config.threshold_offsets.A b"] == 0.1
    for index, row in enumerate(rows):
        expected = {name.removeprefix("config."): value for name, value in row.items() if "config." in name}
        assert configuration_of(frame.iloc[index]) == TrialConfig.model_validate(expected)


def test_configuration_survives_a_column_that_others_lack() -> None:
    frame = results_frame([trial(**configured(cutmix=True, batch_size=4)), trial(trial_id="b")])
    config = configuration_of(frame.iloc[0])
    assert config.cutmix is True
    assert config.batch_size == 4


def test_curves_are_sorted_and_have_one_row_per_step() -> None:
    frame = curves_frame([evaluation(step=20), evaluation(step=10), evaluation(trial_id="A", step=30)])
    assert frame[["trial_id", "step"]].to_numpy().tolist() == [["A", 30], ["a", 10], ["a", 20]]
    with pytest.raises(TableError, match="two evaluations at step 10"):
        curves_frame([evaluation(), evaluation()])


def test_an_empty_search_has_empty_tables() -> None:
    assert results_frame([])["trial_id"].tolist() == []
    assert "step" in curves_frame([]).columns
    assert costs_frame(results_frame([])).empty


def test_costs_are_listed_once_per_network() -> None:
    rows = [
        trial(**configured(), parameters=10, latency_ms_p50=1.0),
        trial(trial_id="b", **configured(learning_rate=0.1), parameters=10, latency_ms_p50=1.0),
        trial(trial_id="c", **configured(heads=1), parameters=9),
        trial(trial_id="d", **configured(heads=5)),
    ]
    costs = costs_frame(results_frame(rows))
    assert costs["parameters"].tolist() == [10, 9]
    assert costs["config.heads"].tolist() == [3, 1]


def test_tables_survive_the_file(tmp_path: Path) -> None:
    results = make_results()
    write_table(results.trials, tmp_path / "results.parquet")
    write_table(results.curves, tmp_path / "curves.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "results.parquet", results_frame), results.trials)
    pd.testing.assert_frame_equal(read_table(tmp_path / "curves.parquet", curves_frame), results.curves)


def test_broken_files_are_bad_input(tmp_path: Path) -> None:
    broken = tmp_path / "results.parquet"
    broken.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(InputError, match=r"results\.parquet: not a readable Parquet table"):
        read_table(broken, results_frame)
    write_table(curves_frame([evaluation()]), broken)
    with pytest.raises(InputError, match=r"results\.parquet: column 'stop_reason' is missing"):
        read_table(broken, results_frame)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.write_text("old", encoding="utf-8")

    def fail(temporary: Path) -> None:
        temporary.write_text("half", encoding="utf-8")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]
