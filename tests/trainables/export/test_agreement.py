import numpy as np
import pytest

from trainables.export.agreement import compare_outputs


def test_rounding_is_no_difference_and_another_class_is() -> None:
    logits = np.random.default_rng(0).normal(size=(1, 4, 20, 20)).astype(np.float32)
    assert compare_outputs(logits, logits + np.float32(1e-5)).exact
    other = compare_outputs(logits, logits[:, ::-1])
    assert not other.exact
    assert other.argmax_agreement < 0.1


def test_heads_are_compared_along_their_own_classes() -> None:
    logits = np.zeros((1, 2, 3, 4, 4), dtype=np.float32)
    logits[:, :, 1] = 1
    changed = logits.copy()
    changed[:, 1, 2] = 2
    found = compare_outputs(logits, changed, class_axis=2)
    assert (found.argmax_agreement, found.largest_difference, found.scale) == (0.5, 2.0, 1.0)


def test_nonsense_is_refused() -> None:
    good = np.zeros((1, 2, 4, 4), dtype=np.float32)
    with pytest.raises(ValueError, match="shapes"):
        compare_outputs(good, good[:, :1])
    with pytest.raises(ValueError, match="not finite"):
        compare_outputs(good, np.full_like(good, np.nan))
