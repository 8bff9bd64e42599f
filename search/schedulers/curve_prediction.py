"""Predicting where a learning curve ends, from its shape so far and its configuration, with the uncertainty.

A forest of extremely randomised trees (Geurts et al., 2006; scikit-learn's) learns from the search's other trials how
much a curve gained from the same evaluation on, by its shape until there, its configuration, and how far it was
followed. So trials that were stopped teach it, too, and nothing has to be invented about their ends. Its uncertainty
is its error on the trials that its trees did not see (out of bag), wider where the trees disagree.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.schedulers.configuration_features import ConfigurationFeatures
from search.schedulers.rungs import FEWEST_SCORED, rung_score
from spaces.configuration import TrialConfig

FEWEST_COMPLETE = 3
"""Curves that must have been followed to their ends before any end is predicted."""

MOST_CURVES = 300
"""Curves that a forest learns from, those followed farthest first; bounds the time that it takes."""

TREES = 64

SPREAD_BOUNDS = (0.5, 2.5)
"""How far the trees' disagreement may shrink or widen the variance that was seen out of bag."""

CONFIDENCE = 0.95
"""How sure it must be that a trial can't win."""


@dataclass(frozen=True, slots=True)
class ObservedCurve:
    """A trial as far as it is known.

    Attributes:
        config: What it trains.
        mious: Its evaluations in their order; the same place means the same step in all curves.
    """

    config: TrialConfig
    mious: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The value at the end of a curve, as `rung_score` takes it from the last evaluations.

    Attributes:
        mean: Expected value, mIoU.
        sd: Standard deviation of the error, mIoU.
    """

    mean: float
    sd: float


def can_still_win(prediction: Prediction, incumbent: float, confidence: float = CONFIDENCE) -> bool:
    """Whether the end exceeds `incumbent` with a probability of at least 1 - `confidence`."""
    if prediction.sd <= 0:
        return prediction.mean > incumbent
    return 0.5 * math.erfc((incumbent - prediction.mean) / (prediction.sd * math.sqrt(2))) >= 1 - confidence


class EndPredictor:
    """Predicts ends of curves of one space; the same curves give the same predictions."""

    def __init__(self, evaluations: int) -> None:
        """Start without any curve.

        Args:
            evaluations: Evaluations of a full training.
        """
        self._evaluations = evaluations
        self._curves: list[ObservedCurve] = []
        self._forests: dict[int, _Forest | None] = {}

    def fit(self, curves: Sequence[ObservedCurve]) -> None:
        """Learn from these curves, and from no others; those without any finite value teach nothing.

        The work is done when a prediction is asked for, once for each number of evaluations.
        """
        usable = [curve for curve in curves if any(map(math.isfinite, curve.mious))]
        usable.sort(key=lambda curve: -len(curve.mious))
        self._curves = usable[:MOST_CURVES]
        self._forests = {}

    def predict(self, curve: ObservedCurve) -> Prediction | None:
        """Predict where a curve ends.

        Returns:
            None while fewer than `FEWEST_COMPLETE` known curves are complete, or if the curve has no finite value.
        """
        seen = len(curve.mious)
        if not any(map(math.isfinite, curve.mious)):
            return None
        if seen >= self._evaluations:
            return Prediction(rung_score(curve.mious), 0.0)
        if seen not in self._forests:
            self._forests[seen] = self._forest(seen)
        forest = self._forests[seen]
        return forest.predict(curve) if forest else None

    def _forest(self, seen: int) -> "_Forest | None":
        farther = [curve for curve in self._curves if len(curve.mious) > seen]
        complete = sum(len(curve.mious) >= self._evaluations for curve in farther)
        return _Forest(farther, seen, self._evaluations) if complete >= FEWEST_COMPLETE else None


class _Forest:
    """What curves gain from one evaluation on."""

    def __init__(self, curves: Sequence[ObservedCurve], seen: int, evaluations: int) -> None:
        from sklearn.ensemble import ExtraTreesRegressor

        self._evaluations = evaluations
        self._features = ConfigurationFeatures([curve.config for curve in curves])
        ends = np.array([len(curve.mious) for curve in curves])
        inputs = self._inputs([ObservedCurve(curve.config, curve.mious[:seen]) for curve in curves], ends)
        gains = np.array([rung_score(filled(curve.mious)) - rung_score(filled(curve.mious[:seen])) for curve in curves])
        forest: Any = ExtraTreesRegressor(
            TREES, min_samples_leaf=2, bootstrap=True, oob_score=True, random_state=0, n_jobs=1
        )
        forest.fit(inputs, gains)
        self._trees: list[Any] = [tree.tree_ for tree in forest.estimators_]
        errors = (forest.oob_prediction_ - gains) ** 2
        # Curves that were stopped early had less time to surprise: the complete ones set the least uncertainty.
        self._variance = float(max(errors.mean(), errors[ends >= evaluations].mean()))
        self._usual_spread = float(self._votes(inputs).var(axis=0).mean())

    def predict(self, curve: ObservedCurve) -> Prediction:
        votes = self._votes(self._inputs([curve], np.array([self._evaluations])))[:, 0]
        spread = float(votes.var()) / self._usual_spread if self._usual_spread > 0 else 1.0
        variance = self._variance * min(max(spread, SPREAD_BOUNDS[0]), SPREAD_BOUNDS[1])
        return Prediction(rung_score(filled(curve.mious)) + float(votes.mean()), math.sqrt(variance))

    def _inputs(self, curves: Sequence[ObservedCurve], ends: NDArray[Any]) -> NDArray[np.float32]:
        shapes = np.array([shape(curve.mious) for curve in curves])
        configurations = self._features([curve.config for curve in curves])
        return np.concatenate([shapes, ends[:, None], configurations], axis=1).astype(np.float32)

    def _votes(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        # The trees' own `predict` checks its input anew for each tree, which takes most of its time.
        return np.stack([tree.predict(inputs)[:, 0] for tree in self._trees])


def filled(mious: Sequence[float]) -> list[float]:
    """A curve with what is not finite replaced by the last finite value, or the first one at its beginning."""
    last = next((value for value in mious if math.isfinite(value)), 0.0)
    values: list[float] = []
    for value in mious:
        last = value if math.isfinite(value) else last
        values.append(last)
    return values


def shape(mious: Sequence[float]) -> tuple[float, ...]:
    """A curve's shape so far: its value, its recent and longer gain, its distance from its best, its unrest."""
    values = np.array(filled(mious))
    value = rung_score(values.tolist())
    return (
        value,
        value - float(values[: max(1, len(values) // 2)].mean()),
        float(values[-1] - values[max(0, len(values) - 1 - FEWEST_SCORED)]),
        float(values.max()) - value,
        float(np.abs(np.diff(values)).mean()) if len(values) > 1 else 0.0,
    )
