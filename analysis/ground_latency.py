"""How long a network takes for a piece of ground: what makes latencies of different inference sizes comparable.

A network's latency is measured for one window of crop_size (`analysis.costs`). With a smaller `image_scale` a window
shows more of the photo, so fewer of them cover it: that is what inference size trades for accuracy. A window covers
(crop_size / image_scale)^2 px of the photo, if the photo is no smaller than that.
"""

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from analysis.tables import CONFIG_PREFIX

if TYPE_CHECKING:
    import pandas as pd

Numbers = TypeVar("Numbers", float, NDArray[np.float64])

GROUND_LATENCY = "latency_ms_per_megapixel"
"""Name of the derived cost: ms per 1e6 px of the photo, before `image_scale`."""


def latency_per_megapixel(window_ms: Numbers, image_scale: Numbers, crop_size: Numbers) -> Numbers:
    """Latency per 1e6 px of the photo, ms, at batch 1 and without overlap of the windows.

    Args:
        window_ms: Latency of one window, ms.
        image_scale: `TrialConfig.image_scale`.
        crop_size: Side of the window, px after scaling.
    """
    return window_ms * 1e6 * (image_scale / crop_size) ** 2


def ground_latencies(trials: "pd.DataFrame") -> NDArray[np.float64]:
    """`latency_per_megapixel` of each row of the table of trials, (N,); NaN where anything of it is unknown."""
    window, scale, size = (
        trials[name].to_numpy(dtype=np.float64, na_value=np.nan) if name in trials else np.full(len(trials), np.nan)
        for name in ("latency_ms_p50", f"{CONFIG_PREFIX}image_scale", f"{CONFIG_PREFIX}crop_size")
    )
    return latency_per_megapixel(window, scale, size)
