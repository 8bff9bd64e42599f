from collections.abc import Iterator

import pytest

from benchmarks.s3_server import KEYS, S3Server, s3_server
from tests.trainables.small_model import SmallModel
from trainables.models import registry


@pytest.fixture
def small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes architecture "small" known for one test; registered for good it would join the models' own suite."""
    monkeypatch.setitem(registry._registered, "small", SmallModel)


@pytest.fixture(scope="package")
def s3() -> Iterator[S3Server]:
    """An S3 server on this machine, whose keys are in the environment."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in KEYS.items():
            patched.setenv(name, value)
        with s3_server("checkpoints") as server:
            yield server
