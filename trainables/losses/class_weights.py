"""How much each class weighs in the cross-entropy of a trial."""

import numpy as np
from numpy.typing import NDArray

from spaces.configuration import TrialConfig
from trainables.data.trial_data import TrialData


def class_weights(config: TrialConfig, data: TrialData) -> NDArray[np.float32]:
    """Weight of each class, (C,): what `class_weighting` gives, times the class's own factor.

    Args:
        config: Its `class_weighting`, `class_weight_cap` and `class_weight_factors` are used; factors of classes that
            the data don't have are left out.
        data: Says how frequent the classes are.
    """
    names = data.classes.names
    if config.class_weighting == "inverse":
        weights = data.class_weights(config.class_weight_cap)
    else:
        weights = np.ones(len(names), dtype=np.float32)
    factors = np.array([config.class_weight_factors.get(name, 1.0) for name in names], dtype=np.float32)
    return weights * factors
