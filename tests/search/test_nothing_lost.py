"""Full disks, and two searches at once: nothing is lost, doubled or left running."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.search.search_command import check_nothing_lost, one_network_space, start

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="mounts a disk and sends POSIX signals"),
]

TINY = ("--trials", "2", "--max-steps", "6", "--eval-every", "2", "--finalist-seeds", "0", "--precision", "float32")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 20 MB, which a checkpoint does not fit on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("mounting a disk of its own needs root")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.timeout(900)
def test_a_full_disk_stops_the_search_with_one_line_and_it_goes_on_when_there_is_room(
    tmp_path: Path, small_disk: Path
) -> None:
    words = ["--space", one_network_space(tmp_path), "--name", "full", "--storage", str(small_disk), *TINY]
    process = start(words, tmp_path)
    output, errors = process.communicate(timeout=400)
    assert process.returncode == 1, output
    assert errors.count("\n") == 1, errors
    assert "no room for" in errors
    assert "--resume --name full" in errors
    subprocess.run(["mount", "-o", "remount,size=500m", str(small_disk)], check=True)
    again = start(["--resume", "--name", "full"], tmp_path)
    output, errors = again.communicate(timeout=400)
    assert again.returncode == 0, errors
    check_nothing_lost(tmp_path / "runs" / "full")


@pytest.mark.timeout(900)
def test_two_searches_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    space = one_network_space(tmp_path)
    both = [start(["--space", space, "--name", name, *TINY], tmp_path) for name in ("one", "two")]
    for process in both:
        output, errors = process.communicate(timeout=800)
        assert process.returncode == 0, output + errors
        assert errors == ""
    for name in ("one", "two"):
        check_nothing_lost(tmp_path / "runs" / name)
