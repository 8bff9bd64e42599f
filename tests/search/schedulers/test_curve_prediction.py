"""Predicted ends of learning curves, and what is decided by them."""

import math
from dataclasses import replace

import numpy as np
import pytest

from search.schedulers.configuration_features import INACTIVE, ConfigurationFeatures
from search.schedulers.curve_prediction import (
    FEWEST_COMPLETE,
    MOST_CURVES,
    EndPredictor,
    ObservedCurve,
    Prediction,
    can_still_win,
    filled,
    shape,
)
from search.schedulers.rungs import rung_score
from search.schedulers.winning_chances import WinningChances
from spaces.configuration import OFF, TrialConfig

EVALUATIONS = 20


def config(**changed: object) -> TrialConfig:
    return TrialConfig.model_validate({"architecture": "any", "encoder": "any", **changed})


def curve(limit: float, speed: float, noise: float = 0.0, seed: int = 0, **changed: object) -> ObservedCurve:
    places = np.arange(1, EVALUATIONS + 1)
    values = limit * (1 - np.exp(-speed * places)) + noise * np.random.default_rng(seed).normal(size=EVALUATIONS)
    return ObservedCurve(config(**changed), tuple(map(float, values)))


def curves(count: int, seed: int = 0) -> list[ObservedCurve]:
    source = np.random.default_rng(seed)
    return [
        curve(source.uniform(0.1, 0.6), source.uniform(0.05, 0.5), 0.005, seed=1000 * seed + number)
        for number in range(count)
    ]


def begin(whole: ObservedCurve, evaluations: int) -> ObservedCurve:
    return replace(whole, mious=whole.mious[:evaluations])


def fitted(known: list[ObservedCurve]) -> EndPredictor:
    predictor = EndPredictor(EVALUATIONS)
    predictor.fit(known)
    return predictor


def predictions(predictor: EndPredictor, judged: list[ObservedCurve], seen: int) -> list[Prediction]:
    found = [predictor.predict(begin(whole, seen)) for whole in judged]
    assert all(found)
    return [prediction for prediction in found if prediction]


def test_ends_are_predicted_better_than_that_the_last_value_stays() -> None:
    judged = curves(40, seed=1)
    ends = np.array([rung_score(whole.mious) for whole in judged])
    for seen in (3, 10):
        means = np.array([prediction.mean for prediction in predictions(fitted(curves(40)), judged, seen)])
        now = np.array([rung_score(whole.mious[:seen]) for whole in judged])
        assert np.mean((means - ends) ** 2) < 0.5 * np.mean((now - ends) ** 2)


def test_nine_in_ten_ends_lie_within_their_interval() -> None:
    judged = curves(60, seed=1)
    found = predictions(fitted(curves(30)), judged, 4)
    inside = [
        abs(prediction.mean - rung_score(whole.mious)) <= 1.645 * prediction.sd
        for prediction, whole in zip(found, judged, strict=True)
    ]
    assert 0.8 <= np.mean(inside) <= 1.0


def test_the_configuration_counts() -> None:
    """Two kinds that look the same at first: only the optimiser tells how they go on."""

    def one_of(optimizer: str, number: int) -> ObservedCurve:
        gain = 0.3 if optimizer == "adamw" else 0.0
        values = [0.2 + 0.001 * (number % 5)] * 5 + [0.2 + gain] * (EVALUATIONS - 5)
        return ObservedCurve(config(optimizer=optimizer), tuple(values))

    predictor = fitted([one_of(kind, number) for number in range(10) for kind in ("sgd", "adamw")])
    slow, fast = predictions(predictor, [one_of("sgd", 3), one_of("adamw", 3)], 4)
    assert slow.mean == pytest.approx(0.2, abs=0.05)
    assert fast.mean == pytest.approx(0.5, abs=0.05)


def test_stopped_curves_teach_too() -> None:
    """Of the complete ones all rose; only stopped ones show that this kind stays where it is."""
    rising = [ObservedCurve(config(heads=3), tuple(np.linspace(0.1, 0.5, EVALUATIONS) + 0.01 * n)) for n in range(5)]
    flat = [ObservedCurve(config(heads=1), tuple([0.1 + 0.01 * n] * 12)) for n in range(10)]
    judged = ObservedCurve(config(heads=1), (0.12,) * 5)
    without, with_them = fitted(rising).predict(judged), fitted([*rising, *flat]).predict(judged)
    assert without is not None and with_them is not None
    assert with_them.mean < without.mean - 0.1


def test_the_same_curves_in_the_same_order_give_the_same_prediction() -> None:
    judged = begin(curves(1, seed=5)[0], 6)
    assert fitted(curves(20)).predict(judged) == fitted(curves(20)).predict(judged)


