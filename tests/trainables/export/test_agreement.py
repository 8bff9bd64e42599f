import numpy as np
import pytest

from trainables.export.agreement import compare_outputs


def test_rounding_is_no_difference_and_another_class_is() -> None:
    logits = np.random.default_rng(0).normal(size=(1, 4, 20, 20)).astype(np.float32)
    assert compare_outputs(logits, logits + np.float32(1e-5)).exact
    other = compare_outputs(logits, logits[:, ::-1])
    assert not other.exact
    assert other.argmax_agreement < 0.1


def test_what_is_tolerated_grows_with_the_values() -> None:
    original = np.zeros((2, 3, 4, 4), dtype=np.float32)
    original[:, 1] = -20
    changed = original.copy()
    changed[1, 2] = 2
    found = compare_outputs(original, changed)
    assert (found.argmax_agreement, found.largest_difference, found.scale) == (0.5, 2.0, 20.0)
    assert found.tolerance == pytest.approx(0.02)
    for difference, exact in ((0.019, True), (0.021, False)):
        assert compare_outputs(original, original - np.float32(difference)).exact == exact


def test_nonsense_is_refused() -> None:
    good = np.zeros((1, 2, 4, 4), dtype=np.float32)
    with pytest.raises(ValueError, match="shapes"):
        compare_outputs(good, good[:, :1])
    with pytest.raises(ValueError, match="not finite"):
        compare_outputs(good, np.full_like(good, np.nan))
