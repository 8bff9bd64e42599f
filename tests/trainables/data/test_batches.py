from dataclasses import astuple
from typing import Any

import numpy as np
import pytest

from spaces.errors import InputError
from tests.trainables.small_trial import SmallDataset, small_config, small_data
from trainables.data.batches import Batch, BatchSource, prepared_batches
from trainables.data.dataset import IGNORE_INDEX


def source(dataset: SmallDataset | None = None, seed: int = 0, **changes: Any) -> BatchSource:
    config = small_config(batch_size=4, multiscale=2.0, **changes)
    return BatchSource(config, small_data(dataset), seed=seed, unlabelled_from=2)


def same(first: Batch, second: Batch) -> bool:
    if first.unlabelled is None or second.unlabelled is None:
        return first.unlabelled is second.unlabelled and _equal(first.labelled, second.labelled)
    return _equal(first.labelled, second.labelled) and _equal(first.unlabelled, second.unlabelled)


def _equal(first: Any, second: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(astuple(first), astuple(second), strict=True))


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
        assert batch.unlabelled.weak.shape == batch.unlabelled.strong.shape == (4, size, size, 3)


def test_labelled_masks_fit_their_images() -> None:
    """In the small data set the colour tells the class, so a shifted mask would show."""
    from tests.trainables.small_trial import COLOURS

    labelled = source().batch(0).labelled
    nearest = np.linalg.norm(labelled.images[..., None, :] - COLOURS, axis=-1).argmin(-1)
    counted = labelled.masks != IGNORE_INDEX
    assert (nearest == labelled.masks)[counted].mean() > 0.8


def test_strong_view_keeps_the_geometry_and_can_be_left_out() -> None:
    with_strong, without = source().batch(2).unlabelled, source(strong_augmentation=False).batch(2).unlabelled
    assert with_strong is not None
    assert without is not None
    assert (with_strong.weak == without.weak).all()
    assert (without.strong == without.weak).all()
    assert not (with_strong.strong == with_strong.weak).all()


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
    assert (batch.weak[~batch.valid].std(axis=0) < 30).all()


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_threads_change_nothing(workers: int) -> None:
    reference = source()
    with prepared_batches(source().batch, range(1, 9), workers=workers) as batches:
        prepared = list(batches)
    assert len(prepared) == 8
    assert all(same(batch, reference.batch(step)) for step, batch in enumerate(prepared, start=1))


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_in_a_batch_reaches_the_training(workers: int) -> None:
    def fails(step: int) -> Batch:
        raise OSError(f"step {step}")

    with pytest.raises(OSError, match="step 0"), prepared_batches(fails, range(5), workers=workers) as batches:
        next(batches)
