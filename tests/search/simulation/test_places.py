"""Workers of the simulation: what fits on them, and how long they have trials."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.simulation.places import Places


@pytest.mark.parametrize(("share", "fit"), [(1.0, 1), (0.5, 2), (1 / 3, 3), (0.33, 3), (0.4, 2), (0.1, 10), (0.6, 1)])
def test_as_many_trials_fit_as_their_shares_leave_room_for(share: float, fit: int) -> None:
    places = Places(2, {"unet": share})
    assert places.at_once("unet") == 2 * fit
    workers = [places.take("unet", 0.0) for _ in range(2 * fit)]
    assert sorted(filter(lambda worker: worker is not None, workers)) == sorted([0] * fit + [1] * fit)
    assert places.take("unet", 0.0) is None


def test_small_trials_leave_whole_workers_free() -> None:
    places = Places(2, {"unet": 0.5, "deeplabv3plus": 1.0})
    first = places.take("unet", 0.0)
    assert places.take("unet", 0.0) == first
    assert places.take("deeplabv3plus", 0.0) not in {first, None}
    assert places.take("deeplabv3plus", 0.0) is None


def test_a_worker_is_occupied_from_its_first_trial_to_its_last() -> None:
    places = Places(1, {"unet": 0.5})
    workers = [places.take("unet", 1.0), places.take("unet", 3.0)]
    for worker, now in zip(workers, (4.0, 9.0), strict=True):
        assert worker is not None
        places.release(worker, "unet", now)
    assert places.occupied_seconds == 8.0


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=60), st.randoms(use_true_random=False))
def test_no_worker_ever_holds_more_than_itself(spaces: list[str], source: object) -> None:
    shares = {"a": 1.0, "b": 0.5, "c": 0.3}
    places, held = Places(3, shares), []
    for space in spaces:
        worker = places.take(space, 0.0)
        if worker is None:
            assert held
            place, other = held.pop(source.randrange(len(held)))  # type: ignore[attr-defined]
            places.release(place, other, 1.0)
        else:
            held.append((worker, space))
        for number in range(3):
            assert sum(shares[other] for place, other in held if place == number) <= 1.0 + 1e-5
