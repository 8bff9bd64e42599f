import pytest
from pydantic import ValidationError

from spaces.conditions import Condition
from spaces.drawing import RandomSource
from spaces.parameters import Domain, Parameter


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"low": 1},
        {"low": 2, "high": 1},
        {"low": 0, "high": 1, "log": True},
        {"low": 0.5, "high": 3, "integer": True},
        {"choices": [1]},
        {"choices": [1, 1]},
        {"choices": [1, 2], "low": 0, "high": 1},
        {"choices": ["a", "b"], "also": ["a"]},
        {"low": 0, "high": float("nan")},
        {"low": 0, "high": 1, "step": 0.1},
        {"low": 0.9, "high": 1, "one_minus_log": True},
        {"low": 0.1, "high": 0.9, "one_minus_log": True, "log": True},
    ],
)
def test_a_domain_that_makes_no_sense_is_refused(content: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Domain.model_validate(content)


def test_values_beside_choices_come_as_often_as_all_choices_and_are_told_apart() -> None:
    domain = Domain.model_validate({"choices": ["a", "b", "c", "d"], "also": ["off"]})
    source = RandomSource(seed=0)
    drawn = [domain.suggest("strategy", source) for _ in range(1000)]
    assert 400 < drawn.count("off") < 600
    assert set(drawn) == set(domain.outermost()) == {"off", "a", "b", "c", "d"}
    assert all(domain.contains(value) for value in drawn)
    assert not domain.contains("e")
    assert domain.suggestion_of("strategy", "off") == {"strategy form": "off"}
    assert domain.suggestion_of("strategy", "b") == {"strategy form": "range", "strategy": "b"}


def test_a_condition_may_give_one_value_or_several() -> None:
    domain = Domain.model_validate({"low": 0, "high": 1, "when": {"optimizer": "sgd", "heads": [1, 3]}})
    assert domain.applies({"optimizer": "sgd", "heads": 3})
    assert not domain.applies({"optimizer": "adamw", "heads": 3})
    assert not domain.applies({"optimizer": "sgd", "heads": 5})


def test_ranges_under_different_conditions_have_different_names_for_a_sampler() -> None:
    sgd = Domain.model_validate({"low": 1, "high": 2, "when": {"optimizer": "sgd"}})
    adamw = Domain.model_validate({"low": 3, "high": 4, "when": {"optimizer": "adamw"}})
    parameter = Parameter(name="learning_rate", domains=(sgd, adamw))
    assert parameter.suggestion_name(sgd) != parameter.suggestion_name(adamw)
    assert parameter.domain({"optimizer": "adamw"}) == adamw
    assert parameter.domain({"optimizer": "lamb"}) is None


def test_values_beside_a_range_are_contained_and_drawn() -> None:
    domain = Domain.model_validate({"low": 0.4, "high": 0.98, "also": [0.0]})
    assert domain.contains(0.0)
    assert domain.contains(0.5)
    assert not domain.contains(0.2)
    assert domain.suggestion_of("threshold_base", 0.0) == {"threshold_base form": "0.0"}
    assert domain.suggestion_of("threshold_base", 0.5) == {"threshold_base form": "range", "threshold_base": 0.5}


@pytest.mark.parametrize(
    ("written", "allowed", "refused", "shown"),
    [
        ("sgd", "sgd", "adamw", "sgd"),
        (["sgd", "adamw"], "adamw", "lamb", "sgd|adamw"),
        ({"not": "off"}, "of my own", "off", "not off"),
        ({"not": ["off", "fixed"]}, "freematch", "fixed", "not off|fixed"),
        (True, True, False, "true"),
    ],
)
def test_a_condition_survives_being_written_down(written: object, allowed: object, refused: object, shown: str) -> None:
    domain = Domain.model_validate({"low": 0, "high": 1, "when": {"other": written}})
    again = Domain.model_validate_json(domain.model_dump_json())
    assert again == domain
    assert again.applies({"other": allowed})
    assert not again.applies({"other": refused})
    assert again.condition == f"other={shown}"


def test_an_example_of_a_condition_is_a_value_that_it_allows() -> None:
    assert Condition.model_validate(["b", "a"]).example(("c",)) == "b"
    assert Condition.model_validate({"not": "off"}).example(("off", "fixed")) == "fixed"
    assert Condition.model_validate({"not": "off"}).example(("off",)) is None
