"""One search that is ended again and again, each time in another way: it goes on where it was."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.fault_audit import evaluations_to_repeat
from benchmarks.fault_injection import Sitting
from tests.search.search_command import check_nothing_lost, one_network_space
from trainables.journal import read_journal
from trainables.tracking.client import connect
from trainables.tracking.uri import local_tracking_uri

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform == "win32", reason="mounts a disk and sends POSIX signals"),
]

STEPS = 45
BEGIN = ("--name", "cut", "--trials", "2", "--max-steps", str(STEPS), "--eval-every", "3")
PLAIN = ("--scheduler", "none", "--finalist-seeds", "0", "--precision", "float32")
RESUME = ("--resume", "--name", "cut")


class CutSearch:
    """The search of all tests here; the first of them begins it."""

    def __init__(self, place: Path, disk: Path) -> None:
        self.place = place
        self.disk = disk
        self.folder = place / "runs" / "cut"

    def sit(self) -> Sitting:
        """Begin it or go on with it."""
        begun = (self.folder / "settings.json").is_file()
        first = ("--space", one_network_space(self.place), "--storage", str(self.disk), *BEGIN, *PLAIN)
        words = RESUME if begun else first
        return Sitting.start(words, self.place, own_session=True)

    def sit_until_it_trains(self) -> Sitting:
        """The same, up to the first evaluation of this sitting."""
        before = self.evaluations()
        sitting = self.sit()
        deadline = time.monotonic() + 400
        while self.evaluations() == before:
            assert sitting.lives(), self.errors()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return sitting

    def evaluations(self) -> int:
        return sum(event["event"] == "reported" for event in read_journal(self.folder))

    def output(self) -> str:
        """What all sittings printed."""
        return (self.place / "output.txt").read_text(encoding="utf-8")

    def errors(self) -> str:
        """What the last sitting said on standard error."""
        return (self.place / "errors.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk of 20 MB, which a checkpoint does not fit on; without the right to mount one, a folder."""
    place = tmp_path_factory.mktemp("disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(place)]
    mounted = subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
    yield place
    if mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory, with_database: Callable[[Path], Path], disk: Path) -> CutSearch:
    place = tmp_path_factory.mktemp("interruptions")
    with_database(place / "runs")
    return CutSearch(place, disk)


def test_a_search_on_a_full_disk_ends_with_one_line(search: CutSearch) -> None:
    if not search.disk.is_mount():
        pytest.skip("mounting a disk of its own needs root")
    sitting = search.sit()
    assert sitting.process.wait(timeout=400) == 1, search.output()
    sitting.close()
    assert search.errors().count("\n") == 1, search.errors()
    assert "no room for" in search.errors()
    assert "--resume --name cut" in search.errors()
    subprocess.run(["mount", "-o", "remount,size=500m", str(search.disk)], check=True)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_search_that_is_asked_to_end_ends_in_good_order(search: CutSearch, ending: signal.Signals) -> None:
    sitting = search.sit_until_it_trains()
    told_before = search.output().count("go on with: ")
    # `timeout` and a service's stop ask all of its processes to end, Ray's too.
    (os.killpg if ending == signal.SIGTERM else os.kill)(sitting.process.pid, ending)
    assert sitting.process.wait(timeout=120) == 130, search.errors()
    sitting.close()
    assert search.output().count("go on with: python -m search.run --resume --name cut") == told_before + 1
    assert set(pd.read_parquet(search.folder / "results.parquet")["stop_reason"]) == {"interrupted"}
    assert (search.folder / "report" / "index.html").is_file()
    assert evaluations_to_repeat(search.folder) == 0


def test_a_search_that_is_killed_repeats_one_evaluation_at_most(search: CutSearch) -> None:
    sitting = search.sit_until_it_trains()
    sitting.process.kill()
    sitting.process.wait()
    sitting.close()
    assert evaluations_to_repeat(search.folder) <= 1


@pytest.mark.parametrize("target", ["raylet", "gcs"])
def test_a_search_whose_ray_dies_ends_at_once_with_one_line(search: CutSearch, target: str) -> None:
    sitting = search.sit_until_it_trains()
    assert sitting.kill(target)
    killed = time.monotonic()
    assert sitting.end() == 1
    assert time.monotonic() - killed < 15
    assert search.errors().count("\n") == 1, search.errors()
    assert "--resume --name cut" in search.errors()
    assert sitting.orphans() == 0
    assert evaluations_to_repeat(search.folder) <= 1


def test_in_the_end_it_is_as_if_nothing_had_happened(search: CutSearch) -> None:
    sitting = search.sit()
    assert sitting.process.wait(timeout=600) == 0, search.errors()
    sitting.close()
    results = pd.read_parquet(search.folder / "results.parquet")
    assert list(results["stop_reason"]) == ["completed", "completed"]
    assert set(results["step"]) == {STEPS}
    check_nothing_lost(search.folder)
    client = connect(local_tracking_uri(search.folder.parent), must_exist=True)
    runs = client.search_runs([found.experiment_id for found in client.search_experiments()], max_results=100)
    assert Counter(run.info.status for run in runs) == {"FINISHED": 3}
