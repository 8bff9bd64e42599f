import pytest
from pydantic import ValidationError

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
        {"low": 0, "high": float("nan")},
        {"low": 0, "high": 1, "step": 0.1},
        {"low": 0.9, "high": 1, "one_minus_log": True},
        {"low": 0.1, "high": 0.9, "one_minus_log": True, "log": True},
    ],
)
def test_a_domain_that_makes_no_sense_is_refused(content: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Domain.model_validate(content)


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
