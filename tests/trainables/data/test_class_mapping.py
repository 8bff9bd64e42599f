from pathlib import Path

import pytest

from spaces.errors import InputError
from tests.trainables.data.folder_builder import CLASSES, write_mapping
from trainables.data.class_mapping import read_class_mapping


def test_rows_become_classes_in_their_order(tmp_path: Path) -> None:
    assert read_class_mapping(write_mapping(tmp_path)) == CLASSES


def test_spreadsheet_exports_are_read(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_bytes(b'\xef\xbb\xbfclass_name, class_color\r\n"roof, red",255 0 0\r\n\r\nroad," 0  0 1"\r\n')
    classes = read_class_mapping(path)
    assert classes.names == ("roof, red", "road")
    assert classes.colours == ((255, 0, 0), (0, 0, 1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "first line is ''; it must be 'class_name,class_color'"),
        ("name,color\na,1 2 3\nb,1 2 4\n", "it must be 'class_name,class_color'"),
        ("class_name;class_color\na;1 2 3\n", "it must be 'class_name,class_color'"),
        ("class_name,class_color\na,1 2\nb,1 2 4\n", "line 2: colour '1 2'; it must be three numbers"),
        ("class_name,class_color\na,1 2 3\nb,1 2 256\n", "line 3: colour '1 2 256'"),
        ("class_name,class_color\na,1 2 -3\n", "line 2: colour '1 2 -3'"),
        ("class_name,class_color\na,#00ff00\n", "line 2: colour '#00ff00'"),
        ("class_name,class_color\na,1 2 3\na,1 2 4\n", "line 3: class 'a' is there twice"),
        ("class_name,class_color\na,1 2 3\nb,1 2 3\n", "line 3: 'b' has the colour of 'a'"),
        ("class_name,class_color\na,1,2,3\n", "line 2: 'a,1,2,3'; it must be a class name, a comma and R G B"),
        ("class_name,class_color\n,1 2 3\n", "line 2: ',1 2 3'"),
        ("class_name,class_color\na,1 2 3\n", "1 classes; there must be 2 to 255"),
    ],
)
def test_bad_files_are_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "class_mapping.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_class_mapping(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_and_a_binary_file_are_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_class_mapping(tmp_path / "nowhere.csv")
    path = tmp_path / "binary.csv"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="can't be read as UTF-8 CSV"):
        read_class_mapping(path)
