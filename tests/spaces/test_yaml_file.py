from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spaces.yaml_file import read_mapping, yaml_text

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20)
DIGESTS = st.text("0123456789abcdef", min_size=1, max_size=8)
VALUES = WORDS | DIGESTS | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.none()


@given(st.dictionaries(WORDS, VALUES | st.lists(VALUES, max_size=3), min_size=1, max_size=5))
@example({"fingerprint": "12e4", "hash": "0777", "strategy": "off", "other": "on", "rate": 3e-4, "sure": True})
def test_what_is_written_is_read_back(content: dict[str, Any]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file.yaml"
        path.write_text(yaml_text(content), encoding="utf-8")
        read = read_mapping(path, "file", "anything").content
    assert read == content
    assert [type(value) for value in read.values()] == [type(value) for value in content.values()]


@pytest.mark.parametrize(
    ("text", "value"), [("3e-4", 3e-4), ("1E3", 1000.0), ("off", "off"), ("true", True), ("e4", "e4")]
)
def test_words_and_numbers_are_what_they_look_like(tmp_path: Path, text: str, value: object) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(f"key: {text}\n", encoding="utf-8")
    read = read_mapping(path, "file", "anything").content["key"]
    assert read == value
    assert type(read) is type(value)
