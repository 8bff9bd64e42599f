"""What a search wrote down is read again, and what another version wrote is refused in one line."""

import json
from pathlib import Path

import pytest

from search.settings import read_settings, write_settings
from spaces.errors import InputError
from tests.search.searching import make_settings
from trainables.settings_file import FILE_NAME


def test_settings_are_read_as_they_were_written(tmp_path: Path) -> None:
    settings = make_settings("unet,deeplabv3plus")
    write_settings(settings, tmp_path)
    assert read_settings(tmp_path) == settings


@pytest.mark.parametrize(
    ("section", "removed", "added", "named"),
    [
        ("device", "image_cache_gb", {}, "device.image_cache_gb"),
        ("device", None, {"channels_last": True}, "device.channels_last"),
        (None, "evaluation", {}, "evaluation"),
        ("evaluation", None, {"overlap": 0.9}, "0.9"),
    ],
)
def test_settings_of_another_version_are_one_line(
    tmp_path: Path, section: str | None, removed: str | None, added: dict[str, object], named: str
) -> None:
    write_settings(make_settings("unet"), tmp_path)
    path = tmp_path / FILE_NAME
    content = json.loads(path.read_text(encoding="utf-8"))
    changed = content if section is None else content[section]
    if removed is not None:
        del changed[removed]
    changed.update(added)
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_settings(tmp_path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert named in message
    assert "\n" not in message


def test_a_cut_file_is_one_line(tmp_path: Path) -> None:
    write_settings(make_settings("unet"), tmp_path)
    path = tmp_path / FILE_NAME
    path.write_text(path.read_text(encoding="utf-8")[:-40], encoding="utf-8")
    with pytest.raises(InputError, match=r"^[^\n]*settings\.json[^\n]*$"):
        read_settings(tmp_path)
