import os
import subprocess
import sys
from collections import Counter

import cv2
import numpy as np
import pytest
import torch

from trainables.data.augmentation import StrongView, _strong_transform, normalised
from trainables.data.sampling import MEAN_COLOUR


def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (32, 32, 3)).astype(np.uint8)


def test_strong_views_depend_on_the_seed_alone() -> None:
    strong, image = StrongView(), picture()
    first = [strong(image, seed) for seed in range(20)]
    assert all((strong(image, seed) == first[seed]).all() for seed in reversed(range(20)))
    assert all((StrongView()(image, seed) == first[seed]).all() for seed in range(3))
    assert len({view.tobytes() for view in first}) > 15
    assert (image == picture()).all()


def test_strong_views_are_those_of_unimatch() -> None:
    """Its numbers, Yang et al. 2023: colour jitter .5, .5, .5, .25 for 80 %, grey for 20 %, blur for 50 %."""
    jitter, grey, blur = _strong_transform().transforms
    assert (jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue, jitter.p) == (
        *[(0.5, 1.5)] * 3,
        (-0.25, 0.25),
        0.8,
    )
    assert grey.p == 0.2
    assert (blur.sigma_limit, blur.blur_limit, blur.p) == ((0.1, 2.0), (0, 0), 0.5)


def test_jitter_grey_and_blur_occur_independently_of_each_other() -> None:
    """A blue and a less blue half tell them apart: grey has no colour, blur has colours between, jitter has others."""
    image = np.full((16, 16, 3), (60, 90, 120), np.uint8)
    image[:, 8:] = (60, 90, 160)
    strong, seeds = StrongView(), 2000
    occurred: Counter[tuple[bool, bool, bool]] = Counter()
    for seed in range(seeds):
        view = strong(image, seed)
        grey = bool((view == view[..., :1]).all())
        blurred = bool((view[:, 5:11] != view[:, [0] * 3 + [15] * 3]).any())
        before = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if grey else image
        jittered = bool((view[:, 0] != before[:, 0, None] if grey else view[:, 0] != before[:, 0]).any())
        occurred[jittered, grey, blurred] += 1
    for jittered in (True, False):
        for grey in (True, False):
            blurred, sharp = occurred[jittered, grey, True], occurred[jittered, grey, False]
            expected = seeds * (0.8 if jittered else 0.2) * (0.2 if grey else 0.8)
            assert blurred + sharp == pytest.approx(expected, abs=4 * np.sqrt(expected))
            # The faintest blurs, of sigma below 0.3 or so, change no pixel: 1 in 10.
            assert blurred == pytest.approx(expected * 0.45, abs=4 * np.sqrt(expected * 0.45))


@pytest.mark.slow
def test_albumentations_asks_no_server() -> None:
    """Its update check runs at import; the variable that forbids it must be set before."""
    program = (
        "from trainables.data.augmentation import StrongView; import numpy, sys, os; "
        "assert 'albumentations' not in sys.modules; "
        "StrongView()(numpy.zeros((8, 8, 3), numpy.uint8), 0); print(os.environ['NO_ALBUMENTATIONS_UPDATE'])"
    )
    environment = {key: value for key, value in os.environ.items() if key != "NO_ALBUMENTATIONS_UPDATE"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_normalisation() -> None:
    images = torch.zeros((2, 4, 5, 3), dtype=torch.uint8)
    images[1] = 255
    plain = normalised(images, torch.device("cpu"), channels_last=False)
    assert plain.shape == (2, 3, 4, 5)
    assert plain.is_contiguous()
    torch.testing.assert_close(plain[0, :, 0, 0], torch.tensor([-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225]))
    torch.testing.assert_close(plain[1, :, 0, 0], torch.tensor([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225]))
    last = normalised(images, torch.device("cpu"), channels_last=True)
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(last, plain)
    assert plain.dtype == last.dtype == torch.float32
    assert images.unique().tolist() == [0, 255]


def test_padding_is_about_zero() -> None:
    images = torch.tensor(MEAN_COLOUR, dtype=torch.uint8).expand(1, 2, 2, 3)
    assert normalised(images, torch.device("cpu"), channels_last=False).abs().max() < 0.01
