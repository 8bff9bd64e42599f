import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.samplers.sources import RecordedSource, UnitSource
from search.samplers.unguided import random_point
from spaces.loading import load_space
from tests.search.samplers.trials import CONDITIONAL, space_of

units = st.floats(0, 1)
SPACES = (space_of(CONDITIONAL), load_space("unet").for_classes(["a"]))


@given(number=units, low=st.floats(1e-6, 10), width=st.floats(1e-6, 100), log=st.booleans())
def test_values_stay_in_their_range_and_rise_with_the_number(
    number: float, low: float, width: float, log: bool
) -> None:
    high = low + width
    value = UnitSource(lambda _: number).real("x", low, high, log=log)
    assert low <= value <= high
    assert UnitSource(lambda _: number / 2).real("x", low, high, log=log) <= value


def test_a_logarithmic_range_is_halved_in_its_geometric_middle() -> None:
    assert UnitSource(lambda _: 0.5).real("x", 1e-4, 1e-2, log=True) == pytest.approx(1e-3)
    assert UnitSource(lambda _: 0.5).integer("x", 10, 1000, log=True) == pytest.approx(100, abs=3)


def test_integers_and_choices_come_equally_often() -> None:
    numbers = [(place + 0.5) / 60 for place in range(60)]
    integers = Counter(UnitSource(lambda _, n=n: n).integer("x", 3, 5, log=False) for n in numbers)
    choices = Counter(UnitSource(lambda _, n=n: n).choose("x", ("a", "b", "c")) for n in numbers)
    assert integers == {3: 20, 4: 20, 5: 20}
    assert choices == {"a": 20, "b": 20, "c": 20}


@pytest.mark.parametrize("number", [0.0, 1.0, math.nextafter(1.0, 0.0)])
def test_the_ends_belong_to_the_range(number: float) -> None:
    source = UnitSource(lambda _: number)
    assert source.integer("x", 3, 5, log=False) == (5 if number > 0.5 else 3)
    assert source.choose("x", ("a", "b")) == ("b" if number > 0.5 else "a")


@given(number=st.integers(0, 10_000))
def test_known_values_are_drawn_again_with_the_distribution_of_each(number: int) -> None:
    for space in SPACES:
        config = random_point(space, 0, number, 0)
        source = RecordedSource(space.suggestions_of(config))
        again = space.sample(source)
        assert again.ema_decay == pytest.approx(config.ema_decay, rel=1e-12)
        assert again == config.model_copy(update={"ema_decay": again.ema_decay})
        assert source.drawn.keys() == source.distributions.keys()
        for name, value in source.drawn.items():
            distribution = source.distributions[name]
            assert distribution._contains(distribution.to_internal_repr(value)), name
