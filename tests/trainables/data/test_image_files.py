import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from trainables.data.dataset import UnreadableImageError
from trainables.data.image_files import decode_image, decode_mask_pixels, read_bytes

PATH = Path("photo.png")
RGB = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_channels_are_red_green_blue(kind: str) -> None:
    np.testing.assert_array_equal(decode_image(encode(Image.fromarray(RGB), kind), PATH), RGB)


def test_alpha_is_dropped() -> None:
    rgba = np.dstack([RGB, np.full((5, 4), 7, np.uint8)])
    np.testing.assert_array_equal(decode_image(encode(Image.fromarray(rgba)), PATH), RGB)
    np.testing.assert_array_equal(decode_mask_pixels(encode(Image.fromarray(rgba)), PATH).values, RGB)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_with_16_bits_keeps_the_upper_8(kind: str) -> None:
    grey = np.array([[0, 255, 256], [0x1234, 0xFF00, 0xFFFF]], dtype=np.uint16)
    expected = np.array([[0, 0, 1], [0x12, 0xFF, 0xFF]], dtype=np.uint8)
    image = decode_image(encode(Image.fromarray(grey), kind), PATH)
    np.testing.assert_array_equal(image, np.repeat(expected[:, :, None], 3, axis=2))
    np.testing.assert_array_equal(decode_mask_pixels(encode(Image.fromarray(grey), kind), PATH).values, grey)


def test_grey_and_palette_images_become_rgb() -> None:
    grey = decode_image(encode(Image.fromarray(RGB[:, :, 0])), PATH)
    np.testing.assert_array_equal(grey, np.repeat(RGB[:, :, :1], 3, axis=2))
    palette = decode_image(encode(Image.fromarray(RGB).quantize(256)), PATH)
    assert palette.shape == RGB.shape


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG"])
def test_stored_orientation_is_ignored(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    plain, turned = encode(Image.fromarray(RGB), kind), encode(Image.fromarray(RGB), kind, exif=exif)
    assert orientation == 1 or plain != turned
    np.testing.assert_array_equal(decode_image(turned, PATH), decode_image(plain, PATH))
    if kind != "JPEG":
        np.testing.assert_array_equal(decode_mask_pixels(turned, PATH).values, RGB)


@pytest.mark.parametrize("pixels", [np.zeros((2, 2), np.float32), np.zeros((2, 2), np.int32)])
def test_pixels_that_fit_no_8_bits_are_refused(pixels: NDArray[np.generic]) -> None:
    data = encode(Image.fromarray(pixels), "TIFF")
    with pytest.raises(UnreadableImageError, match=r"photo\.png: pixels of kind"):
        decode_image(data, PATH)
    with pytest.raises(UnreadableImageError, match=r"photo\.png: pixels of kind"):
        decode_mask_pixels(data, PATH)


@pytest.mark.parametrize("data", [b"", b"no image at all", encode(Image.fromarray(RGB))[:30]])
def test_what_is_no_image_is_named(data: bytes) -> None:
    with pytest.raises(UnreadableImageError, match=r"photo\.png: "):
        decode_image(data, PATH)


def test_a_truncated_jpeg_is_damaged() -> None:
    data = encode(Image.effect_noise((64, 64), 50), "JPEG")
    with pytest.raises(UnreadableImageError, match=r"damaged: .*truncated"):
        decode_image(data[: len(data) // 2], PATH)


def test_a_missing_file_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError, match="No such file"):
        read_bytes(tmp_path / "nowhere.png")


ENCODED = {kind: encode(Image.effect_noise((24, 20), 50).convert("RGB"), kind) for kind in ("PNG", "JPEG", "TIFF")} | {
    "palette": encode(Image.effect_noise((24, 20), 50).convert("P")),
    "LZW": b"",
}
ENCODED["LZW"] = encode(Image.effect_noise((24, 20), 50), "TIFF", compression="tiff_lzw")


@settings(deadline=None, derandomize=True)
@given(data=st.data(), kind=st.sampled_from(sorted(ENCODED)))
def test_damage_anywhere_decodes_or_is_reported_and_nothing_else(data: st.DataObject, kind: str) -> None:
    content = bytearray(ENCODED[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])
    for decode in (decode_image, decode_mask_pixels):
        try:
            decode(cut, PATH)
        except UnreadableImageError as error:
            assert str(error).startswith("photo.png: ")
            assert "\n" not in str(error)
