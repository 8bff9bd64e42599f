import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from trainables.data.augmentation import StrongView, normalised
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


def test_strong_views_do_not_depend_on_threads() -> None:
    strong, image = StrongView(), picture()
    expected = [strong(image, seed).tobytes() for seed in range(40)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda seed: strong(image, seed).tobytes(), range(40))) == expected


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
    images = np.zeros((2, 4, 5, 3), np.uint8)
    images[1] = 255
    plain = normalised(images, torch.device("cpu"), channels_last=False)
    assert plain.shape == (2, 3, 4, 5)
    assert plain.is_contiguous()
    torch.testing.assert_close(plain[0, :, 0, 0], torch.tensor([-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225]))
    torch.testing.assert_close(plain[1, :, 0, 0], torch.tensor([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225]))
    last = normalised(images, torch.device("cpu"), channels_last=True)
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(last, plain)


def test_padding_is_about_zero() -> None:
    images = np.full((1, 2, 2, 3), MEAN_COLOUR, np.uint8)
    assert normalised(images, torch.device("cpu"), channels_last=False).abs().max() < 0.01
