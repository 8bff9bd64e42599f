import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from trainables.data.dataset import IGNORE_INDEX
from trainables.evaluation.pseudo_label_check import PseudoLabelCounts, pseudo_label_counts
from trainables.selftraining.class_thresholds import ClassThresholds


class Soft(ClassThresholds):
    """Weighs a label by its confidence."""

    def __init__(self) -> None:
        super().__init__([0.0] * 3)

    def mask(self, confidence: Tensor, labels: Tensor) -> Tensor:
        assert confidence.ndim == labels.ndim == 3
        assert labels.dtype == torch.int64
        return confidence


def drawn(seed: int, pixels: int = 200) -> tuple[Tensor, Tensor, Tensor]:
    """Truth, prediction and confidence."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randint(3, (pixels,), generator=generator).to(torch.uint8)
    truth[torch.rand(pixels, generator=generator) < 0.1] = IGNORE_INDEX
    prediction = torch.randint(3, (pixels,), generator=generator).to(torch.uint8)
    return truth, prediction, torch.rand(pixels, generator=generator)


TRUTH = torch.tensor([[0, 1, 1], [2, 2, 255]], dtype=torch.uint8)
PREDICTION = torch.tensor([[0, 1, 2], [1, 2, 1]], dtype=torch.uint8)
CONFIDENCE = torch.tensor([[0.9, 0.8, 0.4], [0.6, 0.55, 0.99]])


def test_by_hand_with_thresholds() -> None:
    counts = pseudo_label_counts(TRUTH, PREDICTION, CONFIDENCE, ClassThresholds([0.95, 0.5, 0.5]), 3)
    # Trusted and known: (0, 1) as 1, right; (1, 0) as 1, wrong; (1, 1) as 2, right. The last pixel is unknown.
    assert counts.precision == pytest.approx(2 / 3)
    assert counts.precisions[1:].tolist() == [0.5, 1.0]
    assert np.isnan(counts.precisions[0])
    assert counts.mask_ratio == pytest.approx(3 / 5)


def test_by_hand_with_soft_weights() -> None:
    counts = pseudo_label_counts(TRUTH, PREDICTION, CONFIDENCE, Soft(), 3)
    assert counts.precision == pytest.approx((0.9 + 0.8 + 0.55) / (0.9 + 0.8 + 0.4 + 0.6 + 0.55), abs=1e-6)
    assert counts.precisions == pytest.approx([1.0, 0.8 / 1.4, 0.55 / 0.95], abs=1e-6)
    assert counts.mask_ratio == pytest.approx(3.25 / 5, abs=1e-6)


def test_nothing_trusted_has_no_precision() -> None:
    counts = pseudo_label_counts(TRUTH, PREDICTION, CONFIDENCE, ClassThresholds([0.99] * 3), 3)
    assert np.isnan(counts.precision)
    assert np.isnan(counts.precisions).all()
    assert counts.mask_ratio == 0.0
    assert np.isnan(PseudoLabelCounts.none(3).mask_ratio)


@given(st.integers(0, 10_000), st.integers(1, 199), st.booleans(), st.booleans())
def test_pieces_add_up_exactly_in_any_order(seed: int, cut: int, backwards: bool, soft: bool) -> None:
    whole = drawn(seed)
    strategy = Soft() if soft else ClassThresholds([0.2, 0.5, 0.8])
    bounds = [(0, cut), (cut, 200)]
    total = PseudoLabelCounts.none(3)
    for first, end in reversed(bounds) if backwards else bounds:
        total += pseudo_label_counts(*(values[first:end] for values in whole), strategy, 3)
    at_once = pseudo_label_counts(*whole, strategy, 3)
    assert (total.weights == at_once.weights).all()
    assert (total.right == at_once.right).all()
    assert total.pixels == at_once.pixels


@given(st.integers(0, 10_000))
def test_perfect_labels_have_precision_1(seed: int) -> None:
    truth, _, confidence = drawn(seed)
    labels = torch.where(truth == IGNORE_INDEX, 0, truth)
    counts = pseudo_label_counts(truth, labels, confidence, Soft(), 3)
    assert counts.precision == 1.0
    assert (counts.precisions == 1.0).all()
