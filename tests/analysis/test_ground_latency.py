import numpy as np
import pandas as pd
import pytest

from analysis.ground_latency import ground_latencies, latency_per_megapixel


def test_half_the_scale_needs_a_quarter_of_the_windows() -> None:
    whole = latency_per_megapixel(20.0, 1.0, 250.0)
    # 16 windows of 250 px cover a megapixel.
    assert whole == pytest.approx(16 * 20)
    assert latency_per_megapixel(20.0, 0.5, 250.0) == pytest.approx(whole / 4)
    # A window twice as wide that takes four times as long is no faster.
    assert latency_per_megapixel(80.0, 1.0, 500.0) == pytest.approx(whole)


def test_rows_without_all_of_it_have_none() -> None:
    table = pd.DataFrame(
        {
            "latency_ms_p50": [20.0, np.nan, 20.0],
            "config.image_scale": [1.0, 1.0, np.nan],
            "config.crop_size": [250, 250, 250],
        }
    )
    assert ground_latencies(table)[0] == pytest.approx(320)
    assert np.isnan(ground_latencies(table)[1:]).all()
    assert np.isnan(ground_latencies(table.drop(columns="config.crop_size"))).all()
