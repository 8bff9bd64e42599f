"""Which running trials can still beat the best completed one, by the predicted ends of their curves."""

import math
from dataclasses import dataclass, field

from search.schedulers.curve_prediction import CONFIDENCE, EndPredictor, ObservedCurve, can_still_win
from search.schedulers.rungs import rung_score
from spaces.configuration import TrialConfig

GROWTH = 1.25
"""The predictor learns anew when this many times as many curves have halted: some thirty times in a search of 1,000
trials, so that what it costs does not grow with every report."""


@dataclass(slots=True)
class _Space:
    predictor: EndPredictor
    configs: dict[str, TrialConfig] = field(default_factory=dict)
    mious: dict[str, list[float]] = field(default_factory=dict)
    halted: set[str] = field(default_factory=set)
    learnt_from: int = 0
    incumbent: float = -math.inf


class WinningChances:
    """Keeps the curves of a search; its answers follow from the calls alone."""

    def __init__(self, evaluations: int, confidence: float = CONFIDENCE) -> None:
        """Start without any trial.

        Args:
            evaluations: Evaluations of a full training.
            confidence: How sure it must be that a trial can't win.
        """
        self._evaluations = evaluations
        self._confidence = confidence
        self._spaces: dict[str, _Space] = {}

    def added(self, space: str, trial_id: str, config: TrialConfig) -> None:
        """Take in a trial that will be started."""
        known = self._spaces.setdefault(space, _Space(EndPredictor(self._evaluations)))
        known.configs[trial_id] = config
        known.mious[trial_id] = []

    def reported(self, space: str, trial_id: str, miou: float) -> None:
        """Take in an evaluation; those of a trial come in their order."""
        self._spaces[space].mious[trial_id].append(miou)

    def halted(self, space: str, trial_id: str) -> None:
        """Take in that a trial was completed, stopped or paused: from now on its curve teaches."""
        known = self._spaces[space]
        known.halted.add(trial_id)
        mious = known.mious[trial_id]
        if len(mious) >= self._evaluations:
            known.incumbent = max(known.incumbent, rung_score(mious))

    def can_still_win(self, space: str, trial_id: str) -> bool:
        """Whether a running trial may still end above the best completed one of its space; True while unknown.

        To be asked at rungs only: asked after every evaluation, the best trial would run the small risk of a wrong
        answer again and again.
        """
        known = self._spaces[space]
        mious = known.mious[trial_id]
        if not math.isfinite(known.incumbent) or rung_score(mious) > known.incumbent:
            return True
        if len(known.halted) >= GROWTH * known.learnt_from:
            known.learnt_from = len(known.halted)
            known.predictor.fit(
                [
                    ObservedCurve(known.configs[name], tuple(known.mious[name]))
                    for name in known.configs
                    if name in known.halted
                ]
            )
        prediction = known.predictor.predict(ObservedCurve(known.configs[trial_id], tuple(mious)))
        return prediction is None or can_still_win(prediction, known.incumbent, self._confidence)
