"""What would fail on Windows, looked for in the sources: calls that it lacks, encodings, ways to start processes."""

import ast
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from trainables.compute import machines
from trainables.data import image_cache

REPOSITORY = Path(__file__).parents[1]
PACKAGES = ("spaces", "trainables", "analysis", "search")
"""What runs on Windows; of the benchmarks some say that they do not."""

POSIX_MODULES = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix", "syslog"}
POSIX_NAMES = {
    "os": {
        *("fork", "forkpty", "killpg", "setsid", "setpgid", "getpgid", "getpgrp", "getuid", "geteuid", "getgid"),
        *("getegid", "sched_getaffinity", "sched_setaffinity", "getloadavg", "sysconf", "statvfs", "fstatvfs"),
        *("mkfifo", "mknod", "chown", "fchown", "lchown", "uname", "nice", "wait3", "wait4", "posix_fallocate"),
        *("pread", "pwrite", "sync", "fdatasync", "chroot", "setuid", "WNOHANG", "O_DIRECTORY", "O_NOFOLLOW"),
    },
    "signal": {
        *("SIGKILL", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "SIGPIPE", "SIGSTOP"),
        *("alarm", "setitimer", "pause", "pthread_sigmask", "sigwait"),
    },
}
POSIX_PLACES = ("/proc/", "/dev/", "/tmp", "/sys/", "/etc/", "/usr/", "/var/")

TEXT_MODES = {"r", "w", "a", "x", "r+", "w+", "a+", "rt", "wt", "at"}

GUARDED = {
    "trainables/compute/machines.py": {"os.sched_getaffinity"},
    "trainables/compute/process_memory.py": {"resource", "/proc/self/status"},
    "trainables/data/image_cache.py": {"/dev/shm", "os.getuid"},
    "analysis/device_name.py": {"/proc/cpuinfo"},
    "analysis/energy.py": {"/sys/class/powercap"},
    "search/ray_session.py": {"signal.pthread_sigmask"},
}
"""What stands behind a look at the system or at what is there, by file."""


@cache
def trees() -> dict[str, ast.Module]:
    """Every module by its path."""
    files = [path for package in PACKAGES for path in sorted((REPOSITORY / package).rglob("*.py"))]
    assert len(files) > 200
    return {path.relative_to(REPOSITORY).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in files}


def posix_only(tree: ast.Module) -> Iterator[str]:
    """The names, modules and places in a module that Windows lacks."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in POSIX_MODULES)
        elif isinstance(node, ast.ImportFrom):
            names = POSIX_NAMES.get(node.module or "", set())
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name in names)
            if node.module in POSIX_MODULES:
                yield str(node.module)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in POSIX_NAMES.get(node.value.id, ()):
                yield f"{node.value.id}.{node.attr}"
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
            and node.value.startswith(POSIX_PLACES)
        ):
            yield node.value


def test_what_windows_lacks_is_used_where_it_is_guarded_only() -> None:
    found = {path: names for path, tree in trees().items() if (names := set(posix_only(tree)))}
    assert found == GUARDED


def test_the_search_finds_what_it_is_for() -> None:
    tree = ast.parse(
        '"""/proc/ in a docstring."""\nimport fcntl\nfrom os import getuid\nimport os\n'
        'os.killpg(1, signal.SIGKILL)\nopen("/proc/self/status")\nPath("/tmp/x")\n'
    )
    assert set(posix_only(tree)) == {
        *("fcntl", "os.getuid", "os.killpg", "signal.SIGKILL", "/proc/self/status", "/tmp/x"),
    }


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """The calls of a module, by the last name of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield (node.func.id if isinstance(node.func, ast.Name) else node.func.attr), node


def test_texts_are_read_and_written_in_utf_8() -> None:
    wrong = []
    for path, tree in trees().items():
        for name, call in calls(tree):
            keywords = {keyword.arg for keyword in call.keywords}
            mode = call.args[-1] if call.args else None
            text = name in {"read_text", "write_text"}
            # Other things that open, such as rasters, take the path before the mode as the built-in does.
            own = isinstance(call.func, ast.Name) or len(call.args) == 1
            if name == "open" and own and isinstance(mode, ast.Constant) and str(mode.value) in TEXT_MODES:
                text = True
            # `read_text(name)` of a package's own, and of distributions, has no encoding.
            if text and "encoding" not in keywords and not (name == "read_text" and call.args):
                wrong.append(f"{path}:{call.lineno}")
    assert wrong == []


def test_processes_are_spawned() -> None:
    for path, tree in trees().items():
        for name, call in calls(tree):
            if name in {"get_context", "set_start_method"}:
                assert [argument.value for argument in call.args if isinstance(argument, ast.Constant)] == ["spawn"], (
                    path
                )
            if name == "ProcessPoolExecutor":
                assert "mp_context" in {keyword.arg for keyword in call.keywords}, path
            assert "preexec_fn" not in {keyword.arg for keyword in call.keywords}, path


def test_files_replace_others_by_replace() -> None:
    """`rename` fails on Windows where the target is there."""
    for path, tree in trees().items():
        for _, call in calls(tree):
            func = call.func
            on_os = isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == "os"
            assert not (on_os and isinstance(func, ast.Attribute) and func.attr in {"rename", "renames"}), path


def test_cores_are_counted_without_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert machines._usable_cpus() == (os.cpu_count() or 1)


def test_decoded_images_lie_in_the_users_own_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delattr(os, "getuid", raising=False)
    assert image_cache.SHARED_MEMORY not in image_cache._places()
    assert image_cache._user_name() == "user"
    assert image_cache._is_ours(tmp_path)
