from dataclasses import replace

import pytest

from analysis.comparison import Estimate
from analysis.undecided import between, count_of, more_seeds, what_would_decide


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


@pytest.mark.parametrize(
    ("half_width", "seed_sd", "group_sd", "said"),
    [
        (1.0, 1.0, 1.0, None),
        (4.0, 3.0, 0.1, "which more seeds would tell first"),
        (4.0, 0.1, 3.0, "which more labelled photos in the test part would tell first"),
    ],
)
def test_an_interval_beyond_the_bounds_may_be_otherwise(
    half_width: float, seed_sd: float, group_sd: float, said: str | None
) -> None:
    seen = estimate(3.5, seed_sd=seed_sd, group_sd=group_sd)
    seen = replace(seen, low=(3.5 - half_width) / 100, high=(3.5 + half_width) / 100)
    advice = what_would_decide(seen, 2.0, 5.0, 0.95)
    assert advice.startswith("The deployment, if the difference is as seen")
    assert ("It may be otherwise" in advice) == (said is not None)
    assert said is None or said in advice


def test_pairs_that_are_all_pairs_are_named_once() -> None:
    assert between([("a", "b")]) == "a or b"
    assert between([("a", "b"), ("a", "c"), ("b", "c")]) == "a, b or c"
    assert between([("a", "b"), ("a", "c")]) == "a or b; a or c"


def test_one_capture_alone_is_better_split_by_photo() -> None:
    seen = replace(estimate(1.0, seed_sd=1.0), group_variance=None)
    assert "--split-by photo" in more_seeds(seen, 1.0, 0.95, "capture")
    assert "--split-by" not in more_seeds(seen, 1.0, 0.95, "photo")
