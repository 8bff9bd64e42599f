"""The tree that is indexed, and the benchmark on a tiny one."""

import json
from pathlib import Path

import pytest

from benchmarks.data_index import MOST_SECONDS, main
from benchmarks.data_tree import ALL_FILES, captures_of, make_tree
from spaces.errors import InputError
from trainables.data.folder import FolderDataset
from trainables.data.procedural import CLASSES


def test_the_tree_has_the_size_and_the_labels_that_are_asked_for(tmp_path: Path) -> None:
    captures = captures_of(600)
    make_tree(tmp_path / "data", captures, CLASSES)
    dataset = FolderDataset.open(tmp_path / "data", cache_dir=tmp_path / "cache")
    records = dataset.records
    assert len(records) == sum(capture.images for capture in captures)
    assert abs(len(records) - 600) <= len(captures)
    assert int(records.labelled.sum()) == sum(capture.labelled for capture in captures) > 0
    counts = dataset.class_count_table(records.labelled_positions())
    assert (counts.sum(axis=1) == 256 * 256).all()
    assert (counts.sum(axis=0) > 0).all()
    assert sum(capture.images for capture in captures_of(ALL_FILES)) == ALL_FILES


def test_a_missing_folder_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--folder"):
        main(["--folder", str(tmp_path / "nowhere")])


@pytest.mark.slow
def test_every_line_is_measured_and_the_tree_is_removed(tmp_path: Path) -> None:
    file, folder = tmp_path / "figures.json", tmp_path / "trees"
    folder.mkdir()
    assert main(["--files", "600", "--folder", str(folder), "--json", str(file)]) == 0
    assert list(folder.iterdir()) == []
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    assert set(MOST_SECONDS) <= {row["what"] for row in rows}
    assert all(row["seconds"] > 0 and row["peak MB"] > 0 for row in rows)
