"""Folders of searches and trainings: which names are free, and what a killed process leaves of one."""

from pathlib import Path

import pytest

from spaces.errors import InputError
from trainables.run_folder import HALF_WRITTEN_SETTINGS, LOCK, create_folder, free_folder, locked


def test_a_folder_with_content_is_taken(tmp_path: Path) -> None:
    folder = create_folder(tmp_path, "one", "trials")
    (folder / "settings.json").write_text("{}", encoding="utf-8")
    for attempt in (lambda: free_folder(tmp_path, "one"), lambda: create_folder(tmp_path, "one")):
        with pytest.raises(InputError, match="exists already"):
            attempt()


@pytest.mark.parametrize("left", [(), (LOCK,), (LOCK, HALF_WRITTEN_SETTINGS), ("journal.jsonl",)])
def test_what_was_killed_before_its_settings_were_there_leaves_its_name_free(
    tmp_path: Path, left: tuple[str, ...]
) -> None:
    folder = create_folder(tmp_path, "one", "trials", "panels")
    for name in left:
        (folder / name).write_text('{"na' if name == HALF_WRITTEN_SETTINGS else "", encoding="utf-8")
    assert free_folder(tmp_path, "one") == folder
    assert create_folder(tmp_path, "one", "trials", "panels") == folder
    with locked(folder):
        pass


def test_a_checkpoint_or_a_file_in_its_place_is_content(tmp_path: Path) -> None:
    folder = create_folder(tmp_path, "one", "trials")
    (folder / "trials" / "last.pt").write_bytes(b"x")
    (tmp_path / "two").write_text("", encoding="utf-8")
    for name in ("one", "two"):
        with pytest.raises(InputError, match="exists already"):
            free_folder(tmp_path, name)
