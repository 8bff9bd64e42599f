from typing import Any

import numpy as np
import pytest

from tests.trainables.small_trial import SmallDataset, small_config, small_data
from trainables.data.batches import BatchSource
from trainables.data.rare_classes import RareClasses, class_probabilities
from trainables.data.sampling import Stream, random_stream

COUNTS = np.array([[6, 0, 0, 2], [0, 0, 0, 0], [0, 0, 3, 1], [2, 0, 0, 6]])
"""Pixels of 4 classes in 4 images: 8, 0, 3 and 9 of 20 in all."""


def test_probabilities_are_the_softmax_of_rarity() -> None:
    """Shares .4, .15, .45: with T = .1, weights e^6, e^8.5 and e^5.5; class 1 has no pixel."""
    weights = np.exp([6, 8.5, 5.5])
    expected = weights / weights.sum()
    np.testing.assert_allclose(class_probabilities(COUNTS.sum(axis=0)), [expected[0], 0, expected[1], expected[2]])
    np.testing.assert_allclose(expected, [0.0724, 0.8837, 0.0439], atol=5e-4)


def test_one_class_is_always_drawn() -> None:
    np.testing.assert_allclose(class_probabilities(np.array([0, 5, 0])), [0, 1, 0])


def test_all_pixels_of_a_class_are_drawn_alike() -> None:
    rare = RareClasses(COUNTS, share=1.0)
    draws = 20_000
    drawn = np.zeros((4, 4, 6))
    for place in range(draws):
        pixel = rare.draw(random_stream(0, Stream.RARE_CLASS, place))
        assert pixel is not None
        count = COUNTS[pixel.image, pixel.drawn_class]
        drawn[pixel.image, pixel.drawn_class, round(pixel.place * count)] += 1
    probabilities = class_probabilities(COUNTS.sum(axis=0))
    # Within 4 standard deviations of a binomial distribution.
    for name, frequency in enumerate(drawn.sum(axis=(0, 2)) / draws):
        assert frequency == pytest.approx(
            probabilities[name], abs=4 * np.sqrt(probabilities[name] * (1 - probabilities[name]) / draws)
        )
    for drawn_class in (0, 2, 3):
        share = probabilities[drawn_class] / COUNTS[:, drawn_class].sum()
        for image in range(4):
            pixels = drawn[image, drawn_class]
            count = COUNTS[image, drawn_class]
            assert pixels[count:].sum() == 0
            np.testing.assert_allclose(pixels[:count] / draws, share, atol=4 * np.sqrt(share / draws))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_crops_is_kept(share: float) -> None:
    rare = RareClasses(COUNTS, share)
    drawn = [rare.draw(random_stream(0, Stream.RARE_CLASS, place)) is not None for place in range(4000)]
    assert np.mean(drawn) == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 4000))


def test_every_pixel_of_a_class_is_found_by_its_place() -> None:
    mask = np.random.default_rng(0).integers(0, 3, (13, 17)).astype(np.uint8)
    counts = np.array([[(mask == name).sum() for name in range(3)]])
    rare = RareClasses(counts, share=1.0)
    found = set()
    for place in range(4000):
        pixel = rare.draw(random_stream(1, Stream.RARE_CLASS, place))
        assert pixel is not None
        where = pixel.pixel_in(mask)
        assert where is not None
        assert mask[where] == pixel.drawn_class
        found.add(where)
    assert len(found) == mask.size


def test_places_stay_in_masks_of_other_sizes() -> None:
    rare = RareClasses(np.array([[7, 3]]), share=1.0)
    for place in range(200):
        pixel = rare.draw(random_stream(2, Stream.RARE_CLASS, place))
        assert pixel is not None
        assert pixel.pixel_in(np.full((1, 1), pixel.drawn_class, np.uint8)) == (0, 0)
        assert pixel.pixel_in(np.full((5, 5), 1 - pixel.drawn_class, np.uint8)) is None


class OneRarePixelEach(SmallDataset):
    """Class 3 has a single pixel in each of two training images."""

    def _mask(self, record: Any) -> Any:
        mask = super()._mask(record)
        if record.name[-3:] in {"000", "002"}:
            mask[20, 30] = 3
        return mask

    def read_image(self, record: Any) -> Any:
        return np.repeat((self._mask(record) * 60)[:, :, None], 3, axis=2)


def drawn_masks(share: float, steps: int = 100, **changes: Any) -> np.ndarray:
    config = small_config(batch_size=4, rare_class_share=share, **changes)
    source = BatchSource(config, small_data(OneRarePixelEach()), seed=0, unlabelled_from=None)
    return np.concatenate([source.batch(step).labelled.masks.numpy() for step in range(steps)])


def test_crops_hold_the_rare_class_as_often_as_it_is_drawn() -> None:
    """Unscaled crops lose no pixel: those drawn around class 3 hold it, wherever the others lie."""
    unscaled = {"scale_low": 1.0, "scale_high": 1.0}
    data = small_data(OneRarePixelEach())
    probability = class_probabilities(data.train_class_counts.sum(axis=0))[3]
    assert probability > 0.3
    by_chance = (drawn_masks(0.0, **unscaled) == 3).any(axis=(1, 2)).mean()
    always = (drawn_masks(1.0, **unscaled) == 3).any(axis=(1, 2)).mean()
    assert always >= probability - 4 * np.sqrt(0.25 / 400)
    half = (drawn_masks(0.5, **unscaled) == 3).any(axis=(1, 2)).mean()
    assert by_chance < half < always


def test_the_rare_pixel_may_lie_anywhere_in_its_crop() -> None:
    masks = drawn_masks(1.0, scale_low=1.0, scale_high=1.0)
    rows, columns = np.nonzero((masks == 3).any(axis=0))
    assert rows.min() < 5
    assert rows.max() > 26
    assert columns.min() < 5
    assert columns.max() > 26


def test_share_nothing_changes_no_crop() -> None:
    """The usual order and windows: those of a source whose draws never happen."""
    for share in (0.0, 0.5):
        config = small_config(batch_size=4, multiscale=2.0, rare_class_share=share)
        source = BatchSource(config, small_data(), seed=0, unlabelled_from=None)
        usual = BatchSource(
            config.model_copy(update={"rare_class_share": 0.0}), small_data(), seed=0, unlabelled_from=None
        )
        rare = RareClasses(small_data().train_class_counts, share)
        for step in range(10):
            mine, theirs = source.batch(step).labelled.masks, usual.batch(step).labelled.masks
            drawn = [rare.draw(random_stream(0, Stream.RARE_CLASS, step, slot)) for slot in range(4)]
            for slot in range(4):
                assert drawn[slot] is not None or bool((mine[slot] == theirs[slot]).all())


def test_scaled_images_are_drawn_around_too() -> None:
    config = small_config(batch_size=4, rare_class_share=1.0, image_scale=0.5, crop_size=32)
    source = BatchSource(config, small_data(OneRarePixelEach()), seed=0, unlabelled_from=None)
    assert source.batch(0).labelled.masks.shape == (4, 32, 32)
