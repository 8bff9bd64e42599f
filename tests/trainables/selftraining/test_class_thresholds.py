"""Thresholds that stay as configured: `fixed`, `classwise`, and `off`."""

import pytest
import torch

from tests.trainables.selftraining.strategies import create, probabilities


def test_fixed_has_one_threshold_for_all() -> None:
    confidence, labels = torch.tensor([[[0.7, 0.71, 0.71, 0.9]]]), torch.tensor([[[0, 0, 1, 3]]])
    weights = create("fixed", threshold_base=0.7).mask(confidence, labels)
    assert weights.tolist() == [[[0, 1, 1, 1]]]


def test_classwise_has_base_offsets_and_a_background_of_its_own() -> None:
    strategy = create(
        "classwise",
        threshold_base=0.5,
        threshold_background=0.25,
        threshold_offsets={"Snake Fruit": 0.25, "road": -0.25, "of other data": 0.4},
    )
    confidence = torch.tensor([[[0.25, 0.26, 0.74, 0.76, 0.24, 0.26, 0.49, 0.51]]])
    labels = torch.tensor([[[0, 0, 1, 1, 2, 2, 3, 3]]])
    assert strategy.mask(confidence, labels).tolist() == [[[0, 1, 0, 1, 0, 1, 0, 1]]]


def test_no_offset_shuts_a_class_out() -> None:
    strategy = create("classwise", threshold_base=0.9, threshold_offsets={"road": 0.5})
    assert strategy.mask(torch.tensor([[[0.98, 1.0]]]), torch.tensor([[[2, 2]]])).tolist() == [[[0, 1]]]


@pytest.mark.parametrize("name", ["classwise", "fixed"])
def test_a_higher_base_trusts_no_more(name: str) -> None:
    confidence, labels = probabilities(1).max(1)
    trusted = [float(create(name, threshold_base=base).mask(confidence, labels).sum()) for base in (0.0, 0.5, 0.95)]
    assert trusted[0] >= trusted[1] >= trusted[2]
    assert trusted[0] > trusted[2]


def test_off_trusts_not_even_what_is_certain() -> None:
    assert create("off").mask(torch.ones(1, 2, 2), torch.zeros(1, 2, 2, dtype=torch.int64)).tolist() == [[[0, 0]] * 2]
