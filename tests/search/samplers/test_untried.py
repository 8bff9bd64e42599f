import pytest

from search.samplers import untried as module
from search.samplers.untried import content_of, untried
from tests.search.samplers.trials import CONDITIONAL, FEW_CHOICES, space_of


def test_every_configuration_of_a_space_of_choices_is_counted_once() -> None:
    space = space_of(FEW_CHOICES)
    found = untried(space, ())
    assert len(found) == len({content_of(config) for config in found}) == 9
    assert {(config.heads, config.cutmix, config.strong_views) for config in found} == {
        (heads, cutmix, views) for heads in (1, 3, 5) for cutmix, views in ((False, 1), (True, 1), (True, 2))
    }


def test_what_was_tried_is_left_out() -> None:
    space = space_of(FEW_CHOICES)
    tried = [content_of(config) for config in untried(space, ())[:7]]
    assert len(untried(space, tried)) == 2


def test_integers_are_choices() -> None:
    space = space_of([{"name": "selftraining_start", "domains": [{"low": 498, "high": 502, "integer": True}]}])
    assert [config.selftraining_start for config in untried(space, ())] == [498, 499, 500, 501, 502]


def test_there_is_no_end_to_a_space_with_a_range() -> None:
    assert untried(space_of(CONDITIONAL), ()) == []


def test_a_large_space_is_not_counted_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_COUNTED", 8)
    assert untried(space_of(FEW_CHOICES), ()) == []
