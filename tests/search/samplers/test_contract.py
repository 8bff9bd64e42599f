"""What holds for every way of proposing configurations."""

import math
import random
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.history import TrialHistory
from search.samplers.names import SAMPLER_NAMES
from search.samplers.registry import SAMPLERS
from search.samplers.sampler import SpaceSampler
from spaces.configuration import TrialConfig
from spaces.loading import builtin_space_names, load_space
from tests.search.samplers.trials import CONDITIONAL, FEW_CHOICES, curve_of, space_of, trial_of

OBJECTIVES = [("miou",), ("miou", "parameters", "latency")]

every_sampler = pytest.mark.parametrize("algorithm", sorted(SAMPLERS))
every_objective = pytest.mark.parametrize("objectives", OBJECTIVES, ids=len)


def costs_of(config: TrialConfig, objectives: tuple[str, ...]) -> tuple[float, ...]:
    return (1e6 * config.heads, 10.0 + config.dice_weight)[: len(objectives) - 1]


def ended(number: int, config: TrialConfig) -> TrialHistory:
    """Of each four trials one is trained to its end, two are stopped, one diverges."""
    reason, evaluations = [("completed", 9), ("pruned", 3), ("diverged", 2), ("pruned", 1)][number % 4]
    return trial_of(f"t{number}", config, curve_of(config, evaluations), reason)


def search(sampler: SpaceSampler, trials: int, objectives: tuple[str, ...]) -> list[TrialHistory]:
    """Run trials one after the other."""
    done = []
    for number in range(trials):
        history = ended(number, sampler.propose(f"t{number}"))
        for step, report in history.reports.items():
            sampler.reported(f"t{number}", step, report["miou"])
        sampler.tell(history, costs_of(history.job.config, objectives))
        done.append(history)
    return done


def test_the_names_of_the_command_line_are_those_registered() -> None:
    assert set(SAMPLER_NAMES) == set(SAMPLERS)


@every_sampler
@every_objective
def test_proposals_are_distinct_points_of_a_conditional_space(algorithm: str, objectives: tuple[str, ...]) -> None:
    space = space_of(CONDITIONAL)
    sampler = SpaceSampler(space, algorithm, seed=3, trials=25, objectives=objectives)
    configs = [history.job.config for history in search(sampler, 25, objectives)]
    assert len({config.model_dump_json() for config in configs}) == 25
    assert {config.optimizer for config in configs} == {"sgd", "adamw"}
    for config in configs:
        values = config.model_dump()
        for parameter in space.parameters:
            domain = parameter.domain(values)
            assert domain is None or domain.contains(values[parameter.name])
        if config.threshold_strategy == "off":
            assert config.threshold_base == space.baseline.threshold_base


@every_sampler
@pytest.mark.parametrize("name", builtin_space_names())
def test_every_built_in_space_can_be_searched(algorithm: str, name: str) -> None:
    sampler = SpaceSampler(load_space(name).for_classes(["a", "b"]), algorithm, seed=0, trials=9)
    assert len(search(sampler, 9, ("miou",))) == 9


@every_sampler
@every_objective
def test_each_trial_has_the_state_that_it_ended_with(algorithm: str, objectives: tuple[str, ...]) -> None:
    sampler = SpaceSampler(space_of(CONDITIONAL), algorithm, seed=0, trials=9, objectives=objectives)
    ends = {
        "completed": ([0.1, 0.3, 0.3, 0.3], "COMPLETE"),
        "patience": ([0.2, 0.2, 0.2], "COMPLETE"),
        "pruned": ([0.1, math.nan, 0.2], "PRUNED"),
        "stopped": ([0.1], "PRUNED"),
        "diverged": ([0.1, math.nan], "FAIL"),
        "out_of_memory": ([], "FAIL"),
        "error": ([0.1], "FAIL"),
    }
    for reason, (mious, _) in ends.items():
        config = sampler.propose(reason)
        for step, miou in enumerate(mious, start=1):
            sampler.reported(reason, step, miou)
        sampler.tell(trial_of(reason, config, mious, reason), costs_of(config, objectives))
    assert [state for state, _ in sampler.states()] == [state for _, state in ends.values()]
    values = [value for _, value in sampler.states()]
    assert values[:2] == [pytest.approx(0.3), pytest.approx(0.2)]
    assert values[2:] == [None] * 5


