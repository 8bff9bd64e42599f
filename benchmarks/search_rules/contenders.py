"""The contenders by the names that `--contenders` takes."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from benchmarks.search_rules.clock import Rule, run_rule
from benchmarks.search_rules.contest import Contest, Outcome, best_value, furthest_then_last, worth
from benchmarks.search_rules.optuna_rules import OptunaPruner
from benchmarks.search_rules.own_rules import REDUCTION_FACTOR, OwnRule, run_own
from benchmarks.search_rules.plain_rules import FullBudget, RandomWithPatience
from benchmarks.search_rules.ray_rules import RayAsha, run_ray_with_optuna
from benchmarks.search_rules.syne_tune_rules import SyneTuneAsha, SyneTuneMoasha
from search.schedulers.registry import recipe_patience

Choose = Callable[[NDArray[np.float64], NDArray[np.int64]], tuple[int, ...]]
"""Ranks trials by what a user of the tool sees: the curves as far as they were trained."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that searches.

    Attributes:
        description: One line for people.
        run: Searches a contest's configurations with a number of workers.
        package: What must be installed beside the project, if anything.
        peer: Whether it is what others would use instead of this project.
        own: Whether it is this project.
        proposes: Whether it can only propose configurations by itself, so that it takes a landscape.
    """

    description: str
    run: Callable[[Contest, int], Outcome]
    package: str | None = None
    peer: bool = False
    own: bool = False
    proposes: bool = False

    @property
    def installed(self) -> bool:
        """Whether it can run here."""
        return self.package is None or find_spec(self.package) is not None


@dataclass(frozen=True, slots=True)
class FixedTrials:
    """The contest's curves in their order."""

    contest: Contest

    def begin(self, trial: int) -> tuple[NDArray[np.float64], float]:
        """Curve and seconds of a configuration."""
        return self.contest.mious[trial], float(self.contest.seconds[trial])


def _driven(make: Callable[[Contest], Rule], choose: Choose = furthest_then_last) -> Callable[[Contest, int], Outcome]:
    def run(contest: Contest, workers: int) -> Outcome:
        spent, seconds = run_rule(
            make(contest),
            FixedTrials(contest),
            count=contest.trials,
            evaluations=contest.evaluations,
            workers=workers,
        )
        return Outcome(spent, seconds, choose(contest.mious, spent))

    return run


def _oracle(contest: Contest, workers: int) -> Outcome:
    """Knows every curve to its end, and trains the best alone."""
    ranking = np.argsort(-worth(contest.mious), kind="stable")
    spent = np.zeros(contest.trials, dtype=np.int64)
    spent[ranking[0]] = contest.evaluations
    return Outcome(spent, float(contest.seconds[ranking[0]]) * contest.evaluations, tuple(map(int, ranking)))


def _own(rule: OwnRule) -> Callable[[Contest, int], Outcome]:
    return lambda contest, workers: run_own(rule, contest, workers)


def _ray(contest: Contest, grace: int) -> Rule:
    return RayAsha(max_evaluations=contest.evaluations, grace=grace, reduction_factor=REDUCTION_FACTOR)


def _syne_tune(contest: Contest, grace: int) -> Rule:
    return SyneTuneAsha(
        max_evaluations=contest.evaluations, grace=grace, reduction_factor=REDUCTION_FACTOR, seed=contest.seed
    )


def _moasha(contest: Contest) -> Rule:
    return SyneTuneMoasha(
        max_evaluations=contest.evaluations, grace=1, reduction_factor=REDUCTION_FACTOR, seed=contest.seed
    )


def _optuna(pruner: str) -> Callable[[Contest], Rule]:
    return lambda contest: OptunaPruner(
        pruner, max_evaluations=contest.evaluations, grace=1, reduction_factor=REDUCTION_FACTOR, seed=contest.seed
    )


CONTENDERS: dict[str, Contender] = {
    "ours": Contender("this search as it is by default", _own(OwnRule()), own=True),
    "ours-stop-only": Contender("without late promotion", _own(OwnRule(late_promotion=False)), own=True),
    # With late promotion nobody completes before most have been judged: there is nobody to be predicted against.
    "ours-stop-only-prediction": Contender(
        "without late promotion, with curve prediction",
        _own(OwnRule(late_promotion=False, curve_prediction=True)),
        own=True,
    ),
    "ours-pasha": Contender("with --scheduler pasha", _own(OwnRule(scheduler="pasha")), own=True),
    "ray-asha": Contender(
        "Ray's AsyncHyperBandScheduler, grace 1", _driven(lambda contest: _ray(contest, 1)), "ray", peer=True
    ),
    "ray-asha-late": Contender(
        "the same with our grace", _driven(lambda contest: _ray(contest, contest.grace)), "ray", peer=True
    ),
    "ray-asha-optuna": Contender("the first with OptunaSearch", run_ray_with_optuna, "ray", peer=True, proposes=True),
    "syne-tune-asha": Contender(
        "Syne Tune's ASHA, grace 1", _driven(lambda contest: _syne_tune(contest, 1)), "syne_tune", peer=True
    ),
    "syne-tune-asha-late": Contender(
        "the same with our grace", _driven(lambda contest: _syne_tune(contest, contest.grace)), "syne_tune", peer=True
    ),
    "syne-tune-moasha": Contender("Syne Tune's MOASHA on mIoU alone", _driven(_moasha), "syne_tune", peer=True),
    "optuna-hyperband": Contender("Optuna's HyperbandPruner", _driven(_optuna("hyperband")), "optuna", peer=True),
    "optuna-halving": Contender("Optuna's SuccessiveHalvingPruner", _driven(_optuna("halving")), "optuna", peer=True),
    "patience": Contender(
        "random search with the recipe's patience",
        _driven(lambda contest: RandomWithPatience(recipe_patience(contest.evaluations)), best_value),
        peer=True,
    ),
    "full-budget": Contender("every trial to its end", _driven(lambda contest: FullBudget())),
    "oracle": Contender("knows the final values", _oracle),
}
