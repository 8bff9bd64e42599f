from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from trainables.data.dataset import IGNORE_INDEX
from trainables.evaluation.boundary_iou import BoundaryCounts, boundary_counts, boundary_width

CLASSES = 4


def label_map(seed: int, height: int = 24, width: int = 30, ignored: float = 0.1) -> NDArray[np.uint8]:
    """Blocks of classes, some pixels without one."""
    random = np.random.default_rng(seed)
    blocks = np.repeat(np.repeat(random.integers(CLASSES, size=(height, width)), 5, axis=0), 5, axis=1)
    labels = blocks[:height, :width].astype(np.uint8)
    labels[random.random(labels.shape) < ignored] = IGNORE_INDEX
    return labels


def prediction_map(seed: int) -> NDArray[np.uint8]:
    return label_map(seed, ignored=0.0)


def column_map(edge: int, *, height: int = 10, width: int = 10) -> NDArray[np.uint8]:
    """Class 0 left of a column, class 1 from there on."""
    labels = np.zeros((height, width), dtype=np.uint8)
    labels[:, edge:] = 1
    return labels


@pytest.mark.parametrize(
    ("height", "width", "expected"), [(10, 10, 1), (1, 1, 1), (256, 256, 7), (300, 400, 10), (3648, 5472, 132)]
)
def test_the_boundary_is_2_percent_of_the_diagonal_wide(height: int, width: int, expected: int) -> None:
    assert boundary_width(height, width) == expected


def test_by_hand() -> None:
    """Edges at columns 5 and 6; each class's boundary is the one column at its side of the edge."""
    counts = boundary_counts(column_map(5), column_map(6), 2)
    assert counts.truth.tolist() == [10, 10]  # columns 4 and 5
    assert counts.prediction.tolist() == [10, 10]  # columns 5 and 6
    assert counts.hits.tolist() == [0, 0]  # column 5 is class 1 in the truth, class 0 in the prediction
    assert counts.ious.tolist() == [0.0, 0.0]


def test_by_hand_with_a_wider_boundary() -> None:
    """100 x 100 px: 3 px wide. Truth of class 1 from column 50, predicted from 51."""
    truth, prediction = (column_map(edge, height=100, width=100) for edge in (50, 51))
    counts = boundary_counts(truth, prediction, 2)
    # Class 1: columns 50-52 against 51-53, shared 51 and 52; class 0: 47-49 against 48-50, shared 48 and 49.
    assert counts.hits.tolist() == [200, 200]
    assert counts.truth.tolist() == counts.prediction.tolist() == [300, 300]
    assert counts.ious.tolist() == [0.5, 0.5]
    assert counts.miou == 0.5


def test_borders_of_the_piece_are_no_contours() -> None:
    counts = boundary_counts(np.ones((20, 20), np.uint8), np.ones((20, 20), np.uint8), 2)
    assert counts.truth.tolist() == counts.prediction.tolist() == [0, 0]
    assert np.isnan(counts.miou)


def test_ignored_pixels_neither_make_a_contour_nor_belong_to_one() -> None:
    truth = np.ones((20, 20), np.uint8)
    truth[:, 10:] = IGNORE_INDEX
    prediction = truth.copy()
    prediction[:, 10:] = 3  # differs from class 1 only where nobody knows the truth
    counts = boundary_counts(truth, prediction, CLASSES)
    assert counts.truth.sum() == counts.prediction.sum() == 0
    # The edge between 0 and 1 lies at column 5; a hole in it takes its pixels out of the count.
    edge = column_map(5)
    edge[:4] = IGNORE_INDEX
    assert boundary_counts(edge, column_map(5), 2).hits.tolist() == [6, 6]


def test_a_class_that_only_the_prediction_has_costs_its_neighbours_but_has_no_value_itself() -> None:
    truth, prediction = column_map(5), column_map(5)
    prediction[:, 8:] = 2
    counts = boundary_counts(truth, prediction, 3)
    ious = counts.ious
    assert ious[0] == 1.0
    assert ious[1] == 0.5  # columns 5 and 7 against 5
    assert np.isnan(ious[2])
    assert counts.miou == 0.5


@given(st.integers(0, 1000))
def test_it_is_what_an_erosion_of_each_class_leaves_out(seed: int) -> None:
    """The paper's definition, class by class, with everything beyond the image taken as inside."""
    truth, prediction = label_map(seed, ignored=0.0), prediction_map(seed + 1)
    width = boundary_width(*truth.shape)
    counts = boundary_counts(truth, prediction, CLASSES)
    square = np.ones((2 * width + 1, 2 * width + 1))
    for index in range(CLASSES):
        own, predicted = (
            mask & ~ndimage.binary_erosion(mask, square, border_value=1)
            for mask in (truth == index, prediction == index)
        )
        assert counts.truth[index] == own.sum()
        assert counts.prediction[index] == predicted.sum()
        assert counts.hits[index] == (own & predicted).sum()


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=4), st.randoms())
def test_pieces_add_up_in_any_order(seeds: list[int], random: Random) -> None:
    pieces = [boundary_counts(label_map(seed), prediction_map(seed + 1), CLASSES) for seed in seeds]
    in_order = sum(pieces, BoundaryCounts.none(CLASSES))
    random.shuffle(pieces)
    in_other_order = sum(pieces, BoundaryCounts.none(CLASSES))
    for name in ("hits", "truth", "prediction"):
        total = np.sum([getattr(piece, name) for piece in pieces], axis=0)
        assert (getattr(in_order, name) == total).all()
        assert (getattr(in_other_order, name) == total).all()


@given(st.integers(0, 1000))
def test_a_perfect_prediction_scores_1(seed: int) -> None:
    truth = label_map(seed)
    prediction = np.where(truth == IGNORE_INDEX, 2, truth).astype(np.uint8)
    counts = boundary_counts(truth, prediction, CLASSES)
    present = counts.ious[counts.truth > 0]
    assert (present == 1.0).all()
    assert len(present) > 0


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_it_stays_between_0_and_1(seed: int, other: int) -> None:
    counts = boundary_counts(label_map(seed), prediction_map(other), CLASSES)
    assert ((counts.ious >= 0) & (counts.ious <= 1) | np.isnan(counts.ious)).all()
    assert (counts.hits <= np.minimum(counts.truth, counts.prediction)).all()
