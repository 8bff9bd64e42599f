import numpy as np

from spaces.loading import load_space
from trainables.data.procedural import ProceduralDataset
from trainables.data.split import split_dataset
from trainables.data.trial_data import TrialData
from trainables.export.calibration import calibration_images


def test_crops_come_from_training_images_and_are_normalised() -> None:
    dataset = ProceduralDataset(seed=0, photo_size=64)
    data = TrialData(dataset, split_dataset(dataset, by="photo", seed=0))
    small = load_space("unet").baseline.model_copy(update={"crop_size": 32, "image_scale": 1.0})
    images = calibration_images(data, small, 3)
    assert images.shape == (3, 3, 32, 32)
    assert images.dtype == np.float32
    assert -2.2 < images.min() < 0 < images.max() < 2.7
    assert len({image.tobytes() for image in images}) == 3
    # Images that are smaller than a crop are filled up.
    large = small.model_copy(update={"crop_size": 96})
    assert calibration_images(data, large, 10_000).shape[1:] == (3, 96, 96)
