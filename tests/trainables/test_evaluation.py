from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from spaces.configuration import TrialConfig
from tests.trainables.small_trial import SmallDataset, SmallModel, small_config, small_data, small_split
from trainables.data.sampling import scaled_size
from trainables.data.trial_data import TrialData
from trainables.evaluation import (
    NonFinitePredictionError,
    evaluate_part,
    image_windows,
    predicted_cells,
)
from trainables.precision import ComputeLayout

PLAIN = ComputeLayout("float32", channels_last=False)


class ColourReader(SmallModel):
    """Reads the class off a pixel: the red channel of its image is 60 times the class index."""

    def probabilities(self, images: Tensor) -> Tensor:
        red = images[:, 0] * 0.229 + 0.485
        classes = torch.arange(4).view(1, 4, 1, 1) * 60 / 255
        return (-((red.unsqueeze(1) - classes) ** 2) * 500).softmax(1)


class ReadableDataset(SmallDataset):
    def read_image(self, record: Any) -> NDArray[np.uint8]:
        return np.repeat(self._mask(record)[:, :, None] * np.uint8(60), 3, axis=2)


def reader(config: TrialConfig) -> ColourReader:
    return ColourReader(config, classes=4).eval()


@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    scale=st.sampled_from([0.25, 0.5, 0.7, 1.0, 1.5]),
)
def test_windows_answer_for_every_pixel_once_and_see_it(height: int, width: int, scale: float) -> None:
    config = small_config(crop_size=64, image_scale=scale)
    scaled_height, scaled_width = scaled_size(height, width, scale)
    covered = np.zeros((height, width), int)
    for window in image_windows(height, width, config):
        cell = window.cell
        covered[cell.top : cell.bottom, cell.left : cell.right] += 1
        for start, first, end, length, scaled in (
            (window.top, cell.top, cell.bottom, height, scaled_height),
            (window.left, cell.left, cell.right, width, scaled_width),
        ):
            assert start == 0 or start + 64 <= scaled
            if scale == 1.0:
                assert start <= first
                assert end <= start + 64
            else:  # sizes are rounded to whole pixels of the scaled image
                assert start <= first * scaled / length + 1
                assert end * scaled / length <= start + 64 + 1
    assert (covered == 1).all()


@pytest.mark.parametrize(("scale", "least"), [(1.0, 1.0), (2.0, 0.99), (0.5, 0.75)])
@pytest.mark.parametrize("crop_size", [32, 64, 96])
def test_a_perfect_reader_is_right_at_the_original_resolution(scale: float, least: float, crop_size: int) -> None:
    """Wrong positions, lost pixels or padding that counts would all cost pixels."""
    config = small_config(crop_size=crop_size, image_scale=scale)
    dataset = ReadableDataset()
    data = small_data(dataset)
    evaluation = evaluate_part(reader(config), config, data, "test", PLAIN)
    counts = [dataset.class_counts(record) for record in data.records("test")]
    assert evaluation.total_confusion.sum(axis=1).tolist() == np.sum(counts, axis=0).tolist()
    assert evaluation.miou >= least
    assert evaluation.miou <= 1.0


def test_confusions_by_photo_and_by_group() -> None:
    dataset = ReadableDataset(labelled=12)
    config = small_config()
    by_photo = TrialData(dataset, replace(small_split(dataset), test=tuple(r.name for r in dataset.records[4:12])))
    evaluation = evaluate_part(reader(config), config, by_photo, "test", PLAIN)
    assert evaluation.photos == tuple(sorted({record.photo for record in dataset.records[4:12]}))
    assert evaluation.groups == evaluation.photo_groups == evaluation.photos
    by_capture = TrialData(dataset, replace(by_photo.split, by="capture"))
    grouped = evaluate_part(reader(config), config, by_capture, "test", PLAIN)
    assert grouped.groups == ("c0", "c1")
    assert grouped.photo_groups == tuple(photo.split("/")[0] for photo in grouped.photos)
    assert (grouped.photo_confusion == evaluation.photo_confusion).all()
    own = [photo.startswith("c1/") for photo in grouped.photos]
    assert (grouped.confusion[1] == grouped.photo_confusion[own].sum(axis=0)).all()
    assert (grouped.confusion.sum(axis=0) == grouped.total_confusion).all()


@pytest.mark.parametrize(("first", "second"), [({}, {"image_scale": 0.5}), ({}, {"crop_size": 64, "image_scale": 2.0})])
def test_limited_windows_are_the_same_pixels_for_every_trial(first: dict[str, float], second: dict[str, float]) -> None:
    data = small_data(ReadableDataset(), validation_windows=5, validation_window_size=16)
    truths = []
    for changes in (first, second):
        config = small_config(**changes)
        evaluation = evaluate_part(reader(config), config, data, "validation", PLAIN)
        truths.append(evaluation.total_confusion.sum(axis=1).tolist())
    assert truths[0] == truths[1]
    assert 0 < sum(truths[0]) <= 5 * 256


def test_limited_windows_run_only_what_is_needed() -> None:
    config = small_config(crop_size=32)
    full, limited = small_data(), small_data(validation_windows=1, validation_window_size=16)
    seen = [
        len(
            {
                (record.name, cell)
                for record, cell, _ in predicted_cells(
                    reader(config),
                    config,
                    data,
                    data.records("validation"),
                    cells=data.cells("validation"),
                    layout=PLAIN,
                )
            }
        )
        for data in (full, limited)
    ]
    assert seen[0] == 2 * 4
    assert seen[1] == 1


def test_a_prediction_that_is_no_number_is_told() -> None:
    class Broken(SmallModel):
        def probabilities(self, images: Tensor) -> Tensor:
            return super().probabilities(images) * float("nan")

    config = small_config()
    with pytest.raises(NonFinitePredictionError):
        evaluate_part(Broken(config, classes=4).eval(), config, small_data(), "validation", PLAIN)