@every_sampler
@pytest.mark.parametrize("reason", ["completed", "pruned", "stopped"])
@pytest.mark.parametrize("mious", [[], [math.nan]])
def test_a_trial_without_a_result_has_failed(algorithm: str, reason: str, mious: list[float]) -> None:
    sampler = SpaceSampler(space_of(CONDITIONAL), algorithm, seed=0, trials=9)
    sampler.tell(trial_of("a", sampler.propose("a"), mious, reason))
    assert sampler.states() == [("FAIL", None)]


@every_sampler
@every_objective
def test_none_is_left_running_and_none_counts_twice(algorithm: str, objectives: tuple[str, ...]) -> None:
    sampler = SpaceSampler(space_of(FEW_CHOICES), algorithm, seed=0, trials=9, objectives=objectives)
    search(sampler, 9, objectives)
    assert len(sampler.states()) == 9
    assert "RUNNING" not in {state for state, _ in sampler.states()}


@every_sampler
@every_objective
@pytest.mark.parametrize("seed", range(3))
def test_a_space_of_few_choices_is_tried_out_before_anything_repeats(
    algorithm: str, objectives: tuple[str, ...], seed: int
) -> None:
    space = space_of(FEW_CHOICES)
    sampler = SpaceSampler(space, algorithm, seed=seed, trials=12, objectives=objectives)
    assert sampler.propose("first", space.baseline) == space.baseline
    tried = [space.baseline, *(history.job.config for history in search(sampler, 11, objectives))]
    assert len({config.model_dump_json() for config in tried[:9]}) == 9
    assert len({config.model_dump_json() for config in tried}) == 9


@every_sampler
@every_objective
def test_a_space_without_parameters_gives_its_baseline(algorithm: str, objectives: tuple[str, ...]) -> None:
    space = space_of(())
    sampler = SpaceSampler(space, algorithm, seed=0, trials=9, objectives=objectives)
    assert all(history.job.config == space.baseline for history in search(sampler, 9, objectives))


@every_sampler
def test_proposals_follow_from_the_seed(algorithm: str) -> None:
    def configs(seed: int) -> list[TrialConfig]:
        sampler = SpaceSampler(space_of(CONDITIONAL), algorithm, seed=seed, trials=12)
        return [history.job.config for history in search(sampler, 12, ("miou",))]

    assert configs(1) == configs(1)
    assert configs(1) != configs(2)


@every_sampler
@every_objective
@settings(max_examples=6, deadline=None)
@given(cut=st.integers(0, 12), order=st.randoms(use_true_random=False))
def test_a_resumed_search_proposes_as_one_that_never_stopped(
    algorithm: str, objectives: tuple[str, ...], cut: int, order: random.Random
) -> None:
    """Whatever the order in which the evaluations and ends before the crash are told."""
    space = space_of(CONDITIONAL)
    trials, open_config, waiting, states = undisturbed(algorithm, objectives)
    resumed = SpaceSampler(space, algorithm, seed=0, trials=12, objectives=objectives)
    for history in trials[:cut]:
        resumed.propose(history.job.trial_id, history.job.config)
    for history in order.sample(trials[:cut], cut):
        resumed.tell(history, costs_of(history.job.config, objectives))
    for history in trials[cut:]:
        assert resumed.propose(history.job.trial_id) == history.job.config
        resumed.tell(history, costs_of(history.job.config, objectives))
    assert resumed.propose("open", open_config) == open_config
    for step, miou in order.sample(OPEN_CURVE, len(OPEN_CURVE)):
        resumed.reported("open", step, miou)
    assert resumed.propose("waiting") == waiting
    assert resumed.states() == states


OPEN_CURVE = ((1, 0.1), (2, 0.2), (3, 0.3))


@cache
def undisturbed(
    algorithm: str, objectives: tuple[str, ...]
) -> tuple[list[TrialHistory], TrialConfig, TrialConfig, list[tuple[str, float | None]]]:
    """A search of twelve ended trials, one that runs, and one that waits for its first evaluation."""
    sampler = SpaceSampler(space_of(CONDITIONAL), algorithm, seed=0, trials=12, objectives=objectives)
    trials = search(sampler, 12, objectives)
    open_config = sampler.propose("open")
    for step, miou in OPEN_CURVE:
        sampler.reported("open", step, miou)
    waiting = sampler.propose("waiting")
    return trials, open_config, waiting, sampler.states()
