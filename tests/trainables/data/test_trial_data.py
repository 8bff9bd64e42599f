from dataclasses import replace

import numpy as np
import pytest

from spaces.errors import InputError
from tests.trainables.small_trial import SmallDataset, small_data, small_split
from trainables.data.trial_data import TrialData


def test_class_weights_are_capped_inverse_frequencies() -> None:
    dataset = SmallDataset()
    data = small_data(dataset)
    counts = sum(dataset.class_counts(record) for record in data.records("train"))
    assert isinstance(counts, np.ndarray)
    free = data.class_weights(1e6)
    np.testing.assert_allclose(free[:3], counts.sum() / (4 * counts[:3]), rtol=1e-5)
    assert free[3] == pytest.approx(1e6)
    assert data.class_weights(1.5).max() == pytest.approx(1.5)
    assert (data.class_weights(1.5)[:3] == np.minimum(free[:3], np.float32(1.5))).all()


def test_images_are_decoded_once_for_all_trials() -> None:
    dataset = SmallDataset()
    data = small_data(dataset)
    record = dataset.records[0]
    for _ in range(3):
        assert data.image(record).shape == (40, 48, 3)
        assert data.image(record, 0.5).shape == (20, 24, 3)
        assert data.mask(record, 0.5).shape == (20, 24)
    assert dataset.reads == [record.name] * 2


def test_without_labelled_training_pixels_is_bad_input() -> None:
    dataset = SmallDataset()
    with pytest.raises(InputError, match="training part"):
        TrialData(dataset, replace(small_split(dataset), train=()))


def test_without_foreground_to_validate_with_is_bad_input() -> None:
    dataset = SmallDataset()
    with pytest.raises(InputError, match="validation part"):
        TrialData(dataset, replace(small_split(dataset), validation=()))


def test_limited_windows_concern_validation_alone() -> None:
    data = small_data(validation_windows=3, validation_window_size=16)
    cells = data.cells("validation")
    assert cells is not None
    assert sum(len(some) for some in cells.values()) == 3
    assert data.cells("test") is None
    assert small_data().cells("validation") is None
