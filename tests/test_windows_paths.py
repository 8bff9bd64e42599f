"""Paths and names as Windows takes them, by `PureWindowsPath`."""

from itertools import product
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from analysis.finalist_roles import BASELINE, role_of_rank
from search.folder import BEST, CONFIGURATIONS, PANELS, TRIALS, default_name
from spaces.device_names import DEVICES, is_device_name
from spaces.errors import InputError
from spaces.loading import builtin_space_names, load_space
from trainables.checkpoint import PARTIAL
from trainables.checkpoint_store import BEST as BEST_WEIGHTS
from trainables.checkpoint_store import LAST
from trainables.run_folder import check_name
from trainables.shared_files import is_uri
from trainables.tracking.uri import check_tracking_uri, path_text, scheme_of, sqlite_uri

LONGEST_SPACE = "s" + 39 * "x"
LONGEST_PATH = 259
"""Characters of a path, where long ones are not switched on."""

ROOM_FOR_RUNS = 60
"""Characters that a folder such as C:\\Users\\SOMEBODY\\Documents\\segpareto\\runs has."""


def can_be_a_file(name: str) -> bool:
    """Whether a name is one file's on Windows: no device, stream, drive or folder, and not cut short."""
    path = PureWindowsPath(name)
    forbidden = set('<>:"/\\|?*') | {chr(code) for code in range(32)}
    return (
        path.parts == (name,)
        and not path.drive
        and not path.is_reserved()
        and not forbidden & set(name)
        and name == name.rstrip(". ")
    )


@pytest.mark.parametrize(
    "name", ["con", "NUL", "aux.txt", "com1", "LPT9.a.b", "a:b", "a.", "a ", "a\\b", "a/b", "", ".."]
)
def test_names_that_windows_refuses_are_refused_everywhere(name: str) -> None:
    assert not can_be_a_file(name)
    with pytest.raises(InputError, match="--name"):
        check_name(name)


@given(st.text(st.sampled_from("abcCONconNULnul019.:_- /\\*?\x00\u00e4"), max_size=12))
def test_every_name_that_is_taken_can_be_a_folder_on_windows(name: str) -> None:
    try:
        check_name(name)
    except InputError:
        return
    assert can_be_a_file(name)


@pytest.mark.parametrize("name", sorted(DEVICES))
def test_no_space_is_called_like_a_device(name: str, tmp_path: Path) -> None:
    assert is_device_name(f"{name.upper()}.yaml")
    path = tmp_path / "space.yaml"
    path.write_text(f"extends: recipe\nname: {name}\nbaseline:\n  architecture: unet\n", encoding="utf-8")
    with pytest.raises(InputError, match="device on Windows") as caught:
        load_space(str(path))
    assert "\n" not in str(caught.value)


def trial_ids(space: str) -> list[str]:
    """Names that a search of this space gives trials."""
    roles = [*(role_of_rank(rank) for rank in (1, 2, 99)), BASELINE]
    return [f"{space}-000", f"{space}-99999", *(f"{space}-{role}-seed99" for role in roles)]


@pytest.mark.parametrize("space", [*builtin_space_names(), LONGEST_SPACE, "a-", "com1x"])
def test_names_of_files_that_come_from_spaces_and_trials(space: str) -> None:
    for trial_id, ending in product(trial_ids(space), ("", ".yaml", ".png", ".txt")):
        assert can_be_a_file(f"{trial_id}{ending}")
    assert can_be_a_file(f"{space}.yaml")


def test_a_dated_name_is_one_that_is_taken() -> None:
    from datetime import datetime

    name = default_name([LONGEST_SPACE], datetime(2026, 1, 31, 23, 59, 59))
    assert check_name(name) == name


def test_paths_stay_short_enough() -> None:
    from datetime import datetime

    runs = PureWindowsPath("C:\\" + (ROOM_FOR_RUNS - 3) * "r")
    name = default_name([LONGEST_SPACE], datetime(2026, 1, 31))
    for trial_id in trial_ids(LONGEST_SPACE):
        for place in (
            *((TRIALS, trial_id, file + PARTIAL) for file in (LAST, BEST_WEIGHTS)),
            (CONFIGURATIONS, f"{trial_id}.yaml.tmp"),
            (PANELS, f"{trial_id}.png"),
            (BEST, f"{LONGEST_SPACE}.yaml"),
        ):
            assert len(str(runs.joinpath(name, *place))) <= LONGEST_PATH


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("C:\\runs\\mlflow.db", "sqlite:///C:/runs/mlflow.db"),
        ("D:\\my data\\r\u00fcns\\mlflow.db", "sqlite:///D:/my data/r\u00fcns/mlflow.db"),
        ("\\\\server\\share\\runs\\mlflow.db", "sqlite://///server/share/runs/mlflow.db"),
    ],
)
def test_a_database_has_the_uri_that_sqlalchemy_reads(path: str, uri: str) -> None:
    database = PureWindowsPath(path)
    assert sqlite_uri(database) == uri
    assert PureWindowsPath(path_text(uri)) == database
    assert PureWindowsPath(str(make_url(uri).database)) == database


def test_artifacts_have_a_file_uri() -> None:
    assert PureWindowsPath("C:\\my runs\\mlartifacts").as_uri() == "file:///C:/my%20runs/mlartifacts"


@pytest.mark.parametrize("folder", ["C:\\runs", "C:/runs", "c:runs", "\\\\server\\share", "D:"])
def test_a_drive_is_no_scheme(folder: str) -> None:
    assert not is_uri(folder)
    assert scheme_of(folder) not in {"sqlite", "http", "https", "s3", "file"}
    with pytest.raises(InputError, match="not the URI of a database or server"):
        check_tracking_uri(folder)
