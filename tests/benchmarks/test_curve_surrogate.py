"""The surrogate of recorded curves."""

import numpy as np
import pytest

from benchmarks.curve_surrogate import INACTIVE, CurveSurrogate, Encoding, main, spearman, unseen
from benchmarks.recorded_curves import RecordedCurves
from spaces.conditions import Scalar
from spaces.errors import InputError


def recorded(count: int, seed: int = 0) -> RecordedCurves:
    """Curves whose height is the learning rate's logarithm, whatever else was drawn."""
    draw = np.random.default_rng(seed)
    drawn: list[dict[str, Scalar]] = []
    for _ in range(count):
        values: dict[str, Scalar] = {
            "rate": float(np.exp(draw.uniform(-9, -4))),
            "optimizer": str(draw.choice(["a", "b"])),
        }
        if values["optimizer"] == "a":
            values["momentum"] = float(draw.uniform(0, 1))
        drawn.append(values)
    heights = np.array([(np.log(float(values["rate"])) + 9) / 10 for values in drawn])
    times = np.arange(1, 14)
    mious = heights[:, None] * (1 - np.exp(-times / 3)) + draw.normal(0, 0.005, size=(count, 13))
    return RecordedCurves(mious, np.full(count, 2.0), tuple(drawn), 104, 8)


def test_parameters_that_do_not_apply_have_a_value_of_their_own() -> None:
    encoding = Encoding(recorded(30).drawn)
    with_momentum = encoding.encode({"rate": 1e-3, "optimizer": "a", "momentum": 0.5})
    without = encoding.encode({"rate": 1e-3, "optimizer": "b"})
    assert INACTIVE not in with_momentum
    assert without.count(INACTIVE) == 1


def test_unseen_configurations_are_ranked_rightly() -> None:
    surrogate = CurveSurrogate(recorded(60))
    other = recorded(60, seed=1)
    curves, seconds = surrogate.curves(other.drawn, np.random.default_rng(0))
    assert curves.shape == (60, 13)
    assert set(seconds) == {2.0}
    assert spearman(curves[:, -1], other.mious[:, -1]) > 0.9
    assert spearman(surrogate.predicted[:, -1], surrogate.recorded[:, -1]) > 0.9
    assert surrogate.explained > 0.95


def test_drawn_curves_scatter_as_recorded_ones_do() -> None:
    surrogate = CurveSurrogate(recorded(60))
    curves, _ = surrogate.curves(recorded(60, seed=1).drawn, np.random.default_rng(0))
    rough = np.abs(np.diff(curves, n=2, axis=1)).mean()
    assert rough == pytest.approx(np.abs(np.diff(surrogate.recorded, n=2, axis=1)).mean(), rel=0.3)
    assert curves[:, -1].std() == pytest.approx(surrogate.recorded[:, -1].std(), rel=0.3)


def test_the_same_draws_give_the_same_curves() -> None:
    surrogate = CurveSurrogate(recorded(40))
    drawn = recorded(5, seed=1).drawn
    first, _ = surrogate.curves(drawn, np.random.default_rng(3))
    again, _ = surrogate.curves(drawn, np.random.default_rng(3))
    np.testing.assert_array_equal(first, again)


def test_it_takes_enough_whole_curves() -> None:
    curves = recorded(25)
    curves.mious[:10, 5:] = np.nan
    with pytest.raises(InputError, match="15 whole curves"):
        CurveSurrogate(curves)


def test_unseen_configurations_are_points_of_the_space() -> None:
    drawn = unseen("unet", 3)
    assert len(drawn) == 3
    assert all("optimizer" in values for values in drawn)


def test_a_missing_file_is_said(tmp_path: object) -> None:
    with pytest.raises(InputError, match="no such file"):
        main(["--curves-file", f"{tmp_path}/none.jsonl"])
