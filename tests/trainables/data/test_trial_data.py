import pickle
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spaces.errors import InputError
from tests.trainables.data.folder_builder import HEIGHT, WIDTH, make_folder, save
from tests.trainables.small_trial import SmallDataset, small_data, small_split
from trainables.data.folder import FolderDataset
from trainables.data.image_cache import open_image_cache
from trainables.data.split import split_dataset
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


def test_label_shares_are_those_of_the_training_masks() -> None:
    dataset = SmallDataset()
    data = small_data(dataset)
    masks = np.concatenate([dataset.read_mask(record).ravel() for record in data.records("train")])
    assert data.label_shares().tolist() == [(masks == name).sum() / (masks != 255).sum() for name in range(4)]
    assert data.label_shares()[3] == 0
    assert data.train_class_counts.shape == (4, 4)


def test_parts_are_the_records_at_their_positions() -> None:
    data = small_data()
    for part in ("train", "validation", "test", "unlabelled"):
        positions = getattr(data.split, part)
        assert [record.name for record in data.records(part)] == [data.dataset.records[i].name for i in positions]


def test_copies_in_other_processes_share_decoded_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dataset = SmallDataset()
    data = small_data(dataset, cache=open_image_cache(dataset.fingerprint, limit_bytes=1 << 20))
    first, second = data.records("train")[0], data.records("train")[1]
    for scale in (1.0, 0.5):
        data.image(first, scale)
        data.mask(first, scale)
    copied = pickle.loads(pickle.dumps(data))  # noqa: S301 - our own
    for scale in (1.0, 0.5):
        assert (copied.image(first, scale) == data.image(first, scale)).all()
        assert (copied.mask(first, scale) == data.mask(first, scale)).all()
    reads = len(dataset.reads)
    assert len(copied.dataset.reads) == reads
    copied.image(second)
    assert len(copied.dataset.reads) == reads + 1


def test_folders_with_equal_labels_do_not_take_each_others_unlabelled_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fingerprint covers no unlabelled pixel, so that both use one cache."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    contents = {"one": dict.fromkeys("abc", True) | {"d": False}}
    data = []
    for number in range(2):
        root = make_folder(tmp_path / str(number), contents)
        save(root / "one" / "images" / "d.png", np.full((HEIGHT, WIDTH, 3), number, np.uint8))
        dataset = FolderDataset.open(root, cache_dir=tmp_path / "cache")
        split = split_dataset(dataset, by="photo", seed=0)
        cache = open_image_cache(dataset.fingerprint, limit_bytes=1 << 20)
        data.append((TrialData(dataset, split, cache=cache), dataset, cache.folder))
    (first, one, folder), (second, other, shared) = data
    assert one.fingerprint == other.fingerprint
    assert folder == shared
    for number, trial in enumerate((first, second)):
        assert (trial.image(trial.dataset.records[3]) == number).all()


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
        TrialData(dataset, replace(small_split(dataset), train=np.array([], np.int32)))


def test_without_foreground_to_validate_with_is_bad_input() -> None:
    dataset = SmallDataset()
    with pytest.raises(InputError, match="validation part"):
        TrialData(dataset, replace(small_split(dataset), validation=np.array([], np.int32)))


def test_limited_windows_concern_validation_alone() -> None:
    data = small_data(validation_windows=3, validation_window_size=16)
    cells = data.cells("validation")
    assert cells is not None
    assert sum(len(some) for some in cells.values()) == 3
    assert data.cells("test") is None
    assert small_data().cells("validation") is None
