"""How well ends of learning curves are predicted, and what it is worth to give up hopeless trials early.

    python -m benchmarks.curve_prediction [--curves-file FILE] [--recovery-file FILE]

Both are measured on recorded curves. Each repeat divides them at random: some are known, the others are judged; nothing
is judged by what saw its end. `--recovery-file` writes the table that `search.schedulers.hopeless` reads.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.recorded_curves import CURVES_FILE, RecordedCurves, read_recorded_curves
from benchmarks.reporting import Row, benchmark_parser, report
from search.samplers.sources import RecordedSource
from search.schedulers.curve_prediction import CONFIDENCE, FEWEST_COMPLETE, EndPredictor, ObservedCurve
from search.schedulers.hopeless import MARGIN, Hopelessness
from search.schedulers.recovery import recovery_of, write_recovery
from search.schedulers.rungs import rung_score, rungs
from spaces.command_line import EXIT_DONE, run_command
from spaces.errors import InputError
from spaces.loading import load_space
from spaces.option_types import positive
from spaces.space import Space

SHARES = (0.10, 0.15, 0.25, 0.50)
"""Shares of the curve that are known where its end is predicted."""

GRACE_SHARES = (0.15, 0.22)
"""Shares of the training before whose end only hopeless trials stop."""

REDUCTION_FACTOR = 3
WORKERS = 4
CLOSE = 0.005
"""mIoU. A search that loses its best trial to one this close has lost nothing."""

FEWEST_CURVES = 12

NORMAL_95 = 1.645
"""The normal distribution's 95 % quantile."""

Values = NDArray[np.float64]
Contender = Callable[[Sequence[ObservedCurve], Sequence[ObservedCurve], int], tuple[Values, Values]]
"""From known curves, curves to be predicted and the evaluations of a full training: means and deviations of the ends;
the deviations are NaN for a contender that has none."""


