"""The picture under the verdict."""

import pytest

from analysis.decision import decide
from analysis.page.difference_strip import make_strips
from tests.analysis.decision_studies import spread, study


def test_each_side_names_whom_a_difference_there_speaks_for() -> None:
    (strip,) = make_strips(decide(study({"unet": spread(50), "deeplabv3plus": spread(53)})))
    assert (strip.lower, strip.upper) == ("unet", "deeplabv3plus")
    assert [zone.open for zone in strip.zones] == [False, True, False]
    assert [tick.label for tick in strip.ticks] == ["0", "2", "5"]
    assert strip.interval is not None
    assert strip.interval.left < strip.point < strip.interval.left + strip.interval.width


@pytest.mark.parametrize("difference", [-60.0, -1.0, 0.0, 3.0, 60.0])
def test_zones_fill_the_strip_and_all_is_inside(difference: float) -> None:
    decision = decide(
        study({"unet": spread(70 - max(difference, 0)), "deeplabv3plus": spread(70 + min(difference, 0))})
    )
    (strip,) = make_strips(decision)
    assert strip.zones[0].left == 0
    assert sum(zone.width for zone in strip.zones) == pytest.approx(100)
    assert min(zone.width for zone in strip.zones) >= 2
    assert 0 < strip.point < 100
    assert strip.interval is not None
    assert strip.interval.left > 0
    assert strip.interval.left + strip.interval.width < 100


def test_one_seed_has_a_point_and_no_interval() -> None:
    (strip,) = make_strips(decide(study({"unet": [50.0], "deeplabv3plus": [53.0]})))
    assert strip.interval is None
    assert "interval" not in strip.caption


def test_all_strips_have_one_scale() -> None:
    decision = decide(study({"unet": spread(50), "unetplusplus": spread(51), "deeplabv3plus": spread(70)}))
    strips = make_strips(decision)
    assert len(strips) == 3
    assert len({tuple(tick.left for tick in strip.ticks) for strip in strips}) == 1
