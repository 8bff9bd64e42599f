import pickle
import subprocess
import sys
import tempfile
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from trainables.data import image_cache
from trainables.data.image_cache import ImageCache, open_image_cache

LIMIT = 1 << 20


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """All caches of a test lie in a folder of its own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(image_cache, "SHARED_MEMORY", tmp_path / "none")
    return tmp_path


def picture(number: int, size: int = 64) -> NDArray[np.uint8]:
    return np.random.default_rng(number).integers(0, 256, (size, size, 3)).astype(np.uint8)


class Decoder:
    """Decodes pictures by number and remembers which."""

    def __init__(self, cache: ImageCache, size: int = 64) -> None:
        self.cache, self.size = cache, size
        self.decoded: list[int] = []

    def get(self, number: int) -> NDArray[np.uint8]:
        def read() -> NDArray[np.uint8]:
            self.decoded.append(number)
            return picture(number, self.size)

        return self.cache.get(f"image {number}", read)


def copy_of(cache: ImageCache) -> ImageCache:
    """What another process gets."""
    copied = pickle.loads(pickle.dumps(cache))  # noqa: S301 - our own
    assert isinstance(copied, ImageCache)
    return copied


def folders(place: Path) -> list[Path]:
    return sorted(path for path in place.iterdir() if path.is_dir())


def cached_file(cache: ImageCache) -> Path:
    assert cache.folder is not None
    return next(path for path in (cache.folder / "arrays").iterdir())


def test_what_one_process_decodes_all_others_have() -> None:
    cache = open_image_cache("f", limit_bytes=LIMIT)
    first, second = Decoder(cache), Decoder(copy_of(cache))
    for number in range(3):
        assert (first.get(number) == picture(number)).all()
        shared = second.get(number)
        assert shared.dtype == np.uint8
        assert (shared == picture(number)).all()
    assert first.decoded == [0, 1, 2]
    assert second.decoded == []


def test_masks_keep_their_two_axes() -> None:
    cache = open_image_cache("f", limit_bytes=LIMIT)
    mask = np.arange(12, dtype=np.uint8).reshape(3, 4)
    cache.get("mask", lambda: mask)
    assert copy_of(cache).get("mask", lambda: pytest.fail("decoded again")).tolist() == mask.tolist()


@pytest.mark.parametrize("limit", [0, LIMIT])
def test_shared_arrays_cannot_be_written_to(limit: int) -> None:
    cache = open_image_cache("f", limit_bytes=limit)
    for array in (Decoder(cache).get(0), Decoder(copy_of(cache)).get(0)):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0, 0] = 2


def test_the_bound_holds_and_what_is_in_stays_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_cache, "DECODED_BYTES", 0)
    cache = open_image_cache("f", limit_bytes=100_000)
    decoder, other = Decoder(cache), Decoder(copy_of(cache))
    for _ in range(3):
        for number in range(20):
            assert (decoder.get(number) == picture(number)).all()
            assert (other.get(number) == picture(number)).all()
    assert cache.folder is not None
    stored = [path.stat().st_size for path in (cache.folder / "arrays").iterdir()]
    assert len(stored) == 6
    assert sum(stored) <= 100_000
    # 6 of 20 are never decoded again, in three passes through all of them.
    assert len(decoder.decoded) == 20 + 2 * 14
    assert len(other.decoded) == 3 * 14


def test_without_shared_room_a_process_keeps_its_own(place: Path) -> None:
    decoder = Decoder(open_image_cache("f", limit_bytes=0))
    assert [decoder.get(0).sum(), decoder.get(0).sum()] == [picture(0).sum()] * 2
    assert decoder.decoded == [0]
    assert folders(place) == []


@pytest.mark.parametrize("damage", ["cut short", "longer", "other pixels", "other size", "empty", "removed"])
def test_a_damaged_file_is_decoded_again(damage: str) -> None:
    cache = open_image_cache("f", limit_bytes=LIMIT)
    Decoder(cache).get(0)
    path = cached_file(cache)
    content = bytearray(path.read_bytes())
    if damage == "cut short":
        content = content[:-100]
    elif damage == "longer":
        content += b"\0"
    elif damage == "other pixels":
        content[500] ^= 1
    elif damage == "other size":
        content[4], content[8] = 32, 128
    elif damage == "empty":
        content = bytearray()
    path.unlink()
    if damage != "removed":
        path.write_bytes(content)
    decoder = Decoder(copy_of(cache))
    assert (decoder.get(0) == picture(0)).all()
    assert decoder.decoded == [0]


def test_a_full_disk_ends_admissions_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = open_image_cache("f", limit_bytes=LIMIT)
    decoder = Decoder(cache)
    decoder.get(0)

    def no_space(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", no_space)
    assert (decoder.get(1) == picture(1)).all()
    monkeypatch.undo()
    assert (decoder.get(2) == picture(2)).all()
    assert cache.folder is not None
    assert len(list((cache.folder / "arrays").iterdir())) == 1
    assert Decoder(copy_of(cache)).get(0).sum() == picture(0).sum()


def test_a_process_that_was_faster_does_not_end_admissions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses to replace a file that another process has mapped."""
    cache = open_image_cache("f", limit_bytes=3 * image_cache.PORTION)
    decoder, faster = Decoder(cache), Decoder(copy_of(cache))
    replace = Path.replace

    def refused(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "replace", replace)
        faster.get(0)
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(Path, "replace", refused)
    assert (decoder.get(0) == picture(0)).all()
    assert (decoder.get(1) == picture(1)).all()
    assert cache.folder is not None
    assert len(list((cache.folder / "arrays").iterdir())) == 2


