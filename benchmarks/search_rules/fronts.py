"""Compare searches for mIoU and small networks at once: how much of the true front do they find?

    python -m benchmarks.search_rules.fronts

Configurations differ in the width of the decoder and the number of heads; wide networks have higher curves on average.
Found is what was trained to its end, at its true worth; the measure is the hypervolume that it dominates, as a share of
what all configurations dominate together. Random search is given the compute of each of the others in turn.
"""

import argparse
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.parametric_curves import Architecture, Noise, draw_curves
from benchmarks.reporting import benchmark_parser, report
from spaces.command_line import EXIT_DONE, run_command
from spaces.option_types import positive

WIDTHS = (0.25, 0.5, 1.0, 2.0)
HEADS = (1, 3, 5)
EVALUATIONS = 27
GRACE = 4
BONUS_PER_DOUBLING = 0.12
"""How much higher curves are, relatively, for each doubling of the network's parameters."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        compute: Evaluations spent, as a share of all full trainings.
        hypervolume: Of the found front, as a share of the true one's.
    """

    compute: float
    hypervolume: float


def main(words: Sequence[str]) -> int:
    """Play the repeats and print the table."""
    options = _options(words)
    from benchmarks.search_rules.comparison import mean_interval

    found: dict[str, list[Found]] = {}
    for seed in range(options.repeats):
        for name, result in play(options.trials, options.workers, seed).items():
            found.setdefault(name, []).append(result)
    rows = []
    for name, results in found.items():
        compute = np.array([100 * result.compute for result in results])
        volume = np.array([100 * result.hypervolume for result in results])
        low, high = mean_interval(volume)
        rows.append(
            {
                "contender": name,
                "% of compute": float(compute.mean()),
                "% of the hypervolume": float(volume.mean()),
                "low": low,
                "high": high,
            }
        )
    findings: dict[str, Any] = {}
    if "syne-tune-moasha" in found:
        for peer in ("syne-tune-moasha", "random with ours' compute"):
            low, high = mean_interval(
                np.array(
                    [
                        100 * (ours.hypervolume - other.hypervolume)
                        for ours, other in zip(found["ours"], found[peer], strict=True)
                    ]
                )
            )
            findings[f"ours less {peer}, % of the hypervolume"] = f"{low:.2f} to {high:.2f}"
    else:
        findings["not installed"] = "syne-tune"
    title = (
        f"Fronts of mIoU and parameters: {options.trials} trials, {options.workers} workers, {options.repeats} repeats"
    )
    report(title, rows, options, **findings)
    return EXIT_DONE


def play(trials: int, workers: int, seed: int) -> dict[str, Found]:
    """Play one repeat of all contenders."""
    from importlib.util import find_spec

    from benchmarks.search_rules.clock import run_rule
    from benchmarks.search_rules.contenders import FixedTrials
    from benchmarks.search_rules.contest import Contest, worth
    from benchmarks.search_rules.own_rules import CLASSES, OwnRule, run_own
    from benchmarks.search_rules.syne_tune_rules import SyneTuneMoasha
    from search.network_costs import count_parameters
    from spaces.loading import load_space

    random = np.random.default_rng((seed, trials))
    networks = list(itertools.product(WIDTHS, HEADS))
    chosen = [networks[index] for index in random.integers(len(networks), size=trials)]
    baseline = load_space("unet").baseline
    configs = tuple(
        baseline.model_copy(update={"decoder_width": width, "heads": heads, "learning_rate": 1e-4 * (1 + row / 1000)})
        for row, (width, heads) in enumerate(chosen)
    )
    doublings = np.log2([count_parameters(config, len(CLASSES)) for config in configs])
    mious, seconds = draw_curves(trials, EVALUATIONS, Architecture(), random, Noise())
    mious = np.clip(mious * (1 + BONUS_PER_DOUBLING * (doublings - doublings.mean()))[:, None], 0.0, 1.0)
    spread = max(float(np.ptp(doublings)), 1e-9)
    costs = (doublings - doublings.min()) / spread
    contest = Contest(mious, seconds, np.zeros(trials, dtype=np.int64), GRACE, seed, configs)
    true = worth(mious)
    whole = hypervolume(true, costs)

    def found(evaluations: NDArray[np.int64]) -> Found:
        ended = evaluations == EVALUATIONS
        return Found(float(evaluations.sum()) / mious.size, hypervolume(true[ended], costs[ended]) / whole)

    spent = {"ours": run_own(OwnRule(objectives=("miou", "parameters")), contest, workers).evaluations}
    if find_spec("syne_tune") is not None:
        rule = SyneTuneMoasha(
            max_evaluations=EVALUATIONS, grace=1, reduction_factor=3, seed=seed, costs=dict(enumerate(costs.tolist()))
        )
        spent["syne-tune-moasha"], _ = run_rule(
            rule, FixedTrials(contest), count=trials, evaluations=EVALUATIONS, workers=workers
        )
    for name, evaluations in list(spent.items()):
        whole_trainings = round(float(evaluations.sum()) / EVALUATIONS)
        label = "random with ours' compute" if name == "ours" else "random with MOASHA's compute"
        spent[label] = np.where(np.arange(trials) < whole_trainings, EVALUATIONS, 0)
    return {name: found(evaluations) for name, evaluations in spent.items()}


def hypervolume(mious: NDArray[np.float64], costs: NDArray[np.float64]) -> float:
    """What points dominate, from mIoU 0 and the highest cost on; 0 for none.

    Args:
        mious: Worth of each, more is better.
        costs: Cost of each from 0 to 1, less is better.
    """
    import moocore

    if not len(mious):
        return 0.0
    # A little beyond the highest cost, so that the largest network counts, too.
    return float(moocore.hypervolume(np.column_stack([-mious, costs]), ref=[0.0, 1.1]))


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = benchmark_parser("search_rules.fronts", "Compare searches for mIoU and small networks at once.")
    parser.add_argument("--repeats", type=positive, default=200, metavar="N", help="draws of configurations")
    parser.add_argument("--trials", type=positive, default=32, metavar="N", help="configurations of each")
    parser.add_argument("--workers", type=positive, default=4, metavar="N", help="trials at once")
    options = parser.parse_args(words)
    if options.quick:
        options.repeats, options.trials = 3, 12
    return options


if __name__ == "__main__":
    run_command(main)
