"""Commands left in a search's folder: taken up once, in order, harmless when repeated, kept while nobody drives."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from search.commands import COMMANDS, POLL_SECONDS, Inbox, StopCommand, leave_command, taking_commands
from search.controller import SearchController
from search.history import SearchHistory, history_of
from search.settings import SearchSettings
from tests.search.searching import LocalRun, make_settings
from trainables.journal import Journal, read_journal

SPACES = ("unet", "deeplabv3plus")


class Driver:
    """A search that a test drives evaluation by evaluation."""

    def __init__(self, folder: Path, settings: SearchSettings | None = None) -> None:
        self.settings = settings or make_settings(",".join(SPACES), trials_per_space=3, scheduler="none")
        self.journal = Journal(folder)
        self.history = history_of(read_journal(folder))
        self.controller = SearchController(self.settings, self.history, self.journal.append)
        self.controller.begin_phase("search")
        self.said: list[str] = []
        self.inbox = Inbox(folder, self.settings.spaces, self.controller, self.said.append)

    def start(self) -> list[str]:
        """Start all trials that may run now."""
        names = []
        while (job := self.controller.next_trial()) is not None:
            self.controller.started(job.trial_id)
            names.append(job.trial_id)
        return names

    def report(self, trial_id: str) -> bool:
        step = self.history.trials[trial_id].step + self.settings.eval_every
        return self.controller.reported(trial_id, {"step": step, "miou": 0.5})


@pytest.fixture
def driver(tmp_path: Path) -> Driver:
    return Driver(tmp_path)


def waiting(folder: Path) -> list[Path]:
    return list((folder / COMMANDS).iterdir())


def test_a_running_trial_ends_at_its_next_evaluation_and_another_takes_its_place(
    tmp_path: Path, driver: Driver
) -> None:
    first, second = driver.start()
    leave_command(tmp_path, StopCommand(trial_id=first))
    driver.inbox.take()
    assert not driver.history.trials[first].ended
    assert driver.report(second)
    assert not driver.report(first)
    assert driver.history.trials[first].stop_reason == "stopped"
    assert len(driver.start()) == 1
    assert waiting(tmp_path) == []
    assert driver.said == [f"asked to stop {first}"]


def test_a_stopped_space_gets_no_further_trial_while_the_others_go_on(tmp_path: Path, driver: Driver) -> None:
    running = driver.start()
    leave_command(tmp_path, StopCommand(space="unet"))
    driver.inbox.take()
    goes_on = {name: driver.report(name) for name in running}
    assert goes_on == {name: not name.startswith("unet") for name in running}
    assert {name.rpartition("-")[0] for name in driver.start()} == {"deeplabv3plus"}


def test_a_stopped_search_starts_nothing_more(tmp_path: Path, driver: Driver) -> None:
    running = driver.start()
    leave_command(tmp_path, StopCommand())
    driver.inbox.take()
    assert not any(driver.report(name) for name in running)
    assert driver.start() == []
    assert driver.controller.phase_done()
    driver.controller.begin_phase("finalist")
    assert driver.controller.phase_done()
    assert not driver.history.of_phase("finalist")


@pytest.mark.parametrize("command", [{"trial_id": "unet-000"}, {"space": "unet"}, {}])
def test_a_command_that_is_repeated_changes_nothing(tmp_path: Path, driver: Driver, command: dict[str, str]) -> None:
    driver.start()
    leave_command(tmp_path, StopCommand(**command))
    driver.inbox.take()
    events = list(read_journal(tmp_path))
    leave_command(tmp_path, StopCommand(**command))
    driver.inbox.take()
    assert list(read_journal(tmp_path)) == events


@pytest.mark.parametrize("command", [{"trial_id": "unet-000"}, {"space": "unet"}, {}])
def test_a_command_that_was_applied_just_before_a_crash_holds_after_it(
    tmp_path: Path, driver: Driver, command: dict[str, str]
) -> None:
    driver.start()
    path = leave_command(tmp_path, StopCommand(**command))
    content = path.read_bytes()
    driver.inbox.take()
    driver.journal.close()
    # The process died before it could remove the file.
    path.write_bytes(content)
    again = Driver(tmp_path)
    again.inbox.take()
    assert again.history.trials["unet-000"].stop_reason == "stopped"
    started = {name.rpartition("-")[0] for name in again.start()}
    assert started == (
        {"unet", "deeplabv3plus"} if command.get("trial_id") else {"deeplabv3plus"} if command else set()
    )


def test_commands_left_while_nobody_drives_are_taken_up_before_anything_starts(tmp_path: Path) -> None:
    leave_command(tmp_path, StopCommand(space="unet"))
    driver = Driver(tmp_path)
    with taking_commands(tmp_path, driver.settings.spaces, driver.controller, driver.said.append):
        assert {name.rpartition("-")[0] for name in driver.start()} == {"deeplabv3plus"}


def test_commands_left_while_the_search_runs_are_taken_up_about_once_a_second(tmp_path: Path, driver: Driver) -> None:
    first, _ = driver.start()
    with taking_commands(tmp_path, driver.settings.spaces, driver.controller, driver.said.append):
        leave_command(tmp_path, StopCommand(trial_id=first))
        wait_until(lambda: bool(driver.said))
        assert driver.history.trials[first].stop_requested
    assert waiting(tmp_path) == []


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20 * POLL_SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_commands_are_taken_up_in_the_order_in_which_they_were_left(tmp_path: Path, driver: Driver) -> None:
    names = driver.start()
    for name in reversed(names):
        leave_command(tmp_path, StopCommand(trial_id=name))
    driver.inbox.take()
    assert driver.said == [f"asked to stop {name}" for name in reversed(names)]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"trial": "unet-000"}', b'{"trial_id":"a","space":"b"}'])
def test_a_file_that_is_no_command_is_told_of_once_and_removed(tmp_path: Path, driver: Driver, content: bytes) -> None:
    (tmp_path / COMMANDS).mkdir()
    (tmp_path / COMMANDS / "1.json").write_bytes(content)
    driver.inbox.take()
    driver.inbox.take()
    (said,) = driver.said
    assert "1.json" in said
    assert waiting(tmp_path) == []


def test_names_that_the_search_does_not_have_end_nothing(tmp_path: Path, driver: Driver) -> None:
    driver.start()
    before = list(read_journal(tmp_path))
    leave_command(tmp_path, StopCommand(trial_id="unet-999"))
    leave_command(tmp_path, StopCommand(space="segformer"))
    driver.inbox.take()
    assert list(read_journal(tmp_path)) == before
    assert all("does not have" in line for line in driver.said)


def test_a_file_that_can_not_be_removed_just_now_is_applied_once(
    tmp_path: Path, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = driver.start()
    leave_command(tmp_path, StopCommand(trial_id=first))

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "in use", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        driver.inbox.take()
    assert driver.history.trials[first].stop_requested
    before = list(read_journal(tmp_path))
    driver.inbox.take()
    assert waiting(tmp_path) == []
    assert list(read_journal(tmp_path)) == before


def test_a_command_names_a_trial_or_a_space_not_both() -> None:
    with pytest.raises(ValidationError):
        StopCommand(trial_id="unet-000", space="unet")


def test_a_stopped_space_still_has_its_finals(tmp_path: Path) -> None:
    settings = make_settings(trials_per_space=6, scheduler="none")
    driver = Driver(tmp_path, settings)
    running = driver.start()
    for _ in range(settings.max_steps // settings.eval_every):
        for name in running:
            driver.report(name)
    leave_command(tmp_path, StopCommand(space="unet"))
    driver.inbox.take()
    assert driver.controller.phase_done()
    driver.journal.close()
    history: SearchHistory = LocalRun(settings, tmp_path).run(phases=("search", "finalist"))
    assert len(history.of_phase("search")) == 2
    assert history.of_phase("finalist")
    assert all(trial.stop_reason == "completed" for trial in history.of_phase("finalist"))
