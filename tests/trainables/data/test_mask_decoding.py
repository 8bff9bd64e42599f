import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray
from PIL import Image

from tests.trainables.data.folder_builder import CLASSES, colour_mask
from trainables.data.dataset import IGNORE_INDEX, ClassMapping
from trainables.data.image_files import MaskPixels, decode_mask_pixels
from trainables.data.mask_decoding import LISTED_UNKNOWN_VALUES, DecodedMask, decode_mask

SHAPES = npst.array_shapes(min_dims=2, max_dims=2, max_side=12)
LABELS = SHAPES.flatmap(lambda shape: npst.arrays(np.uint8, shape, elements=st.integers(0, 3)))


@st.composite
def mappings(draw: st.DrawFn) -> ClassMapping:
    byte = st.integers(0, 255)
    colours = draw(st.lists(st.tuples(byte, byte, byte), min_size=2, max_size=20, unique=True))
    return ClassMapping(tuple(f"class {i}" for i in range(len(colours))), tuple(colours))


@settings(deadline=None, derandomize=True)
@given(data=st.data(), classes=mappings(), shape=SHAPES)
def test_colours_of_the_mapping_become_their_indices(
    data: st.DataObject, classes: ClassMapping, shape: tuple[int, int]
) -> None:
    labels = data.draw(npst.arrays(np.uint8, shape, elements=st.integers(0, len(classes.names) - 1)))
    decoded = decode_mask(MaskPixels(colour_mask(labels, classes)), classes)
    np.testing.assert_array_equal(decoded.labels, labels)
    assert (decoded.unknown_pixels, decoded.unknown_values) == (0, ())


@settings(deadline=None, derandomize=True)
@given(pixels=npst.arrays(np.uint8, SHAPES.map(lambda shape: (*shape, 3))))
def test_every_pixel_is_a_class_of_its_colour_or_ignored(pixels: NDArray[np.uint8]) -> None:
    decoded = decode_mask(MaskPixels(pixels), CLASSES)
    by_colour = {colour: index for index, colour in enumerate(CLASSES.colours)}
    expected = [[by_colour.get(tuple(pixel), IGNORE_INDEX) for pixel in row] for row in pixels.tolist()]
    # Grey RGB files may hold indices; the next tests are about those.
    if (pixels == pixels[:, :, :1]).all() and (pixels < len(CLASSES.names)).any():
        return
    np.testing.assert_array_equal(decoded.labels, expected)
    assert decoded.unknown_pixels == (decoded.labels == IGNORE_INDEX).sum()


@settings(deadline=None, derandomize=True)
@given(labels=LABELS, dtype=st.sampled_from([np.uint8, np.uint16]))
def test_grey_files_hold_indices(labels: NDArray[np.uint8], dtype: type) -> None:
    decoded = decode_mask(MaskPixels(labels.astype(dtype)), CLASSES)
    np.testing.assert_array_equal(decoded.labels, labels)
    assert decoded.labels.dtype == np.uint8


@settings(deadline=None, derandomize=True)
@given(labels=LABELS, order=st.permutations(range(4)))
def test_a_palette_in_the_classes_colours_is_read_by_colour(labels: NDArray[np.uint8], order: list[int]) -> None:
    """What programs that shrink PNG files make of RGB masks: entries in any order."""
    palette = np.array(CLASSES.colours, dtype=np.uint8)[order]
    values = np.argsort(order).astype(np.uint8)[labels]
    np.testing.assert_array_equal(decode_mask(MaskPixels(values, palette), CLASSES).labels, labels)


@settings(deadline=None, derandomize=True)
@given(labels=LABELS)
def test_a_palette_in_colours_of_its_own_is_read_by_index(labels: NDArray[np.uint8]) -> None:
    palette = np.array([[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]], dtype=np.uint8)
    np.testing.assert_array_equal(decode_mask(MaskPixels(labels, palette), CLASSES).labels, labels)


def test_a_palette_with_a_stranger_among_its_colours_is_still_read_by_colour() -> None:
    palette = np.array([[50, 167, 255], [255, 50, 50], [9, 9, 9]], dtype=np.uint8)
    decoded = decode_mask(MaskPixels(np.array([[0, 1, 2, 2]], np.uint8), palette), CLASSES)
    assert decoded.labels.tolist() == [[3, 1, IGNORE_INDEX, IGNORE_INDEX]]
    assert decoded.unknown_values == (("9 9 9", 2),)


def test_indices_written_as_rgb_are_indices() -> None:
    labels = np.array([[0, 1, 2], [3, 255, 1]], np.uint8)
    decoded = decode_mask(MaskPixels(np.repeat(labels[:, :, None], 3, axis=2)), CLASSES)
    np.testing.assert_array_equal(decoded.labels, labels)
    assert decoded.unknown_pixels == 0


def test_a_grey_colour_written_as_grey_is_a_colour() -> None:
    classes = ClassMapping(("land", "sea"), ((155, 155, 155), (0, 0, 255)))
    assert decode_mask(MaskPixels(np.full((2, 2), 155, np.uint8)), classes).labels.tolist() == [[0, 0], [0, 0]]


def test_channels_are_compared_as_red_green_blue() -> None:
    red, blue = [255, 50, 50], [50, 50, 255]
    decoded = decode_mask(MaskPixels(np.array([[red, blue]], np.uint8)), CLASSES)
    assert decoded.labels.tolist() == [[1, IGNORE_INDEX]]
    assert decoded.unknown_values == (("50 50 255", 1),)


def test_an_index_of_no_class_is_ignored_and_counted_but_255_is_meant() -> None:
    decoded = decode_mask(MaskPixels(np.array([[0, 4, 4, 255, 9]], np.uint8)), CLASSES)
    assert decoded.labels.tolist() == [[0, 255, 255, 255, 255]]
    assert decoded.unknown_pixels == 3
    assert decoded.unknown_values == (("index 4", 2), ("index 9", 1))


def test_wide_grey_values_do_not_wrap_around() -> None:
    decoded = decode_mask(MaskPixels(np.array([[1, 257, 65535]], np.uint16)), CLASSES)
    assert decoded.labels.tolist() == [[1, 255, 255]]
    assert decoded.unknown_pixels == 2


def test_of_many_unknown_colours_the_most_frequent_are_named_and_all_are_counted() -> None:
    pixels = np.zeros((1, 300, 3), np.uint8)
    pixels[0, :, 1] = np.arange(300) % 200
    pixels[0, :, 2] = 77
    decoded = decode_mask(MaskPixels(pixels), CLASSES)
    assert decoded.unknown_pixels == 300
    assert len(decoded.unknown_values) == LISTED_UNKNOWN_VALUES
    assert all(count == 2 for _, count in decoded.unknown_values)


@pytest.mark.parametrize("mode", ["RGB", "P", "L", "RGBA", "I;16"])
def test_all_kinds_of_files_give_the_same_labels(mode: str) -> None:
    labels = np.array([[0, 1, 2], [3, 2, 1]], np.uint8)
    match mode:
        case "L":
            image = Image.fromarray(labels)
        case "I;16":
            image = Image.fromarray(labels.astype(np.uint16))
        case "P":
            image = Image.fromarray(colour_mask(labels)).quantize(4)
        case _:
            image = Image.fromarray(colour_mask(labels)).convert(mode)
    for kind in ("PNG", "TIFF"):
        stream = io.BytesIO()
        image.save(stream, kind)
        decoded: DecodedMask = decode_mask(decode_mask_pixels(stream.getvalue(), Path("m")), CLASSES)
        np.testing.assert_array_equal(decoded.labels, labels)
