"""The table and the file that every benchmark leaves."""

import json
from pathlib import Path

import pytest

from benchmarks.reporting import benchmark_parser, names_among, report
from spaces.errors import InputError


def test_the_table_and_the_file_say_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    options = benchmark_parser("some", "Some figures.").parse_args(["--json", str(file)])
    report("Title", [{"what": "a", "seconds": 1.23456}, {"what": "b", "images": 12345}], options, bounds_missed="none")
    shown = capsys.readouterr().out
    for text in ("Title", "1.235", "12,345", "bounds missed: none"):
        assert text in shown
    content = json.loads(file.read_text(encoding="utf-8"))
    assert content["rows"] == [{"what": "a", "seconds": 1.23456}, {"what": "b", "images": 12345}]
    assert content["findings"] == {"bounds_missed": "none"}
    assert content["quick"] is False
    assert {"torch", "python", "platform", "segpareto"} <= set(content["versions"])


@pytest.mark.parametrize("name", ["nowhere/figures.json", "."])
def test_a_file_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"--json.*folder that is there"):
        benchmark_parser("some", "Some figures.").parse_args(["--json", str(tmp_path / name)])


def test_names_are_some_of_the_known_ones() -> None:
    names = names_among("--models", ("unet", "other"))
    assert names("other") == ("other",)
    assert names("other,unet") == ("other", "unet")
    with pytest.raises(InputError, match="--models: 'unett' is not among unet, other"):
        names("unett,other")
