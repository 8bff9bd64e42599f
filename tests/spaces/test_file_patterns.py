"""Patterns of paths: what they mean, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.file_patterns import FilePattern


@pytest.mark.parametrize(
    ("text", "capture", "folder", "name", "parts"),
    [
        ("{capture}/images/{stem}.*", "one", "one/images", "a.b.PNG", ("a.b", ".PNG")),
        ("{capture}/images/{stem}.*", ".", "images", "a", ("a", "")),
        ("images/*.jpg", ".", "images", "a.JPG", ("a", ".JPG")),
        ("train/{stem}_mask.png", ".", "train", "12_mask.png", ("12", "_mask.png")),
        ("gt_{stem}_v2.*", ".", ".", "gt_7_v2.tif", ("7", "_v2.tif")),
        ("masks/{capture}/{stem}.png", "one", "masks/one", "a.jpg", None),
        ("{stem}_mask.png", ".", ".", "_mask.png", None),
    ],
)
def test_a_pattern_names_a_folder_and_divides_names(
    text: str, capture: str, folder: str, name: str, parts: tuple[str, str] | None
) -> None:
    pattern = FilePattern.parse(text)
    assert pattern.folder(capture) == folder
    assert pattern.divided(name) == parts


NONE = """images images/* images/{stem} ../{stem}.png /a/{stem}.png a//{stem}.png a*/{stem}.png {name}.png
{capture}/{capture}/{stem}.png {stem}_{stem}.png a\\{stem}.png **/*.png"""


@pytest.mark.parametrize("text", ["", *NONE.split()])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must hold|folders are"):
        FilePattern.parse(text)


@given(st.text(max_size=12), st.sampled_from(["{stem}.*", "a_{stem}_b.*", "{stem}_m.png", "x*.tif"]))
def test_a_divided_name_can_be_put_together_again(name: str, text: str) -> None:
    pattern = FilePattern.parse(text)
    parts = pattern.divided(name)
    if parts is not None:
        assert parts[0] and pattern.prefix + "".join(parts) == name
