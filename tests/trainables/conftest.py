import pytest

from tests.trainables.small_trial import SmallModel
from trainables.models import registry


@pytest.fixture
def small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes architecture "small" known for one test; registered for good it would join the models' own suite."""
    monkeypatch.setitem(registry._registered, "small", SmallModel)
