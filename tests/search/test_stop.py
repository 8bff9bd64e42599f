"""`python -m search.stop`: what it says and leaves, and which input it refuses."""

import json
from pathlib import Path

import pytest

from search.commands import COMMANDS
from search.settings import write_settings
from search.stop import main
from spaces.errors import InputError
from tests.search.searching import KilledError, LocalRun, make_settings
from trainables.journal import TRAINING_FILE, Journal
from trainables.run_folder import is_locked, locked


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A runs folder with a search `example` that has begun: unet-000 has ended, unet-002 has not."""
    folder = tmp_path / "example"
    folder.mkdir()
    settings = make_settings("unet,deeplabv3plus", trials_per_space=4, scheduler="none", rungs=())
    write_settings(settings, folder)
    with pytest.raises(KilledError):
        LocalRun(settings, folder).run(die_after=24)
    return tmp_path


def stop(runs: Path, *words: str, search: str = "example") -> int:
    return main(["--search", search, "--runs", str(runs), *words])


def left(runs: Path) -> list[dict[str, str]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((runs / "example" / COMMANDS).glob("*"))]


@pytest.mark.parametrize(
    ("words", "command", "said"),
    [
        (("--trial", "unet-001"), {"trial_id": "unet-001"}, "unet-001 ends at its next evaluation"),
        (("--space", "unet"), {"space": "unet"}, "unet gets no further trial"),
        ((), {}, "example starts nothing more"),
    ],
)
def test_a_command_is_left_and_what_follows_is_said(
    runs: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], command: dict[str, str], said: str
) -> None:
    with locked(runs / "example"):
        assert stop(runs, *words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(said)
    assert left(runs) == [command]


def test_where_the_search_is_not_running_it_says_when_the_command_takes_effect(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stop(runs) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert "is not running now" in last
    assert f"python -m search.run --resume --name example --runs {runs}" in last
    assert left(runs) == [{}]


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("--trial", "unet-01"), "unet-001"),
        (("--trial", "nothing like it"), "deeplabv3plus-000"),
        (("--space", "unett"), "unet"),
        (("--space", "segformer"), "deeplabv3plus, unet"),
    ],
)
def test_names_that_the_search_does_not_have_are_refused_with_near_ones(
    runs: Path, words: tuple[str, ...], near: str
) -> None:
    with pytest.raises(InputError, match=near) as caught:
        stop(runs, *words)
    assert "\n" not in str(caught.value)
    assert not (runs / "example" / COMMANDS).exists()


def test_a_search_that_does_not_exist_is_refused_with_near_names(runs: Path) -> None:
    with pytest.raises(InputError, match="near that: example"):
        stop(runs, search="exampel")
    with pytest.raises(InputError, match="none"):
        stop(runs / "elsewhere")
    with pytest.raises(InputError, match="there is no search"):
        stop(runs, search="../" + runs.name + "/example")
    assert not (runs / "elsewhere").exists()


def test_a_training_is_no_search(runs: Path) -> None:
    (runs / "trained").mkdir()
    (runs / "trained" / TRAINING_FILE).touch()
    with pytest.raises(InputError, match="is a training"):
        stop(runs, search="trained")


def test_a_finished_search_is_refused(runs: Path) -> None:
    with Journal(runs / "example") as journal:
        journal.append("closed", seconds=1.0, outcome="finished")
    with pytest.raises(InputError, match="finished"):
        stop(runs)
    assert not (runs / "example" / COMMANDS).exists()


def test_a_trial_that_has_ended_is_left_alone(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stop(runs, "--trial", "unet-000") == 0
    assert capsys.readouterr().out == "unet-000 has ended already: completed\n"
    assert not (runs / "example" / COMMANDS).exists()


def test_a_trial_and_a_space_together_are_refused(runs: Path) -> None:
    with pytest.raises(InputError, match="not allowed with"):
        stop(runs, "--trial", "unet-001", "--space", "unet")


def test_asking_whether_a_search_runs_leaves_it_free(runs: Path) -> None:
    folder = runs / "example"
    assert not is_locked(folder)
    with locked(folder):
        assert is_locked(folder)
    assert not is_locked(folder)
    with locked(folder):
        pass


def test_a_search_whose_finals_run_says_that_its_spaces_are_done(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = runs / "example"
    settings = make_settings("unet,deeplabv3plus", trials_per_space=4, scheduler="none", rungs=())
    LocalRun(settings, folder).run(phases=("search", "finalist"))
    assert stop(runs, "--space", "unet") == 0
    assert "the finals run" in capsys.readouterr().out
    assert not (folder / COMMANDS).exists()
