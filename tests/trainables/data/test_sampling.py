import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trainables.small_trial import SmallDataset, small_config
from trainables.data.dataset import IGNORE_INDEX, ImageRecord
from trainables.data.records import RecordTable
from trainables.data.sampling import (
    MEAN_COLOUR,
    Crop,
    DrawOrder,
    Stream,
    crop_size_at,
    crop_units,
    cut_crop,
    draw_crop,
    random_stream,
    resize_mask,
    stream_seed,
)


def sized(name: str, side: int) -> ImageRecord:
    return ImageRecord(name, name, "a", None, None, side, side, labelled=True)


def test_streams_are_reproducible_and_unrelated() -> None:
    seeds = [stream_seed(s, stream, step) for s in range(3) for stream in Stream for step in range(20)]
    assert len(set(seeds)) == len(seeds)
    assert seeds[0] == stream_seed(0, Stream.LABELLED_ORDER, 0)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_units_are_areas_in_crops() -> None:
    sizes = {"a": 256, "b": 1024, "c": 100, "d": 0}
    records = RecordTable.from_records(sized(f"a/{name}", side) for name, side in sizes.items())
    assert crop_units(records, small_config(crop_size=256)).tolist() == [1, 16, 1, 1]
    assert crop_units(records, small_config(crop_size=256, image_scale=0.5)).tolist() == [1, 4, 1, 1]


