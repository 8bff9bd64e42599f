"""Which rows of the exported networks' speed may be claimed."""

import pytest

from benchmarks.exported_speed import MOST_POINTS_LOST, keeps_score


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
@pytest.mark.parametrize(
    ("lost", "kept"), [(-0.1, True), (MOST_POINTS_LOST, True), (0.21, False), (float("nan"), False)]
)
def test_a_known_loss_must_be_small_in_every_precision(precision: str, lost: float, kept: bool) -> None:
    assert keeps_score({"runtime": f"OpenVINO {precision}", "mIoU lost, points": lost}) == kept


@pytest.mark.parametrize(("precision", "kept"), [("float32", True), ("bfloat16", True), ("int8", False)])
def test_the_loss_of_int8_must_be_known(precision: str, kept: bool) -> None:
    assert keeps_score({"runtime": f"OpenVINO {precision}", "mIoU lost, points": None}) == kept
