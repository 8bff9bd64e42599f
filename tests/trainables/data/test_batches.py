from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch

from spaces.errors import InputError
from tests.trainables.small_trial import SmallDataset, small_config, small_data
from trainables.data.batches import Batch, BatchSource
from trainables.data.dataset import IGNORE_INDEX
from trainables.data.sampling import MEAN_COLOUR


def source(dataset: SmallDataset | None = None, seed: int = 0, **changes: Any) -> BatchSource:
    config = small_config(batch_size=4, multiscale=2.0, **changes)
    return BatchSource(config, small_data(dataset), seed=seed, unlabelled_from=2)


def same(first: Batch, second: Batch) -> bool:
    if first.unlabelled is None or second.unlabelled is None:
        return first.unlabelled is second.unlabelled and _equal(first.labelled, second.labelled)
    return _equal(first.labelled, second.labelled) and _equal(first.unlabelled, second.unlabelled)


def _equal(first: Any, second: Any) -> bool:
    pairs = [(getattr(first, field.name), getattr(second, field.name)) for field in fields(first)]
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    one, other = source(), source()
    batches = [one.batch(step) for step in range(8)]
    assert all(same(other.batch(step), batches[step]) for step in reversed(range(8)))
    assert not same(batches[3], batches[4])
    assert not same(batches[3], source(seed=1).batch(3))


def test_shapes_and_start_of_the_unlabelled() -> None:
    batches = [source().batch(step) for step in range(12)]
    assert [batch.unlabelled is None for batch in batches[:4]] == [True, True, False, False]
    sizes = {batch.labelled.images.shape[1] for batch in batches}
    assert sizes == {32, 64}
    for batch in batches[2:]:
        assert batch.unlabelled is not None
        size = batch.labelled.images.shape[1]
        assert batch.labelled.masks.shape == batch.unlabelled.valid.shape == (4, size, size)
        assert batch.unlabelled.weak.shape == (4, size, size, 3)
        assert batch.unlabelled.strong.shape == (1, 4, size, size, 3)
        tensors = (batch.labelled.images, batch.labelled.masks, batch.unlabelled.weak, batch.unlabelled.strong)
        assert {tensor.dtype for tensor in tensors} == {torch.uint8}
        assert batch.unlabelled.valid.dtype == torch.bool


def test_labelled_masks_fit_their_images() -> None:
    """In the small data set the colour tells the class, so a shifted mask would show."""
    from tests.trainables.small_trial import COLOURS

    labelled = source().batch(0).labelled
    images, masks = labelled.images.numpy(), labelled.masks.numpy()
    nearest = np.linalg.norm(images[..., None, :] - COLOURS, axis=-1).argmin(-1)
    counted = masks != IGNORE_INDEX
    assert (nearest == masks)[counted].mean() > 0.8


def test_strong_view_keeps_the_geometry_and_can_be_left_out() -> None:
    with_strong, without = source().batch(2).unlabelled, source(strong_augmentation=False).batch(2).unlabelled
    assert with_strong is not None
    assert without is not None
    assert (with_strong.weak == without.weak).all()
    assert (without.strong == without.weak).all()
    assert not (with_strong.strong == with_strong.weak).all()


def test_two_strong_views_are_independent_and_the_first_is_the_only_one() -> None:
    one, two = source().batch(2).unlabelled, source(strong_views=2).batch(2).unlabelled
    assert one is not None
    assert two is not None
    assert two.strong.shape == (2, *two.weak.shape)
    assert torch.equal(two.strong[:1], one.strong)
    assert torch.equal(two.weak, one.weak)
    # Chance leaves a view as it is in one of 13 cases; of all 4 pairs to be equal it is not.
    assert not torch.equal(two.strong[0], two.strong[1])
    plain = source(strong_views=2, strong_augmentation=False).batch(2).unlabelled
    assert plain is not None
    assert torch.equal(plain.strong, torch.stack((plain.weak, plain.weak)))


def test_unreadable_unlabelled_images_are_replaced_and_named() -> None:
    names = [record.name for record in SmallDataset().records if not record.labelled]
    sources = [source(SmallDataset(broken=(names[0],))) for _ in range(2)]
    batches = [sources[0].batch(step) for step in range(2, 6)]
    assert {name for batch in batches if batch.unlabelled for name in batch.unlabelled.unreadable} == {names[0]}
    assert all(same(sources[1].batch(step), batches[step - 2]) for step in (5, 4, 3, 2))


def test_a_pool_without_a_readable_image_is_bad_input() -> None:
    names = tuple(record.name for record in SmallDataset().records if not record.labelled)
    with pytest.raises(InputError, match="unlabelled images in a row can't be read"):
        source(SmallDataset(broken=names)).batch(2)


def test_padding_of_unlabelled_images_is_not_valid() -> None:
    batch = source(scale_low=0.5, scale_high=1.0).batch(3).unlabelled
    assert batch is not None
    assert not batch.valid.all()
    padding = batch.weak[~batch.valid].float()
    assert (padding - torch.tensor(MEAN_COLOUR)).abs().mean() < 10
