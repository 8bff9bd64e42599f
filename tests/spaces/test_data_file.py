"""Data files: what they say, where it lies, and complaints that name the line."""

from pathlib import Path

import pytest

from spaces.data_description import DEFAULT_IMAGES, DEFAULT_MASKS, DataDescription
from spaces.data_file import is_data_file, read_data_file
from spaces.errors import InputError
from spaces.loading import data_of_spaces, load_space

CLASSES = "classes:\n  - {name: ground, values: 0}\n  - {name: building, values: 255, colour: [255, 0, 0]}\n"


def write(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    (folder / "scenes").mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, f"root: scenes\nimages: '*_sat.jpg'\nmasks: '{{stem}}_mask.png'\n{CLASSES}")
    monkeypatch.chdir(tmp_path.parent)
    found = read_data_file(Path(tmp_path.name) / path.name)
    assert found.root == str((tmp_path / "scenes").resolve())
    assert [one.values for one in found.classes] == [(0,), (255,)]
    text = found.description.as_text()
    assert DataDescription.from_text(text) == found.description
    assert str(tmp_path) not in str(text)


def test_a_file_that_says_only_where_is_read_as_a_folder_is(tmp_path: Path) -> None:
    assert read_data_file(write(tmp_path, "root: scenes\n")).description.as_text() is None


def test_a_uri_stays_as_it_is(tmp_path: Path) -> None:
    assert read_data_file(write(tmp_path, "root: s3://bucket/scenes\n")).root == "s3://bucket/scenes"


