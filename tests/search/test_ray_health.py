"""Which of Ray's processes a driver can't do without."""

import socket
import time
from types import SimpleNamespace

import psutil
import pytest

from search.ray_health import SILENT_SECONDS, _Head, ray_processes


def test_another_node_of_the_session_may_go_even_if_it_is_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def process(name: str, *words: str) -> SimpleNamespace:
        return SimpleNamespace(info={"name": name, "cmdline": list(words)})

    there = [
        process("raylet", "raylet", "--node_id=aa", "--session-name=session_1"),
        process("raylet", "raylet", "--node_id=bb", "--session-name=session_1"),
        process("gcs_server", "gcs_server", "--session-name=session_1"),
        process("gcs_server", "gcs_server", "--session-name=session_2"),
        process("python", "python", "--node_id=aa", "--session-name=session_1"),
    ]
    monkeypatch.setattr(psutil, "process_iter", lambda attributes: iter(there))
    assert [found for _, found in ray_processes("session_1", "aa")] == [there[0], there[2]]


def test_a_head_at_an_ipv6_address_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def connect(place: tuple[str, int], timeout: float) -> SimpleNamespace:
        asked.append(place)
        return SimpleNamespace(close=lambda: None)

    monkeypatch.setattr(socket, "create_connection", connect)
    head = _Head("[fd00::1]:6379")
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 2 * SILENT_SECONDS)
    assert not head.silent()
    assert asked == [("fd00::1", 6379)]
