"""Settings of the whole suite."""

import os

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
