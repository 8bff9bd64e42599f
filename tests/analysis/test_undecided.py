import pytest

from analysis.comparison import Estimate
from analysis.undecided import count_of, more_seeds, what_would_decide


def estimate(points: float, *, seed_sd: float | None, group_sd: float = 0.0) -> Estimate:
    return Estimate(
        value=points / 100,
        low=None,
        high=None,
        seeds=3,
        groups=10,
        seed_variance=None if seed_sd is None else (seed_sd / 100) ** 2,
        seed_freedom=None if seed_sd is None else 2.0,
        group_variance=(group_sd / 100) ** 2,
    )


@pytest.mark.parametrize(
    ("difference", "advice"),
    [
        (estimate(3.0, seed_sd=1.0), "The deployment"),
        # t(n - 1) / sqrt(n) at 5 and 6 seeds: 1.2417 and 1.0494.
        (estimate(0.8, seed_sd=1.0), "About 3 more seeds of each finalist (6 in all)"),
        (estimate(6.25, seed_sd=1.0), "About 2 more seeds of each finalist (5 in all)"),
        (estimate(1.5, seed_sd=0.1, group_sd=2.0), "More labelled photos in the test part"),
        (estimate(1.9, seed_sd=1.0), "Nothing within reach"),
        (estimate(3.0, seed_sd=None), "At least 3 seeds"),
    ],
)
def test_advice(difference: Estimate, advice: str) -> None:
    assert what_would_decide(difference, 2.0, 5.0, 0.95).startswith(advice)


def test_what_the_photos_leave_is_stated() -> None:
    # t(9) = 2.262157 for ten photos.
    assert "4.52 points either way" in more_seeds(estimate(1.0, seed_sd=0.1, group_sd=2.0), 1.0, 0.95)


def test_nouns_agree_with_their_number() -> None:
    assert [count_of(number, "seed") for number in (0, 1, 2)] == ["0 seeds", "1 seed", "2 seeds"]
