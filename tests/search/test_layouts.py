"""Which spaces are measured, and what of it is kept, without Ray."""

from pathlib import Path

import pytest

from search import layouts
from search.layouts import with_layouts
from search.settings import SearchSettings, read_settings, write_settings
from tests.search.searching import make_settings
from trainables.compute.layout_settings import LayoutSettings

HALF = LayoutSettings(precision="bfloat16", channels_last=True, compiled=False, reason="as recommended", measured=())


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Spaces in the order in which they are measured; each comes out as `HALF`."""
    spaces: list[str] = []

    def measure(settings: SearchSettings, space: str) -> LayoutSettings:
        spaces.append(space)
        return HALF

    monkeypatch.setattr(layouts, "_measured", measure)
    return spaces


def test_each_space_is_measured_once_and_told_in_one_line(measured: list[str], tmp_path: Path) -> None:
    told: list[str] = []
    settings = with_layouts(make_settings("unet,deeplabv3plus", layouts={}), tmp_path, told.append)
    assert measured == ["unet", "deeplabv3plus"]
    assert settings.layouts == {"unet": HALF, "deeplabv3plus": HALF}
    assert read_settings(tmp_path) == settings
    for space in measured:
        assert told.count(f"layout of {space}: bfloat16, channels last (as recommended)") == 1


def test_a_resumed_search_keeps_its_layouts_and_measures_what_it_lacks(measured: list[str], tmp_path: Path) -> None:
    begun = make_settings("unet,deeplabv3plus")
    plain = begun.layouts["unet"]
    write_settings(begun, tmp_path)
    told: list[str] = []
    assert with_layouts(read_settings(tmp_path), tmp_path, told.append) == begun
    assert (measured, told) == ([], [])
    cut = begun.model_copy(update={"layouts": {"unet": plain}})
    assert with_layouts(cut, tmp_path, told.append).layouts == {"unet": plain, "deeplabv3plus": HALF}
    assert measured == ["deeplabv3plus"]
