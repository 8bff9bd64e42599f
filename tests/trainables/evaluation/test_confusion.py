import numpy as np
import pytest
import torch

from trainables.evaluation.confusion import class_ious, confusion_matrix, foreground_miou


def test_by_hand() -> None:
    truth = torch.tensor([[0, 0, 1, 1], [1, 2, 255, 255]], dtype=torch.uint8)
    prediction = torch.tensor([[0, 1, 1, 1], [2, 2, 0, 2]], dtype=torch.uint8)
    confusion = confusion_matrix(truth, prediction, 3)
    assert confusion.tolist() == [[1, 1, 0], [0, 2, 1], [0, 0, 1]]
    assert class_ious(confusion).tolist() == [1 / 2, 2 / 4, 1 / 2]
    assert foreground_miou(confusion) == pytest.approx(0.5)


def test_large_indices_do_not_overflow() -> None:
    """A byte times the number of classes leaves the range of bytes."""
    truth = torch.full((4,), 30, dtype=torch.uint8)
    assert confusion_matrix(truth, truth, 31)[30, 30] == 4


def test_absent_class_is_not_counted_but_its_false_pixels_are() -> None:
    confusion = np.array([[5, 0, 0], [0, 6, 2], [0, 0, 0]])
    ious = class_ious(confusion)
    assert ious[:2].tolist() == [1.0, 6 / 8]
    assert np.isnan(ious[2])
    assert foreground_miou(confusion) == 6 / 8


def test_present_class_that_is_never_hit_counts_as_zero() -> None:
    assert foreground_miou(np.array([[5, 0, 0], [0, 4, 0], [3, 0, 0]])) == 0.5


def test_background_alone_has_no_miou() -> None:
    assert np.isnan(foreground_miou(np.array([[5, 1], [0, 0]])))
