import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.scores import (
    class_sums,
    floor_miou_majority,
    foreground_mean,
    foreground_miou,
    iou_of_sums,
    iou_per_class,
)

# Rows are the truth. Class 2 is not in the truth but is predicted twice.
CONFUSION = np.array(
    [
        [50, 10, 0, 0],
        [5, 20, 0, 5],
        [0, 0, 0, 0],
        [0, 0, 2, 8],
    ]
)


def test_iou_by_hand() -> None:
    iou = iou_per_class(CONFUSION)
    assert iou[0] == pytest.approx(50 / 65)
    assert iou[1] == pytest.approx(20 / 40)
    assert np.isnan(iou[2])
    assert iou[3] == pytest.approx(8 / 15)


def test_miou_leaves_out_background_and_absent_classes() -> None:
    assert foreground_miou(CONFUSION) == pytest.approx((20 / 40 + 8 / 15) / 2)


def test_miou_of_no_foreground_is_unknown() -> None:
    assert np.isnan(foreground_miou(np.array([[5, 1], [0, 0]])))


def test_leading_axes_are_kept() -> None:
    both = np.stack([CONFUSION, CONFUSION * 3])
    assert iou_per_class(both).shape == (2, 4)
    np.testing.assert_allclose(foreground_miou(both), foreground_miou(CONFUSION))


@settings(max_examples=50, deadline=None)
@given(arrays(np.int64, (3, 4, 4), elements=st.integers(0, 10**9)))
def test_scores_of_summed_sums_are_those_of_summed_matrices_to_the_last_bit(photos: np.ndarray) -> None:
    ious = iou_of_sums(class_sums(photos).sum(axis=0))
    np.testing.assert_array_equal(ious, iou_per_class(photos.sum(axis=0)))
    np.testing.assert_array_equal(foreground_mean(ious), foreground_miou(photos.sum(axis=0)))


def test_floor_by_hand() -> None:
    # Class 2 everywhere: IoU 30/100 for it, 0 for class 1; class 3 is absent.
    assert floor_miou_majority([60, 10, 30, 0]) == pytest.approx(0.15)
    with pytest.raises(ValueError, match="foreground"):
        floor_miou_majority([60, 0])


@settings(max_examples=100, deadline=None)
@given(arrays(np.int64, 4, elements=st.integers(0, 1000)).filter(lambda counts: counts[1:].sum() > 0))
def test_floor_is_the_best_constant_prediction(counts: np.ndarray) -> None:
    scores = []
    for predicted in range(4):
        confusion = np.zeros((4, 4), dtype=np.int64)
        confusion[:, predicted] = counts
        scores.append(float(foreground_miou(confusion)))
    assert floor_miou_majority(counts) == pytest.approx(max(scores))