def test_nothing_is_predicted_from_too_few_complete_curves() -> None:
    whole = curves(FEWEST_COMPLETE)
    stopped = [begin(one, 10) for one in curves(20, seed=2)]
    judged = begin(whole[0], 5)
    assert fitted([*whole[:-1], *stopped]).predict(judged) is None
    assert fitted([*whole, *stopped]).predict(judged) is not None


def test_a_complete_curve_is_its_own_end() -> None:
    whole = curves(1)[0]
    assert EndPredictor(EVALUATIONS).predict(whole) == Prediction(rung_score(whole.mious), 0.0)


def test_missing_values_are_bridged_and_empty_curves_unpredicted() -> None:
    known = curves(10)
    gaps = replace(known[0], mious=(math.nan, *known[0].mious[1:7], math.nan, *known[0].mious[8:]))
    predictor = fitted([gaps, *known[1:]])
    judged = replace(known[1], mious=(0.1, math.nan, 0.2))
    prediction = predictor.predict(judged)
    assert prediction is not None and math.isfinite(prediction.mean) and prediction.sd > 0
    assert predictor.predict(replace(judged, mious=(math.nan, math.nan))) is None
    assert filled((math.nan, 0.1, math.inf, 0.3)) == [0.1, 0.1, 0.1, 0.3]


def test_only_so_many_curves_are_learnt_from() -> None:
    known = curves(MOST_CURVES)
    judged = begin(curves(1, seed=3)[0], 5)
    more = [begin(whole, 7) for whole in curves(50, seed=4)]
    assert fitted([*more, *known]).predict(judged) == fitted(known).predict(judged)


def test_the_shape_of_a_curve() -> None:
    value, gain, recent, below_best, unrest = shape((0.1, 0.2, 0.5, 0.3, 0.4))
    assert value == pytest.approx(0.35)
    assert gain == pytest.approx(0.35 - 0.15)
    assert recent == pytest.approx(0.4 - 0.5)
    assert below_best == pytest.approx(0.5 - 0.35)
    assert unrest == pytest.approx((0.1 + 0.3 + 0.2 + 0.1) / 4)
    assert len(shape((0.1,))) == 5


@pytest.mark.parametrize(
    ("mean", "sd", "wins"), [(0.50, 0.1, True), (0.34, 0.1, True), (0.33, 0.1, False), (0.6, 0, True), (0.4, 0, False)]
)
def test_a_trial_can_win_with_a_chance_of_a_twentieth(mean: float, sd: float, wins: bool) -> None:
    """The normal distribution's 95 % quantile is 1.645."""
    assert can_still_win(Prediction(mean, sd), incumbent=0.5) is wins


def test_configurations_as_numbers() -> None:
    trained = [
        config(heads=1, cutmix=True),
        config(heads=5, optimizer="adamw"),
        config(threshold_strategy=OFF, threshold_offsets={"a": 0.1}),
    ]
    features = ConfigurationFeatures(trained)
    table = {name: column.tolist() for name, column in zip(features.names, features(trained).T, strict=True)}
    assert table["heads"] == [1, 5, 3]
    assert table["optimizer=adamw"] == [0, 1, 0]
    assert table["cutmix"] == [1, 0, INACTIVE]
    assert table["selftraining_start"] == [500, 500, INACTIVE]
    assert "learning_rate" not in table
    assert features([config(optimizer="adamw", encoder="another")]).shape == (1, len(features.names))


def chances(complete: int) -> WinningChances:
    """Trials that all stay about where they are; the best complete one is at 0.5."""
    judge = WinningChances(EVALUATIONS)
    for number in range(complete):
        wave = [0.02 * math.sin(number + place) for place in range(EVALUATIONS)]
        follow(judge, f"whole-{number}", [0.5 - 0.02 * number + height for height in wave])
        judge.halted("unet", f"whole-{number}")
    return judge


def follow(judge: WinningChances, trial_id: str, mious: list[float]) -> None:
    judge.added("unet", trial_id, config())
    for miou in mious:
        judge.reported("unet", trial_id, miou)


@pytest.mark.parametrize(
    ("complete", "low", "wins"), [(8, 0.2, False), (8, 0.49, True), (2, 0.2, True), (0, 0.2, True)]
)
def test_a_trial_goes_on_unless_it_surely_ends_below_the_best(complete: int, low: float, wins: bool) -> None:
    judge = chances(complete)
    follow(judge, "late", [low] * 8)
    assert judge.can_still_win("unet", "late") is wins
    assert judge.can_still_win("unet", "late") is wins


def test_a_trial_above_the_best_goes_on() -> None:
    judge = chances(8)
    follow(judge, "late", [0.6] * 5)
    assert judge.can_still_win("unet", "late")


def test_trials_of_another_space_are_no_measure() -> None:
    judge = chances(8)
    judge.added("deeplabv3plus", "late", config())
    judge.reported("deeplabv3plus", "late", 0.1)
    assert judge.can_still_win("deeplabv3plus", "late")
