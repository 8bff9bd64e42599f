import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.data.sampling import scaled_size
from trainables.evaluation.window_spans import window_spans


@given(length=st.integers(1, 300), scale=st.sampled_from([0.25, 0.5, 0.7, 1.0, 1.5]))
def test_windows_alone_answer_for_every_pixel_once_and_see_it(length: int, scale: float) -> None:
    scaled = scaled_size(length, length, scale)[0]
    covered = np.zeros(length, int)
    for span in window_spans(length, scaled, 64, 0.0):
        covered[span.first : span.end] += 1
        assert (span.weights == 1).all()
        assert span.start == 0 or span.start + 64 <= scaled
        slack = 0 if scale == 1.0 else 1  # sizes are rounded to whole pixels of the scaled image
        assert span.start <= span.first * scaled / length + slack
        assert span.end * scaled / length <= span.start + 64 + slack
    assert (covered == 1).all()


@given(
    length=st.integers(1, 300),
    scale=st.sampled_from([0.25, 0.5, 0.7, 1.0, 1.5]),
    overlap=st.floats(0.01, 0.75),
)
def test_the_weights_of_overlapping_windows_sum_to_1_wherever_they_see(
    length: int, scale: float, overlap: float
) -> None:
    scaled = scaled_size(length, length, scale)[0]
    total = np.zeros(length)
    spans = window_spans(length, scaled, 64, overlap)
    for span in spans:
        assert (span.weights > 0).all()
        assert span.start == 0 or span.start + 64 <= scaled
        assert span.start <= (span.first + 0.5) * scaled / length
        assert (span.end - 0.5) * scaled / length <= span.start + 64
        total[span.first : span.end] += span.weights
    assert total == pytest.approx(1.0, abs=1e-6)
    assert [span.first for span in spans] == sorted(span.first for span in spans)
    assert [span.end for span in spans] == sorted(span.end for span in spans)


def test_windows_alone_are_centred_on_their_shares() -> None:
    """100 px in two windows of 64: shares of 50 px, each window as far inward as its share's centre asks."""
    spans = window_spans(100, 100, 64, 0.0)
    assert [(span.start, span.first, span.end) for span in spans] == [(0, 0, 50), (36, 50, 100)]
    spans = window_spans(150, 150, 64, 0.0)
    assert [(span.start, span.first, span.end) for span in spans] == [(0, 0, 50), (43, 50, 100), (86, 100, 150)]


def test_overlapping_windows_by_hand() -> None:
    spans = window_spans(8, 8, 4, 0.5)
    assert [(span.start, span.first, span.end) for span in spans] == [(0, 0, 4), (2, 2, 6), (4, 4, 8)]
    # Weights fall by 1 from 1.5 in the middle to 0.5 at the border; pixel 2 has 1.5 and 0.5.
    assert spans[0].weights.tolist() == [1, 1, 0.75, 0.25]
    assert spans[1].weights.tolist() == [0.25, 0.75, 0.75, 0.25]


@given(length=st.integers(200, 400), shorter=st.integers(100, 199), overlap=st.sampled_from([0.25, 0.5, 0.75]))
def test_windows_of_a_longer_image_begin_on_the_same_grid(length: int, shorter: int, overlap: float) -> None:
    starts = [span.start for span in window_spans(length, length, 64, overlap)]
    shorter_starts = [span.start for span in window_spans(shorter, shorter, 64, overlap)]
    assert starts[: len(shorter_starts) - 1] == shorter_starts[:-1]