def test_a_vanished_folder_changes_nothing(place: Path) -> None:
    import shutil

    cache = open_image_cache("f", limit_bytes=LIMIT)
    decoder = Decoder(copy_of(cache))
    Decoder(cache).get(0)
    assert cache.folder is not None
    shutil.rmtree(cache.folder)
    for number in (0, 1):
        assert (decoder.get(number) == picture(number)).all()
    assert decoder.decoded == [0, 1]


def test_a_damaged_ledger_admits_nothing() -> None:
    cache = open_image_cache("f", limit_bytes=LIMIT)
    assert cache.folder is not None
    (cache.folder / "ledger").write_text("?")
    assert (Decoder(cache).get(0) == picture(0)).all()
    assert list((cache.folder / "arrays").iterdir()) == []


def test_a_process_keeps_few_files_mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_cache, "OPEN_MAPS", 2)
    cache = open_image_cache("f", limit_bytes=LIMIT)
    numbers = range(5)
    for number in numbers:
        Decoder(cache, 8).get(number)
    reader = Decoder(copy_of(cache), 8)
    held = [reader.get(number) for number in numbers]
    assert all((held[number] == picture(number, 8)).all() for number in numbers)
    assert reader.decoded == []
    assert len(reader.cache._maps._arrays) == 2


def test_processes_with_the_same_data_share_and_the_last_removes(place: Path) -> None:
    first, second = (open_image_cache("f", limit_bytes=LIMIT) for _ in range(2))
    other = open_image_cache("g", limit_bytes=LIMIT)
    assert first.folder == second.folder != other.folder
    assert len(folders(place)) == 2
    del first
    assert len(folders(place)) == 2
    del second
    assert folders(place) == [other.folder]
    del other
    assert folders(place) == []


PROGRAM = """
import os, sys, tempfile
from pathlib import Path
from trainables.data import image_cache
tempfile.tempdir = sys.argv[1]
image_cache.SHARED_MEMORY = Path(sys.argv[1]) / "none"
cache = image_cache.open_image_cache("f", limit_bytes=1 << 20)
print(cache.folder, flush=True)
if sys.argv[2] == "killed":
    os._exit(9)
"""


def folder_of_process(place: Path, end: str) -> Path:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(place), end], capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return Path(done.stdout.strip())


def test_a_process_that_ends_removes_its_folder(place: Path) -> None:
    folder = folder_of_process(place, "ended")
    assert folder.parent == place
    assert not folder.exists()


def test_leftovers_of_killed_processes_are_removed_by_the_next(place: Path) -> None:
    left = folder_of_process(place, "killed")
    assert left.is_dir()
    cache = open_image_cache("f", limit_bytes=LIMIT)
    assert folders(place) == [cache.folder]
    assert cache.folder != left


def test_another_process_joins_and_leaves_it(place: Path) -> None:
    cache = open_image_cache("f", limit_bytes=LIMIT)
    for end in ("ended", "killed"):
        assert folder_of_process(place, end) == cache.folder
        assert (Decoder(cache).get(0) == picture(0)).all()
        assert folders(place) == [cache.folder]


Usage = namedtuple("Usage", "total used free")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /dev/shm")
@pytest.mark.parametrize(("free", "expected"), [(2 * LIMIT, "memory"), (2 * LIMIT - 1, "temporary")])
def test_shared_memory_is_taken_if_half_of_it_stays_free(
    place: Path, monkeypatch: pytest.MonkeyPatch, free: int, expected: str
) -> None:
    for name in ("memory", "temporary"):
        (place / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place / "temporary"))
    monkeypatch.setattr(image_cache, "SHARED_MEMORY", place / "memory")
    sizes = {place / "memory": free, place / "temporary": LIMIT}
    monkeypatch.setattr(image_cache.shutil, "disk_usage", lambda path: Usage(0, 0, sizes[path]))
    cache = open_image_cache("f", limit_bytes=LIMIT)
    assert cache.folder is not None
    assert cache.folder.parent.name == expected
    # In too small a folder the bound is half of what is free.
    assert int((cache.folder / "ledger").read_text()) == (LIMIT if expected == "memory" else LIMIT // 2)
    # The place is chosen once, however much is free when others come.
    sizes[place / "memory"] = 0
    assert open_image_cache("f", limit_bytes=LIMIT).folder == cache.folder


def test_where_no_folder_can_be_made_nothing_is_shared(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    (place / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(place / "file"))
    cache = open_image_cache("f", limit_bytes=LIMIT)
    assert cache.folder is None
    assert (Decoder(cache).get(0) == picture(0)).all()
