from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from spaces.configuration import TrialConfig
from tests.trainables.small_model import SmallModel
from tests.trainables.small_trial import SmallDataset, small_config, small_data, small_split
from trainables.compute.precision import ComputeLayout
from trainables.data.trial_data import TrialData
from trainables.evaluation.boundary_iou import BoundaryCounts, boundary_counts
from trainables.evaluation.evaluation import (
    NonFinitePredictionError,
    evaluate_part,
    predicted_cells,
)
from trainables.evaluation.settings import EvaluationSettings
from trainables.selftraining.class_thresholds import ClassThresholds

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
    chosen = np.flatnonzero(dataset.records.labelled)[4:].astype(np.int32)
    by_photo = TrialData(dataset, replace(small_split(dataset), test=chosen))
    evaluation = evaluate_part(reader(config), config, by_photo, "test", PLAIN)
    assert evaluation.photos == tuple(sorted({record.photo for record in dataset.records.take(chosen)}))
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


@pytest.mark.parametrize("settings", [EvaluationSettings(0.5), EvaluationSettings(0.25, True)])
@pytest.mark.parametrize("windows", [None, 5])
def test_overlap_and_mirrors_change_nothing_for_a_perfect_reader(
    settings: EvaluationSettings, windows: int | None
) -> None:
    config = small_config(crop_size=32)
    data = small_data(ReadableDataset(), validation_windows=windows, validation_window_size=16)
    plain, other = (
        evaluate_part(reader(config), config, data, "validation", PLAIN, settings=chosen)
        for chosen in (EvaluationSettings(), settings)
    )
    assert plain.miou == other.miou == plain.boundary_miou == other.boundary_miou == 1.0
    assert (plain.photo_confusion == other.photo_confusion).all()
    assert (plain.boundary.truth == other.boundary.truth).all()


def predicted_maps(config: TrialConfig, data: TrialData, part: str, model: SmallModel) -> dict[str, NDArray[np.uint8]]:
    """Whole predictions, put together from their rectangles."""
    records = data.records(part)
    maps = {record.name: np.full((record.height, record.width), 255, np.uint8) for record in records}
    for record, cell, classes in predicted_cells(model, config, data, records, layout=PLAIN):
        maps[record.name][cell.top : cell.bottom, cell.left : cell.right] = classes.numpy()
    return maps


def test_contours_are_judged_on_whole_images() -> None:
    """Not on the windows that they were predicted by: an edge between two windows counts."""
    config = small_config(crop_size=32)
    data = small_data()
    torch.manual_seed(0)
    model = SmallModel(config, classes=4).eval()
    evaluation = evaluate_part(model, config, data, "test", PLAIN)
    maps = predicted_maps(config, data, "test", model)
    expected = BoundaryCounts.none(4)
    for record in data.records("test"):
        expected += boundary_counts(data.mask(record), maps[record.name], 4)
    assert (evaluation.boundary.hits == expected.hits).all()
    assert (evaluation.boundary.truth == expected.truth).all()
    assert (evaluation.boundary.prediction == expected.prediction).all()
    assert evaluation.boundary_miou == expected.miou
    assert 0 < evaluation.boundary_miou < 1


def test_contours_of_a_limited_validation_are_judged_window_by_window() -> None:
    """Whatever windows the network needs for them."""
    config = small_config(crop_size=32, image_scale=2.0)
    data = small_data(ReadableDataset(), validation_windows=5, validation_window_size=24)
    cells = data.cells("validation")
    assert cells is not None
    evaluation = evaluate_part(reader(config), config, data, "validation", PLAIN)
    expected = BoundaryCounts.none(4)
    for record in data.records("validation"):
        for cell in cells.get(record.name, ()):
            mask = data.mask(record)[cell.top : cell.bottom, cell.left : cell.right]
            expected += boundary_counts(mask, mask, 4)
    assert (evaluation.boundary.truth == expected.truth).all()


def test_confidence_and_pseudo_labels_are_those_of_the_counted_pixels() -> None:
    config = small_config()
    data = small_data()
    torch.manual_seed(0)
    model = SmallModel(config, classes=4).eval()
    thresholds = ClassThresholds([0.3, 0.3, 0.3, 0.3])
    evaluation = evaluate_part(model, config, data, "test", PLAIN, strategy=thresholds)
    confusion = evaluation.total_confusion
    assert evaluation.calibration.pixels.sum() == confusion.sum()
    assert evaluation.calibration.right.sum() == np.trace(confusion)
    assert evaluation.pseudo_labels is not None
    assert evaluation.pseudo_labels.pixels == confusion.sum()
    everything = evaluate_part(model, config, data, "test", PLAIN, strategy=ClassThresholds([0.0] * 4))
    assert everything.mask_ratio == 1.0
    assert everything.pseudo_precision == np.trace(confusion) / confusion.sum()
    assert evaluation.mask_ratio is not None
    assert 0 < evaluation.mask_ratio < 1


def test_without_a_strategy_there_are_no_figures_of_pseudo_labels() -> None:
    config = small_config()
    evaluation = evaluate_part(reader(config), config, small_data(ReadableDataset()), "test", PLAIN)
    assert evaluation.pseudo_labels is None
    assert evaluation.pseudo_precision is evaluation.pseudo_precisions is evaluation.mask_ratio is None
