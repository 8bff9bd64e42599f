"""Data behind a URI: copied once by a node, each file checked, gone on with from half a copy."""

import hashlib
import shutil
import threading
from pathlib import Path

import pytest

from benchmarks.s3_server import S3Server
from spaces.errors import InputError
from tests.trainables.data.folder_builder import three_photos
from trainables.data.__main__ import main
from trainables.data.cache_files import CACHE_VARIABLE
from trainables.data.manifest import MANIFEST, read_manifest, write_manifest
from trainables.data.node_copy import DATASETS, _Source, node_copy
from trainables.data.opening import DataSource


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    folder = three_photos(tmp_path / "shared")
    (folder / ".hidden").write_text("not data", encoding="utf-8")
    write_manifest(folder)
    return folder


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files that are read over the network, as they are."""
    names: list[str] = []
    read = _Source.read

    def counted(source: _Source, name: str) -> bytes:
        names.append(name)
        return read(source, name)

    monkeypatch.setattr(_Source, "read", counted)
    return names


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_node_copies_the_data_once(shared: Path, tmp_path: Path, reads: list[str]) -> None:
    cache = tmp_path / "cache"
    copies: list[Path] = []
    threads = [threading.Thread(target=lambda: copies.append(node_copy(shared.as_uri(), cache))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(copies)) == 1
    wanted = {name: data for name, data in content(shared).items() if name not in {MANIFEST, ".hidden"}}
    assert content(copies[0]) == wanted
    assert sorted(name for name in reads if name != MANIFEST) == sorted(wanted)


def test_half_a_copy_is_gone_on_with_and_what_is_damaged_in_it_comes_anew(
    shared: Path, tmp_path: Path, reads: list[str]
) -> None:
    cache = tmp_path / "cache"
    first, *_, last = sorted(write_manifest(shared).checksums)
    withheld = (shared / last).read_bytes()
    (shared / last).unlink()
    with pytest.raises(InputError, match=f"{last} is missing"):
        node_copy(shared.as_uri(), cache)
    (copy,) = (cache / DATASETS).glob("*/data")
    (copy / first).write_bytes(b"cut sh")
    (shared / last).write_bytes(withheld)
    reads.clear()
    assert node_copy(shared.as_uri(), cache) == copy
    assert {first, last} <= set(reads)
    assert len(reads) < len(content(copy))
    assert (copy / first).read_bytes() == (shared / first).read_bytes()


def test_changed_data_are_another_copy(shared: Path, tmp_path: Path) -> None:
    before = node_copy(shared.as_uri(), tmp_path)
    (shared / "labeled_files.txt").write_text("a\n", encoding="utf-8")
    write_manifest(shared)
    assert node_copy(shared.as_uri(), tmp_path) != before


def test_a_file_that_is_not_what_the_manifest_says_is_told(shared: Path, tmp_path: Path) -> None:
    name = sorted(write_manifest(shared).checksums)[0]
    (shared / name).write_bytes(b"other")
    with pytest.raises(InputError, match=f"{name} is not what") as raised:
        node_copy(shared.as_uri(), tmp_path)
    assert "\n" not in str(raised.value)


def test_without_a_manifest_the_command_that_writes_it_is_told(shared: Path, tmp_path: Path) -> None:
    (shared / MANIFEST).unlink()
    with pytest.raises(InputError, match=r"python -m trainables\.data manifest DIR") as raised:
        node_copy(shared.as_uri(), tmp_path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside", "a/../../b", "C:/x", "a\\..\\b", "", ".", "./a", "a//b"])
def test_a_manifest_names_nothing_outside_the_folder(name: str) -> None:
    line = f"{hashlib.sha256(b'').hexdigest()}  {name}\n"
    with pytest.raises(InputError, match="line 1"):
        read_manifest(line.encode(), "manifest")


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"abc  a.png\n"])
def test_what_is_no_manifest_is_told(text: bytes) -> None:
    with pytest.raises(InputError, match=r"python -m trainables\.data manifest DIR"):
        read_manifest(text, "manifest")


def test_a_manifest_holds_names_with_odd_ends_of_lines_and_no_two_checksums_of_one_file(tmp_path: Path) -> None:
    odd = three_photos(tmp_path / "odd") / "a\u2028b\x85.txt"
    odd.write_bytes(b"")
    assert odd.name in write_manifest(odd.parent).checksums
    lines = "".join(f"{hashlib.sha256(data).hexdigest()}  a.png\n" for data in (b"1", b"2"))
    with pytest.raises(InputError, match=r"line 2: a\.png is there twice"):
        read_manifest(lines.encode(), "manifest")


def test_a_manifest_leaves_no_linked_folder_out(tmp_path: Path) -> None:
    folder = three_photos(tmp_path / "data")
    try:
        (folder / "linked").symlink_to(three_photos(tmp_path / "other"), target_is_directory=True)
    except OSError:
        pytest.skip("links can't be made here")
    with pytest.raises(InputError, match="linked: links to a folder"):
        write_manifest(folder)


def test_a_file_with_the_ending_of_half_copies_is_copied_too(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number}").write_bytes(b"1" * number)
        (folder / f"{number}.part").write_bytes(b"2" * number)
    write_manifest(folder)
    copy = node_copy(folder.as_uri(), tmp_path / "cache")
    assert content(copy) == {name: data for name, data in content(folder).items() if name != MANIFEST}


def test_data_behind_a_uri_are_checked_in_the_nodes_copy(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    assert main(["check", shared.as_uri()]) == 0
    assert DATASETS in capsys.readouterr().out


def test_data_on_s3_are_those_of_the_folder(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pyarrow.fs import LocalFileSystem, copy_files

    from trainables.shared_files import open_uri

    folder = three_photos(tmp_path / "local")
    assert main(["manifest", str(folder)]) == 0
    assert "checksums of" in capsys.readouterr().out
    uri = s3.uri(f"{tmp_path.name}/data")
    files, root = open_uri(uri)
    copy_files(str(folder), root, source_filesystem=LocalFileSystem(), destination_filesystem=files)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    fetched, local = DataSource(root=uri).open(), DataSource(root=str(folder)).open()
    assert fetched.fingerprint == local.fingerprint
    shutil.rmtree(folder)
    assert DataSource(root=uri).open().fingerprint == local.fingerprint
