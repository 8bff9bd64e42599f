import torch

from trainables.selftraining.cutmix import CutMixBox, cutmix_boxes, paste


def test_boxes_are_a_function_of_seed_and_step_and_lie_inside() -> None:
    drawn = {(seed, step): cutmix_boxes(seed, step, 8, 64) for seed in range(3) for step in range(20)}
    assert drawn[1, 5] == cutmix_boxes(1, 5, 8, 64)
    assert len(set(drawn.values())) == len(drawn)
    boxes = [box for some in drawn.values() for box in some]
    assert 0.4 < len(boxes) / (len(drawn) * 8) < 0.6
    for box in boxes:
        assert box.image != box.partner
        assert box.height >= 1
        assert box.width >= 1
        assert box.top >= 0
        assert box.left >= 0
        assert box.top + box.height <= 64
        assert box.left + box.width <= 64


def test_views_have_boxes_of_their_own() -> None:
    assert all(cutmix_boxes(0, step, 8, 64) == cutmix_boxes(0, step, 8, 64, view=0) for step in range(5))
    assert len({cutmix_boxes(0, step, 8, 64, view=view) for step in range(20) for view in range(2)}) == 40


def test_one_image_has_no_partner() -> None:
    assert all(not cutmix_boxes(0, step, 1, 64) for step in range(10))


def test_paste_takes_the_partner_as_it_was() -> None:
    """Both boxes exchange the same corner: a paste in place would give image 1 its own pixels back."""
    values = torch.arange(2).view(2, 1, 1, 1).repeat(1, 3, 4, 4)
    boxes = (CutMixBox(0, 1, 0, 0, 2, 2), CutMixBox(1, 0, 0, 0, 2, 2))
    mixed = paste(values, boxes)
    assert (mixed[0, :, :2, :2] == 1).all()
    assert (mixed[1, :, :2, :2] == 0).all()
    assert (mixed[0, :, 2:] == 0).all()
    assert (values[0] == 0).all()
    assert torch.equal(paste(values[:, 0], boxes), mixed[:, 0])