def test_every_unit_is_drawn_once_per_epoch() -> None:
    order = DrawOrder(np.array([1, 3, 2]), seed=0, stream=Stream.LABELLED_ORDER)
    epochs = [[order.image_at(epoch * 6 + place) for place in range(6)] for epoch in range(20)]
    assert all(sorted(epoch) == [0, 1, 1, 1, 2, 2] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 5
    again = DrawOrder(np.array([1, 3, 2]), seed=0, stream=Stream.LABELLED_ORDER)
    assert [again.image_at(position) for position in range(119, -1, -1)] == [
        image for epoch in epochs for image in epoch
    ][::-1]


def test_labelled_and_unlabelled_orders_differ() -> None:
    orders = [
        [DrawOrder(np.ones(50, int), seed, stream).image_at(i) for i in range(50)]
        for seed, stream in ((0, Stream.LABELLED_ORDER), (0, Stream.UNLABELLED_ORDER), (1, Stream.LABELLED_ORDER))
    ]
    assert orders[0] != orders[1]
    assert orders[0] != orders[2]


def test_an_empty_pool_is_refused() -> None:
    with pytest.raises(ValueError, match="no images"):
        DrawOrder(np.array([], dtype=int), 0, Stream.LABELLED_ORDER)


@pytest.mark.parametrize(
    ("multiscale", "sizes"), [(1.0, {256}), (1.25, {256, 288, 320}), (1.2, {256, 288}), (1.1, {256})]
)
def test_crop_sizes_are_steps_of_32(multiscale: float, sizes: set[int]) -> None:
    config = small_config(crop_size=256, multiscale=multiscale)
    assert {crop_size_at(config, 0, step) for step in range(60)} == sizes


@given(
    height=st.integers(8, 200),
    width=st.integers(8, 200),
    low=st.floats(0.3, 1),
    high=st.floats(1, 3),
    place=st.integers(0, 1000),
)
def test_a_window_lies_inside_or_contains_the_image(
    height: int, width: int, low: float, high: float, place: int
) -> None:
    config = small_config(crop_size=64, scale_low=low, scale_high=high)
    crop = draw_crop(random_stream(0, Stream.LABELLED_CROP, place), height, width, config, 96)
    assert round(64 / high) <= crop.side <= round(64 / low)
    for start, length in ((crop.top, height), (crop.left, width)):
        if crop.side <= length:
            assert 0 <= start <= length - crop.side
        else:
            assert start <= 0
            assert start + crop.side >= length
    image = np.full((height, width, 3), 200, np.uint8)
    mask = np.zeros((height, width), np.uint8)
    cut, cut_mask = cut_crop(image, mask, crop)
    assert cut.shape == (96, 96, 3)
    assert cut_mask.shape == (96, 96)
    assert set(np.unique(cut_mask)) <= {0, IGNORE_INDEX}
    assert (cut_mask == IGNORE_INDEX).any() or crop.side <= max(height, width) + 1


@given(
    height=st.integers(8, 200),
    width=st.integers(8, 200),
    low=st.floats(0.3, 1),
    high=st.floats(1, 3),
    pixel=st.floats(0, 0.999),
)
def test_a_window_around_a_pixel_holds_it(height: int, width: int, low: float, high: float, pixel: float) -> None:
    config = small_config(crop_size=64, scale_low=low, scale_high=high)
    around = int(pixel * height), int((0.999 - pixel) * width)
    crop = draw_crop(random_stream(0, Stream.LABELLED_CROP, height), height, width, config, 64, around=around)
    for start, length, wanted in ((crop.top, height, around[0]), (crop.left, width, around[1])):
        assert start <= wanted < start + crop.side
        assert min(0, length - crop.side) <= start <= max(0, length - crop.side)


def test_a_window_around_a_pixel_lies_everywhere_it_may() -> None:
    config = small_config(crop_size=32, scale_low=1.0, scale_high=1.0)
    crops = [
        draw_crop(random_stream(0, Stream.LABELLED_CROP, i), 100, 40, config, 32, around=(50, 2)) for i in range(900)
    ]
    assert {crop.top for crop in crops} == set(range(19, 51))
    assert {crop.left for crop in crops} == {0, 1, 2}


@pytest.mark.parametrize(("mirrored", "upside_down"), [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("side", [8, 12, 40])
def test_an_image_without_mask_is_cut_alike(mirrored: bool, upside_down: bool, side: int) -> None:
    """Without a mask, what lies outside of the image is all there is to know."""
    image = np.random.default_rng(0).integers(0, 256, (24, 20, 3)).astype(np.uint8)
    for top, left in ((0, 0), (3, 4), (-5, 2), (16, -6)):
        crop = Crop(top, left, side, 16, mirrored, upside_down)
        with_mask, mask = cut_crop(image, np.zeros((24, 20), np.uint8), crop)
        without, outside = cut_crop(image, None, crop)
        assert (with_mask == without).all()
        assert (mask == outside).all()
        assert without.flags.c_contiguous


def test_image_and_mask_are_cut_and_mirrored_alike() -> None:
    mask = np.arange(64, dtype=np.uint8).reshape(8, 8)
    image = np.repeat(mask[:, :, None], 3, axis=2)
    cut, cut_mask = cut_crop(image, mask, Crop(2, 3, 4, 4, mirrored=True, upside_down=False))
    assert cut_mask.tolist() == mask[2:6, 3:7][:, ::-1].tolist()
    assert (cut[:, :, 0] == cut_mask).all()
    _, upside_down = cut_crop(image, mask, Crop(2, 3, 4, 4, mirrored=False, upside_down=True))
    assert upside_down.tolist() == mask[2:6, 3:7][::-1].tolist()


def test_outside_is_the_mean_colour_and_ignored() -> None:
    image, mask = np.full((4, 4, 3), 9, np.uint8), np.full((4, 4), 2, np.uint8)
    cut, cut_mask = cut_crop(image, mask, Crop(-1, -3, 8, 8, mirrored=False, upside_down=False))
    assert (cut_mask[1:5, 3:7] == 2).all()
    assert (cut_mask == IGNORE_INDEX).sum() == 64 - 16
    assert (cut[0, 0] == MEAN_COLOUR).all()
    assert (cut[1:5, 3:7] == 9).all()


def test_masks_keep_pixel_centres_when_halved() -> None:
    mask = np.zeros((8, 8), np.uint8)
    mask[:, 4:] = 1
    assert resize_mask(mask, 4, 4)[0].tolist() == [0, 0, 1, 1]


def test_cached_images_can_be_cut_though_not_written() -> None:
    dataset = SmallDataset()
    image = dataset.read_image(dataset.records[0])
    image.flags.writeable = False
    cut, _ = cut_crop(image, None, Crop(-4, -4, 64, 32, mirrored=True, upside_down=True))
    cut[0, 0] = 0
