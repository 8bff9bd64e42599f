from pathlib import Path

import pytest

from tests.benchmarks.benchmark_command import run_quickly


@pytest.mark.slow
def test_it_says_memory_and_speed_of_each_runtime(tmp_path: Path) -> None:
    content, printed = run_quickly("predict_photo", tmp_path, "--runtimes", "torch_eager")
    assert [row["runtime"] for row in content["rows"]] == ["torch_eager"]
    for row in content["rows"]:
        assert row["megapixels per s"] == pytest.approx(row["megapixels"] / row["seconds"])
        assert row["peak MB"] > row["of it for the photo MB"] >= 0
    assert content["findings"]["within_2_GiB"] is True
    assert "within 2 GiB" in printed
