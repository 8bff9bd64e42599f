from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spaces.errors import InputError
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


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("a: 1\nb: {c: 1, d: 2,\n  c: 3}\n", 3, "'c' is there twice"),
        ("a:\n  - b: 1\n    b: 2\n", 3, "'b' is there twice"),
        ("a: 1\nb: !!int x\n", 2, "'x' is no int"),
        ("a: 1\nb: !!timestamp x\n", 2, "'x' is no timestamp"),
    ],
)
def test_what_yaml_would_swallow_or_break_on_is_told_with_its_line(
    tmp_path: Path, text: str, line: int, told: str
) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_mapping(path, "file", "anything")
    assert str(caught.value) == f"file {path}, line {line}: {told}"


def test_merged_and_repeated_nodes_are_no_repeated_keys(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text("a: &a {x: 1, y: 1}\nb: &b {<<: *a, x: 2}\nc: {<<: *b, x: 3}\nd: *a\n", encoding="utf-8")
    content = read_mapping(path, "file", "anything").content
    assert (content["b"], content["c"], content["d"]) == ({"x": 2, "y": 1}, {"x": 3, "y": 1}, {"x": 1, "y": 1})
