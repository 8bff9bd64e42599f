"""Settings of the whole suite."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# Examples are the same in every run, and slow machines are no failures.
settings.register_profile("suite", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("suite")

# One thread, so that floating-point sums come out the same whatever the machine has.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Ray reads this once in a process, when it is imported for the first time, whichever test does that.
os.environ["RAY_AUTH_MODE"] = "token"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: begun last, one of them would keep a single process busy after all others ended."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def with_database(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Puts MLflow's database, without a search, into a folder of runs and gives the folder back.

    MLflow makes one by all its migrations, which take seconds; this is a copy of one that all processes share.
    """
    from trainables.tracking.client import connect
    from trainables.tracking.uri import database_path, local_tracking_uri

    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    uri = local_tracking_uri(shared / "mlflow")
    # Whoever comes second waits for the first, and finds it made.
    connect(uri)
    made = database_path(uri)
    assert made is not None

    def put(runs: Path) -> Path:
        runs.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made, runs / made.name)
        return runs

    return put
