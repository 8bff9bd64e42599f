import pytest
import torch

from trainables.training.divergence import DivergedError, DivergenceWatch


def flags(*failed: int, steps: int) -> list[torch.Tensor]:
    return [torch.tensor(step in failed) for step in range(steps)]


def test_on_a_cpu_every_step_is_looked_at() -> None:
    watch = DivergenceWatch(torch.device("cpu"))
    done = []
    with pytest.raises(DivergedError) as error:
        for step, failed in enumerate(flags(3, 4, steps=9)):
            watch.add(step, failed)
            done.append(step)
    assert done == [0, 1, 2]
    assert error.value.step == 3
    assert "step 3" in str(error.value)


class Watched(DivergenceWatch):
    """Looks as on a GPU, at numbers on the CPU."""

    def __init__(self, every: int) -> None:
        super().__init__(torch.device("cpu"))
        self._every = every


@pytest.mark.parametrize(("first", "seen_at"), [(3, 4), (5, 9)])
def test_elsewhere_looks_are_rare_and_name_the_first_failure(first: int, seen_at: int) -> None:
    watch = Watched(5)
    with pytest.raises(DivergedError) as error:
        for step, failed in enumerate(flags(first, first + 1, 8, steps=20)):
            watch.add(step, failed)
    assert step == seen_at
    assert error.value.step == first


def test_the_last_look_finds_what_came_after_the_one_before() -> None:
    watch = Watched(5)
    for step, failed in enumerate(flags(6, steps=8)):
        watch.add(step, failed)
    with pytest.raises(DivergedError) as error:
        watch.look()
    assert error.value.step == 6
    Watched(5).look()
