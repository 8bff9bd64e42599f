import numpy as np
import pytest

from tests.trainables.prediction.photos import pixels
from trainables.data.sampling import resize_image, scaled_size
from trainables.prediction.scaled_rows import ScaledRows


@pytest.mark.parametrize("image_scale", [0.3, 0.5, 0.77, 1.5, 2.0])
@pytest.mark.parametrize(("height", "width"), [(90, 61), (101, 64), (1, 9)])
def test_rows_are_those_of_the_resized_whole(image_scale: float, height: int, width: int) -> None:
    photo = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    scaled = scaled_size(height, width, image_scale)
    expected = resize_image(photo, *scaled)
    rows = ScaledRows(photo, height, width, image_scale)
    found = np.concatenate([rows[top : top + 16] for top in range(0, scaled[0], 16)])
    assert found.shape == expected.shape
    difference = np.abs(found.astype(int) - expected)
    # OpenCV rounds as it goes.
    assert difference.max() <= 1
    assert (difference == 0).mean() > 0.8


def test_it_asks_from_top_to_bottom() -> None:
    photo = pixels(200, 30)
    asked = []

    class Source:
        def __getitem__(self, rows: slice) -> np.ndarray:
            asked.append((rows.start, rows.stop))
            return photo[rows]

    rows = ScaledRows(Source(), 200, 30, 0.5)
    for top in (0, 24, 48, 68):
        assert len(rows[top : top + 32]) == 32
    assert asked == [(0, 64), (48, 112), (96, 160), (136, 200)]
