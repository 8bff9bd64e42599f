from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from trainables.data.dataset import IGNORE_INDEX
from trainables.evaluation.calibration import BINS, CalibrationCounts, calibration_counts


def drawn(seed: int, pixels: int = 200) -> tuple[Tensor, Tensor, Tensor]:
    """Truth, prediction and confidence."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randint(4, (pixels,), generator=generator).to(torch.uint8)
    truth[torch.rand(pixels, generator=generator) < 0.1] = IGNORE_INDEX
    prediction = torch.randint(4, (pixels,), generator=generator).to(torch.uint8)
    return truth, prediction, torch.rand(pixels, generator=generator)


def test_by_hand() -> None:
    """Two bins in use: 0.9 twice (one right) and 0.5 (right), and one pixel that does not count."""
    truth = torch.tensor([[1, 1], [2, 255]], dtype=torch.uint8)
    prediction = torch.tensor([[1, 0], [2, 3]], dtype=torch.uint8)
    confidence = torch.tensor([[0.9, 0.9], [0.5, 1.0]])
    counts = calibration_counts(truth, prediction, confidence)
    assert counts.pixels.sum() == 3
    assert counts.right.sum() == 2
    # 2/3 * |0.5 - 0.9| + 1/3 * |1 - 0.5|
    assert counts.error == pytest.approx((2 * 0.4 + 0.5) / 3, abs=1e-6)


@pytest.mark.parametrize(("confidence", "place"), [(0.0, 0), (1 / 15, 0), (0.07, 1), (0.5, 7), (0.999, 14), (1.0, 14)])
def test_bins_are_equally_wide_and_closed_above(confidence: float, place: int) -> None:
    label = torch.zeros(1, dtype=torch.uint8)
    counts = calibration_counts(label, label, torch.tensor([confidence]))
    assert counts.pixels.tolist() == [int(index == place) for index in range(BINS)]


def test_errors_within_a_bin_cancel_and_between_bins_do_not() -> None:
    label = torch.zeros(2, dtype=torch.uint8)
    wrong_once = torch.tensor([0, 1], dtype=torch.uint8)
    assert calibration_counts(label, wrong_once, torch.tensor([0.5, 0.5])).error == 0.0
    assert calibration_counts(label, wrong_once, torch.tensor([0.5, 0.9])).error == pytest.approx(0.7, abs=1e-6)


def test_nothing_counted_has_no_error() -> None:
    ignored = torch.full((3,), IGNORE_INDEX, dtype=torch.uint8)
    assert np.isnan(calibration_counts(ignored, ignored, torch.ones(3)).error)
    assert np.isnan(CalibrationCounts.none().error)


@given(st.integers(0, 10_000), st.integers(1, 199), st.randoms())
def test_pieces_add_up_exactly_in_any_order(seed: int, cut: int, random: Random) -> None:
    whole = drawn(seed)
    bounds = [(0, cut), (cut, 200)]
    random.shuffle(bounds)
    total = CalibrationCounts.none()
    for first, end in bounds:
        total += calibration_counts(*(values[first:end] for values in whole))
    at_once = calibration_counts(*whole)
    for name in ("pixels", "right", "confidence"):
        assert (getattr(total, name) == getattr(at_once, name)).all()
    assert total.error == at_once.error


@given(st.integers(0, 10_000))
def test_it_is_guos_formula(seed: int) -> None:
    truth, prediction, confidence = (values.numpy() for values in drawn(seed))
    counted = truth != IGNORE_INDEX
    right, sure = (truth == prediction)[counted], confidence[counted].astype(np.float64)
    expected = 0.0
    for index in range(BINS):
        own = (sure > index / BINS) & (sure <= (index + 1) / BINS)
        if own.any():
            expected += own.mean() * abs(right[own].mean() - sure[own].mean())
    assert calibration_counts(*drawn(seed)).error == pytest.approx(expected, abs=1e-5)


@given(st.integers(0, 10_000))
def test_a_sure_and_perfect_prediction_has_no_error(seed: int) -> None:
    truth, _, confidence = drawn(seed)
    assert calibration_counts(truth, truth, torch.ones_like(confidence)).error == 0.0
