"""Which spaces are measured, and what of it is kept, without Ray."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from search.layouts import with_layouts
from search.pacing import Timing
from search.settings import read_settings, write_settings
from spaces.errors import InputError
from tests.search.searching import make_settings
from trainables.compute.layout_settings import LayoutSettings

HALF = LayoutSettings(precision="bfloat16", channels_last=True, compiled=False, reason="as recommended", measured=())


class Measured:
    """Stands in for the processes that measure: tells which spaces came, and gives `HALF` for each."""

    def __init__(self) -> None:
        self.spaces: list[str] = []

    def __call__(self, function: Callable[[Timing], Any], timings: Sequence[Timing]) -> list[Any]:
        self.spaces += [timing.space for timing in timings]
        return [HALF for _ in timings]


def test_each_space_is_measured_once_and_told_in_one_line(tmp_path: Path) -> None:
    told: list[str] = []
    measured = Measured()
    settings = with_layouts(make_settings("unet,deeplabv3plus", layouts={}), tmp_path, told.append, measured)
    assert measured.spaces == ["unet", "deeplabv3plus"]
    assert settings.layouts == {"unet": HALF, "deeplabv3plus": HALF}
    assert read_settings(tmp_path) == settings
    for space in measured.spaces:
        assert told.count(f"layout of {space}: bfloat16, channels last (as recommended)") == 1


def test_a_resumed_search_keeps_its_layouts_and_measures_what_it_lacks(tmp_path: Path) -> None:
    begun = make_settings("unet,deeplabv3plus")
    plain = begun.layouts["unet"]
    write_settings(begun, tmp_path)
    told: list[str] = []
    measured = Measured()
    assert with_layouts(read_settings(tmp_path), tmp_path, told.append, measured) == begun
    assert (measured.spaces, told) == ([], [])
    cut = begun.model_copy(update={"layouts": {"unet": plain}})
    assert with_layouts(cut, tmp_path, told.append, measured).layouts == {"unet": plain, "deeplabv3plus": HALF}
    assert measured.spaces == ["deeplabv3plus"]


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with_layouts(make_settings(layouts={}), None, lambda line: None, Measured())
    assert list(tmp_path.iterdir()) == []


def test_a_space_that_can_not_be_trained_is_named() -> None:
    def refuse(function: Callable[[Timing], Any], timings: Sequence[Timing]) -> list[Any]:
        raise InputError("2 crops of 64 px do not fit")

    with pytest.raises(InputError, match=r"^space unet: 2 crops of 64 px do not fit$"):
        with_layouts(make_settings(layouts={}), None, lambda line: None, refuse)
