"""How fast the driver is, measured with the search's own parts."""

import tempfile
from pathlib import Path

import pytest

from search.driver_pace import measured_driver_pace
from tests.search.searching import make_settings


def test_the_driver_is_timed_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pace = measured_driver_pace(make_settings(trials_per_space=3))
    assert 0 < pace.report < pace.proposal < 10
    assert not list(tmp_path.iterdir())
