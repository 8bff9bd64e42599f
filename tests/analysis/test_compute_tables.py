from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.compute_tables import decisions_frame, stretches_frame
from analysis.results import read_search_folder, write_results, write_settings, write_stretches
from analysis.tables import TableError
from spaces.errors import InputError
from tests.analysis.example_results import make_results

STRETCH = {
    "trial_id": "unet-000",
    "space": "unet",
    "phase": "search",
    "ending": "paused",
    "lane": 0,
    "sitting": 1,
    "first_step": 0,
    "last_step": 40,
    "start_seconds": 1,
    "end_seconds": 2.5,
}
DECISION = {
    "trial_id": "unet-000",
    "space": "unet",
    "outcome": "stopped",
    "rung": 40,
    "seconds": 2.5,
    "score": 0.25,
    "cutoff": None,
}


def test_dtypes_do_not_depend_on_the_rows() -> None:
    assert (stretches_frame([STRETCH]).dtypes == stretches_frame([]).dtypes).all()
    assert (decisions_frame([DECISION]).dtypes == decisions_frame([]).dtypes).all()
    assert stretches_frame([STRETCH])["start_seconds"].tolist() == [1.0]
    assert decisions_frame([DECISION])["cutoff"].isna().all()


@pytest.mark.parametrize(
    ("build", "row", "change"),
    [
        (stretches_frame, STRETCH, {"ending": "bored"}),
        (stretches_frame, STRETCH, {"phase": "final"}),
        (stretches_frame, STRETCH, {"lane": "first"}),
        (stretches_frame, STRETCH, {"end_seconds": "late"}),
        (decisions_frame, DECISION, {"outcome": "lost"}),
        (decisions_frame, DECISION, {"rung": "low"}),
    ],
)
def test_rows_that_break_the_schema_are_refused(build: Any, row: dict[str, Any], change: dict[str, Any]) -> None:
    with pytest.raises(TableError, match=next(iter(change))):
        build([row | change])
    with pytest.raises(TableError, match="missing"):
        build([{name: value for name, value in row.items() if name not in change}])


def test_both_survive_the_folder(tmp_path: Path) -> None:
    written = make_results()
    write_settings(tmp_path, written.settings)
    write_results(tmp_path, written.trials)
    write_stretches(tmp_path, written.stretches, written.decisions)
    read = read_search_folder(tmp_path)
    pd.testing.assert_frame_equal(read.stretches, written.stretches)
    pd.testing.assert_frame_equal(read.decisions, written.decisions)


@pytest.mark.parametrize("name", ["stretches.parquet", "decisions.parquet"])
def test_a_broken_table_is_bad_input(tmp_path: Path, name: str) -> None:
    written = make_results()
    write_settings(tmp_path, written.settings)
    write_results(tmp_path, written.trials)
    (tmp_path / name).write_text("nonsense", encoding="utf-8")
    with pytest.raises(InputError, match=name):
        read_search_folder(tmp_path)
