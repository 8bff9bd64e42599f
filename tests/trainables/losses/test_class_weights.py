import numpy as np
import pytest

from spaces.configuration import TrialConfig
from tests.trainables.small_trial import small_data
from trainables.losses.class_weights import class_weights


def config(**changes: object) -> TrialConfig:
    return TrialConfig.model_validate({"architecture": "any", "encoder": "any", **changes})


def test_weights_are_the_inverse_frequencies_or_alike_times_the_factors() -> None:
    data = small_data()
    inverse = data.class_weights(3.0)
    last = data.classes.names[-1]
    factors = {last: 0.5, "of other data": 9.0}
    assert np.array_equal(class_weights(config(class_weight_cap=3.0), data), inverse)
    assert (class_weights(config(class_weighting="none"), data) == 1).all()
    given = class_weights(config(class_weighting="none", class_weight_factors=factors), data)
    assert given.tolist() == [1.0] * (len(inverse) - 1) + [0.5]
    both = class_weights(config(class_weight_cap=3.0, class_weight_factors=factors), data)
    assert np.array_equal(both, inverse * given)


def test_a_negative_factor_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'road' has -1\.0; it must be 0 or more"):
        config(class_weight_factors={"road": -1.0})
