import torch

from trainables.selftraining.complementary_dropout import complementary_scales

CHANNELS = (16, 24, 96)
CPU = torch.device("cpu")


def parts(seed: int, step: int, *, labelled: int = 3, unlabelled: int = 6) -> list[tuple[torch.Tensor, ...]]:
    scales = complementary_scales(seed, step, CHANNELS, labelled, unlabelled, CPU)
    assert [tuple(scale.shape) for scale in scales] == [(labelled + 2 * unlabelled, width, 1, 1) for width in CHANNELS]
    assert all(scale.dtype == torch.float32 for scale in scales)
    return [torch.split(scale.squeeze(), [labelled, unlabelled, unlabelled]) for scale in scales]


def test_labelled_images_keep_all_their_channels() -> None:
    assert all((labelled == 1).all() for labelled, _, _ in parts(0, 0))


def test_what_one_view_lacks_the_other_has_doubled() -> None:
    for _, first, second in parts(0, 0):
        assert (first + second == 2).all()
        assert set(first.flatten().tolist()) == {0.0, 1.0, 2.0}


def test_half_of_the_images_keep_all_channels_in_every_level() -> None:
    whole = [(first == 1).all(1) for _, first, _ in parts(1, 2)]
    assert all(int(kept.sum()) == 3 for kept in whole)
    assert all(torch.equal(kept, whole[0]) for kept in whole)


def test_of_the_others_about_half_of_the_channels_are_dropped() -> None:
    drawn = torch.cat([first[first != 1].flatten() for step in range(20) for _, first, _ in parts(0, step)])
    assert 0.48 < float((drawn == 0).float().mean()) < 0.52


def test_it_depends_on_seed_and_step_alone() -> None:
    drawn = {
        (seed, step): torch.cat([first.flatten() for _, first, _ in parts(seed, step)])
        for seed in range(2)
        for step in range(3)
    }
    again = torch.cat([first.flatten() for _, first, _ in parts(1, 2)])
    assert torch.equal(again, drawn[1, 2])
    assert len({tuple(values.tolist()) for values in drawn.values()}) == len(drawn)


def test_images_and_levels_are_drawn_by_themselves() -> None:
    (_, first, _), (_, other, _), _ = parts(3, 0, unlabelled=8)
    dropped = first[(first != 1).any(1)]
    assert len({tuple(row.tolist()) for row in dropped}) == len(dropped)
    assert not torch.equal(first, other[:, : first.shape[1]])


def test_one_image_is_always_dropped_from() -> None:
    assert all((first != 1).all() for step in range(5) for _, first, _ in parts(0, step, unlabelled=1))