def main(words: Sequence[str]) -> int:
    """Predict, give up, and say how that went."""
    options = _options(words)
    recorded = read_recorded_curves(options.curves_file)
    curves = observed(recorded, load_space(options.space))
    if len(curves) < FEWEST_CURVES:
        raise InputError(f"{options.curves_file}: {len(curves)} whole curves; give at least {FEWEST_CURVES}")
    if options.recovery_file is not None:
        write_recovery(recovery_of([curve.mious for curve in curves]), options.recovery_file)
    known = min(options.known, len(curves) * 2 // 3)
    rows = [*prediction_rows(curves, known, options.repeats), *hopeless_rows(curves, options.trials, options.repeats)]
    report(
        "Prediction of learning curves' ends",
        rows,
        options,
        curves=len(curves),
        known_curves=known,
        repeats=options.repeats,
        hopeless=f"below {MARGIN:.2f} of the lowest standing that the curves outside of the search recovered from",
    )
    return EXIT_DONE


def observed(recorded: RecordedCurves, space: Space) -> list[ObservedCurve]:
    """The curves that were followed to their ends, with their configurations.

    Parameters of the space that were not drawn when the curves were recorded keep the baseline's value.
    """
    curves = []
    for drawn, mious in zip(recorded.drawn, recorded.mious, strict=True):
        if np.isfinite(mious).all():
            searched = {name.removeprefix("1 - ").removesuffix(" form").partition(" [")[0] for name in drawn}
            held = {
                parameter.name: getattr(space.baseline, parameter.name)
                for parameter in space.parameters
                if parameter.name not in searched
            }
            config = space.fix(held).sample(RecordedSource(drawn))
            curves.append(ObservedCurve(config, tuple(map(float, mious))))
    return curves


def prediction_rows(curves: Sequence[ObservedCurve], known: int, repeats: int) -> Iterator[Row]:
    """One line per share of the curve, contender, and way in which the known curves are known.

    `complete`: all of them to their ends. `halved`: as successive halving would leave them; repeats in which it leaves
    too few complete ones for any prediction are left out.
    """
    evaluations = len(curves[0].mious)
    for way in ("complete", "halved"):
        for share in SHARES:
            seen = max(1, round(share * evaluations))
            found: dict[str, list[tuple[Values, Values, Values]]] = {}
            for repeat in range(repeats):
                order = [curves[index] for index in np.random.default_rng(repeat).permutation(len(curves))]
                learnt, judged = order[:known], order[known:]
                if way == "halved":
                    learnt = halved(learnt, rungs(max(1, round(SHARES[1] * evaluations)), evaluations, 1))
                if sum(len(curve.mious) == evaluations for curve in learnt) < FEWEST_COMPLETE:
                    continue
                begun = [ObservedCurve(curve.config, curve.mious[:seen]) for curve in judged]
                ends = np.array([rung_score(curve.mious) for curve in judged])
                for name, contender in CONTENDERS.items():
                    found.setdefault(name, []).append((*contender(learnt, begun, evaluations), ends))
            for name, results in found.items():
                yield {"known curves": way, "seen %": round(100 * seen / evaluations), "by": name, **_quality(results)}


def halved(curves: Sequence[ObservedCurve], steps: Sequence[int]) -> list[ObservedCurve]:
    """Cut each curve off where successive halving would have stopped it, in the order of their arrival.

    A curve goes on from a rung if it is among the best of those that came there before, itself included.
    """
    arrived: dict[int, list[float]] = {}
    cut = []
    for curve in curves:
        end = len(curve.mious)
        for step in steps:
            here = arrived.setdefault(step, [])
            score = rung_score(curve.mious[:step])
            here.append(score)
            if score < sorted(here, reverse=True)[math.ceil(len(here) / REDUCTION_FACTOR) - 1]:
                end = step
                break
        cut.append(ObservedCurve(curve.config, curve.mious[:end]))
    return cut


def hopeless_rows(curves: Sequence[ObservedCurve], trials: int, repeats: int) -> Iterator[Row]:
    """What giving up the hopeless saves of the compute before the grace period's end, and whom it costs."""
    evaluations = len(curves[0].mious)
    trials = min(trials, len(curves) * 2 // 3)
    ends = np.array([rung_score(curve.mious) for curve in curves])
    for share in GRACE_SHARES:
        grace = max(2, round(share * evaluations))
        saved, lost, regrets, best_third_lost = [], [], [], []
        for repeat in range(repeats):
            order = np.random.default_rng(repeat).permutation(len(curves))
            searched, others = order[:trials], np.sort(order[trials:])
            hopelessness = Hopelessness(evaluations, recovery_of([curves[index].mious for index in others]))
            spent, given_up = _grace(hopelessness, [(int(index), curves[index].mious) for index in searched], grace)
            kept = [index for index in searched if index not in given_up]
            best = searched[np.argsort(-ends[searched])]
            third = {int(index) for index in best[: max(1, trials // 3)]}
            saved.append(1 - spent / (trials * grace))
            regrets.append(float(ends[best[0]] - ends[kept].max()))
            lost.append(regrets[-1] > CLOSE)
            best_third_lost.append(len(given_up & third) / len(third))
        yield {
            "by": f"hopeless before {round(100 * grace / evaluations)} %, {trials} trials",
            "saved before it %": 100 * float(np.mean(saved)),
            "best lost %": 100 * float(np.mean(lost)),
            "regret points": 100 * float(np.mean(regrets)),
            "of best third lost %": 100 * float(np.mean(best_third_lost)),
        }


def _grace(
    hopelessness: Hopelessness, trials: Sequence[tuple[int, Sequence[float]]], grace: int
) -> tuple[int, set[int]]:
    """Run trials in their order to the end of the grace period; evaluations spent, and the trials given up."""
    waiting = list(trials)
    running: list[tuple[int, Sequence[float], int]] = []
    spent, given_up = 0, set[int]()
    while waiting or running:
        while waiting and len(running) < WORKERS:
            running.append((*waiting.pop(0), 0))
        going = []
        for number, mious, step in running:
            reached = step + 1
            spent += 1
            hopelessness.reached("space", str(number), reached, mious[step])
            if reached < grace and hopelessness.is_hopeless("space", str(number), reached):
                hopelessness.stopped("space", str(number))
                given_up.add(number)
            elif reached < grace:
                going.append((number, mious, reached))
        running = going
    return spent, given_up


def _quality(results: Sequence[tuple[Values, Values, Values]]) -> dict[str, Any]:
    from scipy.stats import spearmanr

    errors = np.concatenate([means - ends for means, _, ends in results])
    deviations = np.concatenate([sds for _, sds, _ in results])
    certain = bool(np.isfinite(deviations).all())
    pairs, ranks = [], []
    for means, _, ends in results:
        first, second = np.triu_indices(len(ends), 1)
        pairs.append(float(((means[first] > means[second]) == (ends[first] > ends[second])).mean()))
        ranks.append(float(spearmanr(means, ends)[0]))
    return {
        "RMSE points": 100 * float(np.sqrt((errors**2).mean())),
        "rank correlation": float(np.nanmean(ranks)),
        "pairs right %": 100 * float(np.mean(pairs)),
        "in 90 % interval": 100 * float((np.abs(errors) <= NORMAL_95 * deviations).mean()) if certain else None,
        f"ends above {100 * CONFIDENCE:.0f} % limit": (
            100 * float((-errors > NORMAL_95 * deviations).mean()) if certain else None
        ),
    }


def _trees(known: Sequence[ObservedCurve], begun: Sequence[ObservedCurve], evaluations: int) -> tuple[Values, Values]:
    predictor = EndPredictor(evaluations)
    predictor.fit(known)
    found = [predictor.predict(curve) for curve in begun]
    means = [math.nan if prediction is None else prediction.mean for prediction in found]
    return np.array(means), np.array([math.nan if prediction is None else prediction.sd for prediction in found])


def _trees_without_configurations(
    known: Sequence[ObservedCurve], begun: Sequence[ObservedCurve], evaluations: int
) -> tuple[Values, Values]:
    config = known[0].config
    return _trees(
        [ObservedCurve(config, curve.mious) for curve in known],
        [ObservedCurve(config, curve.mious) for curve in begun],
        evaluations,
    )


def _last_stays(
    known: Sequence[ObservedCurve], begun: Sequence[ObservedCurve], evaluations: int
) -> tuple[Values, Values]:
    means = np.array([rung_score(curve.mious) for curve in begun])
    return means, np.full(len(begun), math.nan)


def _same_gain(
    known: Sequence[ObservedCurve], begun: Sequence[ObservedCurve], evaluations: int
) -> tuple[Values, Values]:
    """All gain what the complete curves gained on average."""
    seen = len(begun[0].mious)
    gains = [
        rung_score(curve.mious) - rung_score(curve.mious[:seen]) for curve in known if len(curve.mious) >= evaluations
    ]
    means = np.array([rung_score(curve.mious) for curve in begun]) + np.mean(gains)
    return means, np.full(len(begun), np.std(gains, ddof=1))


def _rank_stays(
    known: Sequence[ObservedCurve], begun: Sequence[ObservedCurve], evaluations: int
) -> tuple[Values, Values]:
    """The end at the rank among the complete curves that a curve has now."""
    seen = len(begun[0].mious)
    complete = [curve for curve in known if len(curve.mious) >= evaluations]
    now = np.sort([rung_score(curve.mious[:seen]) for curve in complete])
    ends = np.sort([rung_score(curve.mious) for curve in complete])
    return np.interp([rung_score(curve.mious) for curve in begun], now, ends), np.full(len(begun), math.nan)


CONTENDERS: Mapping[str, Contender] = {
    "last value stays": _last_stays,
    "rank stays": _rank_stays,
    "same gain for all": _same_gain,
    "trees, shape only": _trees_without_configurations,
    "trees": _trees,
}


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = benchmark_parser("curve_prediction", "How well ends of curves are predicted, and hopeless trials told.")
    parser.add_argument("--curves-file", metavar="FILE", type=Path, default=CURVES_FILE, help="recorded curves")
    parser.add_argument("--space", default="unet", help="the space that they were recorded of")
    parser.add_argument("--known", type=positive, default=32, metavar="N", help="curves that are learnt from, at most")
    parser.add_argument("--trials", type=positive, default=32, metavar="N", help="trials of a search, at most")
    parser.add_argument("--repeats", type=positive, default=20, metavar="N", help="random divisions of the curves")
    parser.add_argument("--recovery-file", metavar="FILE", type=Path, help="write the table of recovered standings")
    options = parser.parse_args(words)
    if options.quick:
        options.repeats = 2
    return options


if __name__ == "__main__":
    run_command(main)