def test_values_may_be_a_range(tmp_path: Path) -> None:
    text = "root: scenes\nclasses: [{name: a, values: {low: 0, high: 127}}, {name: b, values: {low: 128, high: 255}}]\n"
    description = read_data_file(write(tmp_path, text)).description
    assert '{"low": 0, "high": 127}' in str(description.as_text())
    assert DataDescription.from_text(description.as_text()) == description
    first, second = description.classes
    assert (first.values[-1], second.values[0], len(second.values)) == (127, 128, 128)


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("root: nowhere\n", 1, "root: there is no"),
        ("images: a/{stem}.png\n", 1, "root: Field required"),
        ("root: scenes\nimages: a/b\nmasks: c/{stem}.png\n", 2, "must hold {stem}"),
        ("root: scenes\nimages: '*.jpg'\n", 2, "give both images: and masks:"),
        ("root: scenes\nimages: '*.jpg'\nmasks: '*.jpg'\n", 3, "the same files"),
        ("root: scenes\nphoto: '(a'\n", 2, "no regular expression"),
        ("root: scenes\nphoto: 'ab'\n", 2, "0 groups"),
        ("root: scenes\ncapture: '(a)'\n", 2, "keep one of them"),
        ("root: scenes\nclasses:\n  - {name: a}\n  - {name: a}\n", 4, "'a' is there twice"),
        ("root: scenes\nclasses:\n  - {name: a, values: 1}\n  - {name: b}\n", 4, "'b' has no values"),
        ("root: scenes\nclasses:\n  - {name: a}\n  - {name: b, values: -1}\n", 4, "values"),
        ("root: scenes\nclasses:\n  - {name: a}\n  - {name: b, colour: [0, 0, 300]}\n", 4, "colour"),
        ("root: scenes\nclasses:\n  - {name: a}\n  - {name: b, value: 1}\n", 4, "value"),
        (f"root: scenes\n{CLASSES}ignored: [255]\n", 5, "ignored: 255 is that of a class"),
        (f"root: scenes\n{CLASSES}class_mapping: scenes\n", 5, "keep one of them"),
        ("root: scenes\nimage: '*.jpg'\n", 2, "image: there is no such key (did you mean images?); one of: images, "),
        (
            "root: scenes\nclasses:\n  - {name: a}\n  - {name: b, value: 1}\n",
            4,
            "(did you mean values?); one of: name, values, colour",
        ),
        ("root: scenes\nclasses:\n  - {name: a, colour: '#dc0000'}\n", 3, "is written [220, 0, 0]"),
        ("root: scenes\nclasses:\n  - {name: a, colour: [220, 0]}\n", 3, "three numbers from 0 to 255"),
        ("root: scenes\nclasses:\n  - {name: a, colour: [[1, 2, 3], [4, 5, 6]]}\n", 3, "one colour is three numbers"),
        (
            "root: scenes\nclasses:\n  - {name: a, colour: [1, 2, 3]}\n  - {name: b, colour: [1, 2, 3]}\n",
            4,
            "the colour [1, 2, 3] is there twice",
        ),
        ("name: mine\nextends: unet\n", 2, "use --space"),
        ("root: scenes\nroot: other\n", 2, "'root' is there twice"),
        ("root: scenes\nphoto: 2026-99-99\n", 2, "'2026-99-99' is no timestamp"),
        ("root: scenes\nimages: '{capture}/a/*.png'\nmasks: m/*.png\n", 2, "images: has {capture}, which masks: has"),
        ("root: scenes\nlabeled_list: s3://bucket/list.txt\n", 2, "only root: may be a URI"),
        ("root: ~nobody-of-this-name/scenes\n", 1, "there is no "),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(tmp_path: Path, text: str, line: int, told: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_data_file(path)
    message = str(caught.value)
    assert message.startswith(f"data file {path}, line {line}: ")
    assert told in message and "\n" not in message


def test_a_space_may_say_which_data_it_is_for(tmp_path: Path) -> None:
    path = write(tmp_path, "extends: unet\nname: mine\ndata:\n  root: scenes\n  photo: '(.+)_[0-9]+'\n")
    space = load_space(str(path))
    assert space.data == path.resolve()
    assert data_of_spaces([load_space("unet"), space]) == str(path.resolve())
    assert read_data_file(path).photo == "(.+)_[0-9]+"
    derived = load_space(str(write(tmp_path, "extends: mine.yaml\nname: derived\n", "derived.yaml")))
    assert derived.data == path.resolve()


def test_spaces_may_share_a_data_file(tmp_path: Path) -> None:
    write(tmp_path, "root: scenes\n", "data.yaml")
    spaces = [
        load_space(str(write(tmp_path, f"extends: unet\nname: {name}\ndata: data.yaml\n", f"{name}.yaml")))
        for name in ("one", "two")
    ]
    assert data_of_spaces(spaces) == str((tmp_path / "one.yaml").resolve())
    other = load_space(str(write(tmp_path, "extends: unet\nname: other\ndata: {root: .}\n", "other.yaml")))
    with pytest.raises(InputError, match="name different data"):
        data_of_spaces([*spaces, other])


def test_a_mistake_in_a_spaces_data_is_told_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "extends: unet\nname: mine\ndata:\n  root: scenes\n  photos: x\n")
    with pytest.raises(InputError, match=r"mine\.yaml, line 5: .*photos"):
        load_space(str(path))


@pytest.mark.parametrize("masks", ["{capture}/labels/{stem}.png", DEFAULT_MASKS])
@pytest.mark.parametrize("images", [DEFAULT_IMAGES, "{capture}/rgb/*.jpg"])
def test_a_layout_that_is_partly_the_usual_one_is_read_back(images: str, masks: str) -> None:
    description = DataDescription(images=images, masks=masks)
    assert DataDescription.from_text(description.as_text()) == description


def test_a_space_can_be_read_where_its_data_are_not(tmp_path: Path) -> None:
    path = write(tmp_path, "extends: unet\nname: mine\ndata: {root: gone}\n")
    space = load_space(str(path))
    with pytest.raises(InputError, match=r"line 3: root: there is no .*gone"):
        data_of_spaces([space])


def test_long_ranges_that_overlap_are_told_at_once(tmp_path: Path) -> None:
    ranges = "values: {low: 0, high: 40000}", "values: {low: 40000, high: 65535}"
    path = write(tmp_path, "root: scenes\nclasses:\n" + "".join(f"  - {{name: c{len(r)}, {r}}}\n" for r in ranges))
    with pytest.raises(InputError, match="the value 40000 is there twice"):
        read_data_file(path)


def test_a_folder_is_no_data_file_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").mkdir()
    assert not is_data_file(tmp_path / "data.yaml")
    assert is_data_file(tmp_path / "nowhere.yml")
